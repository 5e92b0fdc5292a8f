"""What a pane's rows become: units, warm-up, who is kept out and why."""

import sys
from collections.abc import Iterable

import pytest

from stream.exact import Exact
from stream.judge.clean import Cells, clean
from stream.monitor import start
from stream.outputs import Alert, Divergence
from stream.pane import Rows
from stream.partial import Row
from stream.plan import Plan
from stream.policy import MetricRule
from stream.quantity import Duration
from stream.state import State, Unit
from stream.summary import Count, Distribution, Gauge, Ratio
from tests.core_helpers import PANE, SECOND, Drive, cohorts, latencies, plan_of, row

LATENCY, ORDERS = MetricRule("latency"), MetricRule("orders", kind="rate")


def rows_of(rows: Iterable[Row]) -> Rows:
    return {row.key: row.summary for row in rows}


def take(plan: Plan, state: State, pane: int, *rows: Row) -> Cells:
    return clean(plan, state, pane, rows_of(rows))


def both(pane: int, metric: str = "orders", events: int = 1) -> list[Row]:
    return [row(pane, cohort, f"{cohort}-0", metric, Count(events)) for cohort in ("baseline", "canary")]


def test_units_are_numbered_in_the_order_of_their_rows_keys_and_keep_their_numbers() -> None:
    plan = plan_of(ORDERS)
    state = start(plan, [])
    take(plan, state, 5, *reversed(both(5)))
    take(plan, state, 6, row(6, "baseline", "another", "orders", Count(1)), *both(6))
    assert state.units.names == [
        Unit("baseline", "baseline-0", ""),
        Unit("canary", "canary-0", ""),
        Unit("baseline", "another", ""),
    ]
    assert state.units.first == [5, 5, 6]
    assert state.units.last == [6, 6, 6]
    assert state.units.canary.tolist() == [False, True, False]


def test_a_new_life_is_a_new_unit() -> None:
    plan = plan_of(ORDERS)
    state = start(plan, [])
    cells = take(
        plan,
        state,
        5,
        row(5, "canary", "a", "orders", Count(1), boot="1"),
        row(5, "canary", "a", "orders", Count(2), boot="2"),
    )
    assert cells.events == {0: {0: 1, 1: 2}}


def test_an_instance_warms_up_before_it_counts() -> None:
    plan = plan_of(ORDERS, warmup=Duration(30 * SECOND))
    state = start(plan, [])
    found = [take(plan, state, pane, *both(pane, events=7)).events for pane in range(5, 10)]
    assert found == [{}, {}, {}, {0: {0: 7, 1: 7}}, {0: {0: 7, 1: 7}}]
    assert state.kept_out == {"warming_up": 3 * 2 * 7}


def test_each_instance_and_each_life_warms_up_by_itself() -> None:
    plan = plan_of(ORDERS, warmup=Duration(20 * SECOND))
    state, cells = start(plan, []), Cells()
    for pane in range(5, 9):
        late = [row(pane, "canary", "late", "orders", Count(1))] if pane >= 6 else []
        again = [row(pane, "canary", "canary-0", "orders", Count(1), boot="2")] if pane >= 8 else []
        cells = take(plan, state, pane, *both(pane), *late, *again)
    names = {state.units.names[unit].instance + state.units.names[unit].boot for unit in cells.events[0]}
    assert names == {"baseline-0", "canary-0", "late"}


def test_warm_up_counts_from_the_first_sample_even_after_a_pause() -> None:
    plan = plan_of(ORDERS, warmup=Duration(20 * SECOND))
    state = start(plan, [])
    assert take(plan, state, 5, *both(5)).events == {}
    assert take(plan, state, 7, *both(7)).events == {0: {0: 1, 1: 1}}


def test_an_instance_in_both_cohorts_is_kept_out_with_all_its_rows() -> None:
    plan = plan_of(ORDERS, LATENCY)
    state = start(plan, [])
    mixed = [
        row(5, "canary", "mixed", "orders", Count(3)),
        row(5, "baseline", "mixed", "orders", Count(4)),
        row(5, "canary", "mixed", "latency", latencies(100, number=30)),
    ]
    cells = take(plan, state, 5, *both(5), *mixed)
    assert cells.both == ["mixed"]
    assert cells.events == {0: {0: 1, 1: 1}}
    assert cells.rows == {}
    assert state.kept_out == {"both_cohorts": 37}
    assert take(plan, state, 6, *both(6), row(6, "canary", "mixed", "orders", Count(3))).both == []


