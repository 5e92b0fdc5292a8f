"""Each state's glyph, word and colour, with plain letters where the terminal has no UTF-8."""

from typing import Literal

from rich.console import Console
from rich.text import Text

STATES: dict[str, tuple[str, str, str, str]] = {
    "abort": ("✗", "x", "abort", "bold red"),
    "judge_error": ("!", "!", "judge error", "bold yellow"),
    "no_data": ("?", "?", "no data", "bold yellow"),
    "inconclusive": ("–", "-", "inconclusive", "bold"),
    "continue": ("·", ".", "continue", ""),
    "warming_up": ("~", "~", "warming up", "dim"),
    "promote": ("✓", "v", "promote", "bold green"),
}
"""By state of a rollout: glyph, plain glyph, word, style."""

LABELS: dict[str, tuple[str, str, str, str]] = {
    "worse": ("▲", "x", "worse", "red"),
    "pass": ("✓", "v", "pass", "green"),
    "better": ("✓", "v", "better", "green"),
    "undecided": ("○", ".", "undecided", "dim"),
    "no_data": ("?", "?", "no data", "yellow"),
    "error": ("!", "!", "error", "yellow"),
}
"""By state of a metric."""


def plain(console: Console) -> bool:
    """Whether the terminal takes letters only."""
    return not console.encoding.lower().startswith("utf")


def overflow(console: Console) -> Literal["ellipsis", "crop"]:
    """How a cell is cut that is too long."""
    return "crop" if plain(console) else "ellipsis"


def labelled(console: Console, table: dict[str, tuple[str, str, str, str]], state: str, *, upper: bool = False) -> Text:
    """Glyph and word of a state."""
    glyph, letter, word, style = table[state]
    return Text(f"{letter if plain(console) else glyph} {word.upper() if upper else word}", style)


def readable(console: Console, text: str) -> str:
    """The text with plain letters for signs that the terminal does not have."""
    if not plain(console):
        return text
    for sign, letter in (
        ("\u2212", "-"),
        ("→", "->"),
        ("–", "-"),
        ("…", "..."),
        ("◂", "<"),
        ("▸", ">"),
        ("\u202f", " "),
        ("\u00a0", " "),
    ):
        text = text.replace(sign, letter)
    return text.encode("ascii", "replace").decode()
