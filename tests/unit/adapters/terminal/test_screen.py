"""The live view in a terminal: drawn rarely, answering keys, and the terminal as it was on every way out."""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from stream.adapters.terminal.inbox import MOST, Inbox
from stream.adapters.terminal.news import Back, News
from stream.errors import SourceError
from tests.core_helpers import SECOND
from tests.pty_helpers import ALTERNATE, HOME, Terminal
from tests.terminal_helpers import ABORTED, GOING, NOW, outputs, registered

ROOT = Path(__file__).resolve().parents[4]
VIEW = """\
import sys, time
from functools import partial
from rich.console import Console
from stream.adapters.signals import ends_orderly
from stream.adapters.terminal.board import Board
from stream.adapters.terminal.inbox import Inbox
from stream.adapters.terminal.navigation import Navigation
from stream.adapters.terminal.screen import Screen
from stream.errors import SourceError
from tests.terminal_helpers import news, outputs, GOING, NOW

def source(kind, over):
    yield from news()
    if kind == "breaks":
        over.wait(1)
        raise SourceError("no broker")
    later = [one for second in range(90) for one in outputs("promote", GOING, NOW, second)] if kind == "busy" else []
    while not over.wait(0.01):
        yield from later[:1]
        later = later[1:] + later[:1]

board = Board()
console = Console(highlight=False, emoji=False, markup=False)
screen = Screen(console, board, Navigation(), everything=True)
with ends_orderly(), Inbox(partial(source, sys.argv[1])) as inbox:
    print("quit" if screen.run(inbox) else "over")
"""


def view(kind: str = "calm", size: tuple[int, int] = (24, 80)) -> Terminal:
    """The view on recorded news."""
    own = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    env = {**own, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"}
    return Terminal([sys.executable, "-c", VIEW, kind], env, size)


def test_keys_lead_around_and_q_quits() -> None:
    with view() as terminal:
        listed = terminal.wait_for("q quit")
        assert listed.startswith("canary watch   live, ")
        assert len(listed.splitlines()) == 24
        terminal.type("\x1b[B\r")
        assert "! JUDGE ERROR  recommender" in terminal.wait_for("* decides")
        terminal.type("e")
        terminal.wait_for("  How sure")
        terminal.type("bb/check\r")
        assert "1 rollout," in terminal.wait_for("only check")
        assert not terminal.restored
        terminal.type("q")
        assert terminal.wait() == 0
        assert terminal.restored
        assert terminal.afterwards == "quit\n"


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, -signal.SIGINT), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_signals_leave_the_terminal_as_it_was(number: signal.Signals, code: int) -> None:
    with view() as terminal:
        terminal.wait_for("q quit")
        terminal.signal(number)
        assert terminal.wait() in (code, 1)
        assert terminal.restored


def test_ctrl_c_is_typed_and_ctrl_z_does_nothing() -> None:
    with view() as terminal:
        terminal.wait_for("q quit")
        terminal.type("\x1a")
        terminal.type("j")
        terminal.wait_for("▸  ! judge error")
        terminal.type("\x03")
        assert terminal.wait() in (-signal.SIGINT, 1)
        assert terminal.restored


def test_an_error_leaves_the_terminal_as_it_was() -> None:
    with view("breaks") as terminal:
        assert terminal.wait() == 1
        assert terminal.restored
        assert terminal.afterwards.splitlines()[-1] == "stream.errors.SourceError: no broker"


def test_it_is_drawn_at_most_four_times_a_second_and_its_clock_goes_on() -> None:
    for kind in ("busy", "calm"):
        with view(kind) as terminal:
            terminal.wait_for("q quit")
            drawn, began = terminal.text.count(HOME), time.monotonic()
            while terminal.text.count(HOME) < drawn + 3:
                assert time.monotonic() < began + 30, "its clock stands still"
                terminal.read(0.2)
            assert terminal.text.count(HOME) - drawn <= 4 * (time.monotonic() - began) + 2


