"""The cluster-robust normal mixture: is the canary cohort worse, with the instance as the unit of replication?

Robbins' normal mixture with the *total* variance of the contrast, the part that never shrinks included, where the
sampling variance stood; estimated between instances on few degrees of freedom, hence Student's t. Valid at every look.

All functions take arrays of any shape that broadcasts, one element a process.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import stdtr

from stream.arrays import Flags, Floats

LN2 = float(np.log(2.0))


class Contrast(NamedTuple):
    """Canary minus baseline over weighted instances; arrays of the statistic's shape without its last axis."""

    difference: Floats
    """Difference of the cohorts' weighted means; nan where a cohort has no instance."""
    scatter: Floats
    """Sum of squared deviations from the cohort means, both cohorts."""
    canary: Floats
    """Effective number of canary instances, (sum w)^2 / sum w^2; 0 where none."""
    baseline: Floats
    """The same of baseline instances."""
    center: Floats
    """The baseline's mean."""
    spread: Floats
    """Sum of squared deviations of baseline instances."""

    @property
    def factor(self) -> Floats:
        """1/Kc + 1/Kb; infinite where a cohort has no instance."""
        with np.errstate(divide="ignore"):
            return np.asarray(1 / self.canary + 1 / self.baseline)


def contrast(values: Floats, weights: Floats, canary: Flags) -> Contrast:
    """Compare two cohorts' instances.

    Args:
        values: [..., U], a statistic of each instance; anything where the weight is 0.
        weights: [..., U], 0 for instances that do not count.
        canary: [U], whether an instance is the canary's.

    >>> c = contrast(np.array([1.0, 3.0, 0.0, 0.0]), np.ones(4), np.array([True, True, False, False]))
    >>> float(c.difference), float(c.scatter), float(c.canary)
    (2.0, 2.0, 2.0)
    """
    sides = np.array([canary, ~canary], dtype=np.float64).T
    values = np.where(weights > 0, values, 0.0)
    squares = weights * weights
    with np.errstate(divide="ignore", invalid="ignore"):
        total, square = weights @ sides, squares @ sides
        effective = np.where(square > 0, total * total / square, 0.0)
        mean = (weights * values) @ sides / total
        deviation = values - np.where(canary, mean[..., :1], mean[..., 1:])
        scatter = np.where(square > 0, (squares * np.where(weights > 0, deviation, 0.0) ** 2) @ sides / square, 0.0)
        scatter *= effective
    difference = mean[..., 0] - mean[..., 1]
    return Contrast(difference, scatter.sum(-1), effective[..., 0], effective[..., 1], mean[..., 1], scatter[..., 1])


def log_e(
    difference: Floats, variance: Floats, freedom: Floats, tuning: Floats, margin: Floats | float = 0.0
) -> Floats:
    """Log e-value against "the true difference is at most `margin`", a half-normal mixture over what is beyond.

    Args:
        difference: the contrast, with harm positive.
        variance: its estimated total variance, over 0.
        freedom: the degrees of freedom of that estimate.
        tuning: variance of the mixture, the square of the effect that is looked for.
        margin: bound of the null hypothesis.

    >>> round(float(log_e(np.array(0.3), np.array(0.01), np.array(1e9), np.array(0.09))), 4)
    3.5896
    """
    k = tuning / variance
    t = (difference - margin) / np.sqrt(variance)
    t2 = t * t
    body = 0.5 * (freedom + 1) * (np.log1p(t2 / freedom) - np.log1p(t2 / (freedom * (1 + k)))) - 0.5 * np.log1p(k)
    tail = stdtr(freedom + 1, t * np.sqrt(k * (freedom + 1) / ((1 + k) * freedom + t2)))
    return np.asarray(body + np.log(2 * np.maximum(tail, 1e-300)))


def radius(variance: Floats, freedom: Floats, tuning: Floats, alpha: Floats | float) -> Floats:
    """Half-width of the two-sided (1 - alpha) confidence sequence; infinite while nothing can be said.

    >>> np.round(radius(np.array([1.0, 1.0]), np.array([1e9, 1.0]), np.array([1.0, 1.0]), 0.05), 3).tolist()
    [3.656, inf]
    """
    k = tuning / variance
    q = np.exp(2.0 / (freedom + 1) * (0.5 * np.log1p(k) - np.log(alpha)))
    with np.errstate(divide="ignore", invalid="ignore"):
        t2 = freedom * (q - 1) / (1 - q / (1 + k))
        return np.where(q < 1 + k, np.sqrt(variance * np.where(q < 1 + k, t2, 0.0)), np.inf)


def mix(logs: Floats, weights: Floats, axis: int = 0) -> Floats:
    """Log of the weighted sum of exp(logs) along an axis; weights of 0 drop their terms."""
    top = np.where(weights > 0, logs, -np.inf).max(axis=axis, keepdims=True)
    top = np.where(np.isfinite(top), top, 0.0)
    parts = np.exp(np.where(weights > 0, logs, -np.inf) - top) * weights
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(parts.sum(axis=axis)) + top.squeeze(axis))
