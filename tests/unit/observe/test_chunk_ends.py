"""What the end of a chunk says: how far a source has come, also where the chunk had nothing for a rollout."""

import json

import pytest

from stream.codec import dump
from stream.condense.series import Index
from stream.condense.source_log import Block, Known, SourceLog
from stream.monitor import start
from stream.outputs import Score
from stream.pane import count, goes_on, ready_pane, receive, size
from stream.partial import ChunkEnd, Message, Partial, Registered, Row, SourceTime
from stream.policy import MetricRule
from stream.quantity import Duration
from stream.replay.run import Replay
from stream.state import Source, State
from stream.summary import Count
from stream.wire import decoder, encode_json
from tests.core_helpers import PANE, ROLLOUT, SECOND, plan_of, row
from tests.log_helpers import END, T0, Reader, rollout_of

PLAN = plan_of(MetricRule("orders", kind="rate"), lateness=Duration(5 * SECOND))


def orders(pane: int, events: int) -> Row:
    return row(pane, "canary", "a", "orders", Count(events))


def rows(start: int, upto: int, newest: int, *found: Row) -> Partial:
    return Partial(ROLLOUT, "one", start, upto, newest, list(found))


def ended(start: int, upto: int, newest: int = -1) -> ChunkEnd:
    return ChunkEnd("one", start, upto, newest)


def closed(state: State) -> dict[int, int]:
    """Events of all panes that can be closed."""
    found = {}
    while (pane := ready_pane(PLAN, state)) is not None:
        found[pane[0]] = sum(size(summary) for summary in pane[1].values())
    return found


def late(state: State) -> int:
    total = dict(state.kept_out)
    for reasons in state.kept_out_later.values():
        count(total, reasons)
    return total.get("late", 0)


Moving = Partial | ChunkEnd | SourceTime


def after(*events: Moving) -> State:
    return feed(start(PLAN, ["one"]), *events)


def feed(state: State, *events: Moving) -> State:
    for event in events:
        receive(PLAN, state, decoder(Moving).decode(encode_json(event)))
    return state


def test_a_chunk_without_rows_makes_later_samples_late() -> None:
    events: list[Moving] = [rows(0, 5, 7 * PANE, orders(7, 1)), ended(0, 5, 7 * PANE), ended(5, 9, 12 * PANE)]
    state = after(*events, rows(9, 10, 7 * PANE, orders(7, 20), orders(12, 3)), SourceTime("one", 14 * PANE))
    assert closed(state) == {7: 1, 8: 0, 9: 0, 10: 0, 11: 0, 12: 3}
    assert late(state) == 20


def test_a_chunk_that_went_on_after_its_last_row_too() -> None:
    state = after(rows(0, 5, 7 * PANE, orders(7, 1)), ended(0, 9, 12 * PANE), rows(9, 10, 7 * PANE, orders(7, 20)))
    assert late(state) == 20


def test_an_end_moves_no_time_and_closes_nothing() -> None:
    state = after(rows(0, 5, 7 * PANE, orders(7, 1)), ended(0, 5, 20 * PANE))
    assert closed(state) == {}
    assert state.sources["one"].time == 7 * PANE


FED: list[Moving] = [
    rows(0, 5, 7 * PANE, orders(7, 1)),
    ended(0, 5, 7 * PANE),
    rows(8, 12, 8 * PANE, orders(7, 2), orders(8, 4)),
]


@pytest.mark.parametrize(
    "event",
    [
        ended(0, 5, 99 * PANE),
        ended(0, 3, 99 * PANE),
        ended(0, 99, 99 * PANE),
        ended(3, 20, 99 * PANE),
        ended(8, 11, 99 * PANE),
        ended(9, 20, 99 * PANE),
        ended(11, 12, 99 * PANE),
    ],
    ids=str,
)
def test_a_repeat_or_the_end_of_a_chunk_that_was_cut_elsewhere_changes_nothing(event: ChunkEnd) -> None:
    state = after(*FED)
    before = dump(state)
    assert not goes_on(state.sources["one"], event)
    feed(state, event)
    assert dump(state) == before


@pytest.mark.parametrize("event", [ended(8, 12, 8 * PANE), ended(8, 16, 8 * PANE), ended(12, 13), ended(40, 50)])
def test_nothing_is_added_twice(event: ChunkEnd) -> None:
    state = after(*FED)
    assert goes_on(state.sources["one"], event)
    feed(state, event)
    before = dump(state)
    feed(state, *FED, event)
    assert dump(state) == before
    feed(state, SourceTime("one", 10 * PANE))
    assert closed(state) == {7: 3, 8: 4}
    assert late(state) == 0


def test_the_next_chunk_may_begin_where_the_last_one_ended() -> None:
    state = after(rows(0, 5, 7 * PANE, orders(7, 1)), ended(0, 5, 7 * PANE), rows(5, 6, 7 * PANE, orders(7, 2)))
    assert state.sources["one"] == Source(
        time=7 * PANE, newest=7 * PANE, start=5, upto=6, chunk_newest=7 * PANE, rows=state.sources["one"].rows
    )
    feed(state, SourceTime("one", 9 * PANE))
    assert closed(state) == {7: 3}


def test_the_end_of_a_chunk_of_an_unknown_source_makes_it_known() -> None:
    state = after(ended(0, 5, 7 * PANE), ChunkEnd("two", 3, 4, 9 * PANE))
    assert (state.sources["two"].newest, state.sources["two"].upto) == (9 * PANE, 4)


def sample(second: float, app: str = "shop", instance: str = "1-a") -> bytes:
    fields = {"app": app, "instance": instance, "version": instance[0], "metric": "cpu", "value": 0.5}
    return json.dumps({**fields, "ts": T0 + int(second * SECOND)}).encode()


def test_lateness_is_that_of_a_replay_where_others_alone_moved_time() -> None:
    """In the second chunk nobody of the rollout reports; what comes behind it is late by its times."""
    rollout = rollout_of("r", MetricRule("cpu", kind="gauge"))
    lines = [sample(0.5), sample(0.6, instance="2-a"), sample(1.5), sample(1.6, instance="2-a")]
    lines += [sample(second, app="cart") for second in (2.0, 6.2, 5.0, 4.0)]
    lines += [sample(1.7), sample(3.9), sample(4.3), sample(6.1, instance="2-a")]
    replay = Replay(rollout, {"log": [lines]})
    wanted = {output.at: output.counts for output in replay.outputs() if isinstance(output, Score)}
    log = SourceLog("log", Known(Index([rollout]), 0), 4)
    log.add(Block(range(12), lines, [END] * 12))
    messages: list[Message] = [Registered(rollout, 0, ["log"])]
    while log.chunks:
        messages += [*log.chunks[0].partials(), log.end()]
        log.pop()
    assert [type(message).__name__ for message in messages[1:]] == ["Partial", *["ChunkEnd"] * 2, "Partial", "ChunkEnd"]
    reader = Reader()
    reader.take(*messages, SourceTime("log", END))
    found = {output.at: output.counts for output in reader.said if isinstance(output, Score)}
    assert wanted[T0 + 7 * SECOND] == {"late": 3}
    assert {at: found[at] for at in wanted} == wanted
