"""Events, such as requests or crashes."""

from typing import Self

from msgspec import Struct

from stream.arrays import Floats


class Count(Struct, tag="count", array_like=True):
    """How many events there were.

    >>> import numpy as np
    >>> count = Count.of_values(np.array([1.0, 2.0]))
    >>> count.merge(Count(4))
    >>> count.events
    7
    """

    events: int
    """0 or more."""
    covered: int = 0
    """Milliseconds that the reports say they cover, summed; 0 where events come one by one."""

    @classmethod
    def of_values(cls, values: Floats) -> Self:
        """Sum whole numbers up to 2^53 each."""
        return cls(sum(map(int, values.tolist())))

    def merge(self, other: Self) -> None:
        """Add the events of `other`."""
        self.events += other.events
        self.covered += other.covered
