"""The judge's formulas in closed form over the time axis: [panes, instances] in, evidence by pane out, and no state.

Written for equal cohorts that are complete in every pane, so that all instances weigh the same.
"""

import numpy as np
from scipy.special import stdtr

from stream.arrays import Flags, Floats, Ints

GRID: Floats = np.linspace(-np.log(64), np.log(64), 257)
BLOCK, FIRST, LEAST = 30, 3, 6
OCTAVE = float(np.log(2)) / 32
"""Width of a bin."""


def log_e(difference: Floats, variance: Floats, freedom: Floats | float, tuning: float, margin: float = 0.0) -> Floats:
    """Student-t mixture against "at most `margin`", half-normal prior with standard deviation `tuning`."""
    k = tuning**2 / variance
    t = (difference - margin) / np.sqrt(variance)
    ratio = (1 + t**2 / freedom) / (1 + t**2 / (freedom * (1 + k)))
    inside = stdtr(freedom + 1, t * np.sqrt(k * (freedom + 1) / ((1 + k) * freedom + t**2)))
    return np.asarray(0.5 * (freedom + 1) * np.log(ratio) - 0.5 * np.log1p(k) + np.log(2 * inside))


def between(values: Floats, canary: Flags) -> tuple[Floats, Floats]:
    """Difference of the cohorts' means, and squared deviations from them, [...]."""
    mine, theirs = values[..., canary], values[..., ~canary]
    return np.asarray(mine.mean(-1) - theirs.mean(-1)), np.asarray(
        ((mine - mine.mean(-1, keepdims=True)) ** 2).sum(-1) + ((theirs - theirs.mean(-1, keepdims=True)) ** 2).sum(-1)
    )


def inverse(canary: Flags) -> float:
    """1/Kc + 1/Kb."""
    return float(1 / canary.sum() + 1 / (~canary).sum())


def level_of(values: Floats, canary: Flags, prior: Floats, tuning: float, margin: float = 0.0, sign: int = 1) -> Floats:
    """Evidence from accumulated statistics [panes, K], with a prior variance [panes] worth 4 degrees of freedom."""
    difference, scatter = between(values, canary)
    freedom = len(canary) - 2 + 4
    variance = (scatter + 4 * prior) / freedom * inverse(canary)
    return log_e(sign * difference, variance, freedom, tuning, sign * margin)


def running_mean(values: Floats) -> Floats:
    """Means since the start."""
    return np.asarray(values.cumsum(0) / np.arange(1, len(values) + 1)[:, None])


