"""One partition of the log: how its rollouts begin, wait, fail, end and are forgotten."""

from collections.abc import Iterable
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from stream import monitor
from stream.codec import dump
from stream.judge import judge
from stream.observe import observer as module
from stream.observe.checkpoint import freeze, freeze_sources, thaw, thaw_sources
from stream.observe.effect import Effect, Ended, Forgotten
from stream.observe.observer import DAY_MS, KEPT_MS, LOST, UNKNOWN, Observer
from stream.outputs import Alert, Output, Score, Verdict
from stream.partial import ChunkEnd, Failure, Message, Partial, Registered, Row, SourceTime, Stop, late_start
from stream.policy import MetricRule
from stream.quantity import Duration, Instant
from stream.registry import read_registration, write_registration
from stream.rollout import Cohort
from stream.summary import Count
from tests.core_helpers import SECOND, row
from tests.log_helpers import STRICT, T0, Reader, rollout_of

ORDERS = MetricRule("orders", kind="rate")
ROLLOUT = rollout_of("r", ORDERS, **STRICT)
FIRST = T0 // SECOND
NAMES = ["a", "b"]
RECORD = Registered(ROLLOUT, 5, NAMES)


def second(number: float) -> int:
    return T0 + int(number * SECOND)


def orders(number: int, events: int = 10) -> list[Row]:
    """Rows of one second: an instance a side."""
    sides: tuple[Cohort, ...] = ("baseline", "canary")
    return [row(FIRST + number, side, f"{side}-1", "orders", Count(events)) for side in sides]


def part(start: int, upto: int, newest: float, *seconds: int, rollout: str = "r", source: str = "a") -> Partial:
    rows = [one for number in seconds for one in orders(number)]
    return Partial(rollout, source, start, upto, second(newest), rows)


def times(number: float, *names: str) -> list[SourceTime]:
    return [SourceTime(name, second(number)) for name in names or NAMES]


def ended(start: int, upto: int, newest: float, registry: int = 5, source: str = "a") -> ChunkEnd:
    return ChunkEnd(source, start, upto, second(newest), registry)


def of(effects: Iterable[Effect], kind: Any, rollout: str = "r") -> list[Any]:
    return [one for one in effects if isinstance(one, kind) and (not isinstance(one, Output) or one.rollout == rollout)]


def seconds(effects: Iterable[Effect], rollout: str = "r") -> list[float]:
    """The panes that were judged, by when they began."""
    return [(score.at - T0) / SECOND - 1 for score in of(effects, Score, rollout)]


def verdict(effects: Iterable[Effect], rollout: str = "r") -> Verdict:
    found: Verdict = of(effects, Verdict, rollout)[-1]
    return found


def ids(effects: Iterable[Effect], rollout: str = "r") -> list[int]:
    return [int(one.id.split("/")[1]) for one in of(effects, Output, rollout)]


def lines(effects: Iterable[Effect]) -> list[bytes]:
    return [msgspec.json.encode(one) for one in effects if isinstance(one, Output)]


def reader(*messages: Message) -> Reader:
    made = Reader()
    made.take(RECORD, *messages)
    return made


def again(before: Reader) -> Reader:
    """Another worker, from what this one stored."""
    observer, (offset, sources) = Observer(), before.observer.safe_point()
    observer.offset, observer.sources = offset - 1, thaw_sources(freeze_sources(sources))
    observer.rollouts = {name: thaw(freeze(held)) for name, held in before.observer.rollouts.items()}
    return Reader(observer)


def test_panes_close_when_all_sources_have_passed_them() -> None:
    made = reader(part(0, 5, 0.5, 0), *times(1.999, "a"), *times(9, "b"))
    assert made.said == []
    assert seconds(made.take(*times(2, "a"))) == [0]
    assert seconds(made.take(*times(5.5, "a"))) == [1, 2, 3]
    assert ids(made.said) == [*range(1, len(made.said) + 1)]


def test_a_time_that_closes_nothing_moves_no_state() -> None:
    made = reader(part(0, 5, 0.5, 0), *times(3))
    made.observer.moved.clear()
    before = {name: dump(held.state) for name, held in made.observer.rollouts.items()}
    assert made.take(*times(3.2, "a"), *times(3.999, "b"), *times(60, "a"), *times(3.999, "b")) == []
    assert made.observer.moved == set()
    assert {name: dump(held.state) for name, held in made.observer.rollouts.items()} == before
    assert seconds(made.take(*times(4, "b"))) == [2]
    assert made.observer.moved == {"r"}


