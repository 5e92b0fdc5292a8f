"""The monitor on telemetry that is there before its workers: it says what a replay of the log says, byte for byte."""

import pytest

from stream.adapters.topics import VERDICTS_LATEST
from tests.broker_helpers import Broker, wait_until
from tests.scene_helpers import Scene, assert_cloud_event, assert_replay, read_output, rollout_of, traffic
from tests.worker_helpers import StartWorker

pytestmark = pytest.mark.broker


@pytest.mark.timeout(120)
def test_a_verdict_as_the_replay_gives_it(each_broker: Broker, start_worker: StartWorker) -> None:
    scene = Scene(each_broker)
    rollout = rollout_of(scene.begin)
    scene.spread(traffic(scene.begin))
    scene.register(rollout)
    worker = start_worker(scene.env())
    verdict = scene.verdict(rollout.id)
    assert (verdict.verdict, verdict.rule) == ("abort", "critical_metric")
    wait_until(scene.registered, lambda found: found[rollout.id].verdict == "abort", 60)
    assert worker.terminate() == 0

    wanted = assert_replay(scene, rollout, whole=True)
    assert len(wanted) > 40
    for one in scene.said():
        assert_cloud_event(one)
    latest = each_broker.read_all(VERDICTS_LATEST.name(scene.prefix))
    assert [read_output(one.value or b"") for one in latest][-1] == verdict
    assert latest[-1].key == rollout.id.encode()
    assert latest[-1].headers["ce_type"] == b"canary.verdict"
    registered = scene.registered()[rollout.id]
    assert registered.rollout.until is not None
    assert scene.begin < registered.rollout.until.ms <= verdict.at
    assert each_broker.read_all(scene.topic("dead-letter")) == []