def restarts(values: Floats, canary: Flags, tuning: float, planned: int) -> Floats:
    """Evidence of the mixture of restarts: each instance against its own past."""
    panes, number = values.shape
    sums = np.vstack([np.zeros(number), values.cumsum(0)])
    blocks = np.diff(sums[::BLOCK], axis=0) / BLOCK
    left = blocks - np.where(
        canary, blocks[:, canary].mean(1, keepdims=True), blocks[:, ~canary].mean(1, keepdims=True)
    )
    total = np.full(panes, float(planned))
    for block in range(FIRST, panes // BLOCK + 1):
        start = block * BLOCK
        after = np.arange(LEAST, panes - start + 1)
        change = (sums[start + after] - sums[start]) / after[:, None] - sums[start] / start
        difference, scatter = between(change, canary)
        noise = ((left[:block] - left[:block].mean(0)) ** 2).sum() / ((block - 1) * (number - 2)) * BLOCK
        freedom = min((block - 1) * (number - 2), 8)
        variance = (scatter + freedom * noise * (1 / after + 1 / start)) / (number - 2 + freedom) * inverse(canary)
        total[start + LEAST - 1 :] += np.exp(log_e(difference, variance, number - 2 + freedom, tuning)) - 1
    return np.log(total / planned)


def counts_of(events: Ints, trials: Ints, canary: Flags, margin: float = 0.0, sign: int = 1, since: int = 0) -> Floats:
    """Evidence from the conditional likelihood of events, with dispersion between instances, since a pane."""
    sides = np.array([canary, ~canary]).T
    hits, exposure = events[since:] @ sides, trials[since:] @ sides
    odds = np.log(exposure[:, :1] / exposure[:, 1:]) + GRID
    likelihood = (hits[:, :1] * odds - hits.sum(1, keepdims=True) * np.logaddexp(0, odds)).cumsum(0)
    phi, freedom = _dispersion(events[since:].cumsum(0), trials[since:].cumsum(0), canary)
    deviance = 2 * (likelihood.max(1, keepdims=True) - likelihood) / phi[:, None]
    profile = -(freedom[:, None] + 1) / 2 * np.log1p(deviance / freedom[:, None])
    at = int(np.flatnonzero(margin - 1e-9 <= GRID)[0]) if sign > 0 else int(np.flatnonzero(margin + 1e-9 >= GRID)[-1])
    prior = 1 / (1 + (GRID / 0.7) ** 2) * (np.arange(257) > at if sign > 0 else np.arange(257) < at)
    return np.asarray(np.log((np.exp(profile - profile[:, at : at + 1]) * prior).sum(1) / prior.sum()))


def _dispersion(events: Ints, trials: Ints, canary: Flags) -> tuple[Floats, Floats]:
    chi2 = np.zeros(len(events))
    for side in (canary, ~canary):
        e, n = events[:, side], trials[:, side]
        expected = (e.sum(1, keepdims=True) + 1e-12) / n.sum(1, keepdims=True) * n
        chi2 += ((e - expected) ** 2 / np.maximum(expected, 1e-9)).sum(1)
    r = events.mean(1) * 0.2**2
    prior = np.minimum(4 * ((1 + r) / np.maximum(r, 1e-6)) ** 2, 1e4)
    freedom = len(canary) - 2 + prior
    return np.maximum(1.0, (chi2 + prior * (1 + r)) / freedom), freedom


def count_restarts(events: Ints, trials: Ints, canary: Flags, planned: int) -> Floats:
    """Evidence of the mixture of processes on the data since each restart."""
    total = np.full(len(events), float(planned))
    for start in range(FIRST * BLOCK, len(events), BLOCK):
        total[start:] += np.exp(counts_of(events, trials, canary, since=start)) - 1
    return np.log(total / planned)


def residuals(counts: Ints, canary: Flags) -> Ints:
    """Histograms since the start, [panes, K, bins] at 32 bins an octave, cleared of the panes' common level."""
    sides = np.stack([counts[:, canary].sum(1), counts[:, ~canary].sum(1)], axis=1)
    common = quantile(sides, np.array(0.5)).mean(1)
    shift = np.rint(common - common[0]).astype(int)
    moved = np.stack([np.roll(pane, -by, axis=1) for pane, by in zip(counts, shift, strict=True)])
    return np.asarray(moved.cumsum(0))


def quantile(counts: Ints, share: Floats) -> Floats:
    """Position in bins, linear inside one, along the last axis."""
    running = counts.cumsum(-1)
    goal = share[..., None] * running[..., -1:]
    place = (running < goal).sum(-1, keepdims=True)
    inside = 1 - (np.take_along_axis(running, place, -1) - goal) / np.take_along_axis(counts, place, -1)
    return np.asarray((place + inside)[..., 0])


def sampling(kept: Ints, share: float) -> Floats:
    """Variance of an instance's log quantile, or of its mean for share 0, from its number of samples alone, [panes]."""
    number, together = 1 / (1 / kept.sum(2)).mean(1), kept.sum(1)
    if share == 0:
        places, weight = np.arange(kept.shape[2]), together / together.sum(1, keepdims=True)
        mean = (places * weight).sum(1, keepdims=True)
        return np.asarray(((places - mean) ** 2 * weight).sum(1) * OCTAVE**2 / number)
    step = np.sqrt(share * (1 - share) / number)
    width = quantile(together, share + step) - quantile(together, share - step)
    return np.asarray((width * OCTAVE / 2) ** 2)
