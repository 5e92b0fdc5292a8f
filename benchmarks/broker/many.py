"""A thousand live rollouts: what observe costs by itself, and one worker that judges them all."""

import json
import time
from collections.abc import Iterator
from itertools import cycle, islice

import numpy as np

from benchmarks.broker.delay import paced
from benchmarks.broker.scene import SOURCES, Scene, scene
from benchmarks.broker.traffic import Fleet
from stream.adapters.worker.announce import records_of
from stream.adapters.worker.outbox import partition_of
from stream.condense.chunk import Chunk
from stream.condense.series import Index
from stream.formats.native import decode
from stream.observe.observer import Observer
from stream.partial import Message, Registered, SourceTime
from stream.wire import decoder, encode_json
from tests.broker_helpers import Broker

FLEET = Fleet(apps=1_000, instances=10, metrics=3)
SAMPLES, PARTITIONS = 25, 12
FOLDED, LIVE = 4, 4
"""Panes that are folded, and panes of the real run."""
AHEAD = 20
"""Seconds from the registration to the first pane, rounded down to a whole pane."""


def fold(_: Broker) -> None:
    """Print what a pane of all rollouts costs: the messages of the log read, folded, and the outputs written."""
    begins = 1_732_300_000_000 // FLEET.pane * FLEET.pane
    names = [f"t-{number}" for number in range(SOURCES)]
    observers, read = [Observer() for _ in range(PARTITIONS)], decoder(Message).decode
    rollouts, outputs = FLEET.rollouts(begins), 0
    for number, rollout in enumerate(rollouts):
        take(observers[partition_of(rollout.id, PARTITIONS)], Registered(rollout, number, names))
    values, times = sample_values(), []
    index = Index(rollouts)
    for pane in range(FOLDED):
        log = list(messages_of(index, begins + pane * FLEET.pane, pane, values, names))
        began = time.perf_counter()
        outputs = sum(take(observers[partition], read(message)) for partition, message in log)
        times.append(time.perf_counter() - began)
    print(f"{FLEET}, panes of 10 s.\n")
    print(f"By themselves, without a broker: {np.median(times):.2f} s a pane ({outputs:,} records sent), ", end="")
    print(f"{np.median(times) / 10:.0%} of a core.\n")


def take(observer: Observer, message: Message) -> int:
    """Fold the next message of a partition; how many records would be sent."""
    return sum(len(records_of(effect, "t")) for effect in observer.take(observer.offset + 1, message))


def messages_of(
    index: Index, begins: int, number: int, values: list[list[float]], names: list[str]
) -> Iterator[tuple[int, bytes]]:
    """What condense says about a pane, with the partition: rows of all rollouts, then the time of all sources."""
    rows = cycle(values)
    for app in range(FLEET.apps):
        source = app % SOURCES
        batches = [
            FLEET.batch(app, instance, begins + 5_000, list(islice(rows, len(FLEET.metrics))))
            for instance in range(FLEET.instances)
        ]
        chunk = Chunk(index, names[source], number * 1_000_000 + app * 100)
        chunk.add(decode(batches), chunk.start + len(batches))
        for partial in chunk.partials():
            yield partition_of(partial.rollout, PARTITIONS), encode_json(partial)
    due = begins + FLEET.pane + FLEET.lateness
    for name in names:
        for partition in range(PARTITIONS):
            yield partition, encode_json(SourceTime(name, due))


def live(broker: Broker) -> None:
    """Print how soon a real worker has judged each pane of all rollouts."""
    with scene(broker) as stage, stage.process("worker") as worker:
        worker.wait_note("assigned")
        begins = int(time.time() + AHEAD) * 1000 // FLEET.pane * FLEET.pane
        stage.register(FLEET.rollouts(begins))
        time.sleep(max(0.0, begins / 1000 - time.time()))
        before, began = worker.cpu, time.monotonic()
        found = judged(stage, begins)
        used = (worker.cpu - before) / (time.monotonic() - began)
    print(f"One worker, each instance with a message a pane, {used:.0%} of a core:\n")
    print("| pane | scores | the last one, after the pane could be closed | budget |\n|---|---|---|---|")
    for at, delays in sorted(found.items()):
        print(f"| {(at - begins) // FLEET.pane} | {len(delays):,} | {max(delays):.1f} s | 10 s |")


def judged(stage: Scene, begins: int) -> dict[int, list[float]]:
    """By the end of the pane, how many seconds after it could be closed each score was out."""
    values = cycle(sample_values())
    found: dict[int, list[float]] = {}
    everyone = cycle((app, instance) for instance in range(FLEET.instances) for app in range(FLEET.apps))
    rate = FLEET.apps * FLEET.instances / FLEET.pane * 1000
    seconds = (LIVE + 1) * FLEET.pane / 1000 + FLEET.lateness / 1000
    with stage.reading("scores") as read:
        for due, now in paced(begins / 1000, seconds, rate):
            for app, instance in islice(everyone, due):
                message = FLEET.batch(app, instance, int(now * 1000), list(islice(values, len(FLEET.metrics))))
                stage.send((app % SOURCES, message))
            for value in read():
                at = json.loads(value)["at"]
                found.setdefault(at, []).append(time.time() - (at + FLEET.lateness) / 1000)
    return {at: delays for at, delays in found.items() if (at - begins) // FLEET.pane <= LIVE - 1}


def sample_values() -> list[list[float]]:
    """Raw values of some entries."""
    values: list[list[float]] = np.random.default_rng(3).lognormal(3, 1, (9973, SAMPLES)).round(2).tolist()
    return values


def both(broker: Broker) -> None:
    """Print both."""
    fold(broker)
    live(broker)
