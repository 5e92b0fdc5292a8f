"""Each scene ends as announced, whatever the seed."""

import pytest

from stream.adapters.demo.scene import DEADLINE_SECONDS, ONSET, SCENES, Scene, demo_rollout, made_id
from stream.adapters.traffic import FAULTS, Fault
from stream.outputs import Alert
from tests.demo_helpers import START, ended

SEEDS = 20


def as_announced(scene: Scene, seed: int) -> bool:
    """Whether it ends with the verdict, the metric and the alert of the scene, in time and not before the fault."""
    end = ended(scene, seed)
    verdict = end.verdict
    told = scene.alert is None or any(_is(alert, scene) for alert in end.alerts)
    early = verdict.verdict == "abort" and end.seconds <= ONSET
    named = scene.metric is None or verdict.metric == scene.metric
    return verdict.final and verdict.verdict == scene.verdict and named and told and not early


def _is(alert: Alert, scene: Scene) -> bool:
    return alert.kind == scene.alert and alert.at > START + 1000 * ONSET


def test_there_is_a_scene_for_each_fault() -> None:
    assert tuple(SCENES) == FAULTS
    assert all(scene.happens.endswith(".") for scene in SCENES.values())


@pytest.mark.parametrize("fault", SCENES)
def test_it_ends_as_announced(fault: Fault) -> None:
    assert as_announced(SCENES[fault], 1)


@pytest.mark.slow
@pytest.mark.parametrize("fault", SCENES)
def test_it_ends_as_announced_with_any_seed(fault: Fault) -> None:
    """At most one of 100 does not; of 400 of each kind none did not when the numbers were chosen."""
    wrong = [seed for seed in range(1000, 1000 + SEEDS) if not as_announced(SCENES[fault], seed)]
    assert len(wrong) <= 1, wrong


@pytest.mark.slow
def test_a_fault_is_seen_within_seconds() -> None:
    seconds = sorted(ended(SCENES["latency"], seed).seconds for seed in range(SEEDS))
    assert ONSET < seconds[SEEDS // 2] <= ONSET + 10
    assert seconds[-1] < DEADLINE_SECONDS - 15


def test_ids_are_new_every_millisecond() -> None:
    ids = {made_id(START + number) for number in range(1000)}
    assert len(ids) == 1000
    assert all(demo_rollout(one, START).id == one for one in list(ids)[:10])
