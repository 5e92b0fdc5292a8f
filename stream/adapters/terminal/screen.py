"""The live view: the alternate screen, drawn anew when something has changed, at most four times a second."""

import time
from collections.abc import Callable, Iterable, Iterator

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.live import Live
from rich.segment import Segment
from rich.text import Text

from stream.adapters.terminal.board import Board, Card
from stream.adapters.terminal.explain import explanation
from stream.adapters.terminal.glyph import overflow, readable
from stream.adapters.terminal.inbox import Inbox
from stream.adapters.terminal.keys import Keys
from stream.adapters.terminal.lines import liveness
from stream.adapters.terminal.navigation import Navigation
from stream.adapters.terminal.news import News
from stream.adapters.terminal.rollout_page import BAR_FROM, SPAN_FROM, instances_page, rollout_page
from stream.adapters.terminal.rollouts_page import rollouts_page

REDRAW = 0.25
"""Seconds between two drawings, at least."""
TICK = 1.0
"""Seconds after which the clock on the screen must go on."""
POLL = 0.05
"""Seconds for which keys are waited for."""
SETTLE = 5.0
"""Seconds for which what is there already is waited for, so that what is wrong is said before the screen changes."""
ROOM = 8
"""Lines around the rows of the list."""
UNKNOWN = "This rollout is gone: it ended more than seven days ago."

Notes = Callable[[], Iterable[Text]]


class Sheet:
    """As many lines as the terminal has: those of the page from an offset on, and what the keys do in the last one."""

    def __init__(self, parts: Iterable[RenderableType], hint: str, offset: int = 0) -> None:
        self._parts, self._hint, self._offset = list(parts), hint, offset

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the lines."""
        height = options.height or console.height
        inner = options.update(height=None)
        lines = [line for part in self._parts for line in console.render_lines(part, inner, pad=False, new_lines=False)]
        room = max(1, height - 2)
        first = max(0, min(self._offset, len(lines) - room))
        for line in lines[first : first + room]:
            yield from line
            yield Segment.line()
        for _ in range(room - len(lines[first : first + room])):
            yield Segment.line()
        more = len(lines) - first - room
        yield Text(f"... {more} more lines, down" if more > 0 else "", "dim", no_wrap=True, overflow=overflow(console))
        yield Text(self._hint, "dim", no_wrap=True, overflow=overflow(console), end="")


class Screen:
    """Draws a board.

    Args:
        console: where to.
        board: what is known.
        navigation: what is shown.
        everything: also rollouts that ended long ago.
        notes: further lines, shown on top.
        take: what to do with news instead of giving it to the board; whether it was new.
    """

    def __init__(
        self,
        console: Console,
        board: Board,
        navigation: Navigation,
        *,
        everything: bool = False,
        notes: Notes | None = None,
        take: Callable[[News], bool] | None = None,
    ) -> None:
        self._console, self._board, self._navigation = console, board, navigation
        self._everything, self._notes, self._take = everything, notes, take or board.take

    def run(self, inbox: Inbox, over: Callable[[], bool] = lambda: False) -> bool:
        """Take in news and keys, and draw, until someone quits: then True; or until it is over.

        Args:
            inbox: where news come from.
            over: asked now and then whether to end.

        Raises:
            CanaryError: the news cannot be read at all.
        """
        self._settle(inbox)
        with Keys() as keys, Live(console=self._console, screen=True, auto_refresh=False) as live:
            drawn, dirty, size = 0.0, True, self._console.size
            while not over():
                pressed = keys.wait(POLL)
                for news in inbox.take():
                    dirty |= self._take(news)
                for key in pressed:
                    answer = self._navigation.press(key, self._ids())
                    if answer == "quit":
                        return True
                    dirty |= answer == "redraw"
                self._complete(inbox)
                dirty |= size != self._console.size
                age = time.monotonic() - drawn
                if (dirty and age >= REDRAW) or age >= TICK:
                    size, dirty, drawn = self._console.size, False, time.monotonic()
                    live.update(self.sheet(_now(), keys=keys.there), refresh=True)
        return False

    def sheet(self, now: int, *, keys: bool) -> Sheet:
        """What is drawn.

        Args:
            now: the reader's clock, milliseconds UTC.
            keys: whether there are keys.
        """
        navigation = self._navigation
        navigation.settle(self._ids(now))
        notes = [*self._notes(), Text()] if self._notes is not None else []
        hint = navigation.hint if keys else "Ctrl-C quits"
        return Sheet([*notes, *self._page(now, keys=keys)], readable(self._console, hint), navigation.offset)

    def _settle(self, inbox: Inbox) -> None:
        deadline = time.monotonic() + SETTLE
        while time.monotonic() < deadline and not self._board.ready:
            for news in inbox.take():
                self._take(news)
            time.sleep(POLL)

    def _complete(self, inbox: Inbox) -> None:
        """Ask for the evidence of a rollout that ended before anyone watched, once it is looked at."""
        card, navigation = self._board.cards.get(self._navigation.selected or ""), self._navigation
        if card is not None and card.ended and not navigation.only and navigation.page != "rollouts":
            inbox.want(card.id)

    def _ids(self, now: int | None = None) -> list[str]:
        cards = self._board.shown(_now() if now is None else now, everything=self._everything)
        return self._navigation.chosen([card.id for card in cards])

    def _page(self, now: int, *, keys: bool) -> Iterator[RenderableType]:
        console, board, navigation = self._console, self._board, self._navigation
        if navigation.page == "rollouts":
            cards = [board.cards[one] for one in self._ids(now)]
            selected, room = navigation.selected if keys else None, max(3, console.height - ROOM)
            yield from rollouts_page(console, board, cards, now, selected=selected, room=room)
            return
        card: Card | None = board.cards.get(navigation.selected or "")
        if card is None:
            yield liveness(console, board, now)
            yield Text(UNKNOWN if board.ready else "")
        elif navigation.page == "explain":
            yield from explanation(console, card.story, bar_from=BAR_FROM, span_from=SPAN_FROM)
        elif navigation.page == "instances":
            yield from instances_page(console, card)
        else:
            yield from rollout_page(console, board, card, now)


def _now() -> int:
    return time.time_ns() // 1_000_000
