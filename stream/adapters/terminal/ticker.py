"""What changes, a line each: for pipes, logs, and terminals that cannot be drawn on."""

from collections.abc import Iterator
from typing import NamedTuple

from rich.console import Console
from rich.text import Text

from stream.adapters.terminal.board import Board, Card
from stream.adapters.terminal.explain import version
from stream.adapters.terminal.glyph import LABELS, STATES, labelled, readable
from stream.adapters.terminal.lines import INDENT, broken
from stream.adapters.terminal.news import Away, Back, News, Registered
from stream.adapters.terminal.next_step import silence, why
from stream.adapters.terminal.rollout_page import action_words
from stream.outputs import Action, Alert, Divergence, Switch, Verdict
from stream.words import clock

TOLD_ELSEWHERE = ("worse", "error")
"""States of a metric that an alert tells."""
HELD = 3
"""Panes for which a metric keeps its state until that is told: what comes and goes is not."""


class Line(NamedTuple):
    """Something that is told."""

    at: int
    """When it happened, milliseconds UTC."""
    text: Text
    """The line."""


class Ticker:
    """Tells what is new on a board, as it takes it in.

    Args:
        console: whose encoding holds.
        board: what is known.
        everything: at first tell also of rollouts that ended long ago.
    """

    def __init__(self, console: Console, board: Board, *, everything: bool = False) -> None:
        self._console, self._board, self._everything = console, board, everything
        self._silent: set[str] = set()
        self._held: dict[tuple[str, str], tuple[str, int]] = {}
        self._told: dict[tuple[str, str], str] = {}

    def take(self, news: News, now: int) -> Iterator[Line]:
        """Take one piece of news in; its lines, none where nothing changes.

        Args:
            news: what was heard.
            now: the reader's clock, milliseconds UTC.
        """
        board, first = self._board, not self._board.ready
        card = board.cards.get(getattr(news, "rollout", ""))
        stopped = card is not None and card.registration.stopped is not None
        if not board.take(news):
            return
        match news:
            case Back() if first:
                for found in board.shown(now, everything=self._everything):
                    yield self._summary(found, now)
            case Back():
                yield self._line(now, None, "broker", Text("answers again"))
            case Away():
                yield self._line(
                    now, None, "broker", Text(self._read(f"gone, reconnecting: {news.why}"), "bold yellow")
                )
            case Switch():
                yield self._line(news.at, None, "hooks", Text(self._read(_thrown(news)), "bold yellow"))
            case Registered() if not first:
                yield from self._registered(news, new=card is None, stopped=stopped)
            case Divergence():
                yield from self._relabelled(news, first=first)
            case Alert() | Verdict() | Action() if not first:
                yield self._event(news)

    def look(self, now: int) -> Iterator[Line]:
        """Lines about rollouts of which the monitor has fallen silent, or speaks again. To be asked now and then.

        Args:
            now: the reader's clock, milliseconds UTC.
        """
        for card in self._board.shown(now) if self._board.ready and self._board.away is None else ():
            silent = card.silent(now)
            if silent is not None and card.id not in self._silent:
                self._silent.add(card.id)
                words = f"{silence(silent)}; is a worker running (`canary run`)?"
                yield self._line(now, card.id, "silence", Text(words, "bold yellow"))
            elif silent is None and card.id in self._silent:
                self._silent.discard(card.id)
                yield self._line(now, card.id, "silence", Text("over" if not card.ended else "over: it has ended"))

    def _relabelled(self, found: Divergence, *, first: bool) -> Iterator[Line]:
        """A metric whose state has changed, and stays so."""
        key = found.rollout, found.metric
        state, panes = self._held.get(key, ("", 0))
        panes = panes + 1 if state == found.state else 1
        self._held[key] = found.state, panes
        if first:
            self._told[key] = found.state
        known = self._told.get(key, "undecided" if found.state != "no_data" else "no_data")
        if found.state == known or (panes < HELD and found.state not in TOLD_ELSEWHERE):
            return
        self._told[key] = found.state
        if found.state not in TOLD_ELSEWHERE:
            words = Text.assemble(labelled(self._console, LABELS, found.state), "  ", self._read(found.text))
            yield self._line(found.at, found.rollout, "metric", words)

    def _registered(self, news: Registered, *, new: bool, stopped: bool) -> Iterator[Line]:
        registration = news.registration
        if registration is None:
            return
        rollout = registration.rollout
        if new:
            versions = " → ".join(filter(None, (version(rollout, "baseline"), version(rollout, "canary"))))
            begins = f", judged from {clock(rollout.from_.ms)} on" if rollout.from_ is not None else ""
            words = f"{rollout.app}{f' {versions}' if versions else ''}{begins}"
            yield self._line(news.at, rollout.id, "started", Text(self._read(words)))
        elif registration.stopped is not None and not stopped:
            yield self._line(news.at, rollout.id, "stop", Text(self._read(registration.stopped)))

    def _event(self, news: Alert | Verdict | Action) -> Line:
        match news:
            case Action():
                return self._line(news.at, news.rollout, "hook", Text(self._read(action_words(news))))
            case Verdict():
                words = Text.assemble(labelled(self._console, STATES, news.verdict), "  ", self._read(news.text))
                return self._line(news.at, news.rollout, "verdict", words)
        kind, style = news.kind.replace("_", " "), "bold yellow" if news.status == "firing" else "dim"
        return self._line(news.at, news.rollout, kind, Text(self._read(news.text)), style)

    def _summary(self, card: Card, now: int) -> Line:
        """How a rollout stands at the beginning."""
        if card.silent(now) is not None:
            self._silent.add(card.id)
        words = Text.assemble(labelled(self._console, STATES, card.state), "  ", self._read(why(card, now)))
        return self._line(card.newest.at if card.newest is not None else now, card.id, "state", words)

    def _line(self, at: int, rollout: str | None, kind: str, words: Text, style: str = "") -> Line:
        """A line; with the rollout's id where it may be any."""
        which = f"{rollout}  " if rollout is not None and self._board.only is None else ""
        return line(at, kind, words, style, which)

    def _read(self, text: str) -> str:
        return readable(self._console, text)


def line(at: int, kind: str, words: Text, style: str = "", which: str = "") -> Line:
    """A line: the time, the rollout where it may be any, what it is about, and what there is to say."""
    return Line(at, Text.assemble((clock(at), "dim"), "  ", which, (f"{kind:<17}", style), " ", words))


def folded(console: Console, told: Text) -> Iterator[Text]:
    """A line in as many as the terminal needs, the further ones indented."""
    indent = INDENT if console.width >= 80 else 10
    head, rest, place = told[:INDENT], told[INDENT:], 0
    width = console.width - max(indent, head.cell_len)
    lines = broken(console, rest.plain, width) if width >= 20 else [rest.plain]
    for number, one in enumerate(lines):
        place = rest.plain.index(one, place)
        yield Text.assemble(" " * indent if number else head, rest[place : place + len(one)])
        place += len(one)


def _thrown(switch: Switch) -> str:
    why = f": {switch.reason}" if switch.reason else ""
    return f"{'stopped' if switch.stopped else 'fire again'}, by {switch.by}{why}"
