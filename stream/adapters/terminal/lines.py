"""Lines as pages are made of: with a hanging indent, or parts in a row that break between parts."""

import textwrap
from collections.abc import Iterable, Iterator

from rich.console import Console
from rich.text import Text

from stream.adapters.terminal.board import Board
from stream.adapters.terminal.glyph import plain, readable
from stream.adapters.terminal.next_step import span
from stream.words import SPACE, THIN, clock

WIDEST = 110
"""Sentences are not longer than this."""
INDENT = 28
GAP = "   "
HELD = "\x00"
"""Stands for a space at which no line is broken, where the terminal has no such space."""


def broken(console: Console, text: str, width: int) -> list[str]:
    """A readable text in lines, broken at spaces only: names, and numbers with their units, stay whole."""
    held = readable(console, text.replace(SPACE, HELD).replace(THIN, HELD)) if plain(console) else text
    lines = textwrap.wrap(held, width, break_long_words=False, break_on_hyphens=False)
    return [line.replace(HELD, " ") for line in lines]


def hanging(console: Console, at: str, kind: str, text: str, style: str = "bold") -> Iterator[Text]:
    """A time, what it is about, and a sentence beside both; under 80 columns below them."""
    narrow = console.width < 80
    indent = 10 if narrow else INDENT
    width = max(20, min(console.width, WIDEST) - indent)
    lines = broken(console, text, width)
    if narrow and (at or kind):
        yield Text.assemble((f"{at:<10}", "dim"), (kind, style))
    for number, line in enumerate(lines or [""]):
        if narrow or number:
            yield Text(" " * indent + line)
        else:
            yield Text.assemble((f"{at:<10}", "dim"), (f"{kind:<17} ", style), line)


def wrapped(console: Console, text: str) -> Iterator[Text]:
    """A sentence over the whole width."""
    yield from map(Text, broken(console, text, min(console.width, WIDEST)))


def in_a_row(console: Console, parts: Iterable[Text]) -> Iterator[Text]:
    """Parts beside each other, in as many lines as they need."""
    line = Text()
    for part in parts:
        if line and line.cell_len + len(GAP) + part.cell_len > console.width:
            yield line
            line = Text()
        line = Text.assemble(line, GAP if line else "", part)
    yield line


def liveness(console: Console, board: Board, now: int) -> Text:
    """Whether what is shown is live: the clock, or for how long the broker has been away.

    Args:
        console: where it is shown.
        board: what is known.
        now: the reader's clock, milliseconds UTC.
    """
    if board.away is not None:
        return Text(f"no broker for {span(now - board.away.at)}, reconnecting", "bold yellow")
    return Text(readable(console, f"live, {clock(now)} UTC" if board.ready else "reading ..."))


def switch_line(console: Console, board: Board) -> Iterator[Text]:
    """That all hooks are stopped, if they are."""
    switch = board.switch
    if switch is not None and switch.stopped:
        why = f": {switch.reason}" if switch.reason else ""
        text = f"hooks are stopped since {clock(switch.at)} UTC, by {switch.by}{why}"
        yield Text(readable(console, text), "bold yellow")
