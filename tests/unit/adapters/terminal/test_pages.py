"""The pages: as recorded at each width, nothing wider than the terminal, nothing told by colour alone."""

import io
import re

import pytest
from rich.console import Console
from rich.text import Text

from stream.adapters.terminal.board import Board
from stream.adapters.terminal.glyph import STATES
from stream.adapters.terminal.navigation import Navigation
from stream.adapters.terminal.news import Away, Back
from stream.adapters.terminal.rollout_page import action_words, rollout_page
from stream.adapters.terminal.rollouts_page import EMPTY, rollouts_page
from stream.adapters.terminal.screen import UNKNOWN, Screen
from tests.core_helpers import SECOND
from tests.terminal_helpers import (
    ABORTED,
    GOING,
    NOW,
    PAGES,
    PROMOTED,
    SILENT,
    WIDTHS,
    action,
    console_of,
    full_board,
    golden,
    registered,
    text_of,
)

GREEN, RED = "\x1b[1;32m", "\x1b[1;31m"


@pytest.fixture(scope="module")
def shown() -> dict[str, str]:
    return golden()


@pytest.mark.parametrize("name", [*(f"{width}.txt" for width in WIDTHS), "80-ascii.txt", "80-trouble.txt"])
def test_they_are_as_recorded(shown: dict[str, str], name: str) -> None:
    recorded = (PAGES / name).read_text(encoding="utf-8")
    assert shown[name] == recorded, "after a change that is meant: python -m tests.terminal_helpers"


def test_all_are_recorded(shown: dict[str, str]) -> None:
    assert {path.name for path in PAGES.iterdir()} == shown.keys()


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_is_wider_than_the_terminal(shown: dict[str, str], width: int) -> None:
    lines = shown[f"{width}.txt"].splitlines()
    assert max(Text(line).cell_len for line in lines) <= width


def test_columns_go_as_the_terminal_narrows(shown: dict[str, str]) -> None:
    heads = {width: shown[f"{width}.txt"] for width in WIDTHS}
    for word, least in {"NEXT": 100, "KNOWN": 80, "evidence   ▸": 80, "% INTERVAL": 100, "EFFECT": 60}.items():
        assert {width for width, text in heads.items() if word in text} == {w for w in WIDTHS if w >= least}, word


def test_each_state_has_a_glyph_and_a_word(shown: dict[str, str]) -> None:
    for name, place in (("140.txt", 0), ("80-ascii.txt", 1)):
        for found in STATES.values():
            assert f"{found[place]} {found[2]}" in shown[name]


def test_ascii_is_ascii(shown: dict[str, str]) -> None:
    assert shown["80-ascii.txt"].isascii()
    assert "\\u" not in shown["80-ascii.txt"]


def in_colour(board: Board, now: int, rollout: str | None = None, **environment: str) -> str:
    """A page with the terminal's codes."""
    file = io.StringIO()
    console = Console(file=file, width=100, height=30, force_terminal=True, highlight=False, _environ=environment)
    if rollout is None:
        parts = rollouts_page(console, board, board.shown(now), now)
    else:
        parts = rollout_page(console, board, board.cards[rollout], now)
    for part in parts:
        console.print(part)
    return file.getvalue()


def test_colour_repeats_what_the_words_say() -> None:
    board = full_board()
    plain = text_of(console_of(100), rollouts_page(console_of(100), board, board.shown(NOW), NOW))
    for environment in ({"TERM": "xterm-256color"}, {"TERM": "xterm-256color", "NO_COLOR": "1"}):
        told = in_colour(board, NOW, **environment)
        assert (f"{RED}✗ abort" in told) == ("NO_COLOR" not in environment)
        bare = re.sub(r"\x1b\[[0-9;]*m", "", told)
        assert [line.rstrip() for line in bare.splitlines()] == plain.splitlines()


