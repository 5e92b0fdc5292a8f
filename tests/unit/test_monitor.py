"""The contract of the fold: what a step takes, what it gives back, and when it is over."""

from collections.abc import Callable, Iterable
from typing import Any

import msgspec
import numpy as np
import pytest

from stream.codec import dump
from stream.errors import StateError
from stream.monitor import start, step
from stream.outputs import Alert, Divergence, Output, Score, Verdict
from stream.partial import Event, Partial, Row, SourceTime, Stop
from stream.plan import Plan
from stream.policy import MetricRule
from stream.quantity import Duration
from stream.rollout import Cohort
from stream.summary import Gauge, Ratio, Summary
from tests.core_helpers import PANE, ROLLOUT, SECOND, Drive, cohorts, latencies, lines, plan_of, row

LATENCY, ERRORS, CPU = MetricRule("latency"), MetricRule("errors", kind="ratio"), MetricRule("cpu", kind="gauge")


def traffic(*, slower: float = 1.0, failing: int = 2, canary: int = 3) -> Callable[[int], list[Row]]:
    """The same traffic in every pane; instances differ by 1 %."""

    def reported(cohort: Cohort, number: int) -> list[tuple[str, Summary]]:
        factor = (slower if cohort == "canary" else 1.0) * (1 + number / 100)
        return [
            ("latency", latencies(100 * factor, number=400)),
            ("errors", Ratio(failing if cohort == "canary" else 2, 100)),
            ("cpu", Gauge.of_values(np.array([0.4 + number / 100]))),
        ]

    return lambda pane: cohorts(reported, pane, canary=canary)


def kinds(outputs: Iterable[Output]) -> list[str]:
    return [type(output).__name__ for output in outputs]


def test_a_start_knows_its_sources_and_metrics() -> None:
    plan = plan_of(LATENCY, ERRORS)
    state = start(plan, ["b", "a"])
    assert state.rollout == ROLLOUT
    assert state.fingerprint == plan.fingerprint
    assert sorted(state.sources) == ["a", "b"]
    assert len(state.metrics) == 2
    assert state.verdict is None
    assert not state.final


def test_a_step_without_a_closed_pane_says_nothing() -> None:
    plan = plan_of(LATENCY)
    state = start(plan, ["one", "two"])
    assert step(plan, state, Partial(ROLLOUT, "one", 0, 1, 9 * PANE, traffic()(3))) == []
    assert step(plan, state, SourceTime("two", 3 * PANE)) == []


def test_each_pane_gives_a_divergence_a_metric_then_alerts_then_a_score_then_a_verdict() -> None:
    drive = Drive(plan_of(LATENCY, ERRORS, CPU))
    first, second = drive.close(10, traffic()(10)), drive.close(11, traffic()(11))
    assert kinds(first) == ["Divergence"] * 3 + ["Score", "Verdict"]
    assert kinds(second) == ["Divergence"] * 3 + ["Score"]
    assert [found.metric for found in first if isinstance(found, Divergence)] == ["latency", "errors", "cpu"]
    assert {found.at for found in first} == {11 * PANE}
    assert {found.at for found in second} == {12 * PANE}
    last = drive.close(12, traffic(slower=3)(12))
    order = kinds(last)
    assert order == sorted(order, key=["Divergence", "Alert", "Score", "Verdict"].index)
    assert "Alert" in order
    assert order[-1] == "Verdict"


def test_ids_are_consecutive() -> None:
    drive = Drive(plan_of(LATENCY, ERRORS, CPU)).run(traffic(), range(10, 14)).run(traffic(slower=3), range(14, 40))
    assert drive.state.final
    assert [output.id for output in drive.outputs] == [f"{ROLLOUT}/{n}" for n in range(1, len(drive.outputs) + 1)]
    assert {output.rollout for output in drive.outputs} == {ROLLOUT}


