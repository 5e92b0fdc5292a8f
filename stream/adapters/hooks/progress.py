"""How far a partition is done, where records end in another order than they begin.

>>> progress = Progress()
>>> for offset in (4, 5, 9):
...     progress.begin(offset)
>>> progress.end(5), progress.end(4), progress.end(9)
(4, 9, 10)
"""


class Progress:
    """The records of a partition that are under way."""

    def __init__(self) -> None:
        self._open: dict[int, None] = {}
        self._next = -1

    def begin(self, offset: int) -> None:
        """A record is under way; all before it have begun."""
        self._open[offset] = None
        self._next = offset + 1

    def end(self, offset: int) -> int:
        """A record is done: the offset below which all are."""
        del self._open[offset]
        return next(iter(self._open), self._next)
