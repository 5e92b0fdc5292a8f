"""News from a thread of its own, so that whoever draws never waits for a broker."""

import threading
from collections.abc import Callable, Iterator
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Self

from stream.adapters.terminal.news import News, in_order

LEAVE_SECONDS = 1.0
"""How long the thread may take to close its connections; it is not waited for any longer."""
MOST = 5000
"""Pieces of news that are taken at once, so that a long history does not hold up the keys."""


class Inbox:
    """Takes in news from `with` to the end of its block.

    Args:
        source: yields news until the event it is given is set; called in the thread.
    """

    def __init__(self, source: Callable[[threading.Event], Iterator[News]]) -> None:
        self._source = source
        self._queue: SimpleQueue[News] = SimpleQueue()
        self._over = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="news", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join(LEAVE_SECONDS)

    def take(self) -> list[News]:
        """What has come since the last time, by time.

        Raises:
            CanaryError: what ended the source, once all before it was taken.
        """
        found: list[News] = []
        while len(found) < MOST:
            try:
                found.append(self._queue.get_nowait())
            except Empty:
                break
        if not found and self._error is not None:
            raise self._error
        return in_order(found)

    def _run(self) -> None:
        try:
            for news in self._source(self._over):
                self._queue.put(news)
        except BaseException as error:  # told to whoever takes
            self._error = error
