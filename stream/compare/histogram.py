"""Quantiles of each instance from log-histograms that add up over panes, cleared of what all instances share.

Before a pane is added, its bins are shifted by the pane's common level (the mean of the cohorts' median positions,
in whole bins), so that a load swing does not mix hours differently where the cohorts' traffic shares change.
"""

from typing import NamedTuple, Self

import numpy as np
from msgspec import Struct

from stream.arrays import Flags, Floats, Ints
from stream.compare.mixture import LN2
from stream.summary import Distribution
from stream.summary.grid import SCALE

_SLACK = 32
_REACH = 64
"""Bins further than this many octaves from 1 are counted at the edge."""
_HALF: Floats = np.array([0.5])
_ZERO: Ints = np.array([0])


class Reading(NamedTuple):
    """What a metric's histograms say. Q quantiles, U instances; P is 2 with the open block, else 1."""

    quantiles: Floats
    """[Q, P, U] natural logarithms of residual quantiles: since the start, and of the open block."""
    samples: Ints
    """[P, U] samples in them."""
    noise: Floats
    """[1 + Q] the variance of an instance's mean of logarithms, and of its quantiles, that few samples bring.

    All instances' residual bins are taken together. A quantile's standard error is half the distance of the quantiles
    one standard error of the share apart (Woodruff 1952); the number of samples is the instances' harmonic mean.
    """
    values: Floats
    """[Q, 2] the cohorts' quantiles since the start, canary first, not shifted."""


