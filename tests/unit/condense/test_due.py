"""The times that are told: those at which a pane of some rollout falls due, and no others."""

import pytest

from stream.condense.due import DueTimes
from stream.policy import MetricRule, Policy
from stream.quantity import Duration
from stream.rollout import Rollout


def due(*settings: tuple[int, int]) -> DueTimes:
    """Of rollouts with these lengths of panes and latenesses, milliseconds."""
    rule = (MetricRule("latency"),)
    return DueTimes(
        Rollout(f"shop-{pane}-{late}", "shop", Policy(rule, pane=Duration(pane), lateness=Duration(late)))
        for pane, late in settings
    )


def test_without_rollouts_no_time_is_told() -> None:
    assert not due().between(-1, 10**13)


@pytest.mark.parametrize(
    ("told", "time", "falls"), [(5_000, 14_999, False), (14_999, 15_000, True), (15_000, 24_999, False)]
)
def test_a_pane_falls_due_at_its_end_and_the_lateness(told: int, time: int, falls: bool) -> None:
    assert due((10_000, 5_000)).between(told, time) is falls


def test_the_first_time_is_told() -> None:
    assert due((10_000, 5_000)).between(-1, 1_732_300_000_000)


def test_time_that_stands_still_or_goes_back_is_not_told() -> None:
    times = due((1_000, 0))
    assert not times.between(5_000, 5_000)
    assert not times.between(5_000, 4_000)


def test_the_shortest_pane_and_each_lateness_count() -> None:
    times = due((10_000, 5_000), (1_000, 1_000), (10_000, 2_500))
    assert times.between(12_000, 12_500), "the third"
    assert times.between(14_000, 15_000), "the second"
    assert not due((10_000, 5_000)).between(12_000, 12_500)
    third = due((10_000, 2_500))
    assert [time for time in range(0, 30_000, 500) if third.between(time - 500, time)] == [2_500, 12_500, 22_500]
