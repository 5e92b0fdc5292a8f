"""How long after a pane may be closed its score is out, and what a worker costs that has little to do."""

import json
import time
from collections.abc import Iterator
from itertools import count
from random import Random

import numpy as np

from benchmarks.broker.scene import SOURCES, Process, Scene, scene
from benchmarks.broker.traffic import Fleet
from tests.broker_helpers import Broker

FLEET = Fleet(apps=20, instances=10, metrics=3, pane=1_000, lateness=500)
RATE = 1_000
"""Messages a second."""
SETTLE, IDLE, AHEAD, SECONDS = 4, 6, 5, 15


def delay(broker: Broker) -> None:
    """Print the processor time of a worker without work, then the delay under a steady stream of single samples."""
    with scene(broker) as stage, stage.process("worker") as worker:
        worker.wait_note("assigned")
        time.sleep(SETTLE)
        idle = share(worker, IDLE)
        begins = int(time.time()) + AHEAD
        stage.register(FLEET.rollouts(begins * 1000))
        found, used = stream(stage, worker, begins)
    print(f"Idle, no telemetry: {idle:.1%} of a core.\n")
    print(f"{FLEET}, panes of 1 s, {RATE:,} messages a second: {len(found)} scores, {used:.0%} of a core\n")
    print("| | p50 | p99 | budget |\n|---|---|---|---|")
    p50, p99 = np.percentile(found, (50, 99))
    print(f"| score out, beyond the end of the pane and the lateness | {p50:.0f} ms | {p99:.0f} ms | 50 / 250 ms |")


def stream(stage: Scene, worker: Process, begins: int) -> tuple[list[float], float]:
    """Send until the time is over; the delays in milliseconds, and the share of a core that the worker took."""
    messages, before = samples(FLEET), None
    found: list[float] = []
    with stage.reading("scores") as read:
        for sent, now in paced(begins - 1, SECONDS + 4, RATE):
            for _ in range(sent):
                stage.send(next(messages))
            for value in read():
                score = json.loads(value)
                if score["at"] / 1000 > begins + 3:
                    found.append(time.time() * 1000 - score["at"] - FLEET.lateness)
            if before is None and now > begins + 3:
                before = (worker.cpu, now)
        assert before is not None
        assert found, "the worker has said nothing"
        used = (worker.cpu - before[0]) / (time.time() - before[1])
    return found, used


def paced(begins: float, seconds: float, rate: float) -> Iterator[tuple[int, float]]:
    """How many messages to send now, so that there are `rate` a second; and the time."""
    sent = 0
    while (now := time.time()) < begins + seconds:
        due = max(0, int((now - begins) * rate)) - sent
        sent += due
        yield due, now


def samples(fleet: Fleet) -> Iterator[tuple[int, bytes]]:
    """Single samples of all series at random, measured now, each with the number of its partition."""
    rng = Random(1)
    for number in count():
        series = rng.randrange(fleet.apps), rng.randrange(fleet.instances), rng.randrange(len(fleet.metrics))
        value = round(rng.lognormvariate(3, 1), 3)
        yield number % SOURCES, fleet.single(*series, int(time.time() * 1000), value)


def share(worker: Process, seconds: float) -> float:
    """The share of a core that a worker takes in the next seconds."""
    before, began = worker.cpu, time.monotonic()
    time.sleep(seconds)
    return (worker.cpu - before) / (time.monotonic() - began)
