"""News from a thread of its own, so that whoever draws never waits for a broker."""

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Self

from stream.adapters.terminal.news import News, in_order
from stream.errors import CanaryError

LEAVE_SECONDS = 1.0
"""How long the thread may take to close its connections; it is not waited for any longer."""
MOST = 5000
"""Pieces of news that are taken at once, so that a long history does not hold up the keys."""


class Inbox:
    """Takes in news from `with` to the end of its block.

    Args:
        source: yields news until the event it is given is set; called in the thread.
        further: yields what else there is of a rollout, by its id; called in threads of their own.
    """

    def __init__(
        self,
        source: Callable[[threading.Event], Iterator[News]],
        further: Callable[[str], Iterator[News]] | None = None,
    ) -> None:
        self._source, self._further = source, further
        self._wanted: set[str] = set()
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

    def want(self, rollout: str) -> None:
        """Let come what else there is of a rollout. Asking again does nothing.

        Args:
            rollout: its id.
        """
        if self._further is not None and rollout not in self._wanted:
            self._wanted.add(rollout)
            threading.Thread(target=self._fetch, args=(self._further, rollout), name="further", daemon=True).start()

    def _fetch(self, further: Callable[[str], Iterator[News]], rollout: str) -> None:
        with suppress(CanaryError):  # that the broker is away, the source tells
            for news in further(rollout):
                self._queue.put(news)

    def _run(self) -> None:
        try:
            for news in self._source(self._over):
                self._queue.put(news)
        except BaseException as error:  # told to whoever takes
            self._error = error
