"""What waits until there are enough samples, or until the other cohort reports."""

import numpy as np
import pytest

from stream.compare.intake import PATIENCE, Intake
from stream.exact import Exact
from stream.summary import Distribution, Gauge
from tests.core_helpers import latencies

CANARY = np.array([True, True, False, False])


def rows(**counts: int) -> dict[int, Distribution | Gauge]:
    """Samples by instance: `a` and `b` are the canary's, `c` and `d` the baseline's."""
    return {"abcd".index(name): latencies(100, number=number) for name, number in counts.items()}


def take(intake: Intake, pane: int, least: int = 20, **counts: int) -> dict[str, int]:
    found = intake.take(pane, rows(**counts), CANARY, least)
    assert list(found) == sorted(found)
    return {"abcd"[instance]: summary.count for instance, summary in found.items()}


def intake() -> Intake:
    return Intake({}, [None, None])


def test_enough_samples_of_both_cohorts_are_handed_out_at_once() -> None:
    assert take(intake(), 5, a=20, b=30, c=20, d=40) == {"a": 20, "b": 30, "c": 20, "d": 40}


def test_too_few_samples_wait_and_add_up() -> None:
    waiting = intake()
    assert take(waiting, 5, a=20, b=7, c=20) == {"a": 20, "c": 20}
    assert take(waiting, 6, a=20, b=7, c=20) == {"a": 20, "c": 20}
    assert take(waiting, 7, a=20, b=7, c=20) == {"a": 20, "b": 21, "c": 20}
    assert take(waiting, 8, a=20, b=7, c=20) == {"a": 20, "c": 20}


def test_all_waits_until_each_cohort_has_an_instance_that_is_ready() -> None:
    waiting = intake()
    assert take(waiting, 5, a=20, b=20, c=19, d=19) == {}
    assert take(waiting, 6, a=1, b=1, c=1) == {"a": 21, "b": 21, "c": 20}
    assert take(waiting, 7, d=1) == {}
    assert take(waiting, 8, d=1, a=20) == {"a": 20, "d": 21}


def test_a_pane_without_rows_can_hand_out_nothing_new() -> None:
    waiting = intake()
    assert take(waiting, 5, a=30, c=30) == {"a": 30, "c": 30}
    assert take(waiting, 6) == {}


@pytest.mark.parametrize(("pause", "kept"), [(PATIENCE, True), (PATIENCE + 1, False)])
def test_samples_wait_six_panes_for_a_silent_cohort(pause: int, kept: bool) -> None:
    waiting = intake()
    take(waiting, 5, a=20, c=20)
    for pane in range(6, 5 + pause + 1):
        assert take(waiting, pane, a=20) == {}
    found = take(waiting, 5 + pause + 1, a=20, c=20)
    assert found["c"] == 20
    assert (found["a"] >= 20 * PATIENCE) == kept


def test_samples_wait_for_a_cohort_that_never_reported() -> None:
    """Its pods may still be on their way; those of the silent cohort itself wait too."""
    waiting = intake()
    for pane in range(5, 15):
        assert take(waiting, pane, a=20) == {}
    assert take(waiting, 15, c=20) == {"a": 200, "c": 20}


def test_what_a_cohort_reported_before_it_fell_silent_is_not_dropped() -> None:
    waiting = intake()
    take(waiting, 5, a=20, c=15)
    for pane in range(6, 20):
        take(waiting, pane, a=20)
    assert take(waiting, 20, a=20, c=5) == {"a": 20, "c": 20}


def test_gauges_wait_too() -> None:
    waiting = intake()
    assert waiting.take(5, {0: Gauge(1, Exact(8))}, CANARY, 1) == {}
    found = waiting.take(6, {0: Gauge(1, Exact(8)), 2: Gauge(1, Exact(4))}, CANARY, 1)
    assert {instance: summary.count for instance, summary in found.items()} == {0: 2, 2: 1}
