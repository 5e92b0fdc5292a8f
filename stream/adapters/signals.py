"""Signals that end a process, as exceptions: so that what stands in `finally` is done first."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

ENDING = ("SIGTERM", "SIGHUP")
"""Besides SIGINT, which Python turns into KeyboardInterrupt by itself."""


@contextmanager
def ends_orderly() -> Iterator[None]:
    """Within it these signals raise `SystemExit` with the code that shells give, 128 and the signal's number.

    For the main thread; those that are ignored stay so, as under `nohup`.
    """
    numbers = [getattr(signal, name) for name in ENDING if hasattr(signal, name)]
    before = {number: signal.getsignal(number) for number in numbers}
    for number, handler in before.items():
        if handler != signal.SIG_IGN:
            signal.signal(number, _leave)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _leave(number: int, _: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)
