"""Trials and hits, such as failed requests of all. Never a percentage without its denominator."""

from typing import Self

import numpy as np
from msgspec import Struct

from stream.arrays import Floats


class Ratio(Struct, tag="ratio", array_like=True):
    """k of n trials, such as failed requests.

    >>> ratio = Ratio.of_values(np.array([0.0, 1.0, 0.0]))
    >>> ratio.merge(Ratio(2, 7))
    >>> ratio.hits, ratio.trials
    (3, 10)
    """

    hits: int
    """k, 0 to `trials`."""
    trials: int
    """n."""

    @classmethod
    def of_values(cls, values: Floats) -> Self:
        """Each value is one trial, 0 or 1."""
        return cls(int(np.count_nonzero(values)), len(values))

    def merge(self, other: Self) -> None:
        """Add the trials of `other`."""
        self.hits += other.hits
        self.trials += other.trials