def test_nothing_is_green_that_is_out_of_date() -> None:
    board = full_board()
    xterm = {"TERM": "xterm-256color"}
    assert GREEN in in_colour(board, NOW, **xterm)
    assert "32m" in in_colour(board, NOW, GOING, **xterm)
    assert "32m" not in in_colour(board, NOW, SILENT, **xterm)
    assert "32m" not in in_colour(board, NOW + 60 * SECOND, GOING, **xterm)
    board.take(Away("gone", NOW))
    assert "32m" not in in_colour(board, NOW, **xterm)
    assert "32m" not in in_colour(board, NOW, PROMOTED, **xterm)


def test_no_rollout_yet() -> None:
    board = Board()
    assert EMPTY not in text_of(console_of(80), rollouts_page(console_of(80), board, [], NOW))
    board.take(Back())
    assert EMPTY in text_of(console_of(80), rollouts_page(console_of(80), board, [], NOW))


def test_a_rollout_before_its_first_output() -> None:
    board = Board()
    board.take(registered("a-1", NOW))
    before = board.cards["a-1"].begins - 10 * SECOND
    text = text_of(console_of(80), rollout_page(console_of(80), board, board.cards["a-1"], before))
    assert "~ WARMING UP" in text
    assert "no output yet" in text
    assert "next: starts in 10 s" in text
    assert "confidence" not in text


def test_a_rollout_that_is_being_stopped() -> None:
    board = Board()
    board.take(registered("a-1", NOW, "wrong version"))
    for part in (
        rollouts_page(console_of(140), board, board.shown(NOW), NOW),
        rollout_page(console_of(140), board, board.cards["a-1"], NOW),
    ):
        assert "is being stopped" in text_of(console_of(140), part)


def sheet(board: Board, navigation: Navigation, height: int, now: int = NOW) -> list[str]:
    console = console_of(80, height=height)
    return text_of(console, [Screen(console, board, navigation).sheet(now, keys=True)]).splitlines()


def test_a_sheet_has_as_many_lines_as_the_terminal() -> None:
    board = full_board()
    for height in (6, 10, 24, 60):
        for navigation in (Navigation(), Navigation("rollout", GOING), Navigation("explain", ABORTED)):
            lines = sheet(board, navigation, height)
            assert len(lines) == height
            assert "q quit" in lines[-1]


def test_a_long_page_is_scrolled() -> None:
    board = full_board()
    first = sheet(board, Navigation("explain", ABORTED), 10)
    assert first[0].startswith("✗ ABORT")
    assert first[-2] == "... 9 more lines, down"
    later = sheet(board, Navigation("explain", ABORTED, offset=3), 10)
    assert later[:5] == first[3:8]
    last = sheet(board, Navigation("explain", ABORTED, offset=99), 10)
    assert last[-2:] == ["", "i instances   b back   q quit"]


def test_the_selected_rollout_is_on_the_screen() -> None:
    board = Board()
    for number in range(50):
        board.take(registered(f"a{number:02}-1", NOW))
    board.take(Back())
    for number in (0, 3, 25, 49):
        lines = sheet(board, Navigation(selected=f"a{number:02}-1"), 12)
        assert f" a{number:02}-1 " in next(line for line in lines if line.startswith("▸"))
        assert lines[0].endswith("50 rollouts, none needs you")
        above, below = re.findall(r"\d+", next(line for line in lines if line.endswith(" below")))
        assert int(above) + int(below) == 46


def test_a_rollout_that_is_gone() -> None:
    board = full_board()
    assert UNKNOWN in sheet(board, Navigation("rollout", "nobody"), 12)


def test_an_attempt_of_a_hook_in_words() -> None:
    final = full_board().cards[ABORTED].final
    assert final is not None
    assert action_words(action(final, 1)) == "revert: succeeded, 200, 84 ms, attempt 1"
    run = action(final, 2, hook="page", target="./page", status=3, outcome="failed", text="It ended with 3.")
    assert action_words(run) == "page: failed, exit code 3, 84 ms, attempt 2, it ended with 3"
    escalated = action(final, 6, outcome="refused", status=None, text="Refused: host x.", escalates_to="page")
    assert action_words(escalated) == "revert: refused, refused: host x, then page"
