"""Keys of the terminal, one by one, without enter and without echo; as the terminal was, on every way out."""

import contextlib
import os
import select
import sys
from types import TracebackType
from typing import Any, Self

try:
    import termios
    import tty
except ImportError:  # Windows
    termios = tty = None  # type: ignore[assignment]

_NAMED = {
    "\r": "enter",
    "\n": "enter",
    "\x7f": "backspace",
    "\x08": "backspace",
    "\x1b": "escape",
    "\x1b[A": "up",
    "\x1b[B": "down",
    "\x1b[D": "left",
    "\x1bOA": "up",
    "\x1bOB": "down",
    "\x1bOD": "left",
}
MOST = 256
"""Bytes that are read at once."""


class Keys:
    """What is typed, from `with` to the end of its block. Where there is no terminal to type at there are no keys.

    Ctrl-C stays what it is; Ctrl-Z does nothing, as it would leave the terminal without echo.
    """

    def __init__(self) -> None:
        self._descriptor: int | None = None
        self._before: Any = None

    @property
    def there(self) -> bool:
        """Whether there are keys."""
        return self._descriptor is not None

    def __enter__(self) -> Self:
        descriptor = _terminal()
        if descriptor is not None:
            self._before = termios.tcgetattr(descriptor)
            self._descriptor = descriptor
            try:
                tty.setcbreak(descriptor, termios.TCSANOW)
                changed = termios.tcgetattr(descriptor)
                changed[6][termios.VSUSP] = os.fpathconf(descriptor, "PC_VDISABLE").to_bytes(1, "big")
                termios.tcsetattr(descriptor, termios.TCSANOW, changed)
            except BaseException:
                self._restore()
                raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._restore()

    def wait(self, seconds: float) -> list[str]:
        """What is typed, waited for so long; without keys it only waits."""
        if self._descriptor is None:
            select.select([], [], [], seconds)
            return []
        if not select.select([self._descriptor], [], [], seconds)[0]:
            return []
        try:
            data = os.read(self._descriptor, MOST)
        except OSError:  # the terminal is gone
            data = b""
        if not data:
            self._restore()
            return []
        return list(named(data.decode("utf-8", "ignore")))

    def _restore(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            with contextlib.suppress(termios.error, OSError):
                termios.tcsetattr(descriptor, termios.TCSAFLUSH, self._before)


def named(text: str) -> list[str]:
    r"""Keys by name.

    >>> named("q\x1b[A/\r")
    ['q', 'up', '/', 'enter']
    """
    found = []
    while text:
        size = next((size for size in (3, 1) if text[:size] in _NAMED), 1)
        if text[0] == "\x1b" and size == 1 and len(text) > 1:
            text = ""  # a sequence of a key that has no name here
            continue
        found.append(_NAMED.get(text[:size], text[:size]))
        text = text[size:]
    return found


def _terminal() -> int | None:
    """Standard input, where it is a terminal that is ours to read."""
    if termios is None:
        return None
    try:
        descriptor = sys.stdin.fileno()
        ours = os.isatty(descriptor) and os.tcgetpgrp(descriptor) == os.getpgrp()
    except (OSError, ValueError, AttributeError):
        return None
    return descriptor if ours else None