def test_a_message_is_taken_once() -> None:
    made = reader(part(0, 5, 0.5, 0), *times(3))
    assert made.said
    for offset in range(made.offset):
        assert list(made.observer.take(offset, times(9, "a")[0])) == []
    assert made.observer.sources.clocks["a"].time == second(3)


def test_rollouts_do_not_see_each_other() -> None:
    other = rollout_of("s", ORDERS, from_ms=second(2), **STRICT)
    made = reader(Registered(other, 6, NAMES), part(0, 5, 0.5, 0), part(0, 5, 2.5, 2, rollout="s"), *times(5))
    assert (seconds(made.said), seconds(made.said, "s")) == ([0, 1, 2, 3], [2, 3])
    alone = reader(part(0, 5, 0.5, 0), *times(5))
    assert lines(of(made.said, Output)) == lines(alone.said)


EARLY: list[Message] = [
    part(0, 5, 0.5, 0),
    *times(0.7, "a"),
    part(0, 9, 1.5, 0, 1),
    ended(0, 9, 2.3),
    part(9, 12, 3.5, 2, 3, 0),
    part(0, 4, 2.5, 1, 2, source="b"),
    *times(3.2, "b"),
    ended(9, 15, 4.5),
]


def test_rows_wait_for_the_record_of_their_rollout() -> None:
    late, known = Reader(), reader(*EARLY, *times(6))
    assert late.take(*EARLY, *times(4)) == []
    assert late.observer.dropped == 0
    late.take(RECORD, *times(6))
    assert seconds(known.said) == [0, 1, 2, 3, 4]
    assert of(known.said, Score)[-1].counts == {"late": 20}
    assert lines(late.said) == lines(known.said)


def test_the_safe_point_is_before_the_first_row_that_waits() -> None:
    made = Reader()
    made.take(*times(0.1), ended(0, 3, 0.2, source="b"))
    assert made.observer.safe_point() == (3, made.observer.sources)
    made.take(*EARLY)
    offset, sources = made.observer.safe_point()
    assert offset == 3
    assert sources.clocks.keys() == {"a", "b"}
    assert (sources.clocks["a"].time, sources.clocks["b"].upto) == (second(0.1), 3)
    restarted = again(made)
    assert restarted.take(*EARLY) == []
    assert restarted.offset == made.offset
    assert lines(restarted.take(RECORD, *times(6))) == lines(made.take(RECORD, *times(6))) != []
    assert made.observer.safe_point()[0] == made.offset


def test_a_restored_rollout_skips_what_it_holds_while_another_ones_rows_are_read_again() -> None:
    made = reader(part(0, 3, 0.2, rollout="s"), *EARLY, *times(3.1))
    assert seconds(made.said) == [0, 1]
    log: list[Message] = [part(0, 3, 0.2, rollout="s"), *EARLY, *times(3.1)]
    restarted = again(made)
    assert restarted.take(*log) == []
    rest: list[Message] = [*times(4.2), *times(6)]
    assert lines(restarted.take(*rest)) == lines(made.take(*rest)) != []


def test_rows_of_a_rollout_that_is_never_registered_are_dropped_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 10)
    made = Reader()
    made.take(part(0, 5, 0.5, 0), part(0, 7, 0.6, 0), ended(0, 7, 0.6), *times(1), *times(2), *times(3), *times(3.5))
    assert made.offset == 11
    assert (made.observer.dropped, made.observer.safe_point()[0]) == (0, 0)
    made.take(*times(4, "a"))
    assert (made.observer.dropped, made.observer.safe_point()[0]) == (3, 12)
    restarted = again(made)
    for one in (made, restarted):
        said = one.take(RECORD, *times(7))
        assert verdict(said).rule == "failed"
        assert verdict(said).text == UNKNOWN


