"""Latencies and other positive magnitudes: counts, the exact sum of logarithms, and a sparse log-histogram."""

from typing import Self

import numpy as np
from msgspec import Struct

from stream.arrays import Floats, Ints
from stream.errors import TelemetryError
from stream.exact import Exact
from stream.summary.grid import SCALE, bins_and_logs, middle_log2

MAX_COUNT = 2**48
"""Measurements one summary may hold, so that sums of bins fit 64 bits."""


class Distribution(Struct, tag="distribution", array_like=True, eq=False):
    """The digest of the samples of one row. Merging is exact.

    >>> one = Distribution.of_values(np.array([0.0, 100.0, 200.0]))
    >>> two = Distribution.of_values(np.array([100.0]))
    >>> one.merge(two)
    >>> one.count, one.zeros, one.bins.tolist(), one.counts.tolist()
    (4, 1, [212, 244], [2, 1])
    """

    count: int
    """All samples, zeros included."""
    zeros: int
    """Samples that are 0; they have no logarithm and lie under every bin."""
    logs: Exact
    """Sum of log2 of the positive samples in units of 2^-20."""
    scale: int
    """Resolution of the bins, at most 5: base 2^(2^-scale)."""
    bins: Ints
    """Indices of the bins that hold something, ascending."""
    counts: Ints
    """Samples in each of `bins`, each 1 or more."""

    @classmethod
    def of_values(cls, values: Floats, weight: int = 1) -> Self:
        """Summarise values, each 0 or more and finite, each standing for `weight` samples. O(n log n)."""
        positive = values[values > 0]
        places, logarithms = bins_and_logs(positive)
        indices, counts = np.unique(places, return_counts=True)
        zeros = len(values) - len(positive)
        logs = Exact(int(logarithms.sum()) * weight)
        return cls(len(values) * weight, zeros * weight, logs, SCALE, indices, counts.astype(np.int64) * weight)

    @classmethod
    def of_histogram(cls, scale: int, offset: int, counts: list[int], zeros: int) -> Self:
        """Take an exponential histogram; a finer scale than 5 is shifted down exactly, logarithms are mid-points'.

        Raises:
            TelemetryError: it holds more than 2^48 samples.
        """
        total = sum(counts) + zeros
        if total > MAX_COUNT:
            raise TelemetryError("out_of_range", f"counts: more than {MAX_COUNT} samples in one histogram")
        dense = np.array(counts, dtype=np.int64)
        used = np.flatnonzero(dense)
        indices, dense = used + offset, dense[used]
        logs = sum(n * log for n, log in zip(dense.tolist(), middle_log2(indices, scale).tolist(), strict=True))
        summary = cls(total, zeros, Exact(logs), scale, indices, dense)
        summary.coarsen(min(scale, SCALE))
        return summary

    def coarsen(self, scale: int) -> None:
        """Halve the resolution until it is `scale` (at most the present one): bins 2i and 2i+1 become bin i."""
        if scale != self.scale:
            self.bins, self.counts = gather(self.bins >> (self.scale - scale), self.counts)
            self.scale = scale

    def merge(self, other: Self) -> None:
        """Add the samples of `other`; the coarser of the two scales holds."""
        scale = min(self.scale, other.scale)
        self.coarsen(scale)
        indices = np.concatenate((self.bins, other.bins >> (other.scale - scale)))
        self.bins, self.counts = gather(indices, np.concatenate((self.counts, other.counts)))
        self.count += other.count
        self.zeros += other.zeros
        self.logs = Exact(self.logs + other.logs)


def gather(indices: Ints, counts: Ints) -> tuple[Ints, Ints]:
    """Sum the counts of equal indices; both come back sorted by index."""
    unique, where = np.unique(indices, return_inverse=True)
    sums = np.zeros(len(unique), dtype=np.int64)
    np.add.at(sums, where, counts)
    return unique, sums
