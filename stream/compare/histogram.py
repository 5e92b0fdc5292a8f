"""Quantiles of each instance from log-histograms that add up over panes, cleared of what all instances share.

Before a pane is added, its bins are shifted by the pane's common level (the mean of the cohorts' median positions,
in whole bins), so that a load swing does not mix hours differently where the cohorts' traffic shares change.
"""

from typing import Self

import numpy as np
from msgspec import Struct

from stream.array import Floats, Ints
from stream.compare.mixture import LN2
from stream.summary import Distribution
from stream.summary.grid import SCALE

_SLACK = 32
_REACH = 64
"""Bins further than this many octaves from 1 are counted at the edge."""


class ResidualHistogram(Struct):
    """One metric's histograms; the first axis of each array is the instance, but for `totals` the cohort."""

    scale: int
    """Bins in an octave are 2^scale."""
    base: int
    """Index of the first bin kept."""
    level: Ints
    """[U, B] residual bins since the start."""
    level_zeros: Ints
    """[U] samples of 0 in it."""
    block: Ints
    """[U, B] residual bins of the open block."""
    block_zeros: Ints
    """[U] samples of 0 in it."""
    totals: Ints
    """[2, B] unshifted bins since the start: canary, baseline."""
    total_zeros: Ints
    """[2] samples of 0 in it."""
    reference: float | None = None
    """The first pane's common level, in octaves; what later panes are shifted to."""

    @classmethod
    def empty(cls, instances: int) -> Self:
        """No samples of `instances` instances."""
        wide, one = np.zeros((instances, 0), np.int64), np.zeros(instances, np.int64)
        return cls(SCALE, 0, wide, one, wide.copy(), one.copy(), np.zeros((2, 0), np.int64), np.zeros(2, np.int64))

    def grow(self, instances: int) -> None:
        """Make room for new instances."""
        more = instances - len(self.level)
        for name in ("level", "block"):
            setattr(self, name, np.pad(getattr(self, name), ((0, more), (0, 0))))
        for name in ("level_zeros", "block_zeros"):
            setattr(self, name, np.pad(getattr(self, name), (0, more)))

    def add(self, instances: Ints, rows: list[Distribution], canary: Ints) -> bool:
        """Add one pane.

        Args:
            instances: [n], their numbers, each once.
            rows: n summaries.
            canary: [n], 0 for the canary's instances and 1 for the baseline's.

        Returns:
            Whether the pane counts for the comparison; not so where a cohort's median is 0.
        """
        self._align(rows)
        lengths = [len(row.bins) for row in rows]
        edge = _REACH << self.scale if self.scale > 0 else _REACH
        bins = np.clip(np.concatenate([row.bins for row in rows]), -edge, edge)
        counts = np.concatenate([row.counts for row in rows])
        if len(bins):
            self._cover(int(bins.min()), int(bins.max()))
        pane = np.zeros((len(rows), self.level.shape[1]), np.int64)
        np.add.at(pane, (np.repeat(np.arange(len(rows)), lengths), bins - self.base), counts)
        zeros = np.array([row.zeros for row in rows], dtype=np.int64)
        sides, side_zeros = np.zeros((2, pane.shape[1]), np.int64), np.zeros(2, np.int64)
        np.add.at(sides, canary, pane)
        np.add.at(side_zeros, canary, zeros)
        self.totals += sides
        self.total_zeros += side_zeros
        common = self.positions(sides, side_zeros, np.array([0.5])).mean()
        if not np.isfinite(common):
            return False
        if self.reference is None:
            self.reference = float(common)
        shift = round((common - self.reference) * 2.0**self.scale)
        self._shifted(instances, pane, zeros, shift)
        return True

    def positions(self, counts: Ints, zeros: Ints, shares: Floats) -> Floats:
        """Quantiles as log2 of the value, [Q, rows], linear inside a bin; nan among zeros or without samples. O(rows * B).

        Args:
            counts: [rows, B] of this histogram's bins.
            zeros: [rows], samples under all bins.
            shares: [Q] in (0, 1).
        """
        if counts.shape[1] == 0:
            return np.full((len(shares), len(counts)), np.nan)
        running = counts.ravel().cumsum()
        ends = running[counts.shape[1] - 1 :: counts.shape[1]]
        starts = np.concatenate(([0], ends[:-1]))
        positive = ends - starts
        goal = shares[:, None] * (positive + zeros) - zeros
        place = np.searchsorted(running, (starts + goal).ravel(), side="left")
        place = np.minimum(place, running.size - 1).reshape(goal.shape)
        inside = 1 - (running[place] - starts - goal) / np.maximum(counts.ravel()[place], 1)
        bin_ = place % counts.shape[1] + self.base + np.clip(inside, 0, 1)
        return np.where((goal > 0) & (positive > 0), bin_ / 2.0**self.scale, np.nan)

    def quantiles(self, shares: Floats, *, block: bool = False) -> Floats:
        """Natural logarithms of the residual quantiles since the start, or of the open block, [Q, U]."""
        counts, zeros = (self.block, self.block_zeros) if block else (self.level, self.level_zeros)
        return self.positions(counts, zeros, shares) * LN2

    def samples(self, *, block: bool = False) -> Ints:
        """Samples of each instance since the start, or in the open block, [U]."""
        counts, zeros = (self.block, self.block_zeros) if block else (self.level, self.level_zeros)
        return np.asarray(counts.sum(1) + zeros)

    def close_block(self) -> None:
        """Begin a new block."""
        self.block[:] = 0
        self.block_zeros[:] = 0

    def _shifted(self, instances: Ints, pane: Ints, zeros: Ints, shift: int) -> None:
        used = np.flatnonzero(pane.any(0))
        if len(used):
            first, last = int(used[0]), int(used[-1]) + 1
            moved = self.base + first - shift
            pane = pane[:, first:last]
            self._cover(moved, moved + last - first - 1)
            place = slice(moved - self.base, moved - self.base + last - first)
            self.level[instances, place] += pane
            self.block[instances, place] += pane
        self.level_zeros[instances] += zeros
        self.block_zeros[instances] += zeros

    def _align(self, rows: list[Distribution]) -> None:
        """Bring rows and histograms to the coarsest scale seen."""
        scale = min(row.scale for row in rows)
        if scale < self.scale:
            self._coarsen(scale)
        for row in rows:
            row.coarsen(self.scale)

    def _coarsen(self, scale: int) -> None:
        step = self.scale - scale
        old = np.arange(self.level.shape[1]) + self.base
        base = self.base >> step
        width = (int(old[-1]) >> step) - base + 1 if len(old) else 0
        for name in ("level", "block", "totals"):
            array = getattr(self, name)
            halved = np.zeros((len(array), width), np.int64)
            np.add.at(halved, (slice(None), (old >> step) - base), array)
            setattr(self, name, halved)
        self.scale, self.base = scale, base

    def _cover(self, low: int, high: int) -> None:
        """Make the arrays span bins `low` to `high`."""
        width = self.level.shape[1]
        if width == 0:
            self.base = low
        before = self.base - low + _SLACK if low < self.base else 0
        after = high - self.base - width + 1 + _SLACK if high >= self.base + width else 0
        if before or after:
            for name in ("level", "block", "totals"):
                setattr(self, name, np.pad(getattr(self, name), ((0, 0), (before, after))))
            self.base -= before
