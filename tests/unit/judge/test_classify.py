"""The label of a metric, and when a cohort is silent."""

from itertools import pairwise
from typing import Any, get_args

import pytest

from stream.judge.classify import classify, harm_of
from stream.judge.silence import silence, silent_panes
from stream.monitor import start
from stream.outputs import Alert, Divergence
from stream.outputs import State as Label
from stream.partial import Row
from stream.plan import Plan
from stream.policy import MetricRule
from stream.quantity import Duration, Tolerance
from stream.state import Feed, State
from stream.summary import Count
from tests.core_helpers import SECOND, Drive, cohorts, percent, plan_of
from tests.judge_helpers import found, state_of, stick

RULE = MetricRule("latency")
PLAN = plan_of(RULE)
NEED, NEED_SAFE, GATE = PLAN.need[0], PLAN.need_safe, stick(RULE).gate
MUCH = 1e-9


@pytest.mark.parametrize(
    ("fields", "label"),
    [
        ({}, "undecided"),
        ({"harm": NEED, "effect": GATE}, "worse"),
        ({"harm": NEED - MUCH, "effect": GATE}, "undecided"),
        ({"harm": NEED, "effect": GATE - MUCH}, "undecided"),
        ({"harm": NEED, "effect": -GATE}, "undecided"),
        ({"safe": NEED_SAFE}, "pass"),
        ({"safe": NEED_SAFE - MUCH}, "undecided"),
        ({"safe": NEED_SAFE, "harm": NEED, "effect": GATE}, "worse"),
        ({"safe": NEED_SAFE, "harm": NEED, "effect": GATE - MUCH}, "pass"),
        ({"better": NEED, "effect": -GATE}, "better"),
        ({"better": NEED, "effect": -GATE, "safe": NEED_SAFE}, "better"),
        ({"better": NEED, "effect": -GATE + MUCH, "safe": NEED_SAFE}, "pass"),
        ({"better": NEED - MUCH, "effect": -GATE}, "undecided"),
        ({"better": NEED, "harm": NEED, "effect": GATE}, "worse"),
    ],
)
def test_labels_follow_evidence_and_size(fields: dict[str, Any], label: Label) -> None:
    assert classify(PLAN, state_of(PLAN), 0, 0, found(**fields), stick(RULE)) == label


@pytest.mark.parametrize(
    ("worse", "effect", "label"),
    [
        ("higher", 0.3, "worse"),
        ("higher", -0.3, "undecided"),
        ("lower", -0.3, "worse"),
        ("lower", 0.3, "undecided"),
        ("either", -0.3, "worse"),
        ("either", 0.3, "worse"),
    ],
)
def test_the_direction_that_harms_is_the_rules(worse: str, effect: float, label: Label) -> None:
    rule = MetricRule("latency", worse=worse)  # type: ignore[arg-type]
    plan = plan_of(rule)
    evidence = found(harm=NEED, effect=effect)
    assert classify(plan, state_of(plan), 0, 0, evidence, stick(rule)) == label
    assert (harm_of(evidence, stick(rule)) > 0) == (label == "worse")


def test_the_gate_of_a_drop_is_wider_on_the_log_scale() -> None:
    """A half as much is -0.69, half as much again 0.41."""
    rule = MetricRule("orders", worse="lower", tolerate=percent(50))
    plan = plan_of(rule)
    state = state_of(plan, kind="rate", unit="")
    for effect, label in ((-0.68, "undecided"), (-0.70, "worse")):
        assert classify(plan, state, 0, 0, found(harm=NEED, effect=effect), stick(rule, "rate", "")) == label


def test_a_metric_without_evidence_has_no_data() -> None:
    assert classify(PLAN, start(PLAN, []), 0, 0, None, stick(RULE)) == "no_data"


@pytest.mark.parametrize("fed", [[0, None], [None, 0], [None, None]])
def test_a_metric_that_one_cohort_never_reported_has_no_data(fed: list[int | None]) -> None:
    state = state_of(PLAN)
    state.metrics[0].fed = fed
    assert classify(PLAN, state, 0, 0, found(harm=NEED, effect=1.0), stick(RULE)) == "no_data"


@pytest.mark.parametrize("side", [0, 1])
def test_a_metric_has_no_data_when_one_cohort_stops_to_report_it(side: int) -> None:
    state = state_of(PLAN)
    state.metrics[0].fed[1 - side] = 40
    for pane, label in ((29, "pass"), (30, "no_data")):
        assert classify(PLAN, state, pane, 0, found(safe=9.0), stick(RULE)) == label


@pytest.mark.parametrize(("pane", "label"), [(5, "error"), (10, "error"), (11, "worse")])
def test_an_error_wins_over_everything_for_six_panes(pane: int, label: Label) -> None:
    state = state_of(PLAN)
    state.metrics[0].error, state.metrics[0].error_pane = "why", 5
    assert classify(PLAN, state, pane, 0, found(harm=NEED, effect=1.0), stick(RULE)) == label


def test_a_policy_that_does_not_fit_is_an_error_for_good() -> None:
    rule = MetricRule("orders", kind="rate", tolerate=Tolerance(0.02, "pp"))
    drive = Drive(plan_of(rule, MetricRule("latency"))).run(
        lambda pane: cohorts(lambda _cohort, _number: [("orders", Count(5))], pane), range(10, 40)
    )
    assert {found.state for found in drive.of(Divergence) if found.metric == "orders"} == {"error"}
    assert drive.of(Alert)[0].kind == "judge_error"