def test_one_event_can_close_many_panes() -> None:
    rows = [one for pane in range(10, 14) for one in traffic()(pane)]
    many, one_by_one = Drive(plan_of(LATENCY, ERRORS)), Drive(plan_of(LATENCY, ERRORS))
    many.close(13, rows)
    one_by_one.run(traffic(), range(10, 14))
    assert lines(many.outputs) == lines(one_by_one.outputs)
    assert {output.at for output in many.outputs} == {pane * PANE for pane in range(11, 15)}


def test_the_first_judged_pane_gives_a_verdict_record_and_later_ones_only_changes() -> None:
    drive = Drive(plan_of(LATENCY, ERRORS, CPU)).run(traffic(), range(10, 30))
    (verdict,) = drive.of(Verdict)
    assert (verdict.verdict, verdict.previous, verdict.final, verdict.at) == ("continue", None, False, 11 * PANE)


def test_there_is_no_verdict_before_anything_was_compared() -> None:
    drive = Drive(plan_of(LATENCY, warmup=Duration(30 * SECOND))).run(traffic(), range(10, 13))
    assert drive.of(Verdict) == []
    assert {score.state for score in drive.of(Score)} == {"warming_up"}
    drive.run(traffic(), range(13, 14))
    assert [verdict.verdict for verdict in drive.of(Verdict)] == ["continue"]


def abort(**settings: Any) -> Drive:
    return Drive(plan_of(LATENCY, ERRORS, CPU, **settings)).run(traffic(slower=3), range(10, 40))


def test_harm_aborts() -> None:
    drive = abort()
    assert drive.state.final
    verdict = drive.verdict
    assert (verdict.verdict, verdict.final, verdict.rule, verdict.metric) == (
        "abort",
        True,
        "critical_metric",
        "latency",
    )
    assert drive.outputs[-1] is verdict
    assert drive.of(Score)[-1].state == "abort"


def test_evidence_of_safety_promotes_after_the_bake_time() -> None:
    plan = plan_of(LATENCY, CPU, bake_time=Duration(50 * PANE), deadline=None)
    drive = Drive(plan).run(traffic(), range(10, 100))
    assert (drive.verdict.verdict, drive.verdict.rule, drive.verdict.previous) == ("promote", "all_safe", "continue")
    assert drive.verdict.at == (10 + 50) * PANE
    assert drive.of(Score)[-1].state == "promote"


@pytest.mark.parametrize("event", ["partial", "time", "stop", "other stop"])
def test_nothing_comes_after_a_final_verdict(event: str) -> None:
    drive = abort()
    later: dict[str, Event] = {
        "partial": Partial(ROLLOUT, "telemetry-0", 99, 100, 99 * PANE, traffic(slower=3)(50)),
        "time": SourceTime("telemetry-0", 200 * PANE),
        "stop": Stop(ROLLOUT, "enough"),
        "other stop": Stop("other", "enough"),
    }
    before = dump(drive.state)
    assert step(drive.plan, drive.state, later[event]) == []
    assert dump(drive.state) == before


def test_panes_after_the_one_of_a_final_verdict_are_not_judged() -> None:
    rows = [one for pane in range(10, 40) for one in traffic(slower=3)(pane)]
    drive = Drive(plan_of(LATENCY, ERRORS, CPU))
    drive.close(39, rows)
    assert lines(drive.outputs) == lines(abort().outputs)


def test_repeats_change_nothing() -> None:
    plan = plan_of(LATENCY, ERRORS, lateness=Duration(5 * SECOND))
    state = start(plan, ["one"])

    def events() -> list[Event]:
        rows = traffic()
        return [
            Partial(ROLLOUT, "one", 0, 4, 11 * PANE, rows(10)[:7], {10: {"negative": 1}}),
            Partial(ROLLOUT, "one", 0, 9, 12 * PANE, [*rows(10), *rows(11)[:3]], {10: {"negative": 2}}),
            Partial(ROLLOUT, "one", 9, 12, 14 * PANE, rows(11)[3:], {}),
        ]

    for number in range(len(events())):
        step(plan, state, events()[number])
        before = dump(state)
        for again in range(number + 1):
            assert step(plan, state, events()[again]) == []
        assert dump(state) == before


