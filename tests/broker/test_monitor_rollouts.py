"""Rollouts of one app side by side on one worker: thirty at once, one that breaks, and ways to end without evidence."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from stream.document.rollout import write_rollout
from stream.outputs import Alert, Verdict
from stream.partial import Partial, Row, RowKey
from stream.rollout import Rollout
from stream.summary import Distribution
from stream.wire import encode_json
from tests.broker_helpers import Broker, Outgoing, wait_until
from tests.scene_helpers import QUIET, Said, Scene, assert_replay, in_order, rollout_of, traffic
from tests.worker_helpers import Worker, run_canary

pytestmark = [pytest.mark.broker, pytest.mark.timeout(120)]

MANY = [f"many-{number:02}" for number in range(30)]
TOLERANCES = ("4%", "5%", "6%")
LATENCY = "http.server.request.duration"
SPECIAL = ("broken", "until", "watched")


def one_of(scene: Scene, name: str) -> Rollout:
    """One of the thirty, or of the special ones."""
    tolerance = TOLERANCES[int(name[-2:]) % len(TOLERANCES)] if name in MANY else "900%"
    metrics = [{"name": LATENCY, "tolerate": tolerance, "critical": True}]
    ends = {"until": scene.begin + 9000} if name == "until" else {}
    return rollout_of(scene.begin, name, metrics=metrics, warmup="0s" if name == "broken" else "2s", **ends)


@pytest.fixture(scope="module")
def scene(each_broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Telemetry that is there, rollouts that are registered, and one worker, started last."""
    scene = Scene(each_broker)
    scene.spread(traffic(scene.begin))
    broken = RowKey("baseline", "", "", LATENCY, "ms", "", "nonsense")
    rows = [Row(scene.begin // 1000, broken, Distribution.of_values(np.ones(1)))]
    partial = Partial("broken", f"{scene.telemetry}-{QUIET}", 0, 1, scene.begin, rows)
    each_broker.produce(scene.topic("partials"), [Outgoing(encode_json(partial), b"broken")])
    for rollout in (*(one_of(scene, name) for name in MANY), *(one_of(scene, name) for name in SPECIAL)):
        scene.register(rollout)
    with Worker(scene.env(), tmp_path_factory.mktemp("logs") / "worker.log"):
        yield scene


def final(scene: Scene, rollout: str) -> tuple[Verdict, list[Alert]]:
    """The final verdict of a rollout, and its alerts; nothing comes after it."""
    verdict = scene.verdict(rollout)
    outputs = [one.output for one in sorted(scene.said(rollout), key=lambda one: one.sequence)]
    assert outputs[-1] == verdict
    return verdict, [one for one in outputs if isinstance(one, Alert)]


def test_thirty_rollouts_of_one_app_at_once(scene: Scene) -> None:
    wait_until(scene.registered, lambda found: all(found[name].verdict for name in MANY), 60)
    told: dict[str, list[Said]] = {name: [] for name in MANY}
    for one in scene.said(*MANY):
        told[one.output.rollout].append(one)
    chosen = MANY[: len(TOLERANCES)]
    firsts = {name: assert_replay(scene, one_of(scene, name), whole=True) for name in chosen}
    for name in MANY:
        first = chosen[int(name[-2:]) % len(TOLERANCES)]
        assert in_order(told[name]) == [value.replace(first.encode(), name.encode()) for value in firsts[first]]


def test_a_judge_that_breaks_ends_one_rollout(scene: Scene) -> None:
    verdict, alerts = final(scene, "broken")
    assert (verdict.verdict, verdict.rule) == ("inconclusive", "failed")
    assert "The judge broke with KeyError: 'nonsense'" in verdict.text
    assert [(alert.kind, alert.status) for alert in alerts] == [("judge_error", "firing"), ("judge_error", "resolved")]


def test_until_ends_a_rollout(scene: Scene) -> None:
    verdict, _ = final(scene, "until")
    assert (verdict.verdict, verdict.rule, verdict.at) == ("inconclusive", "until", scene.begin + 9000)
    assert_replay(scene, one_of(scene, "until"), whole=True)


def test_stop_ends_a_rollout(scene: Scene) -> None:
    wait_until(lambda: scene.said("watched"), bool, 60)
    done = run_canary("stop", "watched", "--reason", "The train is late.", env=scene.env())
    assert (done.returncode, done.stderr) == (0, "")
    verdict, _ = final(scene, "watched")
    assert (verdict.verdict, verdict.rule) == ("inconclusive", "stopped")
    assert "The train is late." in verdict.text
    wait_until(scene.registered, lambda found: found["watched"].verdict == "inconclusive", 60)
    assert_replay(scene, one_of(scene, "watched"))


def test_a_rollout_that_begins_in_the_past_of_a_busy_topic_fails(scene: Scene, tmp_path: Path) -> None:
    scene.verdict(MANY[-1])
    file = tmp_path / "late.json"
    file.write_bytes(encode_json(write_rollout(rollout_of(scene.begin + 5000, "late"))))
    done = run_canary("start", str(file), env=scene.env())
    assert done.returncode == 0
    assert "`from` is past" in done.stderr
    verdict, alerts = final(scene, "late")
    assert (verdict.verdict, verdict.rule) == ("inconclusive", "failed")
    assert f"begins in the past of {scene.telemetry}-" in verdict.text
    assert ("judge_error", "firing") in [(alert.kind, alert.status) for alert in alerts]
    assert any("was read on before the rollout was known" in alert.text for alert in alerts)
    assert (alerts[-1].kind, alerts[-1].status) == ("judge_error", "resolved")