@pytest.mark.parametrize(
    ("registry", "newest", "late"), [(4, 0, True), (4, 7, True), (4, -0.001, False), (5, 7, False), (9, 7, False)]
)
@pytest.mark.parametrize("when", ["before its record", "while rows wait", "afterwards"])
def test_a_rollout_begins_late_where_a_chunk_that_did_not_know_it_went_on(
    registry: int, newest: float, late: bool, when: str
) -> None:
    end, first = ended(0, 9, newest, registry, source="b"), part(0, 5, 0.5, 0)
    made = Reader()
    match when:
        case "before its record":
            made.take(end, RECORD, first)
        case "while rows wait":
            made.take(first, end, RECORD)
        case _:
            made.take(RECORD, first, end)
    assert made.said == []
    said = made.take(*times(2))
    assert seconds(said) == [0]
    assert bool(of(said, Ended)) == late
    if late:
        assert verdict(said).text == late_start("r", "b").reason
        assert [(alert.kind, alert.status) for alert in of(said, Alert)] == [
            ("judge_error", "firing"),
            ("judge_error", "resolved"),
        ]


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("fed", [True, False])
def test_the_end_of_a_chunk_that_came_before_is_no_late_start(known: bool, fed: bool) -> None:
    """A stalled worker that knew less of the registry tells it once more."""
    log: list[Message] = [*([part(0, 9, 0.5, 0)] if fed else []), ended(0, 9, 1.5), ended(0, 9, 1.5, registry=4)]
    made = Reader()
    made.take(*([RECORD, *log] if known else [*log, RECORD]))
    said = made.take(*times(3))
    assert seconds(said) == [0, 1]
    assert of(said, Ended) == []


def test_a_rollout_without_from_never_begins_late() -> None:
    endless = replace(ROLLOUT, from_=None)
    made = Reader()
    made.take(ended(0, 9, 5, registry=0), Registered(endless, 5, NAMES), part(9, 12, 6.5, 6), *times(9))
    assert seconds(made.said) == [6, 7]
    assert of(made.said, Ended) == []


def test_a_failure_that_condense_tells_ends_the_rollout() -> None:
    made = reader(part(0, 5, 0.5, 0), late_start("r", "telemetry-7"), Failure("nobody", "else"))
    said = made.take(*times(2))
    assert (verdict(said).rule, verdict(said).text) == ("failed", late_start("r", "telemetry-7").reason)


def test_a_failure_may_come_before_the_record() -> None:
    made = Reader()
    made.take(late_start("r", "telemetry-7"), RECORD)
    assert verdict(made.take(*times(2))).text == late_start("r", "telemetry-7").reason


def test_messages_that_are_missing_end_all_that_runs() -> None:
    late = rollout_of("late", ORDERS, **STRICT)
    over = rollout_of("over", ORDERS, until_ms=second(1), **STRICT)
    made = reader(Registered(over, 6, NAMES), part(0, 5, 0.5, 0), *times(2), part(0, 5, 0.5, 0, rollout="late"))
    before = made.offset
    assert verdict(made.said, "over").rule == "until"
    made.offset += 1
    said = made.take(*times(2.5), Registered(late, 7, NAMES), *times(3))
    assert {name: verdict(said, name).text for name in ("r", "late")} == {"r": LOST, "late": LOST}
    assert of(said, Output, "over") == []
    assert (seconds(said), seconds(said, "late")) == ([1], [0])
    new = made.take(Registered(rollout_of("new", ORDERS, from_ms=second(5)), 8, NAMES), *times(7))
    assert seconds(new, "new") == [5]
    assert of(new, Ended) == []
    assert made.observer.offset == before + 1 + 2 + 1 + 2 + 1 + 2 - 1


def test_a_restored_rollout_that_is_ahead_misses_nothing() -> None:
    made = reader(part(0, 5, 0.5, 0))
    held = made.observer.rollouts["r"]
    held.offset = 40
    made.offset = 41
    assert of(made.take(*times(2)), Ended) == []
    held.offset = made.offset
    made.offset += 2
    assert verdict(made.take(*times(3))).text == LOST


@pytest.mark.parametrize(("first", "lost"), [(0, False), (2, False), (4, False), (5, True)])
def test_states_without_the_record_of_their_partition(first: int, lost: bool) -> None:
    """The first checkpoint of all was torn; the log is read again from the commit, which may be deleted by now."""
    log: list[Message] = [RECORD, part(0, 5, 0.5, 0), *times(2), *times(2.1), *times(3)]
    made = Reader()
    made.take(*log[:4])
    fresh = Reader()
    fresh.observer.rollouts = {"r": thaw(freeze(made.observer.rollouts["r"]))}
    assert fresh.observer.rollouts["r"].offset == 3
    fresh.offset = first
    said = fresh.take(*log[first:])
    assert seconds(said) == [1]
    assert [verdict(said).text for _ in of(said, Ended)] == ([LOST] if lost else [])


