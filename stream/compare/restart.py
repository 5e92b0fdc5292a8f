"""Restarts: each instance against its own past, so that host effects cancel and late changes are not diluted.

At each block boundary from the third on a new process compares an instance's mean since then with its mean before.
Its variance pools what instances differ in their changes with the variance of block means inside instances; the latter
has heavy tails, so it is worth at most 8 degrees of freedom. The mixture of all restarts is an e-process again.
"""

from typing import Self

import numpy as np
from msgspec import Struct

from stream.arrays import Flags, Floats
from stream.plan import FIRST_RESTART, SPEAKING_PANES

FIRST_BLOCK = FIRST_RESTART
"""Complete blocks before the first restart."""
LEAST = SPEAKING_PANES
"""Panes an instance needs on both sides of a restart."""
BLOCK_FREEDOM = 8.0
"""Bound on the degrees of freedom of the block variance."""
CHURN = 12.0
"""The weight of an instance with n panes is n / (n + 12)."""
MOST = 40
"""Restarts kept alive; beyond, the ages are thinned to roughly geometric ones."""


def restart_weights(blocks: list[int], planned: int | None) -> tuple[Floats, float]:
    """Weights of the live restarts, and that of those not yet started (whose e-value is 1).

    With a deadline all `planned` weigh the same; without one the j-th weighs 1/(j(j+1)). A dropped restart keeps its
    weight and counts 0, which only lowers the evidence.

    >>> restart_weights([3, 4], 8)
    (array([0.125, 0.125]), 0.75)
    """
    ordinal = np.array(blocks, dtype=np.float64) - (FIRST_BLOCK - 1)
    started = ordinal[-1] if len(ordinal) else 0.0
    if planned is None:
        return 1 / (ordinal * (ordinal + 1)), float(1 / (started + 1))
    return np.where(ordinal <= planned, 1 / max(planned, 1), 0.0), max(0.0, float(1 - started / max(planned, 1)))


def thin(blocks: list[int]) -> int | None:
    """The position of the restart to drop: the one whose neighbours are closest in relative age; None while few."""
    if len(blocks) <= MOST:
        return None
    ages = blocks[-1] + 1 - np.array(blocks, dtype=np.float64)
    return int((ages[:-2] / ages[2:]).argmin()) + 1


class Restarts(Struct):
    """Snapshots of running sums at block boundaries, and the block variance. V statistics, U instances, J restarts."""

    blocks: list[int]
    """[J] how many complete blocks lay before each."""
    panes: list[int]
    """[J] the first pane of each."""
    sums: Floats
    """[J, V, U] running sums at each."""
    counts: Floats
    """[J, V, U] panes in them."""
    noise: Floats
    """[J, V] variance of one pane, from the block means before each."""
    freedom: Floats
    """[J, V] degrees of freedom it is worth."""
    last_sums: Floats
    """[V, U] running sums at the last boundary."""
    last_counts: Floats
    """[V, U] panes in them."""
    residuals: Floats
    """[V, U] sum over blocks of block means less their cohort's mean."""
    squares: Floats
    """[V, U] sum of their squares."""
    seen: Floats
    """[V, U] blocks in those sums."""

    @classmethod
    def empty(cls) -> Self:
        """No statistics, no instances."""
        deep, flat = np.zeros((0, 0, 0)), np.zeros((0, 0))
        return cls([], [], deep, deep, flat, flat, flat, flat, flat, flat, flat)

    def grow(self, statistics: int, instances: int) -> None:
        """Make room."""
        for name in ("last_sums", "last_counts", "residuals", "squares", "seen"):
            setattr(self, name, padded(getattr(self, name), (statistics, instances)))
        for name in ("sums", "counts"):
            setattr(self, name, padded(getattr(self, name), (len(self.blocks), statistics, instances)))
        for name in ("noise", "freedom"):
            setattr(self, name, padded(getattr(self, name), (len(self.blocks), statistics)))

    def close_block(self, sums: Floats, counts: Floats, canary: Flags, blocks: int, pane: int) -> None:
        """Take a block's means; from the third block on begin a restart.

        Args:
            sums: [V, U] running sums up to here.
            counts: [V, U] panes in them.
            canary: [U].
            blocks: complete blocks, this one included.
            pane: the next pane.
        """
        fresh = counts - self.last_counts
        with np.errstate(divide="ignore", invalid="ignore"):
            means = np.where(fresh > 0, (sums - self.last_sums) / fresh, np.nan)
        for side in (canary, ~canary):
            here = np.isfinite(means[:, side])
            total = np.where(here, means[:, side], 0.0).sum(1) / np.maximum(here.sum(1), 1)
            left = np.where(here, means[:, side] - total[:, None], 0.0)
            self.residuals[:, side] += left
            self.squares[:, side] += left * left
            self.seen[:, side] += here
        self.last_sums, self.last_counts = sums.copy(), counts.copy()
        if blocks >= FIRST_BLOCK:
            self._begin(blocks, pane)

    def _begin(self, blocks: int, pane: int) -> None:
        seen = np.maximum(self.seen, 1)
        scatter = (self.squares - self.residuals**2 / seen).sum(1)
        freedom = np.maximum((seen - 1).sum(1) - 2 * (self.seen.max(1, initial=1) - 1), 0)
        width = self.last_counts.sum(1) / np.maximum(self.seen.sum(1), 1)
        noise = np.maximum(scatter, 0) / np.maximum(freedom, 1) * width
        self.blocks.append(blocks)
        self.panes.append(pane)
        self.sums = np.concatenate((self.sums, self.last_sums[None]))
        self.counts = np.concatenate((self.counts, self.last_counts[None]))
        self.noise = np.concatenate((self.noise, noise[None]))
        self.freedom = np.concatenate((self.freedom, np.minimum(freedom, BLOCK_FREEDOM)[None]))
        drop = thin(self.blocks)
        if drop is not None:
            del self.blocks[drop], self.panes[drop]
            for name in ("sums", "counts", "noise", "freedom"):
                setattr(self, name, np.delete(getattr(self, name), drop, axis=0))

    def changes(self, sums: Floats, counts: Floats) -> tuple[Floats, Floats, Floats]:
        """Each instance's change at each restart, its weight (0 where it may not speak), and 1/after + 1/before.

        Args:
            sums: [V, U] running sums now.
            counts: [V, U] panes in them.

        Returns:
            [J, V, U], [J, V, U] and [J, V], the last the mean over instances that speak.
        """
        after = counts - self.counts
        speaking = (after >= LEAST) & (self.counts >= LEAST)
        after, before = np.where(speaking, after, 1.0), np.where(speaking, self.counts, 1.0)
        change = (sums - self.sums) / after - self.sums / before
        inverse = np.where(speaking, 1 / after + 1 / before, 0.0)
        number = np.maximum(speaking.sum(-1), 1)
        return change, np.where(speaking, 1 / (1 + CHURN * inverse), 0.0), inverse.sum(-1) / number


def padded(array: Floats, shape: tuple[int, ...]) -> Floats:
    """The array with zeros behind, up to `shape`."""
    if array.shape == shape:
        return array
    return np.pad(array, [(0, to - size) for size, to in zip(array.shape, shape, strict=True)])