def test_it_follows_the_size_of_the_terminal() -> None:
    with view(size=(40, 140)) as terminal:
        terminal.wait_for("NEXT")
        terminal.resize(12, 70)
        terminal.signal(signal.SIGWINCH)
        deadline = time.monotonic() + 10
        while "NEXT" in terminal.screen or "KNOWN" in terminal.screen:
            assert time.monotonic() < deadline
            terminal.read(0.1)
        assert len(terminal.wait_for("q quit").splitlines()) == 12


def test_without_keys_it_says_how_to_end_it(tmp_path: Path) -> None:
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"}
    script = tmp_path / "view.py"
    script.write_text(VIEW)
    command = ["sh", "-c", f"exec {sys.executable} {script} calm </dev/null"]
    with Terminal(command, env) as terminal:
        terminal.wait_for("Ctrl-C quits")
        assert ALTERNATE in terminal.text
        terminal.type("q")
        terminal.read(0.5)
        terminal.type("\x03")
        assert terminal.wait() in (-signal.SIGINT, 1)
        assert terminal.restored


def wait_for_news(inbox: Inbox, number: int) -> list[News]:
    found: list[News] = []
    deadline = time.monotonic() + 10
    while len(found) < number and time.monotonic() < deadline:
        found += inbox.take()
        time.sleep(0.01)
    return found


def test_an_inbox_brings_what_came_by_time_and_then_the_error() -> None:
    told = outputs("abort", ABORTED, NOW)

    def source(_: threading.Event) -> Iterator[News]:
        yield registered(ABORTED, NOW - 200 * SECOND)
        yield from sorted(told, key=lambda one: type(one).__name__)
        raise SourceError("no broker")

    with Inbox(source) as inbox:
        time.sleep(0.2)
        found = wait_for_news(inbox, len(told) + 1)
        assert found[1:] == told
        with pytest.raises(SourceError, match="no broker"):
            inbox.take()


def test_an_inbox_ends_its_source_and_does_not_wait_for_one_that_hangs() -> None:
    ended = threading.Event()

    def source(over: threading.Event) -> Iterator[News]:
        yield Back()
        over.wait(30)
        ended.set()

    with Inbox(source) as inbox:
        assert wait_for_news(inbox, 1) == [Back()]
    assert ended.wait(1)

    hang = threading.Event()

    def hanging(_: threading.Event) -> Iterator[News]:
        yield Back()
        hang.wait(30)

    began = time.monotonic()
    with Inbox(hanging) as inbox:
        assert wait_for_news(inbox, 1) == [Back()]
    assert time.monotonic() - began < 10
    hang.set()


def test_further_news_of_a_rollout_come_once() -> None:
    asked: list[str] = []

    def further(rollout: str) -> Iterator[News]:
        asked.append(rollout)
        yield registered(rollout, NOW)
        raise SourceError("gone")

    def source(over: threading.Event) -> Iterator[News]:
        yield Back()
        over.wait(30)

    with Inbox(source, further) as inbox:
        assert wait_for_news(inbox, 1) == [Back()]
        for _ in range(3):
            inbox.want(GOING)
        assert wait_for_news(inbox, 1) == [registered(GOING, NOW)]
        inbox.want(ABORTED)
        assert wait_for_news(inbox, 1) == [registered(ABORTED, NOW)]
        assert inbox.take() == []
    assert asked == [GOING, ABORTED]


def test_an_inbox_gives_little_at_once() -> None:
    told = threading.Event()

    def source(_: threading.Event) -> Iterator[News]:
        yield from (Back() for _ in range(MOST + 10))
        told.set()

    with Inbox(source) as inbox:
        assert told.wait(30)
        assert len(inbox.take()) == MOST
        assert len(wait_for_news(inbox, 10)) == 10


def test_a_rollout_that_starts_while_watching_appears() -> None:
    go = threading.Event()

    def source(_: threading.Event) -> Iterator[News]:
        yield Back()
        go.wait(10)
        yield registered(GOING, NOW)

    with Inbox(source) as inbox:
        assert wait_for_news(inbox, 1) == [Back()]
        assert inbox.take() == []
        go.set()
        assert wait_for_news(inbox, 1) == [registered(GOING, NOW)]
