"""Every rule of the verdict, their order, and what may follow what."""

from collections.abc import Callable
from typing import Any, NamedTuple, get_args

import numpy as np
import pytest

from stream.errors import StateError
from stream.judge.score import Standing
from stream.judge.verdict import CHANGE, MOVES, PASSING_PANES, RULES, Situation, decide, is_final
from stream.outputs import State as Label
from stream.outputs import VerdictWord
from stream.plan import Plan
from stream.policy import MetricRule
from stream.quantity import Duration
from stream.state import Firing
from tests.core_helpers import PANE, plan_of
from tests.judge_helpers import found, situation, state_of, stick

CRITICAL, OTHER = MetricRule("latency", critical=True), MetricRule("cpu")
GATE = stick(CRITICAL).gate
DEADLINE, BAKE = 100, 40
LAST: VerdictWord = "continue"


class Case(NamedTuple):
    """A situation, as changes to one in which nothing is known yet."""

    pane: int = 50
    harm: float = 0.0
    safe: float = 0.0
    other: float = 0.0
    """Harm of the metric that is not critical, as a share of its need."""
    labels: tuple[Label, Label] = ("undecided", "undecided")
    change: float = 0.0
    passing: int = 0
    confidence: float = 0.0
    firing: bool = False
    stopped: bool = False
    failed: bool = False
    origin: int | None = 0
    until: int | None = None
    lenient: bool = False


def plan_for(case: Case) -> Plan:
    return plan_of(
        CRITICAL,
        OTHER,
        until_ms=None if case.until is None else case.until * PANE,
        deadline=Duration(DEADLINE * PANE),
        bake_time=Duration(BAKE * PANE),
        promote_without_harm=case.lenient,
    )


def made(case: Case) -> Situation:
    plan = plan_for(case)
    state = state_of(plan)
    state.passing, state.origin, state.verdict = case.passing, case.origin, LAST
    state.stopped = "why" if case.stopped else None
    state.failed = "broken" if case.failed else None
    if case.firing:
        state.firing["no_data"] = Firing(0)
    evidence = {
        0: found(0, harm=case.harm * plan.need[0], safe=case.safe * plan.need_safe, change=case.change, effect=GATE),
        1: found(1, harm=case.other * plan.need[1], safe=0.0, effect=GATE),
    }
    standing = Standing(100.0, case.confidence, {})
    return situation(plan, state, case.labels, evidence, pane=case.pane, standing=standing)


def rule_of(case: Case) -> str | None:
    rule = decide(made(case))
    return None if rule is None else rule.name


QUIET = Case()
WORSE = Case(harm=1.0, labels=("worse", "undecided"))
SAFE = Case(safe=1.0, labels=("pass", "undecided"), passing=PASSING_PANES, confidence=1.0)
OVERDUE = Case(pane=DEADLINE - 1)
LENIENT = Case(pane=DEADLINE - 1, lenient=True, passing=PASSING_PANES, confidence=0.5)

REACHED: dict[str, Case] = {
    "critical_metric": WORSE,
    "all_metrics": Case(other=4.0, labels=("undecided", "worse")),
    "failed": QUIET._replace(failed=True),
    "stopped": QUIET._replace(stopped=True),
    "all_safe": SAFE,
    "no_harm_at_deadline": LENIENT,
    "until": QUIET._replace(until=51),
    "deadline": OVERDUE,
    "undecided": QUIET,
}


def test_every_rule_is_reached() -> None:
    assert {name: rule_of(case) for name, case in REACHED.items()} == {rule.name: rule.name for rule in RULES}


def test_nothing_is_decided_before_anything_was_compared() -> None:
    assert rule_of(QUIET._replace(origin=None)) is None


