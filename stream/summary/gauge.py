"""Levels, such as a utilisation: the mean of what an instance reported in a pane."""

from typing import Self

import numpy as np
from msgspec import Struct

from stream.arrays import Floats
from stream.exact import Exact

FRACTION = 32
"""Sums are whole multiples of 2^-32."""
LARGEST = 1e200
"""The largest magnitude of a value that is taken."""


def fixed(value: float) -> int:
    """The nearest multiple of 2^-32 (ties to even), in units of 2^-32, for any finite value.

    >>> fixed(1.5) / 2**32, fixed(-0.1) / 2**32
    (1.5, -0.10000000009313226)
    """
    return round(value * 2.0**FRACTION)


class Gauge(Struct, tag="gauge", array_like=True):
    """Number and exact sum of readings.

    >>> gauge = Gauge.of_values(np.array([0.25, 0.5]))
    >>> gauge.merge(Gauge.of_values(np.array([0.75])))
    >>> gauge.count, gauge.mean
    (3, 0.5)
    """

    count: int
    """Readings."""
    total: Exact
    """Their sum in units of 2^-32; of any size."""

    @classmethod
    def of_values(cls, values: Floats) -> Self:
        """Summarise finite readings of magnitude up to 1e200."""
        if len(values) and float(np.abs(values).max()) * len(values) < 2.0**30:
            return cls(len(values), Exact(np.rint(values * 2.0**FRACTION).astype(np.int64).sum()))
        return cls(len(values), Exact(sum(map(fixed, values.tolist()))))

    @property
    def mean(self) -> float:
        """The mean reading, correctly rounded."""
        return self.total / (self.count << FRACTION)

    def merge(self, other: Self) -> None:
        """Add the readings of `other`."""
        self.count += other.count
        self.total = Exact(self.total + other.total)
