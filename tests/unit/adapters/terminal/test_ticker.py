"""Where nothing can be drawn: what changes, a line each, and nothing else."""

from collections.abc import Iterable

import pytest
from msgspec.structs import replace
from rich.text import Text

from stream.adapters.terminal.board import Board
from stream.adapters.terminal.news import Away, Back, News, Registered
from stream.adapters.terminal.ticker import Ticker, folded
from stream.outputs import Divergence, Switch, Verdict
from tests.core_helpers import SECOND
from tests.terminal_helpers import (
    ABORTED,
    GOING,
    NOW,
    SILENT,
    action,
    alert,
    console_of,
    news,
    outputs,
    registered,
)


class Told:
    """A ticker, with what it has told."""

    def __init__(self, only: str | None = None, encoding: str = "utf-8") -> None:
        self.board = Board(only)
        self.ticker = Ticker(console_of(80, encoding), self.board)

    def of(self, told: Iterable[News], now: int = NOW) -> list[str]:
        """The lines of some news."""
        return [line.text.plain for one in told for line in self.ticker.take(one, now)]

    def look(self, now: int) -> list[str]:
        """The lines of a look at the clock."""
        return [line.text.plain for line in self.ticker.look(now)]


@pytest.fixture
def told() -> Told:
    """One that was told how everything stands: nothing."""
    told = Told()
    assert told.of([Back()]) == []
    return told


def kind_of(line: str, rollout: str = ABORTED) -> str:
    """What a line about a rollout is about."""
    return line[len(rollout) + 12 : len(rollout) + 29].strip()


def words_of(line: str, rollout: str = ABORTED) -> str:
    """What it says."""
    return line[len(rollout) + 30 :]


def test_at_first_it_tells_how_everything_stands() -> None:
    told = Told()
    lines = told.of(news())
    assert [line.split()[1] for line in lines][:3] == [ABORTED, "recommender-0.44.0", SILENT]
    assert lines[0] == f"18:48:16  {ABORTED}  state             ✗ abort  request latency p95 +15\xa0% (limit 10\xa0%)"
    assert len(lines) == 7
    assert told.of(news()) == []


def test_a_whole_rollout_from_its_start(told: Told) -> None:
    story = outputs("abort", ABORTED, NOW)
    final = story[-1]
    assert isinstance(final, Verdict)
    start = registered(ABORTED, story[0].at - 10 * SECOND)
    lines = told.of([start, *story, action(final, 1)])
    assert [(kind_of(line), words_of(line).partition("  ")[0]) for line in lines] == [
        ("started", "checkout 1.0.0 → 2.4.1, judged from 18:49:30 on"),
        ("verdict", "· continue"),
        ("metric", "✓ pass"),
        ("metric", "✓ pass"),
        ("metric", "✓ pass"),
        ("divergence", final.text),
        ("divergence", "Resolved: divergence of http.server.request.duration."),
        ("verdict", "✗ abort"),
        ("hook", "revert: succeeded, 200, 84 ms, attempt 1"),
    ]
    assert all(line[10 : 10 + len(ABORTED)] == ABORTED for line in lines)


def test_of_one_rollout_it_leaves_out_the_id() -> None:
    told = Told(ABORTED)
    lines = told.of([*news()])
    assert lines == ["18:48:16  state             ✗ abort  request latency p95 +15\xa0% (limit 10\xa0%)"]


def divergences(states: str) -> list[Divergence]:
    """Of one metric, pane by pane: u for undecided, p for pass, n for no data, w for worse."""
    first = next(one for one in outputs("abort", ABORTED, NOW) if isinstance(one, Divergence))
    words = {"u": "undecided", "p": "pass", "n": "no_data", "w": "worse"}
    return [
        replace(first, id=f"{ABORTED}/{number}", at=NOW + number * SECOND, state=words[letter], text=f"{number}")
        for number, letter in enumerate(states, start=1)
    ]


