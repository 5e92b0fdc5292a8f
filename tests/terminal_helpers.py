"""A board with a rollout in each state, and its pages as text.

    python -m tests.terminal_helpers

writes the pages that tests compare anew.
"""

import io
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace
from rich.console import Console, RenderableType

from stream.adapters.terminal.board import Board
from stream.adapters.terminal.explain import explanation
from stream.adapters.terminal.navigation import Navigation
from stream.adapters.terminal.news import Away, Back, Registered
from stream.adapters.terminal.rollout_page import instances_page, rollout_page
from stream.adapters.terminal.rollouts_page import rollouts_page
from stream.adapters.terminal.screen import Screen
from stream.document.rollout import read_rollout
from stream.outputs import Action, Alert, Divergence, Output, Score, Switch, Verdict
from stream.registry import Registration
from stream.rollout import Rollout
from stream.wire import decoder
from tests.core_helpers import SECOND
from tests.golden.make import path

PAGES = Path(__file__).parent / "golden" / "pages"
WIDTHS = (60, 80, 100, 140)
NOW = 1_764_096_676_000
"""2025-11-25 18:51:16 UTC."""
MINUTE = 60 * SECOND
METRICS = [
    {"name": "http.server.request.duration", "tolerate": "10%", "critical": True},
    {"name": "http.server.errors", "of": "http.server.requests"},
    {"name": "process.cpu.utilization", "kind": "gauge", "group": "saturation"},
]
ABORTED, BROKEN, SILENT, UNDECIDED, GOING, STARTING, PROMOTED = (
    "checkout-2.4.1",
    "recommender-0.44.0",
    "profile-3.3.0",
    "notifications-2.0.0",
    "search-8.12.0",
    "payments-1.9.0",
    "cart-5.2.1",
)


@cache
def recorded(name: str) -> tuple[Output, ...]:
    """The outputs of a golden stream."""
    read = decoder(Divergence | Alert | Score | Verdict).decode
    return tuple(read(line) for line in path(name).read_bytes().splitlines())


def outputs(name: str, rollout: str, end: int, seconds: int | None = None) -> list[Output]:
    """Those of a golden stream, of another rollout and time.

    Args:
        name: of the stream.
        rollout: the id.
        end: event time of the last one.
        seconds: only those of the first so many.
    """
    every = recorded(name)
    kept = [one for one in every if seconds is None or one.at <= every[0].at + seconds * SECOND]
    return [moved(one, rollout, end - kept[-1].at) for one in kept]


def moved(output: Output, rollout: str, by: int) -> Output:
    """An output of another rollout, later by so many milliseconds."""
    app = {"app": rollout.rpartition("-")[0]} if isinstance(output, Verdict) else {}
    number = output.id.rpartition("/")[2]
    started = {"started": output.started + by} if isinstance(output, Verdict) else {}
    return replace(output, id=f"{rollout}/{number}", rollout=rollout, at=output.at + by, **app, **started)


