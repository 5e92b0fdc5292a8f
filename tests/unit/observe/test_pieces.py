"""A partial in several messages is as good as a whole one; so is one whose sender died in between."""

from collections import Counter
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.codec import dump
from stream.condense.pieces import pieces
from stream.monitor import start
from stream.pane import count, ready_pane, receive
from stream.partial import ChunkEnd, Partial, Row, SourceTime
from stream.policy import MetricRule
from stream.quantity import Duration
from stream.state import State
from stream.summary import Count
from stream.wire import decoder, encode_json
from tests.core_helpers import PANE, ROLLOUT, SECOND, plan_of, row

PLAN = plan_of(MetricRule("orders", kind="rate"), lateness=Duration(5 * SECOND))
Moving = Partial | SourceTime | ChunkEnd
decode = decoder(Moving).decode


def orders(pane: int, events: int, instance: str = "a", covered: int = 0) -> Row:
    return row(pane, "canary", instance, "orders", Count(events, covered))


def part(start: int, upto: int, newest: int, *rows: Row, more: bool = False, **lost: int) -> Partial:
    return Partial(ROLLOUT, "one", start, upto, newest, list(rows), {newest // PANE: lost} if lost else {}, more)


def end(pane: int) -> int:
    """When a pane is over and its lateness too."""
    return (pane + 1) * PANE + 5 * SECOND


def told(events: Iterable[Moving]) -> tuple[list[tuple[int, dict[str, Count]]], dict[str, int]]:
    """Panes as they close, and all that was kept out."""
    state, found = start(PLAN, ["one"]), []
    for event in events:
        receive(PLAN, state, decode(encode_json(event)))
        while (pane := ready_pane(PLAN, state)) is not None:
            found.append((pane[0], {key.instance: summary for key, summary in pane[1].items()}))
    total = dict(state.kept_out)
    for later in (state.kept_out_later, *(source.kept_out for source in state.sources.values())):
        for reasons in later.values():
            count(total, reasons)
    return found, total  # type: ignore[return-value]  # all rows are counts


ROWS = [orders(7, 3), orders(7, 4, "b"), orders(8, 5), orders(9, 6, "b")]
WHOLE = part(0, 9, end(7), *ROWS, negative=2)


def cut(whole: Partial, at: int) -> tuple[Partial, Partial]:
    upto, newest = whole.upto, whole.newest
    first = Partial(ROLLOUT, "one", whole.start, upto, newest, whole.rows[:at], more=True)
    return first, Partial(ROLLOUT, "one", whole.start, upto, newest, whole.rows[at:], whole.kept_out)


@pytest.mark.parametrize("at", range(5))
def test_pieces_are_as_good_as_the_whole(at: int) -> None:
    later: list[Moving] = [part(0, 12, end(8), orders(8, 9)), part(12, 13, end(9), orders(9, 1))]
    assert told([*cut(WHOLE, at), *later]) == told([WHOLE, *later])


def test_only_the_last_piece_moves_the_source() -> None:
    first, last = cut(WHOLE, 3)
    state = start(PLAN, ["one"])
    receive(PLAN, state, first)
    source = state.sources["one"]
    assert (source.upto, source.time, source.chunk_newest, source.kept_out) == (0, -1, -1, {})
    receive(PLAN, state, last)
    assert (source.upto, source.time, source.chunk_newest) == (9, end(7), end(7))
    assert source.kept_out == {end(7) // PANE: {"negative": 2}}


@pytest.mark.parametrize("largest", [250, 300, 900_000])
def test_records_of_a_bounded_size(largest: int) -> None:
    messages = list(pieces(WHOLE, largest))
    assert (len(messages) > 1) == (largest < 900_000)
    assert told(map(decode, messages)) == told([WHOLE])


@given(st.lists(st.tuples(st.integers(7, 11), st.sampled_from("abc")), min_size=1, max_size=12), st.data())
def test_a_sender_that_died_between_pieces(samples: list[tuple[int, str]], data: st.DataObject) -> None:
    """The log is read again, with other flushes: all that comes is as in an undisturbed run, late ones included."""
    before: list[Moving] = [part(0, 1, 9 * PANE, orders(7, 1, "z"), orders(8, 1, "z")), ChunkEnd("one", 0, 1, end(8))]
    before.append(SourceTime("one", end(7)))
    last = len(samples) + 1
    behind: list[Moving] = [ChunkEnd("one", 1, last, end(9)), SourceTime("one", end(12))]
    calm = told([*before, flush(samples, 0, len(samples)), *behind])
    reached = data.draw(st.integers(1, len(samples)))
    half = cut(flush(samples, 0, reached), data.draw(st.integers(0, 9)))[0]
    ends = sorted({*data.draw(st.lists(st.integers(1, len(samples)), max_size=4)), len(samples)})
    again = [flush(samples, first, upto) for first, upto in zip([0, *ends], ends, strict=False)]
    assert told([*before, half, *again, *behind]) == calm
    whole = flush(samples, 0, reached)
    assert told([*before, whole, half, *again, *behind]) == calm


def flush(samples: list[tuple[int, str]], first: int, upto: int) -> Partial:
    """The rows of a chunk that changed since the flush before, each whole; the chunk begins at offset 1."""
    newest, lost, rows, changed = -1, dict[int, dict[str, int]](), Counter[tuple[int, str]](), set[tuple[int, str]]()
    for at, (pane, who) in enumerate(samples[:upto]):
        if end(pane) <= newest:
            count(lost.setdefault(newest // PANE, {}), {"late": 1})
            continue
        newest = max(newest, (pane + 1) * PANE - 1)
        rows[pane, who] += 1
        if at >= first:
            changed.add((pane, who))
    found = [orders(pane, rows[pane, who], who) for pane, who in sorted(changed)]
    return Partial(ROLLOUT, "one", 1, 1 + upto, newest, found, lost)


def test_a_stalled_sender_does_not_turn_rows_back() -> None:
    """It wakes up between two pieces of the present one, and sends what it had read of the same chunk."""
    first, last = cut(part(0, 9, end(7), orders(7, 8), orders(7, 5, "b"), orders(8, 2)), 1)
    stale = part(0, 6, 7 * PANE, orders(7, 6), orders(7, 5, "b"))
    assert told([first, stale, last]) == told([first, last])


def test_a_row_that_only_covers_more_time_is_taken() -> None:
    counted = part(0, 5, 7 * PANE, orders(7, 3, covered=1_000))
    more = part(0, 6, 7 * PANE, orders(7, 3, covered=2_000))
    closing = SourceTime("one", end(7))
    assert told([counted, more, closing])[0] == [(7, {"a": Count(3, 2_000)})]
    stale = part(0, 5, 7 * PANE, orders(7, 3, covered=1_000), more=True)
    assert told([more, part(0, 9, 7 * PANE, more=True), stale, closing])[0] == [(7, {"a": Count(3, 2_000)})]


def running(*events: Moving) -> State:
    state = start(PLAN, ["one", "two"])
    for event in events:
        receive(PLAN, state, event)
    return state


def close(state: State, time: int) -> list[int]:
    receive(PLAN, state, SourceTime("two", time))
    found = []
    while (pane := ready_pane(PLAN, state)) is not None:
        found.append(pane[0])
    return found


def test_rows_of_a_long_chunk_that_come_again_are_not_late() -> None:
    """After a crash the first flush has all rows of the chunk, also those of panes that closed long ago."""
    state = running(*(part(0, pane, end(pane), orders(pane, 3)) for pane in range(7, 40)))
    assert close(state, end(38)) == [*range(7, 39)]
    receive(PLAN, state, part(0, 41, end(40), *(orders(pane, 3) for pane in range(7, 41))))
    assert close(state, end(39)) == [39]
    assert state.kept_out == {}
    assert state.kept_out_later == {}


def late_in(state: State) -> dict[int, int]:
    return {pane: reasons["late"] for pane, reasons in state.kept_out_later.items() if "late" in reasons}


@pytest.mark.parametrize("closed_first", [False, True])
def test_late_rows_are_counted_once_however_often_they_grow(closed_first: bool) -> None:
    """And told in the pane of the time that made them late, whether theirs is closed by then or held open."""
    state = running(part(0, 5, end(9), orders(7, 1)), ChunkEnd("one", 0, 5, end(9)))
    if closed_first:
        assert close(state, end(8)) == [7, 8]
    for upto, number in ((6, 2), (7, 5), (9, 6)):
        receive(PLAN, state, part(5, upto, 7 * PANE, orders(8, number), more=True))
        receive(PLAN, state, part(5, upto, 7 * PANE, orders(7, 10 * number)))
    assert late_in(state) == {end(9) // PANE: 66}
    assert close(state, end(8)) == ([] if closed_first else [7, 8])
    receive(PLAN, state, part(5, 12, end(9), orders(8, 7)))
    receive(PLAN, state, part(5, 14, end(9), orders(8, 7), orders(7, 60)))
    assert late_in(state) == {end(9) // PANE: 67}, "a chunk counts what is late by its own times itself"


def test_what_came_after_its_pane_was_closed_by_an_idle_time_is_late() -> None:
    state = running(part(0, 5, 7 * PANE, orders(7, 8)), SourceTime("one", end(7)))
    assert close(state, end(7)) == [7]
    receive(PLAN, state, part(0, 6, 7 * PANE + 1, orders(7, 9), orders(7, 4, "b")))
    receive(PLAN, state, part(0, 7, 7 * PANE + 2, orders(7, 11)))
    assert late_in(state) == {8: 7}


def test_what_is_remembered_of_closed_panes_is_bounded() -> None:
    state = running()
    sizes = []
    for pane in range(7, 60):
        rows = [orders(pane, 1, f"i{number}") for number in range(30)]
        receive(PLAN, state, part(0, pane, end(pane), *rows, orders(pane - 2, 5)))
        close(state, end(pane))
        sizes.append(len(dump(state)))
    assert max(sizes[5:]) < 1.2 * sizes[5]
    assert state.sources["one"].taken == {}


def test_late_rows_that_shrink_and_grow_again_are_counted_once() -> None:
    """A sender died behind the first piece; the next one reads the same chunk again, from its beginning."""
    state = running(part(0, 5, end(9), orders(7, 1)), ChunkEnd("one", 0, 5, end(9)))
    receive(PLAN, state, part(5, 9, 7 * PANE, orders(7, 6), more=True))
    for upto, number in ((6, 2), (8, 5), (9, 6), (10, 7)):
        receive(PLAN, state, part(5, upto, 7 * PANE, orders(7, number)))
    assert late_in(state) == {end(9) // PANE: 7}