@pytest.mark.parametrize(
    ("states", "told_of"),
    [
        ("nnnuuuu", []),
        ("uppupupp", []),
        ("nuppp", ["✓ pass  5"]),
        ("pppppppp", ["✓ pass  3"]),
        ("pppupuppp", ["✓ pass  3"]),
        ("pppuuuppp", ["✓ pass  3", "○ undecided  6", "✓ pass  9"]),
        ("pppnnn", ["✓ pass  3", "? no data  6"]),
        ("pppwppp", ["✓ pass  3", "✓ pass  7"]),
        ("uuwuuu", ["○ undecided  6"]),
    ],
)
def test_a_metric_is_told_once_it_stays(told: Told, states: str, told_of: list[str]) -> None:
    told.of([registered(ABORTED, NOW)])
    assert [words_of(line) for line in told.of(divergences(states))] == told_of


def test_the_broker_and_the_switch(told: Told) -> None:
    away = Away("no broker answers at kafka:9092", NOW)
    assert told.of([away, away]) == ["18:51:16  broker            gone, reconnecting: no broker answers at kafka:9092"]
    assert told.of([Back(), Back()]) == ["18:51:16  broker            answers again"]
    stop = Switch(stopped=True, at=NOW, by="ann", reason="deploy freeze")
    assert told.of([stop, stop]) == ["18:51:16  hooks             stopped, by ann: deploy freeze"]
    resume = Switch(stopped=False, at=NOW + SECOND, by="bob")
    assert told.of([resume]) == ["18:51:17  hooks             fire again, by bob"]


def test_starts_and_stops(told: Told) -> None:
    start = registered(GOING, NOW)
    assert start.registration is not None
    stopped = Registered(GOING, replace(start.registration, stopped="wrong version"), NOW)
    ended = Registered(GOING, replace(start.registration, stopped="wrong version", verdict="inconclusive"), NOW)
    lines = told.of([start, stopped, stopped, ended, Registered(GOING, None, NOW)])
    assert [line.split()[2] for line in lines] == ["started", "stop"]
    assert lines[1].endswith("wrong version")


def test_an_alert_is_told_as_it_begins_and_ends(told: Told) -> None:
    told.of([registered(GOING, NOW)])
    fires = alert(GOING, 1, NOW, text="Instance x is odd.")
    ends = alert(GOING, 2, NOW + SECOND, status="resolved", text="Resolved: instance outlier of x.")
    assert [(kind_of(line, GOING), words_of(line, GOING)) for line in told.of([fires, fires, ends])] == [
        ("instance outlier", "Instance x is odd."),
        ("instance outlier", "Resolved: instance outlier of x."),
    ]


def test_a_silent_monitor_is_told_once(told: Told) -> None:
    told.of([registered(GOING, NOW), *outputs("promote", GOING, NOW, 50)])
    assert told.look(NOW + 30 * SECOND) == []
    (line,) = told.look(NOW + 45 * SECOND)
    assert line.endswith("monitor silent for 45 s; is a worker running (`canary run`)?")
    assert told.look(NOW + 50 * SECOND) == []
    told.of(outputs("promote", GOING, NOW + 60 * SECOND, 60))
    (line,) = told.look(NOW + 60 * SECOND)
    assert line.endswith("over")


def test_nobody_is_called_silent_while_the_broker_is_away(told: Told) -> None:
    told.of([registered(GOING, NOW), *outputs("promote", GOING, NOW, 50), Away("gone", NOW)])
    assert told.look(NOW + 90 * SECOND) == []


def test_ascii_where_there_is_no_more() -> None:
    told = Told(encoding="ascii")
    assert all(line.isascii() for line in told.of(news()))


@pytest.mark.parametrize("width", [20, 40, 60, 80, 100])
def test_a_folded_line_says_the_same(width: int) -> None:
    told = Told()
    for one in news():
        for _, line in told.ticker.take(one, NOW):
            parts = list(folded(console_of(width), line))
            assert " ".join(" ".join(part.plain for part in parts).split()) == " ".join(line.plain.split())
            if width >= 60:
                assert max(part.cell_len for part in parts) <= width


def test_folding_keeps_units_and_colours() -> None:
    line = Text.assemble("18:51:16  verdict            ", ("word " * 12, "red"), "17\xa0% of it")
    first, second = folded(console_of(90), line)
    assert second.plain == f"{' ' * 28}17\xa0% of it" or first.plain.endswith("17\xa0% of it")
    assert "red" in {span.style for span in first.spans}
