"""Which rows a pane gets, when it closes, and what is counted as too late."""

from typing import Protocol

import pytest

from stream.codec import dump
from stream.exact import Exact
from stream.monitor import start
from stream.pane import Rows, count, passed, ready_pane, receive, size
from stream.partial import Partial, Row, SourceTime
from stream.plan import Plan
from stream.policy import MetricRule
from stream.quantity import Duration
from stream.state import State
from stream.summary import Count, Distribution, Gauge, Ratio, Summary
from tests.core_helpers import PANE, ROLLOUT, SECOND, latencies, plan_of, row

PLAN = plan_of(MetricRule("orders", kind="rate"), lateness=Duration(5 * SECOND))


def orders(pane: int, events: int, instance: str = "a") -> Row:
    return row(pane, "canary", instance, "orders", Count(events))


class Part(Protocol):
    """Makes a partial of one source."""

    def __call__(self, start: int, upto: int, newest: int, *rows: Row, **rejected: int) -> Partial: ...


def source(name: str, rollout: str = ROLLOUT) -> Part:
    def part(start: int, upto: int, newest: int, *rows: Row, **rejected: int) -> Partial:
        return Partial(rollout, name, start, upto, newest, list(rows), {newest // PANE: rejected} if rejected else {})

    return part


ONE, TWO = source("one"), source("two")


def receiver(*sources: str, plan: Plan = PLAN) -> State:
    return start(plan, sources or ("one",))


def events_of(rows: Rows) -> dict[str, int]:
    return {key.instance: size(summary) for key, summary in rows.items()}


def closed(state: State, plan: Plan = PLAN) -> list[tuple[int, dict[str, int]]]:
    """All panes that can close now, with the events of each instance."""
    found = []
    while (pane := ready_pane(plan, state)) is not None:
        found.append((pane[0], events_of(pane[1])))
    return found


def kept_out(state: State) -> dict[str, int]:
    """All that was kept out so far, that of open panes and chunks included."""
    total = dict(state.kept_out)
    for later in (state.kept_out_later, *(one.kept_out for one in state.sources.values())):
        for reasons in later.values():
            count(total, reasons)
    return dict(sorted(total.items()))


def end(pane: int) -> int:
    """When a pane is over and its lateness too."""
    return (pane + 1) * PANE + 5 * SECOND


def test_a_pane_closes_when_the_watermark_reaches_its_end_and_lateness() -> None:
    state = receiver()
    receive(PLAN, state, ONE(0, 1, end(7) - 1, orders(7, 3)))
    assert closed(state) == []
    receive(PLAN, state, SourceTime("one", end(7)))
    assert closed(state) == [(7, {"a": 3})]
    assert closed(state) == []


def test_the_slowest_source_holds_panes_open() -> None:
    state = receiver("one", "two")
    receive(PLAN, state, ONE(0, 1, end(9), orders(7, 3)))
    assert closed(state) == []
    receive(PLAN, state, TWO(0, 1, end(7), orders(7, 4)))
    assert closed(state) == [(7, {"a": 7})]


def test_a_source_that_never_spoke_holds_panes_open() -> None:
    state = receiver("one", "two", "three")
    for name in ("one", "two"):
        receive(PLAN, state, SourceTime(name, end(9)))
    assert closed(state) == []


def test_times_never_run_backwards() -> None:
    state = receiver()
    receive(PLAN, state, ONE(0, 1, end(7), orders(7, 3)))
    receive(PLAN, state, SourceTime("one", 5))
    receive(PLAN, state, ONE(1, 2, 7))
    assert closed(state) == [(7, {"a": 3})]


def test_panes_without_rows_close_too() -> None:
    state = receiver()
    receive(PLAN, state, ONE(0, 1, end(10), orders(7, 3), orders(10, 4)))
    assert closed(state) == [(7, {"a": 3}), (8, {}), (9, {}), (10, {"a": 4})]


def test_the_first_pane_is_where_from_says() -> None:
    plan = plan_of(MetricRule("orders"), lateness=Duration(5 * SECOND), from_ms=5 * PANE)
    state = receiver(plan=plan)
    receive(plan, state, ONE(0, 1, end(7), orders(7, 3), orders(4, 2)))
    assert closed(state, plan) == [(5, {}), (6, {}), (7, {"a": 3})]
    receive(plan, state, ONE(1, 2, end(8)))
    assert kept_out(state) == {"late": 2}, "samples before `from` belong to no pane"


def test_the_first_pane_is_else_the_earliest_with_rows() -> None:
    state = receiver("one", "two")
    receive(PLAN, state, ONE(0, 1, end(7), orders(7, 3)))
    receive(PLAN, state, SourceTime("two", end(5)))
    assert closed(state) == [], "the other source may still have older samples"
    receive(PLAN, state, TWO(0, 1, end(5) + 1, orders(6, 4)))
    receive(PLAN, state, SourceTime("two", end(7)))
    assert closed(state) == [(6, {"a": 4}), (7, {"a": 3})]


def test_rows_of_a_chunk_replace_those_sent_before() -> None:
    state = receiver()
    receive(PLAN, state, ONE(0, 1, 7 * PANE, orders(7, 3), orders(7, 1, "b")))
    receive(PLAN, state, ONE(0, 5, 7 * PANE, orders(7, 8)))
    receive(PLAN, state, SourceTime("one", end(7)))
    assert closed(state) == [(7, {"a": 8, "b": 1})]


@pytest.mark.parametrize("upto", [4, 5])
def test_a_repeat_changes_nothing(upto: int) -> None:
    state = receiver()
    receive(PLAN, state, ONE(0, 5, 7 * PANE, orders(7, 8), late=1))
    receive(PLAN, state, ONE(0, upto, end(20), orders(7, 3), late=9))
    assert closed(state) == []
    assert kept_out(state) == {"late": 1}
    receive(PLAN, state, SourceTime("one", end(7)))
    assert closed(state) == [(7, {"a": 8})]


def test_a_repeat_of_an_earlier_chunk_changes_nothing() -> None:
    state = receiver()
    receive(PLAN, state, ONE(0, 5, 7 * PANE, orders(7, 8)))
    receive(PLAN, state, ONE(5, 9, 7 * PANE, orders(7, 2)))
    receive(PLAN, state, ONE(0, 7, end(20), orders(7, 100), late=5))
    assert closed(state) == []
    receive(PLAN, state, SourceTime("one", end(7)))
    assert closed(state) == [(7, {"a": 10})]
    assert kept_out(state) == {}


def test_chunks_and_sources_add_up() -> None:
    state = receiver("one", "two")
    receive(PLAN, state, ONE(0, 5, 7 * PANE, orders(7, 1), orders(8, 20)))
    receive(PLAN, state, ONE(5, 6, end(7), orders(7, 2)))
    receive(PLAN, state, TWO(3, 4, end(8), orders(7, 4), orders(7, 8, "b")))
    assert closed(state) == [(7, {"a": 7, "b": 8})]
    receive(PLAN, state, SourceTime("one", end(8)))
    assert closed(state) == [(8, {"a": 20})]


def test_a_gap_between_chunks_is_no_fault() -> None:
    state = receiver()
    receive(PLAN, state, ONE(0, 5, 7 * PANE, orders(7, 1)))
    receive(PLAN, state, ONE(50, 51, end(7), orders(7, 2)))
    assert closed(state) == [(7, {"a": 3})]


def test_a_chunk_that_overlaps_is_counted_and_left_out() -> None:
    state = receiver()
    receive(PLAN, state, ONE(0, 5, 7 * PANE, orders(7, 8)))
    receive(PLAN, state, ONE(4, 9, end(20), orders(7, 3), orders(8, 2)))
    assert kept_out(state) == {"overlap": 5}
    receive(PLAN, state, SourceTime("one", end(7)))
    assert closed(state) == [(7, {"a": 8})]


def test_a_row_that_comes_after_its_pane_closed_is_counted() -> None:
    state = receiver()
    receive(PLAN, state, ONE(0, 5, end(8), orders(7, 8), orders(8, 1)))
    assert [pane for pane, _ in closed(state)] == [7, 8]
    receive(PLAN, state, ONE(5, 9, end(8), orders(7, 3), orders(8, 4), orders(9, 5)))
    receive(PLAN, state, ONE(9, 10, end(9)))
    assert closed(state) == [(9, {"a": 5})]
    assert kept_out(state) == {"late": 7}


def test_a_row_is_late_by_its_own_source_even_while_another_holds_the_pane_open() -> None:
    """So that lateness does not depend on how fast the others are."""
    state = receiver("one", "two")
    receive(PLAN, state, ONE(0, 5, end(8), orders(7, 8)))
    receive(PLAN, state, ONE(5, 9, end(8), orders(7, 3), orders(9, 1)))
    receive(PLAN, state, TWO(0, 1, end(9), orders(7, 100, "b")))
    assert closed(state) == [(7, {"a": 8, "b": 100}), (8, {})]
    assert kept_out(state) == {"late": 3}


def test_a_row_is_not_late_by_the_times_of_its_own_chunk() -> None:
    state = receiver("one", "two")
    receive(PLAN, state, ONE(0, 5, end(8), orders(7, 8)))
    receive(PLAN, state, ONE(0, 6, end(9), orders(7, 9)))
    receive(PLAN, state, SourceTime("two", end(7)))
    assert closed(state) == [(7, {"a": 9})]


def test_announced_times_make_no_row_late_while_its_pane_is_open() -> None:
    state = receiver("one", "two")
    receive(PLAN, state, ONE(0, 1, 7 * PANE, orders(7, 1)))
    receive(PLAN, state, SourceTime("one", end(20)))
    receive(PLAN, state, ONE(1, 2, 7 * PANE, orders(7, 2)))
    receive(PLAN, state, ONE(2, 3, 7 * PANE))
    receive(PLAN, state, SourceTime("two", end(7)))
    assert closed(state) == [(7, {"a": 3})]


def test_only_what_was_not_judged_counts_as_late() -> None:
    state = receiver()
    receive(PLAN, state, ONE(0, 1, 7 * PANE, orders(7, 8)))
    receive(PLAN, state, SourceTime("one", end(7)))
    assert closed(state) == [(7, {"a": 8})]
    receive(PLAN, state, ONE(0, 2, 7 * PANE, orders(7, 9)))
    receive(PLAN, state, ONE(2, 3, 7 * PANE))
    assert kept_out(state) == {"late": 1}


def test_a_chunk_that_goes_on_for_long_does_not_make_the_state_grow() -> None:
    state = receiver()
    sizes = []
    for pane in range(7, 100):
        receive(PLAN, state, ONE(0, pane, end(pane), *(orders(pane, 1, f"i{number}") for number in range(50))))
        assert [at for at, _ in closed(state)] == [pane]
        sizes.append(len(dump(state)))
    assert sizes[-1] < 1.3 * sizes[9]


def test_what_condense_kept_out_is_counted_once_a_chunk() -> None:
    state = receiver("one", "two")
    receive(PLAN, state, ONE(0, 1, 7 * PANE, negative=2))
    receive(PLAN, state, ONE(0, 2, 7 * PANE, negative=3, no_cohort=1))
    receive(PLAN, state, TWO(0, 2, 7 * PANE, negative=10))
    assert kept_out(state) == {"negative": 13, "no_cohort": 1}
    receive(PLAN, state, ONE(2, 3, 7 * PANE, negative=5))
    assert kept_out(state) == {"negative": 18, "no_cohort": 1}


def test_what_was_kept_out_of_a_pane_is_told_when_it_closes() -> None:
    """And not before, however far beyond its end a source was read."""
    state = receiver()
    rejected = {7: {"negative": 2}, 8: {"negative": 30}}
    receive(PLAN, state, Partial(ROLLOUT, "one", 0, 9, end(7), [orders(7, 1), orders(8, 1)], rejected))
    assert closed(state) == [(7, {"a": 1})]
    assert state.kept_out == {"negative": 2}
    receive(PLAN, state, Partial(ROLLOUT, "one", 0, 10, end(8), [], rejected | {9: {"no_cohort": 5}}))
    assert closed(state) == [(8, {"a": 1})]
    assert state.kept_out == {"negative": 32}
    receive(PLAN, state, ONE(10, 11, end(9)))
    assert closed(state) == [(9, {})]
    assert state.kept_out == {"negative": 32, "no_cohort": 5}


def test_what_was_kept_out_of_a_pane_that_the_finished_chunks_have_passed_is_late() -> None:
    """A chunk does not know what came before it."""
    state = receiver("one", "two")
    receive(PLAN, state, ONE(0, 5, end(7), orders(7, 1)))
    receive(PLAN, state, Partial(ROLLOUT, "one", 5, 7, end(9), [], {7: {"unwatched": 1}, 8: {"unwatched": 2}}))
    receive(PLAN, state, SourceTime("two", end(7)))
    assert [pane for pane, _ in closed(state)] == [7]
    assert state.kept_out == {}
    receive(PLAN, state, SourceTime("two", end(9)))
    closed(state)
    assert state.kept_out == {"late": 1, "unwatched": 2}


def test_late_rows_are_told_with_the_pane_that_closes_next() -> None:
    state = receiver()
    receive(PLAN, state, ONE(0, 5, end(8), orders(7, 8), orders(8, 1)))
    closed(state)
    receive(PLAN, state, ONE(5, 9, end(8), orders(7, 3)))
    receive(PLAN, state, ONE(9, 12, end(8), orders(7, 4)))
    assert state.kept_out == {}
    receive(PLAN, state, ONE(12, 13, end(9)))
    assert closed(state) == [(9, {})]
    assert state.kept_out == {"late": 7}


def test_a_source_nobody_announced_is_taken_up_and_waited_for() -> None:
    state = receiver("one")
    receive(PLAN, state, TWO(0, 1, 7 * PANE, orders(7, 4)))
    receive(PLAN, state, ONE(0, 1, end(8), orders(7, 1)))
    assert closed(state) == []
    receive(PLAN, state, SourceTime("two", end(7)))
    assert closed(state) == [(7, {"a": 5})]


def test_rows_of_another_rollout_change_nothing() -> None:
    state = receiver()
    receive(PLAN, state, source("one", "other-1")(0, 1, end(8), orders(7, 4), late=1))
    assert dump(state) == dump(receiver())


def test_a_pane_keeps_lives_and_units_apart() -> None:
    state = receiver()
    rows = [
        row(7, "canary", "a", "orders", Count(1)),
        row(7, "canary", "a", "orders", Count(2), boot="2"),
        row(7, "canary", "a", "orders", Count(4), unit="1"),
        row(7, "baseline", "a", "orders", Count(8)),
    ]
    receive(PLAN, state, ONE(0, 1, end(7), *rows))
    pane = ready_pane(PLAN, state)
    assert pane is not None
    assert sorted(size(summary) for summary in pane[1].values()) == [1, 2, 4, 8]


@pytest.mark.parametrize(
    ("time", "pane"), [(0, -1), (5 * SECOND, 0), (end(0) - 1, 0), (end(0), 1), (end(41), 42), (-1, -1)]
)
def test_passed_is_the_first_pane_that_may_still_get_samples(time: int, pane: int) -> None:
    assert passed(PLAN, time) == pane


@pytest.mark.parametrize(
    ("summary", "samples"),
    [(Count(7), 7), (Ratio(2, 9), 9), (Gauge(3, Exact(1)), 3), (latencies(100, number=11), 11)],
    ids=["count", "ratio", "gauge", "distribution"],
)
def test_size_is_the_number_of_samples(summary: Summary, samples: int) -> None:
    assert size(summary) == samples


def test_merged_distributions_are_exact() -> None:
    state = receiver("one", "two")
    latency = [latencies(100, number=9), latencies(140, number=7)]
    receive(PLAN, state, ONE(0, 1, end(7), row(7, "canary", "a", "latency", latency[0])))
    receive(PLAN, state, TWO(0, 1, end(7), row(7, "canary", "a", "latency", latency[1])))
    pane = ready_pane(PLAN, state)
    assert pane is not None
    (merged,) = pane[1].values()
    assert isinstance(merged, Distribution)
    assert merged.count == merged.counts.sum() == 16
