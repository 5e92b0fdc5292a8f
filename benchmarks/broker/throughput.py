"""How fast telemetry goes through condense in one worker, beside three yardsticks, turn by turn."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median

from benchmarks.broker.scene import Process, Scene, scene
from benchmarks.broker.traffic import Fleet
from tests.broker_helpers import Broker

SINGLES, BATCHES, SAMPLES = 1_500_000, 100_000, 100
STOCK = 60_000
"""Messages that the stock agent reads: it is slow."""
TURNS = 3
FLEET = Fleet(apps=4, instances=20, metrics=12)
SECOND = 20_000
"""Messages in a second of event time."""
WATCHED = "960 series, 4 partitions, 4 rollouts that watch all of them"
LOOP_BATCHES = (4096, 16384)
BARE, WORK, STOCK_AGENT = "bare loop", "loop with the same work", "stock Faust agent"
RARELY = f"{WORK}, garbage collected as rarely as in a worker"
CONDENSE, BOTH = "condense", "condense, with observe beside it"


@dataclass
class Measured:
    """One way to read the messages, in all turns."""

    rates: list[float] = field(default_factory=list)
    """Messages a second."""
    cpu: list[float] = field(default_factory=list)
    """Microseconds of processor time a message, of the whole process."""

    def add(self, process: Process, seconds: float = 120) -> float:
        """Wait for the end; return messages a second between the first and the last."""
        last, first = process.wait_note("read", seconds), process.notes("first")[0]
        number = last["messages"] - first["messages"]
        self.rates.append(number / (last["at"] - first["at"]))
        self.cpu.append((last["cpu"] - first["cpu"]) / number * 1e6)
        return self.rates[-1]


def singles(broker: Broker) -> None:
    """Print what single samples cost."""
    with prepared(broker) as (stage, begins):
        number, size = stage.fill(FLEET.singles(SINGLES, begins, SECOND))
        print(f"{number:,} messages of {size:.0f} bytes, {WATCHED}\n")
        found = {name: Measured() for name in (BARE, WORK, RARELY, CONDENSE, BOTH, STOCK_AGENT)}
        for _ in range(TURNS):
            turn(stage, begins, number, found)
    table(found)
    print("\n| | turn by turn | budget |\n|---|---|---|")
    for name, budget in ((WORK, "1.2"), (RARELY, ""), (STOCK_AGENT, "20")):
        ratios = [x / y for x, y in zip(found[CONDENSE].rates, found[name].rates, strict=True)]
        print(f"| condense to {name} | {' / '.join(f'{ratio:.2f}' for ratio in ratios)} | {budget} |")


def turn(stage: Scene, begins: int, number: int, found: dict[str, Measured]) -> None:
    """Each way once."""
    loop(stage, begins, number, found[BARE], "bare")
    loop(stage, begins, number, found[WORK], "work")
    loop(stage, begins, number, found[RARELY], "rarely")
    for name, observe in ((CONDENSE, 0), (BOTH, 1)):
        worker(stage, begins, number, found[name], observe)
    with stage.process("stock", stage.broker.bootstrap, stage.telemetry, str(STOCK)) as stock:
        found[STOCK_AGENT].add(stock)


def loop(stage: Scene, begins: int, number: int, found: Measured, work: str) -> None:
    """A loop, in the better of two sizes of its batches."""
    both = Measured()
    for batch in LOOP_BATCHES:
        arguments = (work, str(number), str(batch), str(begins))
        with stage.process("loops", stage.broker.bootstrap, stage.telemetry, *arguments) as process:
            both.add(process)
    better = both.rates.index(max(both.rates))
    found.rates.append(both.rates[better])
    found.cpu.append(both.cpu[better])


def worker(stage: Scene, begins: int, number: int, found: Measured, observe: int) -> None:
    """One that begins anew, with topics of its own beside the telemetry."""
    with scene(stage.broker, stage.telemetry) as fresh:
        fresh.register(FLEET.rollouts(begins))
        with fresh.process("worker", bench_messages=number, bench_observe=observe) as process:
            found.add(process)


def table(found: dict[str, Measured], each: int = 1) -> None:
    """Print rates and processor time."""
    unit = "messages" if each == 1 else "samples"
    print(f"| | {unit} a second | us of processor time each |\n|---|---|---|")
    for name, measured in found.items():
        rates = " / ".join(f"{each * rate:,.0f}" for rate in measured.rates)
        print(f"| {name} | {rates} | {median(measured.cpu) / each:.2f} |")


@contextmanager
def prepared(broker: Broker) -> Iterator[tuple[Scene, int]]:
    """A scene for telemetry of an hour ago, and when it begins."""
    with scene(broker) as stage:
        yield stage, (int(time.time()) - 3600) * 1000


def batches(broker: Broker) -> None:
    """Print what batches of samples cost."""
    with prepared(broker) as (stage, begins):
        number, size = stage.fill(FLEET.batches(BATCHES, begins, SECOND // 10, SAMPLES))
        print(f"{number:,} messages of {size:.0f} bytes with {SAMPLES} samples each; budget 5,000,000 samples/s\n")
        found = {name: Measured() for name in (CONDENSE, BOTH)}
        for _ in range(TURNS):
            for name, observe in ((CONDENSE, 0), (BOTH, 1)):
                worker(stage, begins, number, found[name], observe)
        table(found, SAMPLES)