def rollout_of(id_: str, begins: int, **more: Any) -> Rollout:
    """A rollout whose id is made of its app and version."""
    app, _, version = id_.rpartition("-")
    fields = {"id": id_, "app": app, "baseline": {"version": "1.0.0"}, "canary": {"version": version}}
    times = {"from": begins // 10_000 * 10_000, "warmup": "20s", "bake_time": "10m"}
    return read_rollout({**fields, **times, "metrics": METRICS, **more})


def registered(id_: str, begins: int, stopped: str | None = None, **more: Any) -> Registered:
    """The record that starts it."""
    return Registered(id_, Registration(rollout_of(id_, begins, **more), stopped), begins - 20 * SECOND)


def alert(rollout: str, number: int, at: int, **fields: object) -> Alert:
    """One that fires."""
    return msgspec.convert(
        {
            "id": f"{rollout}/{number}",
            "rollout": rollout,
            "at": at,
            "kind": "instance_outlier",
            "status": "firing",
            "metric": "process.cpu.utilization",
            "instance": None,
            "since": at,
            "text": "",
            **fields,
        },
        Alert,
    )


def action(verdict: Verdict, attempt: int, **fields: object) -> Action:
    """An attempt of a hook."""
    return msgspec.convert(
        {
            "id": f"{verdict.id}/revert/{attempt}",
            "rollout": verdict.rollout,
            "at": verdict.at + 100 * attempt,
            "verdict": verdict.id,
            "hook": "revert",
            "target": "https://deploy.example/revert",
            "outcome": "succeeded",
            "attempt": attempt,
            "status": 200,
            "duration_ms": 84,
            "text": "The receiver took it (200).",
            **fields,
        },
        Action,
    )


def news() -> Iterator[Registered | Output | Action | Back]:
    """A rollout in each state."""
    stories = [
        (ABORTED, outputs("abort", ABORTED, NOW - 3 * MINUTE)),
        (SILENT, outputs("silence", SILENT, NOW - 6 * SECOND, 110)),
        (UNDECIDED, outputs("silence", UNDECIDED, NOW - 40 * MINUTE)),
        (GOING, outputs("promote", GOING, NOW - 4 * SECOND, 80)),
        (STARTING, outputs("promote", STARTING, NOW - 2 * SECOND, 0)),
        (PROMOTED, outputs("promote", PROMOTED, NOW - 12 * MINUTE)),
        (BROKEN, outputs("promote", BROKEN, NOW - 5 * SECOND, 60)),
    ]
    for rollout, told in stories:
        yield registered(rollout, told[0].at - 10 * SECOND)
        yield from told
        if rollout == ABORTED:
            verdict = told[-1]
            assert isinstance(verdict, Verdict)
            words = "The receiver answered 500."
            again = verdict.at + 1100
            yield action(verdict, 1, outcome="failed", status=500, text=words, retry_at=again)
            yield action(verdict, 2, at=again, duration_ms=1312)
            refused = {"hook": "page", "outcome": "dry_run", "status": None, "text": "Not called: a dry run."}
            yield action(verdict, 1, id=f"{verdict.id}/page/1", **refused)
    yield from _odd()
    yield Back()


def _odd() -> Iterator[Alert | Score]:
    """What the streams do not have: an instance that stands out, and a metric that cannot be judged."""
    name = "search-456d-4glfg"
    words = (
        f"Instance {name} is 21 % above the baseline's mean CPU utilisation; the other 2 canary instances are within "
        "4 % of it. One instance alone does not abort a rollout: look at this host, or replace it."
    )
    yield alert(GOING, 900, NOW - 94 * SECOND, instance=name, text=words)
    words = (
        "The judge cannot compare process.cpu.utilization: the canary reports it in %, the baseline in 1. The other "
        "2 metrics are still judged and can still abort; promotion is blocked until this is fixed or the metric is "
        "muted in the policy."
    )
    yield alert(BROKEN, 900, NOW - 35 * SECOND, kind="judge_error", text=words)
    scores = [one for one in outputs("promote", BROKEN, NOW - 5 * SECOND, 60) if isinstance(one, Score)]
    yield replace(scores[-1], id=f"{BROKEN}/901", state="judge_error", score=None)


def full_board() -> Board:
    """All of them on a board."""
    board = Board()
    for one in news():
        board.take(one)
    return board


def console_of(width: int, encoding: str = "utf-8", height: int = 30) -> Console:
    """A console that keeps what it prints."""
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding, write_through=True)
    return Console(
        file=file,
        width=width,
        height=height,
        highlight=False,
        emoji=False,
        markup=False,
        legacy_windows=False,
        force_terminal=False,
        _environ={},
    )


def text_of(console: Console, parts: Iterable[RenderableType]) -> str:
    """What parts look like, without blanks at the ends of lines."""
    for part in parts:
        console.print(part)
    assert isinstance(console.file, io.TextIOWrapper)
    assert isinstance(console.file.buffer, io.BytesIO)
    shown = console.file.buffer.getvalue().decode(console.file.encoding)
    return "".join(f"{line.rstrip()}\n" for line in shown.splitlines())


def _pages(console: Console, board: Board) -> Iterator[tuple[str, Iterable[RenderableType]]]:
    """What is compared at each width."""
    yield "all", rollouts_page(console, board, board.shown(NOW), NOW, selected=SILENT)
    for rollout in (ABORTED, GOING, SILENT, STARTING, UNDECIDED, BROKEN):
        yield rollout, rollout_page(console, board, board.cards[rollout], NOW)
    yield "instances", instances_page(console, board.cards[GOING])
    yield "explain", explanation(console, board.cards[ABORTED].story, bar_from=80, span_from=100)


def shown_pages(width: int, encoding: str = "utf-8") -> str:
    """All of them, one under the other."""
    board, found = full_board(), []
    for name, _ in _pages(console_of(width), board):
        console = console_of(width, encoding)
        page = dict(_pages(console, board))[name]
        found.append(f"--- {name}\n{text_of(console, page)}")
    return "\n".join(found)


def troubled(width: int) -> str:
    """The list while the broker is away, the hooks are stopped, and the monitor was silent before."""
    board = full_board()
    board.take(Switch(stopped=True, at=NOW - 7 * MINUTE, by="ann", reason="deploy freeze"))
    silent = text_of(console := console_of(width), rollouts_page(console, board, board.shown(NOW), NOW + 45 * SECOND))
    board.take(Away("no broker answers at kafka:9092", NOW + 30 * SECOND))
    console = console_of(width)
    screen = Screen(console, board, Navigation("rollout", GOING, only=True))
    return f"{silent}\n{text_of(console, [screen.sheet(NOW + 45 * SECOND, keys=True)])}"


def golden() -> dict[str, str]:
    """The text of each file."""
    found = {f"{width}.txt": shown_pages(width) for width in WIDTHS}
    return {**found, "80-ascii.txt": shown_pages(80, "ascii"), "80-trouble.txt": troubled(80)}


if __name__ == "__main__":
    PAGES.mkdir(exist_ok=True)
    for file, text in golden().items():
        (PAGES / file).write_text(text, encoding="utf-8")