class ResidualHistogram(Struct):
    """One metric's histograms. U instances, B bins."""

    scale: int
    """Bins in an octave are 2^scale."""
    base: int
    """Index of the first bin kept."""
    kept: Ints
    """[2, U, B] residual bins: since the start, and of the open block."""
    zeros: Ints
    """[2, U] samples of 0 in them."""
    totals: Ints
    """[2, B] unshifted bins since the start: canary, baseline."""
    total_zeros: Ints
    """[2] samples of 0 in it."""
    reference: float | None = None
    """The first pane's common level, in octaves; what later panes are shifted to."""

    @classmethod
    def empty(cls, instances: int) -> Self:
        """No samples of `instances` instances."""
        kept, zeros = np.zeros((2, instances, 0), np.int64), np.zeros((2, instances), np.int64)
        return cls(SCALE, 0, kept, zeros, np.zeros((2, 0), np.int64), np.zeros(2, np.int64))

    def grow(self, instances: int) -> None:
        """Make room for new instances."""
        more = instances - self.kept.shape[1]
        if more:
            self.kept = np.pad(self.kept, ((0, 0), (0, more), (0, 0)))
            self.zeros = np.pad(self.zeros, ((0, 0), (0, more)))

    def add(self, instances: Ints, rows: list[Distribution], canary: Flags) -> bool:
        """Add one pane.

        Args:
            instances: [n], their numbers, each once.
            rows: n summaries.
            canary: [n], whether an instance is the canary's.

        Returns:
            Whether the pane counts for the comparison; not so where a cohort's median is 0.
        """
        pane, zeros = self._dense(rows), np.array([row.zeros for row in rows], dtype=np.int64)
        cohorts = np.array([canary, ~canary], dtype=np.int64)
        sides, side_zeros = cohorts @ pane, cohorts @ zeros
        self.totals += sides
        self.total_zeros += side_zeros
        common = float(positions(sides, side_zeros, _HALF, self.base, self.scale).mean())
        if not np.isfinite(common):
            return False
        if self.reference is None:
            self.reference = common
        used = np.flatnonzero(sides[0] + sides[1])
        self._shifted(instances, pane, used, round((common - self.reference) * 2.0**self.scale))
        self.zeros[:, instances] += zeros
        return True

    def read(self, shares: Floats, *, block: bool) -> Reading:
        """All that is asked of a metric's histograms at a pane's close.

        Args:
            shares: [Q] of the quantiles.
            block: whether the open block is asked for too.
        """
        kept = self.kept if block else self.kept[:1]
        zeros = self.zeros[: len(kept)]
        samples = kept.sum(2) + zeros
        heard = samples[0][samples[0] > 0]
        number = len(heard) / float((1 / heard).sum()) if len(heard) else np.inf
        together = kept[0].sum(0)
        counts = np.concatenate((kept.reshape(zeros.size, kept.shape[2]), self.totals, together[None]))
        all_zeros = np.concatenate((zeros.ravel(), self.total_zeros, zeros[0].sum(keepdims=True)))
        step = np.sqrt(shares * (1 - shares) / number)
        asked = np.repeat(np.concatenate((shares, shares))[:, None], len(counts), axis=1)
        asked[:, -1] = np.concatenate((np.maximum(shares - step, 1e-9), np.minimum(shares + step, 1 - 1e-9)))
        found = positions(counts, all_zeros, asked, self.base, self.scale)
        quantiles = found[: len(shares), : zeros.size].reshape(len(shares), *zeros.shape) * LN2
        errors = (found[len(shares) :, -1] - found[: len(shares), -1]) * (LN2 / 2)
        noise = np.concatenate(([self._spread(together) / number], np.where(np.isfinite(errors), errors, 0.0) ** 2))
        return Reading(quantiles, samples, noise, 2.0 ** found[: len(shares), zeros.size : -1])

    def _spread(self, together: Ints) -> float:
        """Variance of the logarithms of all samples."""
        total = int(together.sum())
        if not total:
            return 0.0
        where = np.arange(len(together), dtype=np.float64)
        mean = float(where @ together) / total
        square = float((where * where) @ together) / total
        return max(square - mean * mean, 0.0) * (LN2 / 2.0**self.scale) ** 2

    def samples(self) -> tuple[int, int]:
        """The cohorts' samples since the start, canary first."""
        mine, theirs = (self.totals.sum(1) + self.total_zeros).tolist()
        return mine, theirs

    def close_block(self) -> None:
        """Begin a new block."""
        self.kept[1] = 0
        self.zeros[1] = 0

    def _dense(self, rows: list[Distribution]) -> Ints:
        """[n, B] the rows' bins, at the coarsest scale seen."""
        scale = min(row.scale for row in rows)
        if scale < self.scale:
            self._coarsen(scale)
        for row in rows:
            row.coarsen(self.scale)
        bins, counts = np.concatenate([row.bins for row in rows]), np.concatenate([row.counts for row in rows])
        low, high, edge = int(bins.min(initial=0)), int(bins.max(initial=0)), _REACH << max(self.scale, 0)
        near = -edge <= low and high <= edge
        bins = bins if near else np.clip(bins, -edge, edge)
        if len(bins):
            self._cover(int(bins.min()), int(bins.max()))
        pane = np.zeros((len(rows), self.kept.shape[2]), np.int64)
        place = np.repeat(np.arange(len(rows)), [len(row.bins) for row in rows]), bins - self.base
        if near:
            pane[place] = counts
        else:
            np.add.at(pane, place, counts)
        return pane

    def _shifted(self, instances: Ints, pane: Ints, used: Ints, shift: int) -> None:
        if len(used):
            first, last = int(used[0]), int(used[-1]) + 1
            moved = self.base + first - shift
            self._cover(moved, moved + last - first - 1)
            place = slice(moved - self.base, moved - self.base + last - first)
            self.kept[0, instances, place] += pane[:, first:last]
            self.kept[1, instances, place] += pane[:, first:last]

    def _coarsen(self, scale: int) -> None:
        step, width = self.scale - scale, self.kept.shape[2]
        old = np.arange(width) + self.base
        base = self.base >> step
        place = (old >> step) - base
        for name in ("kept", "totals"):
            array = getattr(self, name)
            halved = np.zeros((*array.shape[:-1], int(place[-1]) + 1 if width else 0), np.int64)
            np.add.at(np.moveaxis(halved, -1, 0), place, np.moveaxis(array, -1, 0))
            setattr(self, name, halved)
        self.scale, self.base = scale, base

    def _cover(self, low: int, high: int) -> None:
        """Make the arrays span bins `low` to `high`."""
        width = self.kept.shape[2]
        if width == 0:
            self.base = low
        before = self.base - low + _SLACK if low < self.base else 0
        after = high - self.base - width + 1 + _SLACK if high >= self.base + width else 0
        if before or after:
            self.kept = np.pad(self.kept, ((0, 0), (0, 0), (before, after)))
            self.totals = np.pad(self.totals, ((0, 0), (before, after)))
            self.base -= before


def positions(counts: Ints, zeros: Ints, shares: Floats, base: int, scale: int) -> Floats:
    """Quantiles as log2 of the value, [Q, rows], linear inside a bin; nan among zeros or without samples. O(rows * B).

    Args:
        counts: [rows, B] samples by bin.
        zeros: [rows], samples under all bins.
        shares: [Q] or, for each row its own, [Q, rows], in (0, 1).
        base: index of the first bin.
        scale: bins in an octave are 2^scale.

    >>> positions(np.array([[0, 4, 0]]), np.array([0]), np.array([0.5]), 32, 5).round(4).tolist()
    [[1.0469]]
    """
    width = counts.shape[1]
    if width == 0:
        return np.full((len(shares), len(counts)), np.nan)
    flat = counts.ravel()
    running = flat.cumsum()
    ends = running[width - 1 :: width]
    starts = np.concatenate((_ZERO, ends[:-1]))
    positive = ends - starts
    goal = (shares if shares.ndim > 1 else shares[:, None]) * (positive + zeros) - zeros
    place = np.searchsorted(running, starts + np.ceil(goal).astype(np.int64), side="left")
    place = np.minimum(place, running.size - 1)
    inside = 1 - (running[place] - starts - goal) / np.maximum(flat[place], 1)
    found = (place % width + base + np.minimum(np.maximum(inside, 0), 1)) / 2.0**scale
    return np.where((goal > 0) & (positive > 0), found, np.nan)