def breaking(monkeypatch: pytest.MonkeyPatch, at: int, error: Exception, after: bool = False) -> None:
    """Let the judge of rollout r raise at a pane, before or after it has changed the state."""

    def broken(plan: Any, state: Any, pane: int, rows: Any) -> list[Output]:
        if plan.rollout.id == "r" and pane == FIRST + at:
            if after:
                judge(plan, state, pane, rows)
            raise error
        return judge(plan, state, pane, rows)

    monkeypatch.setattr(monitor, "judge", broken)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("at", [0, 3])
def test_a_judge_that_breaks_ends_its_rollout_only(monkeypatch: pytest.MonkeyPatch, at: int, after: bool) -> None:
    other = Registered(rollout_of("s", ORDERS, **STRICT), 6, NAMES)
    log: list[Message] = [other, part(0, 5, 0.5, 0), part(0, 5, 0.5, 0, rollout="s"), *times(4), *times(9)]
    calm = reader(*log)
    breaking(monkeypatch, at, ValueError("two\n  lines"), after)
    made = reader(*log)
    assert lines(of(made.said, Output, "s")) == lines(of(calm.said, Output, "s"))
    mine = of(made.said, Output)
    assert seconds(mine) == [*range(at)]
    assert lines(mine[:-3]) == lines(of(calm.said, Output)[: len(mine) - 3])
    assert ids(mine) == [*range(1, len(mine) + 1)]
    assert [(one.kind, one.status) for one in mine[-3:-1]] == [("judge_error", "firing"), ("judge_error", "resolved")]
    last = verdict(mine)
    assert mine[-1] is last
    assert (last.rule, last.verdict, last.final, last.at) == ("failed", "inconclusive", True, second(at + 1))
    assert last.text.startswith("The judge broke with ValueError: two lines. Please report it")
    (end,) = of(made.said, Ended)
    assert end.registration.verdict == "inconclusive"
    more = made.take(part(0, 9, 9.5, 0), Stop("r", "enough"), *times(20))
    assert (ids(more), of(more, Ended), len(seconds(more, "s"))) == ([], [], 11)


