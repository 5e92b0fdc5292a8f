"""A policy, resolved: blocks, restarts before the deadline, who decides, positions of metrics."""

from math import log
from typing import Any

import pytest

from stream.compare.restart import FIRST_BLOCK, LEAST
from stream.plan import BLOCK_PANES, FIRST_RESTART, Plan
from stream.policy import MetricRule
from stream.quantity import Duration
from tests.core_helpers import SECOND, plan_of

HOUR = 3_600 * SECOND


def planned(**settings: Any) -> int | None:
    return plan_of(MetricRule("m"), **settings).planned


@pytest.mark.parametrize(("pane_s", "block"), [(1, 300), (10, 30), (45, 7), (50, 6), (60, 6), (3600, 6)])
def test_a_block_is_five_minutes_or_six_panes(pane_s: int, block: int) -> None:
    plan = plan_of(MetricRule("m"), pane=Duration(pane_s * SECOND))
    assert plan.block == block
    assert plan.pane_ms == pane_s * SECOND


@pytest.mark.parametrize(
    ("deadline_s", "number"), [(3600, 9), (7200, 21), (960, 1), (959, 0), (950, 0), (300, 0), (10, 0)]
)
def test_planned_restarts_have_six_panes_before_the_deadline(deadline_s: int, number: int) -> None:
    assert planned(deadline=Duration(deadline_s * SECOND)) == number


def test_a_rollout_without_a_deadline_plans_no_number() -> None:
    assert planned(deadline=None) is None


def test_the_plan_and_the_restarts_agree() -> None:
    assert FIRST_RESTART == FIRST_BLOCK
    assert BLOCK_PANES == LEAST


def test_metrics_are_known_by_name_and_by_their_trials() -> None:
    plan = plan_of(MetricRule("errors", of="requests"), MetricRule("latency"), MetricRule("slow", of="requests"))
    assert plan.names == {"errors": 0, "latency": 1, "slow": 2}
    assert plan.trials == {"requests": (0, 2)}
    assert [rule.name for rule in plan.rules] == ["errors", "latency", "slow"]


@pytest.mark.parametrize(
    ("rules", "deciding"),
    [
        ((MetricRule("a"), MetricRule("b")), {0, 1}),
        ((MetricRule("a"), MetricRule("b", muted=True)), {0}),
        ((MetricRule("a"), MetricRule("b", critical=True)), {1}),
        ((MetricRule("a", critical=True, muted=True), MetricRule("b")), {1}),
        ((MetricRule("a", muted=True),), set()),
    ],
)
def test_critical_metrics_decide_or_else_all_that_are_heard(rules: tuple[MetricRule, ...], deciding: set[int]) -> None:
    assert plan_of(*rules).deciding == deciding


def test_evidence_is_needed_by_weight() -> None:
    plan = plan_of(MetricRule("a", weight=3), MetricRule("b", weight=1), alpha=0.1, alpha_promote=0.2)
    assert plan.need == pytest.approx((-log(0.8 * 0.1 * 0.75), -log(0.8 * 0.1 * 0.25)))
    assert plan.need_safe == pytest.approx(-log(0.2))
    assert plan.need_mean == pytest.approx(-log(0.2 * 0.1))


def test_a_muted_metric_needs_no_less_than_the_others() -> None:
    plan = plan_of(MetricRule("a"), MetricRule("b", muted=True, weight=1000))
    assert plan.need[1] == pytest.approx(-log(0.8 * 0.05))
    assert plan.weights == (1.0, 0.0)


def test_a_plan_of_the_same_policy_has_the_same_fingerprint() -> None:
    one, other = plan_of(MetricRule("a")), plan_of(MetricRule("a"))
    assert one.fingerprint == other.fingerprint
    assert isinstance(one, Plan)
