"""Counts and ratios: the conditional Poisson likelihood over a grid of log rate ratios, with dispersion.

Given the errors of both cohorts in a pane, how many fell on the canary depends on the rate ratio and the exposures
alone: load swings and shared incidents cancel (Lindon & Malek 2022, with exposures a pane). Instances that differ
flatten the likelihood to a Student profile, so that evidence saturates at what the instances can carry.
"""

import numpy as np

from stream.arrays import Flags, Floats, Ints

GRID: Floats = np.linspace(-np.log(64.0), np.log(64.0), 257)
"""Log rate ratios, canary over baseline: 1/64 to 64."""
CENTER = 128
"""The position of ratio 1."""
_PRIOR: Floats = 1.0 / (1.0 + (GRID / 0.7) ** 2)
PRIOR: Floats = _PRIOR / _PRIOR.sum()
"""Weights of the mixture: heavy tails, nothing to tune."""
HOST_SPREAD = 0.2
"""Prior standard deviation between instances' log rates."""
HOST_FREEDOM = 4.0
"""Degrees of freedom that prior is worth."""


def log_likelihood(events: Floats, exposure: Floats) -> Floats:
    """One pane's conditional log-likelihood.

    Args:
        events: [..., 2], events of canary and baseline.
        exposure: [..., 2], their exposures, over 0.

    Returns:
        [..., 257], over `GRID`.
    """
    odds = (np.log(exposure[..., 0]) - np.log(exposure[..., 1]))[..., None] + GRID
    return np.asarray(events[..., :1] * odds - events.sum(-1, keepdims=True) * np.logaddexp(0.0, odds))


def dispersion(events: Floats, exposure: Floats, canary: Flags) -> tuple[Floats, Floats]:
    """Pearson dispersion between instances and its degrees of freedom, [...] each, from [..., U] cumulative counts.

    The prior says that instances' log rates differ by 0.2; it is a certainty (exact Poisson) while events are few.
    Instances without exposure do not count.
    """
    used = exposure > 0
    chi2 = np.zeros(events.shape[:-1])
    freedom = np.zeros(events.shape[:-1])
    for side in (canary, ~canary):
        e, n, k = events[..., side], exposure[..., side], used[..., side].sum(-1)
        rate = (e.sum(-1, keepdims=True) + 1e-12) / np.maximum(n.sum(-1, keepdims=True), 1e-12)
        expected = np.maximum(rate * n, 1e-9)
        chi2 += np.where(used[..., side], (e - rate * n) ** 2 / expected, 0.0).sum(-1)
        freedom += np.maximum(k - 1, 0)
    r = events.sum(-1) / np.maximum(used.sum(-1), 1) * HOST_SPREAD**2
    prior = np.minimum(HOST_FREEDOM * ((1 + r) / np.maximum(r, 1e-6)) ** 2, 1e4)
    return np.maximum(1.0, (chi2 + prior * (1 + r)) / (freedom + prior)), freedom + prior


def flatten(likelihood: Floats, phi: Floats, freedom: Floats) -> Floats:
    """The Student-t profile of a log-likelihood [..., 257] with dispersion `phi` on `freedom` degrees of freedom."""
    deviance = 2 * (likelihood.max(-1, keepdims=True) - likelihood) / phi[..., None]
    return np.asarray(-0.5 * (freedom[..., None] + 1) * np.log1p(deviance / freedom[..., None]))


def log_e_above(profile: Floats, margin: Floats) -> Floats:
    """Log e-value against "the log rate ratio is at most `margin`", [...]; the margin is rounded up to the grid."""
    return _log_e(profile, np.asarray(np.searchsorted(GRID, margin - 1e-12)), above=True)


def log_e_below(profile: Floats, margin: Floats) -> Floats:
    """Log e-value against "the log rate ratio is at least `margin`", [...]; the margin is rounded down to the grid."""
    return _log_e(profile, np.asarray(np.searchsorted(GRID, margin + 1e-12, side="right") - 1), above=False)


def _log_e(profile: Floats, null: Ints, *, above: bool) -> Floats:
    at = np.clip(np.broadcast_to(null, profile.shape[:-1]), 1, len(GRID) - 2)[..., None]
    place = np.arange(len(GRID))
    weights = np.where(place > at if above else place < at, PRIOR, 0.0)
    beyond = np.where(weights > 0, profile, -np.inf)
    top = beyond.max(-1, keepdims=True)
    mixed = top[..., 0] + np.log((np.exp(beyond - top) * weights).sum(-1) / weights.sum(-1))
    return np.asarray(mixed - np.take_along_axis(profile, at, -1)[..., 0])


def interval(profile: Floats, alpha: float) -> tuple[Floats, Floats]:
    """The two-sided (1 - alpha) confidence sequence of the log rate ratio, [...] each, to the grid."""
    top = profile.max(-1, keepdims=True)
    mixed = top + np.log((np.exp(profile - top) * PRIOR).sum(-1, keepdims=True))
    inside = mixed - profile < -np.log(alpha)
    last = len(GRID) - 1 - inside[..., ::-1].argmax(-1)
    low, high = GRID[np.maximum(inside.argmax(-1) - 1, 0)], GRID[np.minimum(last + 1, len(GRID) - 1)]
    return np.where(inside[..., 0], -np.inf, low), np.where(inside[..., -1], np.inf, high)


def estimate(likelihood: Floats) -> Floats:
    """The most likely log rate ratio, [...], refined between grid points by a parabola; 0 without events."""
    at = np.clip(likelihood.argmax(-1), 1, len(GRID) - 2)[..., None]
    left, middle, right = (np.take_along_axis(likelihood, at + step, -1)[..., 0] for step in (-1, 0, 1))
    curve = left - 2 * middle + right
    with np.errstate(divide="ignore", invalid="ignore"):
        step = np.where(curve < 0, np.clip(0.5 * (left - right) / curve, -1, 1), 0.0)
    found = GRID[at[..., 0]] + step * (GRID[1] - GRID[0])
    return np.where(np.ptp(likelihood, axis=-1) > 0, found, 0.0)