def test_lives_of_one_name_may_be_in_different_cohorts() -> None:
    """An instance that is updated in place."""
    plan = plan_of(ORDERS)
    state = start(plan, [])
    rows = [
        row(5, "baseline", "a", "orders", Count(1), boot="old"),
        row(5, "canary", "a", "orders", Count(2), boot="new"),
    ]
    assert take(plan, state, 5, *rows).both == []


def test_too_many_instances_are_kept_out_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["stream.judge.clean"], "MOST_UNITS", 6)
    drive = Drive(plan_of(ORDERS))

    def rows(pane: int) -> list[Row]:
        return cohorts(lambda _cohort, _number: [("orders", Count(2))], pane, canary=5, baseline=3)

    drive.run(rows, range(3))
    assert len(drive.state.units.names) == 6
    assert drive.state.kept_out == {"too_many_instances": 3 * 2 * 2}
    (alert,) = drive.of(Alert)
    assert (alert.kind, alert.status) == ("judge_error", "firing")
    assert drive.verdict.verdict == "continue", "those that were there first are still judged"


def test_the_limit_of_instances_is_a_thousand() -> None:
    plan = plan_of(ORDERS)
    state = start(plan, [])
    rows = [row(5, "canary", f"i{number:04}", "orders", Count(1)) for number in range(1001)]
    cells = take(plan, state, 5, *rows)
    assert cells.crowded
    assert len(cells.events[0]) == len(state.units.names) == 1000
    assert take(plan, state, 6, *rows[:1000]).crowded is False


def test_rows_of_several_strata_of_one_unit_add_up() -> None:
    plan = plan_of(ORDERS, LATENCY)
    state = start(plan, [])

    def rows(stratum: str, events: int) -> Rows:
        made = [
            row(5, "canary", "a", "orders", Count(events)),
            row(5, "canary", "a", "latency", latencies(100, number=events)),
        ]
        return {one.key._replace(stratum=stratum): one.summary for one in made}

    cells = clean(plan, state, 5, rows("left", 3) | rows("right", 4))
    assert cells.events == {0: {0: 7}}
    assert cells.rows[1][0].count == 7


@pytest.mark.parametrize(
    ("rule", "summary", "kind"),
    [
        (MetricRule("m"), latencies(100), "distribution"),
        (MetricRule("m"), Gauge(2, Exact(7)), "gauge"),
        (MetricRule("m"), Count(3), "rate"),
        (MetricRule("m"), Ratio(1, 9), "ratio"),
        (MetricRule("m", kind="rate"), Count(3), "rate"),
        (MetricRule("m", of="n"), Count(3), "ratio"),
    ],
    ids=["distribution", "gauge", "count", "ratio", "stated", "of"],
)
def test_a_metric_is_what_its_messages_say_unless_the_policy_does(
    rule: MetricRule, summary: Count | Ratio | Gauge | Distribution, kind: str
) -> None:
    plan = plan_of(rule)
    state = start(plan, [])
    take(plan, state, 5, row(5, "canary", "a", "m", summary, unit="u"))
    assert (state.metrics[0].kind, state.metrics[0].unit) == (kind, "u")
    assert state.metrics[0].error is None


def test_hits_of_a_ratio_get_their_trials_from_another_metric() -> None:
    plan = plan_of(MetricRule("errors", of="requests"), MetricRule("timeouts", of="requests"))
    state = start(plan, [])
    cells = take(
        plan,
        state,
        5,
        row(5, "canary", "a", "errors", Count(3)),
        row(5, "canary", "a", "requests", Count(50)),
        row(5, "canary", "b", "requests", Count(60)),
    )
    assert cells.events == {0: {0: 3}}
    assert cells.trials == {0: {0: 50, 1: 60}, 1: {0: 50, 1: 60}}
    assert state.metrics[1].kind is None, "nothing is known of a metric that only its trials were seen of"


