"""The board: what came in, folded; repeats change nothing; who needs someone comes first."""

from itertools import permutations

import pytest
from msgspec.structs import replace

from stream.adapters.terminal.board import KEPT_MS, Board, Card, firing, needy
from stream.adapters.terminal.news import Away, Back, News, Registered, in_order
from stream.outputs import Alert, Divergence, Switch
from tests.core_helpers import SECOND
from tests.terminal_helpers import (
    ABORTED,
    BROKEN,
    GOING,
    NOW,
    PROMOTED,
    SILENT,
    STARTING,
    UNDECIDED,
    action,
    alert,
    full_board,
    news,
    outputs,
    registered,
)

STATES = {
    ABORTED: "abort",
    BROKEN: "judge_error",
    SILENT: "no_data",
    UNDECIDED: "inconclusive",
    GOING: "continue",
    STARTING: "warming_up",
    PROMOTED: "promote",
}


@pytest.fixture(scope="module")
def board() -> Board:
    return full_board()


def card_of(board: Board, rollout: str) -> Card:
    return board.cards[rollout]


def test_who_needs_someone_comes_first(board: Board) -> None:
    assert {card.id: card.state for card in board.shown(NOW)} == STATES
    assert [card.id for card in board.shown(NOW)] == list(STATES)
    assert needy(board.shown(NOW), NOW) == 3


def test_the_newer_one_comes_first_in_a_state() -> None:
    board = Board()
    for name, begins in (("a-1", NOW), ("b-1", NOW + 20_000), ("c-1", NOW)):
        board.take(registered(name, begins))
    assert [card.id for card in board.shown(NOW)] == ["b-1", "a-1", "c-1"]


def test_a_rollout_that_ended_stays_for_seven_days(board: Board) -> None:
    ended = {ABORTED, UNDECIDED, PROMOTED}
    for rollout in ended:
        final = card_of(board, rollout).final
        assert final is not None
        assert rollout in {card.id for card in board.shown(final.at + KEPT_MS)}
        assert rollout not in {card.id for card in board.shown(final.at + KEPT_MS + 1)}
    later = NOW + 2 * KEPT_MS
    assert {card.id for card in board.shown(later)} == STATES.keys() - ended
    assert len(board.shown(later, everything=True)) == len(STATES)


def test_repeats_are_no_news() -> None:
    board = Board()
    told = list(news())
    assert all(board.take(one) for one in told)
    before = {card.id: (card.state, card.newest, len(card.story.alerts)) for card in board.shown(NOW)}
    assert not any(board.take(one) for one in told)
    assert {card.id: (card.state, card.newest, len(card.story.alerts)) for card in board.shown(NOW)} == before


def test_an_older_output_changes_nothing() -> None:
    told = outputs("abort", ABORTED, NOW)
    board = Board()
    board.take(registered(ABORTED, told[0].at))
    for one in reversed(told):
        board.take(one)
    card = card_of(board, ABORTED)
    assert card.final == told[-1]
    assert {found.at for found in card.story.divergences.values()} == {NOW}


def test_outputs_count_from_the_registration_on() -> None:
    board = Board()
    (first, *_) = outputs("abort", ABORTED, NOW)
    assert not board.take(first)
    assert board.take(registered(ABORTED, first.at))
    assert board.take(first)


def test_one_rollout_only() -> None:
    board = Board(GOING)
    for one in news():
        board.take(one)
    assert list(board.cards) == [GOING]


def test_the_registry_alone_says_how_one_ended() -> None:
    board = Board()
    record = registered("a-1", NOW)
    assert record.registration is not None
    assert board.take(record)
    assert not board.take(record)
    ended = replace(record.registration, verdict="promote")
    assert board.take(Registered("a-1", ended, NOW + 1))
    assert (card_of(board, "a-1").state, card_of(board, "a-1").ended) == ("promote", True)
    assert board.take(Registered("a-1", None, NOW + 2))
    assert not board.take(Registered("a-1", None, NOW + 3))
    assert not board.cards


def test_the_monitor_is_silent_by_the_readers_clock(board: Board) -> None:
    going = card_of(board, GOING)
    newest = NOW - 4 * SECOND
    assert going.silent(newest + 35 * SECOND) is None
    assert going.silent(newest + 36 * SECOND) == 36 * SECOND
    assert card_of(board, ABORTED).silent(NOW + KEPT_MS) is None
    assert needy(board.shown(NOW), NOW + 60 * SECOND) == 5


def test_standing_alerts_of_an_ended_rollout_are_those_that_its_end_resolved() -> None:
    board = full_board()
    assert [one.kind for one in firing(card_of(board, ABORTED))] == ["divergence"]
    assert [one.kind for one in firing(card_of(board, UNDECIDED))] == ["no_data"]
    assert [one.kind for one in firing(card_of(board, SILENT))] == ["no_data"]
    (odd,) = firing(card_of(board, GOING))
    resolved = alert(GOING, 1000, NOW, status="resolved", instance=odd.instance)
    assert board.take(resolved)
    assert not list(firing(card_of(board, GOING)))


def test_attempts_of_hooks_are_kept_once(board: Board) -> None:
    card = card_of(board, ABORTED)
    assert card.final is not None
    assert [one.outcome for one in card.actions.values()] == ["failed", "succeeded", "dry_run"]
    assert not card.take(action(card.final, 1))


def test_the_newest_throw_of_the_switch_holds() -> None:
    board = Board()
    thrown = [Switch(stopped=stopped, at=at, by="ann") for at, stopped in enumerate((True, False, True))]
    assert [board.take(one) for one in (thrown[0], thrown[2], thrown[1], thrown[2])] == [True, True, False, False]
    assert board.switch == thrown[2]


def test_the_broker_goes_and_comes() -> None:
    board = Board()
    told: list[News] = [Back(), Back(), Away("gone", 1), Away("still gone", 1), Back()]
    assert [board.take(one) for one in told] == [True, False, True, False, True]
    assert board.away is None
    assert board.ready


def test_what_comes_at_once_is_put_in_order() -> None:
    told = outputs("abort", ABORTED, NOW)[-8:]
    by_kind = sorted(told, key=lambda one: type(one).__name__)
    assert in_order(by_kind) == told
    start, back = registered(ABORTED, NOW), Back()
    assert in_order([start, *by_kind, back, told[0]]) == [start, *told, back, told[0]]
    assert all(in_order(some) == told[:3] for some in permutations(told[:3]))


def test_the_kinds_of_outputs_are_told_apart() -> None:
    kinds = {type(one) for one in news()}
    assert {Alert, Divergence, Registered, Back} < kinds
