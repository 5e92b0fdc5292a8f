"""What comes next, and why it stands so, in few words."""

from typing import Any

import pytest
from msgspec.structs import replace

from stream.adapters.terminal.board import Board, Card
from stream.adapters.terminal.news import Registered
from stream.adapters.terminal.next_step import next_step, why
from stream.outputs import Score
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
    full_board,
    outputs,
    registered,
)


def card(state: str = "continue", **policy: Any) -> Card:
    """A rollout that began a while ago, with one score."""
    board = Board()
    board.take(registered("a-1", NOW, **policy))
    (score, *_) = [one for one in outputs("promote", "a-1", NOW) if isinstance(one, Score)]
    board.take(replace(score, state=state))
    return board.cards["a-1"]


BEGAN = card().begins


@pytest.mark.parametrize(
    ("rollout", "step", "reason"),
    [
        (ABORTED, "after 1 min 40 s", "request latency p95 +15 % (limit 10 %)"),
        (BROKEN, "cannot promote", "The judge cannot compare process.cpu.utilization: the canary reports it in %, "),
        (SILENT, "inconclusive in 57 min", "No samples from the canary since 18:31:30 UTC"),
        (UNDECIDED, "at the deadline", "The deadline of 4 min passed without enough evidence"),
        (GOING, "bake time ends in 8 min 24 s", "2 of 3 safe, none worse; 1 outlier"),
        (STARTING, "judging starts in 4 s", "not judged yet"),
        (PROMOTED, "after 2 min", "3 of 3 safe, none worse"),
    ],
)
def test_in_each_state(rollout: str, step: str, reason: str) -> None:
    found = full_board().cards[rollout]
    assert next_step(found, NOW) == step
    assert why(found, NOW).replace("\u00a0", " ").startswith(reason)


@pytest.mark.parametrize(
    ("state", "after", "step"),
    [
        ("warming_up", -5, "starts in 5 s"),
        ("warming_up", 5, "judging starts in 15 s"),
        ("warming_up", 60, "waits for both cohorts"),
        ("continue", 30, "bake time ends in 9 min 30 s"),
        ("continue", 700, "decides within 48 min"),
        ("no_data", 30, "inconclusive in 59 min"),
        ("no_data", 3700, "cannot promote"),
        ("judge_error", 30, "cannot promote"),
        ("continue", 3700, "waits for evidence"),
    ],
)
def test_as_time_goes_by(state: str, after: int, step: str) -> None:
    assert next_step(card(state), BEGAN + after * SECOND) == step


def test_without_a_deadline() -> None:
    assert next_step(card(deadline=None), BEGAN + 700 * SECOND) == "waits for evidence"
    assert next_step(card("no_data", deadline=None), BEGAN + 700 * SECOND) == "cannot promote"


def test_a_silent_monitor_is_told_before_anything_else() -> None:
    found = full_board().cards[BROKEN]
    assert why(found, NOW + 45 * SECOND) == "monitor silent for 50 s"


def test_a_stop_is_told() -> None:
    board = Board()
    board.take(registered("a-1", NOW, "wrong version"))
    assert why(board.cards["a-1"], NOW) == "is being stopped: wrong version"
    assert next_step(board.cards["a-1"], NOW) == "is being stopped"


def test_an_end_of_which_only_the_registry_knows() -> None:
    record = registered("a-1", NOW)
    assert record.registration is not None
    board = Board()
    board.take(Registered("a-1", replace(record.registration, verdict="abort"), NOW))
    assert next_step(board.cards["a-1"], NOW) == ""
    assert why(board.cards["a-1"], NOW) == "not judged yet"