def test_events_of_other_rollouts_change_nothing() -> None:
    plan = plan_of(LATENCY)
    state = start(plan, ["one"])
    before = dump(state)
    assert step(plan, state, Partial("other-1", "one", 0, 1, 99 * PANE, traffic()(3))) == []
    assert step(plan, state, Stop("other-1", "enough")) == []
    assert dump(state) == before


def test_a_state_of_another_policy_or_rollout_is_refused() -> None:
    plan = plan_of(LATENCY)
    stricter = plan_of(LATENCY, alpha=0.01)
    with pytest.raises(StateError, match="start it anew"):
        step(stricter, start(plan, ["one"]), SourceTime("one", 5))
    renamed = Plan.of(msgspec.structs.replace(plan.rollout, id="other-1"))
    with pytest.raises(StateError, match="other-1"):
        step(renamed, start(plan, ["one"]), SourceTime("one", 5))


def test_the_fingerprint_follows_the_policy_only() -> None:
    prints = [
        plan_of(LATENCY).fingerprint,
        plan_of(LATENCY, from_ms=5 * PANE).fingerprint,
        plan_of(LATENCY, alpha=0.01).fingerprint,
        plan_of(MetricRule("latency", critical=True)).fingerprint,
        plan_of(LATENCY, ERRORS).fingerprint,
    ]
    assert prints[0] == prints[1]
    assert len(set(prints)) == 4


def undecided(**settings: Any) -> Plan:
    """A rollout that can neither abort nor promote."""
    return plan_of(LATENCY, ERRORS, **{"alpha": 1e-9, "alpha_promote": 1e-9, **settings})


def test_a_deadline_ends_a_rollout_in_the_pane_where_it_falls() -> None:
    drive = Drive(undecided(deadline=Duration(20 * PANE), bake_time=Duration(0))).run(traffic(), range(10, 99))
    verdict = drive.verdict
    assert (verdict.verdict, verdict.rule, verdict.final) == ("inconclusive", "deadline", True)
    assert verdict.at == (10 + 20) * PANE
    assert verdict.started == 10 * PANE
    assert verdict.text.startswith("The deadline of 3 min 20 s passed without enough evidence.")


def test_a_deadline_counts_from_from() -> None:
    plan = undecided(deadline=Duration(20 * PANE), bake_time=Duration(0), from_ms=5 * PANE)
    drive = Drive(plan).run(traffic(), range(10, 99))
    assert (drive.verdict.at, drive.verdict.started) == (25 * PANE, 5 * PANE)


def test_a_deadline_ends_a_rollout_without_any_sample() -> None:
    plan = undecided(deadline=Duration(20 * PANE), bake_time=Duration(0), from_ms=5 * PANE)
    drive = Drive(plan).run(lambda _pane: [], range(5, 99))
    assert (drive.verdict.verdict, drive.verdict.rule, drive.verdict.at) == ("inconclusive", "deadline", 25 * PANE)


def test_until_ends_a_rollout() -> None:
    drive = Drive(undecided(until_ms=15 * PANE)).run(traffic(), range(10, 99))
    assert (drive.verdict.verdict, drive.verdict.rule, drive.verdict.at) == ("inconclusive", "until", 15 * PANE)
    assert "`until`" in drive.verdict.text


def test_a_stop_ends_a_rollout_with_its_next_pane() -> None:
    drive = Drive(undecided()).run(traffic(), range(10, 13))
    drive.stop("deploy rolled back by hand.")
    assert not drive.state.final
    drive.close(13, traffic()(13))
    verdict = drive.verdict
    assert (verdict.verdict, verdict.rule, verdict.final, verdict.at) == ("inconclusive", "stopped", True, 14 * PANE)
    assert verdict.text.startswith("Stopped: deploy rolled back by hand. ")


def test_harm_in_the_pane_of_a_stop_still_aborts() -> None:
    drive = Drive(plan_of(LATENCY))
    drive.stop("enough")
    drive.close(10, traffic(slower=5)(10))
    assert drive.verdict.verdict == "abort"