def test_samples_of_a_distribution_count_as_trials() -> None:
    """Errors of the requests whose latency is measured."""
    plan = plan_of(MetricRule("errors", of="latency"), LATENCY)
    state = start(plan, [])
    cells = take(plan, state, 5, row(5, "canary", "a", "latency", latencies(100, number=33)))
    assert cells.trials == {0: {0: 33}}
    assert cells.rows[1][0].count == 33


def test_a_ratio_that_brings_its_trials_counts_both() -> None:
    plan = plan_of(MetricRule("errors", kind="ratio"))
    state = start(plan, [])
    cells = take(plan, state, 5, row(5, "canary", "a", "errors", Ratio(3, 50)))
    assert (cells.events, cells.trials) == ({0: {0: 3}}, {0: {0: 50}})


def test_metrics_that_nobody_watches_keep_their_instances_alive() -> None:
    plan = plan_of(ORDERS)
    state = start(plan, [])
    cells = take(plan, state, 5, row(5, "canary", "a", "other", Count(3)))
    assert state.units.last == [5]
    assert (cells.events, cells.rows) == ({}, {})


CONFLICTS = [
    (
        MetricRule("m"),
        [row(5, "baseline", "a", "m", latencies(1)), row(5, "canary", "b", "m", latencies(1), unit="s")],
        "the canary reports it in s, others in ms",
    ),
    (
        MetricRule("m"),
        [row(5, "baseline", "a", "m", latencies(1), unit=""), row(5, "canary", "b", "m", latencies(1))],
        "the canary reports it in ms, others in no unit",
    ),
    (
        MetricRule("m"),
        [row(5, "baseline", "a", "m", latencies(1)), row(5, "canary", "b", "m", Count(40), unit="ms")],
        "the canary reports a count where a distribution is needed",
    ),
    (
        MetricRule("m", kind="rate"),
        [row(5, "baseline", "a", "m", Count(1)), row(5, "canary", "b", "m", Ratio(1, 40))],
        "the canary reports a ratio where a count is needed",
    ),
    (
        MetricRule("m", of="n"),
        [row(5, "baseline", "a", "m", Count(1)), row(5, "canary", "b", "m", Ratio(1, 40))],
        "the canary reports a ratio where a count is needed",
    ),
    (
        MetricRule("m", kind="ratio"),
        [row(5, "baseline", "a", "m", Ratio(0, 1)), row(5, "canary", "b", "m", Count(40))],
        "the canary reports a count where a ratio is needed",
    ),
]


@pytest.mark.parametrize(("rule", "rows", "cause"), CONFLICTS, ids=[cause[4:30] for _, _, cause in CONFLICTS])
def test_a_row_that_does_not_fit_its_metric_is_kept_out(rule: MetricRule, rows: list[Row], cause: str) -> None:
    plan = plan_of(rule)
    state = start(plan, [])
    take(plan, state, 5, *rows)
    assert state.metrics[0].error == cause
    assert state.metrics[0].error_pane == 5
    assert state.kept_out == {"conflicting": 40}
    assert state.metrics[0].fed == [None, 5], "what does not fit does not feed the metric"


def test_a_conflict_is_an_error_for_six_panes() -> None:
    drive = Drive(plan_of(MetricRule("orders")))
    drive.run(both, range(10, 13))
    drive.close(13, [*both(13)[:1], row(13, "canary", "canary-0", "orders", Count(5), unit="1")])
    drive.run(both, range(14, 24))
    labels = [divergence.state == "error" for divergence in drive.of(Divergence)]
    assert labels == [False] * 3 + [True] * 6 + [False] * 5


def test_feeds_remember_the_two_longest_pauses() -> None:
    plan = plan_of(ORDERS)
    state = start(plan, [])
    for pane in (3, 4, 9, 10, 13, 15):
        take(plan, state, pane, row(pane, "canary", "a", "orders", Count(1)))
    canary, baseline = state.feeds
    assert (canary.last, canary.gaps, canary.number) == (15, [5, 3], 5)
    assert baseline.last is None
    assert plan.pane_ms == PANE
