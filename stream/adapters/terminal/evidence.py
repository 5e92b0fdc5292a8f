"""The table of metrics: state, the race between "safe" and "worse", effect, interval, limit."""

from collections.abc import Iterable
from typing import Literal

from rich.console import Console
from rich.table import Table
from rich.text import Text

from stream.adapters.terminal.glyph import LABELS, labelled, overflow, plain, readable
from stream.outputs import Divergence
from stream.words import MINUS, SPACE, percent, points, value

HALF = 10
"""Cells from the middle to a goal."""
BAR_WIDTH, EFFECT_WIDTH = 100, 80
"""Under so many columns the bar is dropped, then the interval."""
_RACE = "SAFE ◂   evidence   ▸ WORSE"
_SIDES: tuple[Literal["left", "right"], ...] = ("left", "left", "left", "right", "left", "right")
_ORDER = ("worse", "error", "no_data", "undecided", "better", "pass")


def evidence_table(
    console: Console,
    divergences: list[Divergence],
    *,
    bar_from: int = BAR_WIDTH,
    span_from: int = EFFECT_WIDTH,
    faded: bool = False,
) -> Table:
    """A row a metric: worse first, then critical, then by evidence of harm. Long names are cut, nothing else.

    Args:
        console: where it is shown.
        divergences: the newest of each metric.
        bar_from: the columns from which on it has the bar.
        span_from: the same of the interval.
        faded: all in grey, as what it says may hold no more.
    """
    rows = [_cells(console, found) for found in ranked(divergences)]
    if faded:
        rows = [[Text(cell.plain, "dim") for cell in row] for row in rows]
    head = [Text("METRIC"), Text("STATE"), Text(_RACE), Text("EFFECT"), Text(f"95{SPACE}% INTERVAL"), Text("LIMIT")]
    kept = [0, 1, *([2] if console.width >= bar_from else []), 3, *([4] if console.width >= span_from else []), 5]
    widths = {column: max(row[column].cell_len for row in (head, *rows)) for column in kept}
    room = console.width - sum(width + 2 for column, width in widths.items() if column)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim", show_edge=False)
    for column in kept:
        table.add_column(Text(readable(console, head[column].plain)), justify=_SIDES[column], no_wrap=True)
    for row in rows:
        row[0].truncate(max(room, 12), overflow=overflow(console))
        table.add_row(*(row[column] for column in kept))
    return table


def ranked(divergences: Iterable[Divergence]) -> list[Divergence]:
    """Worse first, then critical, then by evidence of harm."""
    return sorted(divergences, key=_rank)


def _cells(console: Console, found: Divergence) -> list[Text]:
    name = Text(
        f"{found.title[:1].upper()}{found.title[1:]} {found.view if (found.view or '').startswith('p') else ''}".strip()
    )
    if found.critical:
        name.append(" *", "bold")
    return [
        name,
        labelled(console, LABELS, found.state),
        _race(console, found),
        Text(readable(console, effect(found, found.effect)), "bold red" if found.state == "worse" else ""),
        Text(readable(console, span(found))),
        Text(readable(console, _limit(found))),
    ]


def effect(found: Divergence, amount: float | None) -> str:
    """An effect of this metric with its sign."""
    if amount is None:
        return "-"
    if found.scale == "relative":
        return percent(amount)
    if found.unit in ("1", "%", "percent"):
        size = points(amount if found.unit == "1" else amount / 100).replace("points", "pp")
    else:
        size = value(abs(amount), found.unit)
    sign = "" if size.startswith(f"0{SPACE}") or amount == 0 else "+" if amount > 0 else MINUS
    return sign + size


def _limit(found: Divergence) -> str:
    """What is tolerated; in which unit, is not known before the first sample."""
    return "-" if found.kind is None and found.scale == "absolute" else effect(found, found.tolerate).lstrip("+")


def span(found: Divergence) -> str:
    """The interval, open where it has no end."""
    if found.effect is None or (found.low is None and found.high is None):
        return "unbounded" if found.effect is not None else ""
    return f"{effect(found, found.low)} to {effect(found, found.high)}"


def _rank(found: Divergence) -> tuple[int, bool, float]:
    return _ORDER.index(found.state), not found.critical, -found.evidence / max(found.threshold, 1e-9)


def _race(console: Console, found: Divergence) -> Text:
    """Safe to the left, worse to the right; the goals are marked and stay visible when passed."""
    letters = plain(console)
    full, empty, goal, middle = ("#", ".", "|", ":") if letters else ("█", "·", "┃", "│")
    bar = Text()
    if found.state in ("no_data", "error"):
        return bar.append(empty * (HALF + 1) + middle + empty * (HALF + 1), "dim")
    left = _filled(found.evidence_safe, found.threshold_safe)
    right = _filled(found.evidence, found.threshold)
    for cell in range(HALF + 1, 0, -1):
        bar.append(goal if cell == HALF else full if cell <= left else empty, "green" if cell <= left else "dim")
    bar.append(middle, "dim")
    for cell in range(1, HALF + 2):
        bar.append(goal if cell == HALF else full if cell <= right else empty, "red" if cell <= right else "dim")
    return bar


def _filled(evidence: float, need: float) -> int:
    return max(0, min(HALF + 1, round(evidence / need * HALF))) if need > 0 else 0
