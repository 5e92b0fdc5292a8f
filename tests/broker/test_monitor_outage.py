"""What a worker needs goes away: it ends with a reason, or waits and says what is wrong; it is never silently idle."""

import subprocess
import time

import pytest

from stream.outputs import Score
from stream.rollout import Rollout
from tests.broker_helpers import Broker, wait_until
from tests.live_helpers import Flow
from tests.scene_helpers import Scene, rollout_of
from tests.worker_helpers import StartWorker, Worker

pytestmark = [pytest.mark.broker, pytest.mark.slow, pytest.mark.timeout(180)]

AWAY = 15
"""Seconds without a broker: longer than the time-outs of the clients."""
SECONDS = 35
"""How long a worker may live on without a topic that it needs: time-outs of 10 s, a checkpoint, and the end."""


def watched(scene: Scene) -> Rollout:
    """A rollout without a verdict."""
    metrics = [{"name": "http.server.request.duration", "tolerate": "900%", "critical": True}]
    rollout = rollout_of(scene.begin, "watched", metrics=metrics)
    scene.register(rollout)
    return rollout


def judged(scene: Scene) -> int:
    """Up to when the rollout was judged, milliseconds UTC."""
    return max((one.output.at for one in scene.said("watched") if isinstance(one.output, Score)), default=0)


def test_the_broker_is_killed_and_comes_back(broker: Broker, start_worker: StartWorker) -> None:
    broker.needs("faults")
    scene = Scene(broker)
    watched(scene)
    flow = Flow(scene, scene.begin + 38_000, 8, "none")
    flow.start()
    worker = start_worker(scene.env())
    wait_until(lambda: judged(scene), bool, 60)
    flow.join()
    broker.kill()
    began = time.monotonic()
    try:
        code = worker.wait(AWAY)
    except subprocess.TimeoutExpired:
        print("the worker waits for the broker")
    else:
        print(f"the worker ended with {code} after {time.monotonic() - began:.1f} s")
        assert code == 1
    assert " error " in worker.log()
    broker.restart()
    back = time.time()
    if not worker.running:
        worker.start()
    wait_until(lambda: judged(scene), lambda at: at > 1000 * back, 60)
    print(f"the rollout was judged again {time.time() - back:.1f} s after the broker had come back")
    assert worker.running


def ended_or_told(worker: Worker, topic: str) -> bool:
    """Whether it ended with 1, or runs and names the topic as an error."""
    return topic in worker.log() if worker.running else worker.wait(0) == 1


def test_topics_are_deleted_under_it(broker: Broker, start_worker: StartWorker) -> None:
    """Those that it writes end it, as rows and states cannot be left out; of those that it reads it says so."""
    if broker.kind == "embedded":
        pytest.skip("needs a broker that says of a deleted topic that it is gone; the embedded one does not")
    first = Scene(broker)
    scenes = {"partials": first, "states": Scene(broker, first.telemetry)}
    scenes |= {"rollouts": Scene(broker, first.telemetry), "telemetry": Scene(broker)}
    for scene in scenes.values():
        watched(scene)
    flow = Flow(first, first.begin + 40_000, 30, "none")
    flow.start()
    workers = {part: start_worker(scene.env()) for part, scene in scenes.items()}
    for part in ("partials", "states"):
        wait_until(lambda: judged(scenes[part]), bool, 60)  # noqa: B023  # at once
    with broker.admin() as admin:
        admin.delete_topics([scene.topic(part) for part, scene in scenes.items()])
    began = time.monotonic()
    for part in ("partials", "states"):
        assert workers[part].wait(SECONDS) == 1
        print(f"without {part} a worker ended after {time.monotonic() - began:.1f} s")
    for part, worker in workers.items():
        wait_until(lambda: ended_or_told(worker, scenes[part].topic(part)), bool, SECONDS)  # noqa: B023
    flow.join()