def test_alerts_that_a_broken_judge_left_are_resolved(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that fire for readers, not those that it was about to tell."""
    breaking(monkeypatch, 8, ValueError("no"), after=True)
    made = reader(part(0, 5, 3.5, 0, 1, 2, 3), *times(12))
    said = [(one.kind, one.status, (one.at - T0) // SECOND) for one in of(made.said, Alert)]
    assert said == [
        ("no_data", "firing", 7),
        ("judge_error", "firing", 9),
        ("judge_error", "resolved", 9),
        ("no_data", "resolved", 9),
    ]


def test_alerts_that_a_broken_judge_was_about_to_tell_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    breaking(monkeypatch, 6, ValueError("no"), after=True)
    made = reader(part(0, 5, 3.5, 0, 1, 2, 3), *times(12))
    assert [(one.kind, one.status) for one in of(made.said, Alert)] == [
        ("judge_error", "firing"),
        ("judge_error", "resolved"),
    ]


def test_a_rollout_that_breaks_before_its_first_pane_can_be_written_to_the_registry() -> None:
    made = reader()
    made.observer.rollouts["r"].state.fingerprint = "0"
    said = made.take(*times(2))
    assert (verdict(said).at, verdict(said).text[:51]) == (
        second(1),
        "The state cannot be used: the state is of rollout r",
    )
    (end,) = of(said, Ended)
    assert read_registration(b"r", write_registration(end.registration)) == end.registration
    assert made.take(*times(3)) == []
    assert made.observer.rollouts["r"].ended == second(1)


def test_a_lack_of_memory_is_no_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    """It must end the worker: another one reads the same again, and must say the same."""
    breaking(monkeypatch, 0, MemoryError())
    with pytest.raises(MemoryError):
        reader(part(0, 5, 0.5, 0), *times(2))


def test_an_ended_rollout_says_nothing_more_and_is_forgotten_after_seven_days() -> None:
    bounded = rollout_of("r", ORDERS, until_ms=second(3), **STRICT)
    made = Reader()
    made.take(Registered(bounded, 5, NAMES), part(0, 5, 0.5, 0), *times(4))
    assert isinstance(made.said[-1], Ended)
    (end,) = of(made.said, Ended)
    assert end.registration.rollout.until == Instant(second(3))
    assert (end.registration.verdict, end.registration.stopped) == ("inconclusive", None)
    copy = Registered(end.registration.rollout, 9, NAMES, verdict="inconclusive")
    assert made.take(part(0, 9, 9, 0, 5), ended(0, 9, 9), Stop("r", "x"), Failure("r", "x"), copy, *times(99)) == []
    assert len(freeze(made.observer.rollouts["r"])) < 1_000
    assert made.observer.rollouts["r"].state.rows == {}
    made.observer.moved.clear()
    late = second(3) + KEPT_MS
    assert made.take(SourceTime("a", late - 1), SourceTime("b", late - 1)) == []
    assert made.take(SourceTime("b", late)) == [Forgotten("r")]
    assert made.observer.rollouts == {}
    assert made.observer.moved == {"r"}
    assert made.take(SourceTime("a", late + DAY_MS), copy) == []
    assert made.observer.rollouts == {}


def test_the_end_is_where_the_verdict_fell() -> None:
    tired = rollout_of("r", ORDERS, until_ms=second(90), deadline=Duration(4 * SECOND), bake_time=Duration(0), **STRICT)
    made = Reader()
    made.take(Registered(tired, 5, NAMES), part(0, 5, 0.5, 0), *times(9))
    (end,) = of(made.said, Ended)
    assert (verdict(made.said).rule, end.registration.rollout.until) == ("deadline", Instant(second(4)))
    assert read_registration(b"r", write_registration(end.registration)) == end.registration


def test_a_record_with_a_verdict_of_an_unknown_rollout_is_passed_over() -> None:
    made = Reader()
    over = Registered(ROLLOUT, 9, NAMES, verdict="abort")
    assert made.take(over, *times(5)) == []
    assert made.observer.rollouts == {}
    made.take(part(0, 5, 0.5, 0), over)
    assert made.observer.safe_point()[0] == made.offset
    assert made.take(*times(9)) == []


def test_a_stop_ends_a_rollout_at_its_next_pane() -> None:
    made = reader(part(0, 5, 0.5, 0), *times(3))
    assert made.take(replace(RECORD, offset=8, stopped="rolled back by hand.")) == []
    said = made.take(*times(5))
    assert (verdict(said).rule, verdict(said).at) == ("stopped", second(3))
    assert verdict(said).text.startswith("Stopped: rolled back by hand. ")
    (end,) = of(said, Ended)
    assert (end.registration.stopped, end.registration.rollout.until) == ("rolled back by hand.", Instant(second(3)))
    assert seconds(said) == [2]


def test_a_rollout_may_be_stopped_before_its_record_is_read() -> None:
    made = Reader()
    made.take(part(0, 5, 0.5, 0), replace(RECORD, stopped="at once."))
    assert verdict(made.take(*times(2))).rule == "stopped"


def test_until_may_be_set_afterwards_and_nothing_else() -> None:
    made = reader(part(0, 5, 0.5, 0), *times(3))
    changed = replace(ROLLOUT, until=Instant(second(4)), app="other", policy=replace(ROLLOUT.policy, alpha=0.4))
    made.observer.moved.clear()
    made.take(Registered(changed, 8, NAMES))
    assert made.observer.moved == {"r"}
    held = made.observer.rollouts["r"]
    assert held.offset == made.offset - 1, "or a state without it could win over this one"
    assert held.plan.rollout == replace(ROLLOUT, until=Instant(second(4)))
    said = again(made).take(*times(9))
    assert (verdict(said).rule, verdict(said).at) == ("until", second(4))
    assert lines(said) == lines(made.take(*times(9)))


def test_the_same_record_again_changes_nothing() -> None:
    made = reader(part(0, 5, 0.5, 0), *times(3))
    made.observer.moved.clear()
    before = dump(made.observer.rollouts["r"].state)
    assert made.take(RECORD, replace(RECORD, offset=77)) == []
    assert made.observer.moved == set()
    assert dump(made.observer.rollouts["r"].state) == before


def test_a_source_that_the_record_did_not_name_is_waited_for_once_it_speaks() -> None:
    made = reader(part(0, 5, 0.5, 0), *times(9), *times(5.5, "c"))
    assert seconds(made.said) == [*range(8)]
    said = made.take(*times(30))
    assert said == []
    assert seconds(made.take(*times(11, "c"))) == [8, 9]


def test_a_source_that_the_record_did_not_name_begins_behind_its_finished_chunks() -> None:
    """What is late by them is late, whoever knew of the source."""
    for early in (False, True):
        log: list[Message] = [ended(0, 9, 5, source="c"), part(9, 12, 5.1, 1, source="c"), *times(7, "a", "b", "c")]
        made = Reader()
        made.take(*([log[0], log[1], RECORD] if early else [log[0], RECORD, log[1]]), *log[2:])
        assert of(made.said, Score)[-1].counts == {"late": 20}


def damaged(made: Reader) -> Reader:
    """Another worker that cannot read the state of r."""
    other = again(made)
    head = msgspec.msgpack.decode(freeze(made.observer.rollouts["r"]))
    other.observer.rollouts["r"] = thaw(msgspec.msgpack.encode([*head[:-1], b"canary-state\xff"]))
    return other


def test_a_rollout_whose_state_cannot_be_read_fails_at_its_next_pane() -> None:
    other_rollout = Registered(rollout_of("s", ORDERS, **STRICT), 6, NAMES)
    log: list[Message] = [other_rollout, part(0, 5, 0.5, 0), part(0, 5, 0.5, 0, rollout="s"), *times(4)]
    made = reader(*log)
    restarted = damaged(made)
    rest: list[Message] = [part(5, 9, 4.5, 3, 4), *times(4.5, "a"), *times(4.9, "b")]
    assert restarted.take(*rest) == made.take(*rest) == []
    said = restarted.take(*times(5, "a"), *times(5.5, "b"))
    assert seconds(said) == [3]
    assert ids(said)[0] == max(ids(made.said)) + 1
    assert ids(said) == [*range(ids(said)[0], ids(said)[0] + len(ids(said)))]
    assert verdict(said).rule == "failed"
    assert verdict(said).text.startswith("The stored state cannot be read (the state has version 255")
    assert [(one.kind, one.status) for one in of(said, Alert)] == [
        ("judge_error", "firing"),
        ("judge_error", "resolved"),
    ]
    assert len(of(said, Ended)) == 1
    assert lines(of(said, Output, "s")) == lines(of(made.take(*times(5)), Output, "s"))


def test_what_a_rollout_with_an_unreadable_state_had_said_is_not_said_again() -> None:
    made = reader(part(0, 5, 0.5, 0), *times(4))
    restarted = damaged(made)
    restarted.observer.offset, restarted.offset = -1, 0
    assert restarted.take(RECORD, part(0, 5, 0.5, 0), *times(4)) == []
    assert restarted.offset == made.offset


def test_an_ended_rollout_with_an_unreadable_state_says_nothing() -> None:
    made = reader(Stop("r", "enough"), *times(2))
    restarted = damaged(made)
    assert restarted.take(part(0, 5, 0.5, 0), *times(9)) == []
    assert restarted.take(SourceTime("a", second(1) + KEPT_MS)) == [Forgotten("r")]


def test_what_a_restored_rollout_holds_is_not_counted_again() -> None:
    """Its state may be ahead of the record of the partition."""
    log: list[Message] = [RECORD, part(0, 9, 0.5, 0), part(4, 12, 0.6, 0), part(0, 3, 0.1, 1, source="b"), *times(2)]
    made = Reader()
    made.take(*log)
    assert of(made.said, Score)[-1].counts == {"overlap": 20}
    fresh = Reader()
    fresh.observer.rollouts = {"r": thaw(freeze(made.observer.rollouts["r"]))}
    assert fresh.take(*log) == []
    assert fresh.observer.rollouts["r"].offset == made.observer.rollouts["r"].offset
    assert lines(fresh.take(*times(3))) == lines(made.take(*times(3))) != []


def test_a_message_that_is_none_of_ours_is_no_gap() -> None:
    observer = Observer()
    assert list(observer.take(0, SourceTime("telemetry-0", 1))) == []
    observer.skip(1)
    assert observer.offset == 1
    observer.skip(5)
    assert observer.offset == 1, "what is missing in between is still missed"