@pytest.mark.parametrize(
    ("case", "rule"),
    [
        (WORSE._replace(stopped=True, until=1), "critical_metric"),
        (WORSE._replace(pane=DEADLINE - 1, lenient=True, passing=9, confidence=1.0), "critical_metric"),
        (WORSE._replace(firing=True), "critical_metric"),
        (WORSE._replace(labels=("undecided", "worse"), other=4.0, stopped=True), "all_metrics"),
        (SAFE._replace(stopped=True), "stopped"),
        (SAFE._replace(failed=True, stopped=True), "failed"),
        (WORSE._replace(failed=True), "critical_metric"),
        (QUIET._replace(stopped=True, origin=None), "stopped"),
        (SAFE._replace(pane=DEADLINE - 1), "all_safe"),
        (SAFE._replace(until=51), "all_safe"),
        (LENIENT._replace(until=51), "no_harm_at_deadline"),
        (OVERDUE._replace(until=51), "until"),
        (OVERDUE._replace(origin=None), "deadline"),
    ],
)
def test_the_first_rule_that_holds_decides(case: Case, rule: str) -> None:
    assert rule_of(case) == rule


HELD_BACK: dict[str, Callable[[Case], Case]] = {
    "a deciding metric is undecided": lambda case: case._replace(labels=("undecided", "pass")),
    "a deciding metric has no data": lambda case: case._replace(labels=("no_data", "pass")),
    "a metric without a say on the verdict is broken": lambda case: case._replace(labels=("pass", "error")),
    "the evidence of safety is just too small": lambda case: case._replace(safe=0.999999),
    "the score passes for too short a time": lambda case: case._replace(passing=PASSING_PANES - 1),
    "the bake time is not over": lambda case: case._replace(pane=BAKE - 2),
    "something changed lately": lambda case: case._replace(change=CHANGE + 1e-9),
    "an alert fires": lambda case: case._replace(firing=True),
}


@pytest.mark.parametrize("reason", HELD_BACK)
def test_what_holds_a_promotion_back(reason: str) -> None:
    assert rule_of(HELD_BACK[reason](SAFE)) == "undecided"


def test_a_promotion_is_given_in_the_first_pane_that_ends_with_the_bake_time() -> None:
    assert rule_of(SAFE._replace(pane=BAKE - 1)) == "all_safe"


def test_a_metric_that_is_better_must_be_shown_safe_too() -> None:
    assert rule_of(SAFE._replace(labels=("better", "undecided"))) == "all_safe"
    assert rule_of(SAFE._replace(labels=("better", "undecided"), safe=0.5)) == "undecided"


@pytest.mark.parametrize(
    "changed",
    [
        {"lenient": False},
        {"confidence": 0.499},
        {"passing": PASSING_PANES - 1},
        {"firing": True},
        {"labels": ("undecided", "error")},
        {"change": CHANGE + 1e-9},
    ],
)
def test_a_lenient_deadline_has_its_conditions(changed: dict[str, Any]) -> None:
    assert rule_of(LENIENT._replace(**changed)) == "deadline"


def test_a_lenient_policy_does_not_promote_before_the_deadline() -> None:
    assert rule_of(LENIENT._replace(pane=DEADLINE - 2)) == "undecided"


def test_a_metric_that_is_not_critical_never_aborts_by_itself() -> None:
    plan = plan_for(QUIET)
    enough = plan.need_mean - np.log(plan.weights[1])
    case = QUIET._replace(labels=("undecided", "worse"), other=(enough - 0.5) / plan.need[1])
    assert case.other > 1
    assert rule_of(case) == "undecided"


def test_where_none_is_critical_every_metric_that_is_heard_aborts() -> None:
    plan = plan_of(MetricRule("a"), MetricRule("b"), MetricRule("c", muted=True))
    for labels, aborts in (((0, 1, 0), True), ((1, 0, 0), True), ((0, 0, 1), False)):
        state = state_of(plan)
        evidence = {i: found(i, harm=plan.need[i], effect=GATE) for i in range(3)}
        words: list[Label] = ["worse" if one else "undecided" for one in labels]
        assert (situation(plan, state, words, evidence).worst is not None) == aborts


def test_the_worst_metric_is_the_one_with_most_evidence_for_its_need() -> None:
    plan = plan_of(MetricRule("a", weight=8), MetricRule("b", weight=1))
    evidence = {0: found(0, harm=1.2 * plan.need[0], effect=GATE), 1: found(1, harm=1.3 * plan.need[1], effect=GATE)}
    assert situation(plan, state_of(plan), ["worse", "worse"], evidence).worst == 1
    assert situation(plan, state_of(plan), ["worse", "undecided"], evidence).worst == 0


