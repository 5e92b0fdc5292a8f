"""What is shown and what the keys do about it. Pure: keys come in by name."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Page = Literal["rollouts", "rollout", "explain", "instances"]
Press = Literal["quit", "redraw", "nothing"]

UP, DOWN = ("up", "k"), ("down", "j")
BACK = ("b", "escape", "left", "backspace")


@dataclass
class Navigation:
    """Where one is."""

    page: Page = "rollouts"
    """What is shown."""
    selected: str | None = None
    """The id of the rollout that the keys are at."""
    only: bool = False
    """Whether one rollout was asked for, so that there is no list to go back to."""
    filter: str = ""
    """Only rollouts whose id contains it."""
    typing: bool = False
    """Whether keys go into the filter."""
    offset: int = 0
    """Lines that are scrolled past."""

    def chosen(self, ids: Sequence[str]) -> list[str]:
        """Those that the filter lets pass."""
        return [one for one in ids if self.filter.lower() in one.lower()]

    def settle(self, ids: Sequence[str]) -> None:
        """Keep the selection on something that is there.

        Args:
            ids: the rollouts that the filter lets pass, in order.
        """
        if self.page == "rollouts" and self.selected not in ids:
            self.selected = ids[0] if ids else None

    def press(self, key: str, ids: Sequence[str]) -> Press:
        """What a key does.

        Args:
            key: a letter, or `enter`, `escape`, `up`, `down`, `left`, `backspace`, `space`.
            ids: the rollouts that the filter lets pass, in order.
        """
        if self.typing:
            return self._type(key)
        if key == "q":
            return "quit"
        if self.page == "rollouts":
            return self._in_list(key, ids)
        return self._in_page(key)

    def _type(self, key: str) -> Press:
        if key in ("enter", "escape"):
            self.typing = False
            self.filter = "" if key == "escape" else self.filter
        elif key == "backspace":
            self.filter = self.filter[:-1]
        elif len(key) == 1 and key.isprintable():
            self.filter += key
        else:
            return "nothing"
        return "redraw"

    def _in_list(self, key: str, ids: Sequence[str]) -> Press:
        place = ids.index(self.selected) if self.selected in ids else 0
        if key == "/":
            self.typing, self.filter = True, ""
        elif key == "escape" and self.filter:
            self.filter = ""
        elif key in (*UP, *DOWN) and ids:
            self.selected = ids[max(0, min(len(ids) - 1, place + (1 if key in DOWN else -1)))]
        elif key in ("enter", "e", "i") and ids:
            self.selected = ids[place]
            self._go({"e": "explain", "i": "instances"}.get(key, "rollout"))
        else:
            return "nothing"
        return "redraw"

    def _in_page(self, key: str) -> Press:
        if key in UP or key in DOWN:
            self.offset = max(0, self.offset + (1 if key in DOWN else -1))
        elif key == "e" and self.page != "explain":
            self._go("explain")
        elif key == "i" and self.page != "instances":
            self._go("instances")
        elif key in BACK and self.page != "rollout":
            self._go("rollout")
        elif key in BACK and not self.only:
            self._go("rollouts")
        else:
            return "nothing"
        return "redraw"

    def _go(self, page: str) -> None:
        self.page, self.offset = page, 0  # type: ignore[assignment]  # callers give pages

    @property
    def hint(self) -> str:
        """What the keys do here."""
        back = "" if self.only and self.page == "rollout" else "   b back"
        match self.page:
            case "rollouts" if self.typing:
                return f"/{self.filter}   enter keep   escape all"
            case "rollouts":
                shown = f"   only {self.filter}, escape all" if self.filter else ""
                return f"enter one rollout   / filter   e explain   q quit{shown}"
            case "rollout":
                return f"* decides   e explain   i instances{back}   q quit"
            case "explain":
                return f"i instances{back}   q quit"
            case _:
                return f"e explain{back}   q quit"
