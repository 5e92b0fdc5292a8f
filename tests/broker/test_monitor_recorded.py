"""Recordings of a real web shop, where they lie beside the project, through the monitor: it says what a replay says."""

import time
from collections.abc import Iterator
from heapq import merge

import msgspec
import pytest

from benchmarks.recorded import DATA, START, Case, loader, messages, rollout
from stream.document.rollout import read_rollout
from stream.rollout import Rollout
from tests.broker_helpers import Broker
from tests.scene_helpers import Scene, assert_replay
from tests.worker_helpers import StartWorker

pytestmark = [
    pytest.mark.broker,
    pytest.mark.slow,
    pytest.mark.timeout(180),
    pytest.mark.skipif(not (DATA / "load.py").exists(), reason=f"needs the recordings of real systems in {DATA.name}/"),
]

DOSES = {"": "continue", "1.0": "abort", "0.5": "abort", "0.2": "abort", "0.1": "abort"}
"""The share of slower requests, none where like is compared with like, and the verdict."""
PANE_MS = 10_000


def chosen() -> dict[str, Case]:
    """The first recording of each dose."""
    cases = list(loader(DATA).cases(dataset="delag"))
    return {dose: next(case for case in cases if case["dose"] == dose) for dose in DOSES}


def moved(case: Case, by: int) -> Iterator[tuple[int, bytes]]:
    """The recording as an app of its own, moved in time, with the time of each message."""
    for message in messages(case, DATA):
        ts = message["ts"] + by
        yield ts, msgspec.json.encode({**message, "app": case["case"], "ts": ts})


def judged(case: Case, begin: int) -> Rollout:
    """Its rollout."""
    return read_rollout({**rollout(case), "app": case["case"], "from": begin})


def test_recordings_are_judged_as_in_a_replay(broker: Broker, start_worker: StartWorker) -> None:
    scene, cases = Scene(broker, chunk=5000), chosen()
    begin = (int(time.time()) - 240) * 1000 // PANE_MS * PANE_MS
    rollouts = {dose: judged(case, begin) for dose, case in cases.items()}
    scene.spread(line for _, line in merge(*(moved(case, begin - START) for case in cases.values())))
    for one in rollouts.values():
        scene.register(one)
    start_worker(scene.env())
    for dose, verdict in DOSES.items():
        if verdict == "abort":
            assert scene.verdict(rollouts[dose].id).verdict == "abort"
    for dose, verdict in DOSES.items():
        wanted = assert_replay(scene, rollouts[dose], whole=verdict == "abort")
        assert f'"verdict":"{verdict}"'.encode() in [value for value in wanted if b'"type":"verdict"' in value][-1]
