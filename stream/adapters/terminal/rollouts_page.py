"""`canary watch`: all rollouts, a line each."""

from collections.abc import Iterator, Sequence

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from stream.adapters.terminal.board import Board, Card, needy
from stream.adapters.terminal.explain import known
from stream.adapters.terminal.glyph import STATES, labelled, overflow, plain, readable
from stream.adapters.terminal.lines import in_a_row, liveness, switch_line
from stream.adapters.terminal.next_step import next_step, why
from stream.words import plural

NEXT_FROM, KNOWN_FROM = 100, 80
"""Under so many columns what comes next is dropped, then the confidence."""
SILENT = "bold yellow"
"""How it is told that the monitor says nothing."""
EMPTY = "No rollout yet. Start one: canary start ROLLOUT.yaml"


def rollouts_page(
    console: Console,
    board: Board,
    cards: Sequence[Card],
    now: int,
    *,
    selected: str | None = None,
    room: int | None = None,
) -> Iterator[RenderableType]:
    """The page, without what the keys do.

    Args:
        console: where it is shown.
        board: what is known.
        cards: the rollouts to show, in order.
        now: the reader's clock, milliseconds UTC.
        selected: the id of the one that the keys are at, where there are keys.
        room: how many rollouts there is room for; those around the selected one are shown.
    """
    need = needy(list(cards), now)
    counted = Text(f"{plural(len(cards), 'rollout')}, ")
    verb = "needs" if need == 1 else "need"
    counted.append(f"{need} {verb} you" if need else "none needs you", "bold yellow" if need else "")
    yield from in_a_row(console, [Text("canary watch", "bold"), liveness(console, board, now), counted])
    yield from switch_line(console, board)
    yield Text()
    if cards:
        first, last = _window([card.id for card in cards], selected, room)
        yield _table(console, cards[first:last], now, selected, stale=board.away is not None)
        if last - first < len(cards):
            yield Text(f"... {first} above, {len(cards) - last} below", "dim")
    elif board.ready:
        yield Text(EMPTY)


def _window(ids: list[str], selected: str | None, room: int | None) -> tuple[int, int]:
    """The first of those to show, and the one after the last."""
    if room is None or len(ids) <= room:
        return 0, len(ids)
    place = ids.index(selected) if selected in ids else 0
    first = max(0, min(place - room // 2, len(ids) - room))
    return first, first + room


def _table(console: Console, cards: Sequence[Card], now: int, selected: str | None, *, stale: bool) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim", show_edge=False, expand=True)
    cut = overflow(console)
    if selected is not None:
        table.add_column("", width=1, no_wrap=True)
    table.add_column("STATE", min_width=14, no_wrap=True)
    table.add_column("ROLLOUT", overflow=cut, no_wrap=True, max_width=max(14, console.width // 4))
    table.add_column("SCORE", min_width=5, justify="right", no_wrap=True)
    if console.width >= KNOWN_FROM:
        table.add_column("KNOWN", min_width=6, justify="right", no_wrap=True)
    table.add_column("WHY", overflow=cut, ratio=5, no_wrap=True)
    if console.width >= NEXT_FROM:
        table.add_column("NEXT", overflow=cut, ratio=3, min_width=22, no_wrap=True)
    for card in cards:
        cells = _cells(console, card, now)
        if stale or card.silent(now) is not None:
            cells = [Text(cell.plain, "dim") if cell.style != SILENT else cell for cell in cells]
        if selected is not None:
            pointer = ">" if plain(console) else "▸"
            cells.insert(0, Text(pointer if card.id == selected else " ", "bold"))
        table.add_row(*cells, style="bold" if card.id == selected else "")
    return table


def _cells(console: Console, card: Card, now: int) -> list[Text]:
    newest, silent = card.newest, card.silent(now)
    score = newest.score if newest is not None else None
    cells = [
        labelled(console, STATES, card.state),
        Text(card.id),
        Text("-" if score is None else f"{score:.0f}"),
    ]
    if console.width >= KNOWN_FROM:
        sure = known(newest.confidence) if newest is not None else "none"
        cells.append(Text(readable(console, "-" if sure == "none" else sure)))
    cells.append(Text(readable(console, why(card, now)), SILENT if silent is not None else ""))
    if console.width >= NEXT_FROM:
        cells.append(Text(readable(console, next_step(card, now))))
    return cells