def mean_of(plan: Plan, *logs: float, labels: tuple[Label, ...] = ("undecided",) * 3, effect: float = GATE) -> float:
    evidence = {i: found(i, harm=log, effect=effect) for i, log in enumerate(logs)}
    return situation(plan, state_of(plan), list(labels), evidence).mean


def test_the_mean_is_the_weighted_arithmetic_mean_of_e_values() -> None:
    plan = plan_of(MetricRule("a", critical=True), MetricRule("b"), MetricRule("c", weight=3))
    wanted = np.log((5 * np.exp(1.0) + 2 * np.exp(4.0) + 3 * np.exp(-2.0)) / 10)
    assert mean_of(plan, 1.0, 4.0, -2.0) == pytest.approx(wanted)


def test_a_metric_without_data_has_an_e_value_of_1_in_the_mean() -> None:
    plan = plan_of(MetricRule("a", weight=1), MetricRule("b", weight=1), MetricRule("c", weight=1, muted=True))
    wanted = np.log((np.exp(3.0) + 1) / 2)
    assert mean_of(plan, 3.0, 50.0, 50.0, labels=("undecided", "no_data", "undecided")) == pytest.approx(wanted)
    assert mean_of(plan, 3.0, 50.0, 50.0, labels=("undecided", "error", "undecided")) == pytest.approx(wanted)
    assert mean_of(plan, 3.0, -5.0, 50.0, labels=("undecided", "no_data", "undecided")) == pytest.approx(wanted)


def test_a_tolerated_difference_adds_nothing_to_the_mean() -> None:
    plan = plan_of(MetricRule("a"), MetricRule("b"), MetricRule("c"))
    assert mean_of(plan, 50.0, 50.0, 50.0, effect=0.99 * GATE) == pytest.approx(0.0)
    assert mean_of(plan, -1.0, -1.0, -1.0, effect=0.99 * GATE) == pytest.approx(-1.0)


def test_the_mean_aborts_from_its_share_of_alpha_on() -> None:
    plan = plan_of(MetricRule("a"), MetricRule("b"), MetricRule("c"))
    assert plan.need_mean == pytest.approx(np.log(1 / (0.2 * 0.05)))
    for more, name in ((-1e-6, "undecided"), (1e-6, "all_metrics")):
        level = plan.need_mean + more
        evidence = {i: found(i, harm=level, effect=GATE) for i in range(3)}
        rule = decide(situation(plan, state_of(plan), ["undecided"] * 3, evidence))
        assert rule is not None
        assert rule.name == name


def test_shares_of_alpha_add_up() -> None:
    plan = plan_of(CRITICAL, MetricRule("b", critical=True, weight=3), OTHER, MetricRule("d", muted=True), alpha=0.01)
    shares = np.exp(-np.array(plan.need))
    assert plan.deciding == {0, 1}
    assert shares[:2] == pytest.approx([0.8 * 0.01 * 5 / 8, 0.8 * 0.01 * 3 / 8])
    assert np.exp(-plan.need_mean) + shares[:2].sum() == pytest.approx(0.01)
    assert shares[2] == pytest.approx(0.8 * 0.01 * 2 / 10)
    assert sum(plan.weights) == pytest.approx(1)
    assert plan.weights[3] == 0


VERDICTS: tuple[VerdictWord, ...] = get_args(VerdictWord)


def test_the_table_of_moves_knows_every_verdict() -> None:
    assert set(MOVES) == {None, *VERDICTS}
    assert {rule.verdict for rule in RULES} == set(VERDICTS)
    assert {verdict for verdict in VERDICTS if is_final(verdict)} == {"promote", "abort", "inconclusive"}


@pytest.mark.parametrize("before", ["promote", "abort", "inconclusive"])
@pytest.mark.parametrize("name", REACHED)
def test_nothing_follows_a_final_verdict(before: VerdictWord, name: str) -> None:
    case = made(REACHED[name])
    case.state.verdict = before
    with pytest.raises(StateError, match=f"cannot follow {before}"):
        decide(case)


@pytest.mark.parametrize("name", REACHED)
def test_any_verdict_may_be_the_first(name: str) -> None:
    case = made(REACHED[name])
    case.state.verdict = None
    rule = decide(case)
    assert rule is not None
    assert rule.name == name