@pytest.mark.parametrize(("missed", "label"), [(10, "pass"), (11, "undecided")])
def test_a_gauge_that_is_often_zero_is_undecided(missed: int, label: Label) -> None:
    rule = MetricRule("queue", kind="gauge")
    plan = plan_of(rule)
    state = state_of(plan, kind="gauge", unit="By")
    state.location.skipped[0] = [missed, 100]
    evidence = found(safe=9.0, harm=9.0, effect=0.0)
    assert classify(plan, state, 0, 0, evidence, stick(rule, "gauge", "By")) == label


def test_the_set_of_labels_is_closed() -> None:
    assert set(get_args(Label)) == {"pass", "worse", "better", "undecided", "no_data", "error"}


def limit(plan: Plan, *panes: int) -> float:
    """After how many panes without a sample a cohort that reported in these panes is silent."""
    gaps = sorted((later - earlier for earlier, later in pairwise(panes)), reverse=True)
    return silence(plan, Feed(panes[-1] if panes else None, gaps[:2], max(len(panes) - 1, 0)))


@pytest.mark.parametrize(
    ("panes", "after"),
    [
        ((), 6),
        ((5,), 6),
        ((5, 6), 3),
        ((5, 6, 7, 8, 9), 3),
        ((5, 35), 60),
        ((5, 35, 65), 60),
        ((5, 35, 65, 95, 125), 60),
        ((5, 6, 7, 8, 40, 41), 3),
        ((5, 6, 7, 37, 67), 60),
    ],
    ids=["none", "one", "each", "each, long", "second at 5 min", "third", "steady 5 min", "one outage", "slower now"],
)
def test_silence_is_three_panes_and_twice_the_reporting_interval(panes: tuple[int, ...], after: float) -> None:
    assert limit(PLAN, *panes) == after


@pytest.mark.parametrize(("pane_ms", "after"), [(1000, 60), (10_000, 6), (60_000, 3)])
def test_the_first_interval_is_taken_for_30_s(pane_ms: int, after: float) -> None:
    assert limit(plan_of(RULE, pane=Duration(pane_ms))) == after


def test_silent_panes_counts_from_the_last_sample_or_the_start() -> None:
    state = start(PLAN, [])
    state.begun = 100
    assert [silent_panes(PLAN, state, pane, 0) for pane in (100, 104, 105, 106)] == [None, None, 6, 7]
    state.feeds[0] = Feed(100, [1, 1], 50)
    assert [silent_panes(PLAN, state, pane, 0) for pane in (100, 102, 103)] == [None, None, 3]
    assert silent_panes(PLAN, state, 110, 1) == 11


def silences(drive: Drive) -> list[tuple[int, str]]:
    """When `no_data` began and ended, in panes."""
    return [(alert.at // drive.plan.pane_ms - 1, alert.status) for alert in drive.of(Alert) if alert.kind == "no_data"]


def reports(every: int, *, canary_until: int = 10**9, since: int = 0) -> list[tuple[int, list[Row]]]:
    """Each cohort reports every so many panes."""
    return [
        (
            pane,
            cohorts(
                lambda _cohort, _number: [("orders", Count(5))],
                pane,
                canary=3 if pane < canary_until else 0,
            )
            if (pane - since) % every == 0
            else [],
        )
        for pane in range(since, since + 300)
    ]


def fed(every: int, **more: int) -> Drive:
    plan = plan_of(MetricRule("orders"), deadline=None, alpha_promote=1e-9)
    drive = Drive(plan)
    for pane, rows in reports(every, **more):
        drive.close(pane, rows)
    return drive


def test_a_cohort_that_reports_every_five_minutes_is_not_silent_for_ever() -> None:
    """The first interval cannot be known; from the second report on it is."""
    assert silences(fed(30)) == [(6, "firing"), (30, "resolved")]


@pytest.mark.parametrize(("every", "after"), [(1, 3), (3, 6), (30, 60)])
def test_an_outage_fires_whatever_the_interval(every: int, after: int) -> None:
    last = 120 // every * every
    found = [at for at, status in silences(fed(every, canary_until=last + 1)) if status == "firing" and at > 10]
    assert found == [last + after]


def test_both_cohorts_silent_is_one_alert_that_says_so() -> None:
    drive = Drive(plan_of(MetricRule("orders"), deadline=None))
    for pane, rows in reports(1):
        drive.close(pane, rows if pane < 50 else [])
    alerts = [alert for alert in drive.of(Alert) if alert.kind == "no_data"]
    assert [alert.status for alert in alerts] == ["firing"]
    assert alerts[0].text.startswith("No samples from the canary and the baseline since 00:08:20 UTC. Silence is never")


def test_silence_neither_promotes_nor_aborts() -> None:
    drive = Drive(plan_of(MetricRule("orders"), bake_time=Duration(400 * SECOND), deadline=Duration(1000 * SECOND)))
    drive.run(lambda pane: cohorts(lambda _c, _n: [("orders", Count(500))], pane) if pane < 20 else [], range(300))
    assert drive.verdict.verdict == "inconclusive"
    assert {divergence.state for divergence in drive.of(Divergence)[-20:]} == {"no_data"}


def test_a_state_made_by_hand_is_like_a_real_one() -> None:
    state: State = state_of(PLAN)
    assert state.location.sums.shape == (4, 6)
    assert classify(PLAN, state, 2, 0, found(), stick(RULE)) == "undecided"
