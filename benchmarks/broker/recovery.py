"""A worker with a hundred live rollouts of two hours: how soon another has taken over, and what checkpoints cost."""

import json
import time
from collections.abc import Callable, Iterator
from itertools import cycle, islice
from urllib.request import urlopen

from benchmarks.broker.many import sample_values
from benchmarks.broker.scene import SOURCES, Process, Scene, scene
from benchmarks.broker.traffic import Fleet
from stream.adapters.embedded_broker import free_port
from stream.adapters.worker.outbox import partition_of
from stream.condense.chunk import Chunk
from stream.condense.series import Index
from stream.formats.native import decode
from stream.observe.checkpoint import Stored, freeze, freeze_sources, split
from stream.observe.held import Held
from stream.observe.observer import Observer
from stream.observe.sources import SourceClock
from stream.partial import Partial, Registered, SourceTime
from stream.plan import Plan
from stream.rollout import Rollout
from stream.state import Source
from tests.broker_helpers import Broker

FLEET = Fleet(apps=100, instances=20, metrics=10)
PANES, PARTITIONS = 720, 12
"""Panes that the states have behind them, and partitions of their topic."""
MEASURED = 30
"""Seconds over which checkpoints are measured."""


def recovery(broker: Broker) -> None:
    """Print how long it takes from the assignment until all rollouts are judged again, and the bytes of checkpoints."""
    with scene(broker) as stage:
        now = int(time.time()) * 1000 // FLEET.pane * FLEET.pane
        rollouts = FLEET.rollouts(now - PANES * FLEET.pane)
        size = store(stage, rollouts)
        stage.register(rollouts)
        port = free_port()
        with stage.process("worker", listen=f"127.0.0.1:{port}") as first, stage.reading("scores") as read:
            feed = Feed(stage, read)
            cold = feed.until_judged(first)
            before = checkpoints(port)
            feed.run(MEASURED)
            written = checkpoints(port) - before
            feed.until_due_soon()
            first.kill()
            with stage.process("worker") as second:
                warm = feed.until_judged(second)
    print(f"{FLEET}, {PANES} panes of 10 s behind them: {size / 1000:.0f} KB a state.\n")
    print("| | from the assignment | budget |\n|---|---|---|")
    for words, (restored, judged) in (("a first worker", cold), ("another one, after a kill -9", warm)):
        print(f"| {words}: states restored, one after the other | {restored:.1f} s | |")
        print(f"| {words}: the last rollout's next score out | {judged:.1f} s | 10 s |")
    print(f"\nCheckpoints: {written / MEASURED / 1e6:.2f} MB a second (budget 5).")


class Feed:
    """Telemetry of the fleet, a message an instance and pane, and the scores that come of it."""

    def __init__(self, stage: Scene, read: Callable[[], list[bytes]]) -> None:
        self._stage, self._read = stage, read
        self._sent, self._began = 0, time.time()
        self._who = cycle((app, instance) for instance in range(FLEET.instances) for app in range(FLEET.apps))
        self._values = cycle(sample_values())
        self.newest: dict[str, tuple[int, float]] = {}
        """Of each rollout, the newest score's pane, and when it came."""

    def step(self) -> None:
        """Send what is due, take what has come."""
        due = int((time.time() - self._began) * FLEET.apps * FLEET.instances * 1000 / FLEET.pane) - self._sent
        self._sent += due
        for app, instance in islice(self._who, due):
            rows = list(islice(self._values, len(FLEET.metrics)))
            self._stage.send((app % SOURCES, FLEET.batch(app, instance, int(time.time() * 1000), rows)))
        for value in self._read():
            score = json.loads(value)
            if score["at"] > self.newest.get(score["rollout"], (0, 0))[0]:
                self.newest[score["rollout"]] = (score["at"], time.monotonic())

    def run(self, seconds: float) -> None:
        """Go on for so long."""
        until = time.time() + seconds
        while time.time() < until:
            self.step()

    def until_due_soon(self) -> None:
        """Go on until a second before a pane falls due, so that it falls due while no worker is there."""
        while (time.time() * 1000 - FLEET.lateness) % FLEET.pane < FLEET.pane - 1000:
            self.step()

    def until_judged(self, worker: Process) -> tuple[float, float]:
        """Go on until every rollout has a score that this worker made.

        Returns:
            Seconds from its assignment until all states were restored, and until the last of these scores.
        """
        limit, known = time.time() + 90, {name: at for name, (at, _) in self.newest.items()}
        while len(self.newest) < FLEET.apps or any(at <= known.get(name, 0) for name, (at, _) in self.newest.items()):
            self.step()
            assert time.time() < limit, "not all rollouts were judged again within 90 s"
        assigned, restored = worker.notes("assigned")[-1]["at"], worker.notes("restored")[-1]["at"]
        return restored - assigned, max(came for _, came in self.newest.values()) - assigned


def store(stage: Scene, rollouts: list[Rollout]) -> int:
    """Write a checkpoint of each rollout as if they had run for two hours; return the bytes of one state."""
    names = [f"{stage.telemetry}-{number}" for number in range(SOURCES)]
    state, size = aged(rollouts[0], names).state, 0
    state.sources = {name: Source() for name in names}
    observer = Observer()
    observer.sources.clocks.update({name: SourceClock() for name in names})
    for number, rollout in enumerate(rollouts):
        state.rollout = rollout.id
        data = freeze(Held(Plan.of(rollout), state, -1, number))
        size = len(data)
        write(stage, partition_of(rollout.id, PARTITIONS), rollout.id, Stored(-1, 0, data))
    for partition in range(PARTITIONS):
        write(stage, partition, "", Stored(0, 0, freeze_sources(observer.sources)))
    stage.producer.flush()
    return size


def aged(rollout: Rollout, names: list[str]) -> Held:
    """A rollout that has judged its panes up to now."""
    observer, index, values = Observer(), Index([rollout]), cycle(sample_values())
    messages = list(history(rollout, index, names, values))
    for offset, message in enumerate([Registered(rollout, 0, names), *messages]):
        list(observer.take(offset, message))
    return observer.rollouts[rollout.id]


def history(
    rollout: Rollout, index: Index, names: list[str], values: Iterator[list[float]]
) -> Iterator[Partial | SourceTime]:
    """What condense would have said of it, pane by pane."""
    assert rollout.from_ is not None
    for pane in range(PANES):
        end = rollout.from_.ms + (pane + 1) * FLEET.pane
        batches = [
            FLEET.batch(0, instance, end - 5_000, list(islice(values, len(FLEET.metrics))))
            for instance in range(FLEET.instances)
        ]
        chunk = Chunk(index, names[0], pane * 100)
        chunk.add(decode(batches), chunk.start + len(batches))
        yield from chunk.partials()
        yield from (SourceTime(name, end + FLEET.lateness) for name in names)


def write(stage: Scene, partition: int, name: str, stored: Stored) -> None:
    """Write one checkpoint."""
    for key, value in split(name, "bench", stored):
        stage.producer.produce(stage.topic("states"), value, key, partition=partition)


def checkpoints(port: int) -> float:
    """Bytes of checkpoints so far, as the worker says."""
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        (line,) = (line for line in answer.read().decode().splitlines() if line.startswith("canary_checkpoint_bytes"))
    return float(line.rpartition(" ")[2])