def test_a_rollout_stops_before_anything_was_compared() -> None:
    drive = Drive(undecided(warmup=Duration(900 * SECOND)))
    drive.stop("wrong version")
    drive.close(10, traffic()(10))
    assert (drive.verdict.verdict, drive.verdict.previous) == ("inconclusive", None)


def test_passing_panes_are_counted_in_a_row() -> None:
    drive = Drive(plan_of(LATENCY, ERRORS, CPU, alpha=1e-3, deadline=None, bake_time=Duration(3_000 * PANE)))
    passing: list[bool] = []
    for pane in range(10, 40):
        drive.close(pane, traffic(failing=9 if pane in (14, 15, 16) else 2)(pane))
        score = drive.of(Score)[-1].score
        passing.append(score is not None and score >= 95)
        assert drive.state.passing == [*passing[::-1], False].index(False)
    assert passing[0]
    assert not all(passing)
    assert passing[-1]


@pytest.mark.parametrize("every", [6, 30])
def test_cohorts_that_report_in_turn_are_compared(every: int) -> None:
    """Once a minute, or in five, at different seconds."""

    def rows(pane: int) -> list[Row]:
        turn = {0: "baseline", every // 2: "canary"}.get(pane % every)
        return [one for one in traffic()(pane) if one.key.cohort == turn]

    drive = Drive(plan_of(LATENCY, ERRORS, CPU, deadline=None, alpha_promote=1e-9)).run(rows, range(1000, 1200))
    for last in drive.of(Divergence)[-3:]:
        assert last.canary.samples >= (4 if last.metric == "cpu" else 1000)
    assert drive.verdict.verdict == "continue"


def test_how_a_pane_is_spread_over_sources_does_not_matter() -> None:
    plan = plan_of(LATENCY, ERRORS, CPU)
    whole, spread = Drive(plan), start(plan, ["a", "b", "c"])
    outputs: list[Output] = []
    for pane in range(10, 20):
        whole.close(pane, traffic()(pane))
        rows = traffic()(pane)
        for number, name in enumerate("abc"):
            part = Partial(ROLLOUT, name, 10 * pane, 10 * pane + 1, (pane + 1) * PANE, rows[number::3])
            outputs += step(plan, spread, part)
    assert lines(outputs) == lines(whole.outputs)


def test_alerts_are_resolved_before_the_final_verdict() -> None:
    drive = abort()
    firing: set[tuple[str, str | None]] = set()
    for alert in drive.of(Alert):
        about = (alert.kind, alert.metric)
        (firing.add if alert.status == "firing" else firing.discard)(about)
    assert drive.of(Alert)
    assert firing == set()
    assert drive.state.firing == {}


def test_records_are_rounded_to_nine_digits() -> None:
    drive = Drive(plan_of(LATENCY, ERRORS, CPU)).run(traffic(slower=1.03), range(10, 40))

    def numbers(value: object) -> Iterable[float]:
        match value:
            case float():
                yield value
            case dict():
                for inner in value.values():
                    yield from numbers(inner)

    found = [number for output in drive.outputs for number in numbers(msgspec.to_builtins(output))]
    assert len(found) > 100
    assert all(number == float(f"{number:.9g}") for number in found)


def test_records_read_back_as_they_were() -> None:
    drive = abort()
    for line, output in zip(lines(drive.outputs), drive.outputs, strict=True):
        assert msgspec.json.decode(line, type=Divergence | Alert | Score | Verdict) == output


def test_what_was_kept_out_is_told_with_every_score() -> None:
    drive = Drive(plan_of(LATENCY))
    drive.close(10, traffic()(10), negative=2, no_cohort=1)
    drive.close(11, [*traffic()(11), row(3, "canary", "canary-0", "latency", latencies(100, number=30))], negative=1)
    drive.close(12, traffic()(12))
    assert [score.counts for score in drive.of(Score)] == [
        {"negative": 2, "no_cohort": 1},
        {"late": 30, "negative": 3, "no_cohort": 1},
        {"late": 30, "negative": 3, "no_cohort": 1},
    ]
