"""The comparison once more, from arrays of the whole history and with scipy: slow, plain, and by other ways.

A *track* is what each instance had in each pane, [panes, U], nan where it was silent. Everything is computed anew for
the history up to a pane; nothing is accumulated.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import special

from stream.arrays import Flags, Floats
from stream.compare.yardstick import Yardstick

LEAST, CHURN, MOST_FREEDOM, MEMORY = 6, 12.0, 8.0, 6.0
BEYOND = 2
"""Samples of an instance that must lie beyond a quantile before it counts."""


class Process(NamedTuple):
    """What the level (since None) or a restart says."""

    since: int | None
    difference: float
    variance: float
    freedom: float
    log: float
    """Log e-value of harm; 0 where it may not speak."""
    speakers: int


@dataclass(frozen=True)
class Track:
    """A statistic of each instance."""

    block: Floats
    """[blocks, U] its mean in each block (the last may be open), cleared of what all share; nan for none."""
    panes: Floats
    """[blocks, U] panes in them; 0 where too few samples carry the statistic."""
    seen: Floats
    """[U] panes since the start."""
    level: Floats
    """[U] the statistic since the start."""
    founders: Flags
    """[U] instances of the first pane."""
    sampling: float = 0.0
    """The variance that an instance's statistic has from its number of samples alone."""


def residuals(values: Floats, canary: Flags) -> Floats:
    """Values less their pane's level, the mean of both cohorts' means; nan where a cohort has none."""
    numbers = [np.isfinite(values[:, side]).sum(1, keepdims=True) for side in (canary, ~canary)]
    sums = [np.nansum(values[:, side], axis=1, keepdims=True) for side in (canary, ~canary)]
    means = [total / np.maximum(number, 1) for total, number in zip(sums, numbers, strict=True)]
    both = (numbers[0] > 0) & (numbers[1] > 0)
    return np.where(both, values - (means[0] + means[1]) / 2, np.nan)


def track_of_means(values: Floats, canary: Flags, block: int, sampling: float = 0.0) -> Track:
    """The mean view: a value a pane."""
    left = residuals(values, canary)
    parts = [left[at : at + block] for at in range(0, len(left), block)]
    panes = np.array([np.isfinite(part).sum(0) for part in parts], dtype=np.float64)
    sums = np.array([np.nansum(part, axis=0) for part in parts])
    whole = np.nansum(left, axis=0) / np.maximum(np.isfinite(left).sum(0), 1)
    means = np.where(panes > 0, sums / np.maximum(panes, 1), np.nan)
    return Track(means, panes, panes.sum(0), whole, np.isfinite(values[0]), sampling)


def shifted(samples: list[list[Floats]], canary: Flags) -> list[list[Floats]]:
    """The bins of all samples, by pane and instance, each pane shifted by whole bins to the first one's level.

    A pane's level is the mean of both cohorts' medians.
    """
    bins = [[np.floor(np.log2(values) * 32) for values in pane] for pane in samples]
    levels = []
    for pane in bins:
        sides = [np.concatenate([b for b, c in zip(pane, canary, strict=True) if c == side]) for side in (True, False)]
        levels.append(np.mean([quantile(side, 0.5) for side in sides]))
    return [[b - round(32 * (at - levels[0])) for b in pane] for pane, at in zip(bins, levels, strict=True)]


def track_of_quantiles(bins: list[list[Floats]], block: int, share: float) -> Track:
    """A quantile view of shifted bins."""
    parts = [bins[at : at + block] for at in range(0, len(bins), block)]
    panes = np.array([[sum(len(b) > 0 for b in column) for column in zip(*part, strict=True)] for part in parts])
    blocks = np.array([_each(part, share) for part in parts])
    carried = np.where(np.isfinite(blocks), panes, 0.0)
    seen, noise = panes.sum(0).astype(np.float64), sampling_variance(bins, share)
    return Track(blocks, carried, seen, _each(bins, share), present(bins[0]), noise)


def sampling_variance(bins: list[list[Floats]], share: float | None) -> float:
    """Of a mean (no share), that of a bin's centre over the number of samples; of a quantile, by its neighbours.

    All instances are taken together; their number of samples is the harmonic mean.
    """
    numbers = np.array([sum(map(len, instance)) for instance in zip(*bins, strict=True)])
    number = 1 / (1 / numbers[numbers > 0]).mean()
    pooled = np.concatenate([values for pane in bins for values in pane])
    if share is None:
        return float(np.var((pooled + 0.5) * np.log(2) / 32) / number)
    error = np.sqrt(share * (1 - share) / number)
    near, far = (quantile(pooled, float(np.clip(share + step, 1e-9, 1 - 1e-9))) for step in (-error, error))
    return float(((far - near) * np.log(2) / 2) ** 2)


def present(pane: list[Floats]) -> Flags:
    """Which instances have samples."""
    return np.array([len(values) > 0 for values in pane])


def _each(panes: list[list[Floats]], share: float) -> Floats:
    pooled = [np.concatenate(instance) for instance in zip(*panes, strict=True)]
    carried = [len(bins) * (1 - share) >= BEYOND - 1e-9 for bins in pooled]
    return np.array(
        [quantile(bins, share) * np.log(2) if fine else np.nan for bins, fine in zip(pooled, carried, strict=True)]
    )


def quantile(bins: Floats, share: float) -> float:
    """The quantile's position in octaves, linear inside its bin."""
    used, counts = np.unique(bins, return_counts=True)
    goal = share * counts.sum()
    at = int(np.searchsorted(counts.cumsum(), np.ceil(goal)))
    return float((used[at] + (goal - counts[:at].sum()) / counts[at]) / 32)


def t_mixture(d: float, variance: float, nu: float, g: float) -> float:
    """The one-sided e-value's log."""
    k, t2 = g * g / variance, d * d / variance
    ratio = (1 + t2 / nu) / (1 + t2 / (nu * (1 + k)))
    tail = student(np.sign(d) * np.sqrt(t2 * k * (nu + 1) / ((1 + k) * nu + t2)), nu + 1)
    return float((nu + 1) / 2 * np.log(ratio) - np.log(1 + k) / 2 + np.log(2 * tail))


def student(t: float, nu: float) -> float:
    """Student's distribution function, by the incomplete beta function."""
    outside = float(special.betainc(nu / 2, 0.5, nu / (nu + t * t))) / 2
    return outside if t < 0 else 1 - outside


def processes(track: Track, canary: Flags, stick: Yardstick, starts: list[int], block: int) -> list[Process]:
    """The level and each restart."""
    panes = track.seen
    speaks = (panes >= np.where(track.founders, 1, LEAST)) & (panes > 0) & np.isfinite(track.level)
    weights = np.where(speaks, panes / (panes + CHURN), 0.0)
    alone = min((speaks & canary).sum(), (speaks & ~canary).sum()) < 2
    age = float(panes[speaks].mean()) if speaks.any() else 0.0
    young = 1 + MEMORY / (MEMORY - 1 + max(age, 1.0)) if stick.known else 1.0
    prior = stick.spread**2 * young + track.sampling
    quiet = bool(alone) and not stick.known
    out = [_process(None, track.level, weights, canary, stick, prior, stick.freedom, quiet=quiet)]
    for start in starts:
        out.append(_restart(track, canary, stick, start, start // block))
    return out


def _restart(track: Track, canary: Flags, stick: Yardstick, start: int, blocks: int) -> Process:
    before, after = track.panes[:blocks].sum(0), track.panes[blocks:].sum(0)
    sums = np.nan_to_num(track.block) * track.panes
    speaks = (before >= LEAST) & (after >= LEAST)
    inverse = 1 / np.maximum(before, 1) + 1 / np.maximum(after, 1)
    change = sums[blocks:].sum(0) / np.maximum(after, 1) - sums[:blocks].sum(0) / np.maximum(before, 1)
    noise, freedom = block_noise(track.block[:blocks], track.panes[:blocks], canary)
    mean_inverse = float(inverse[speaks].mean()) if speaks.any() else 0.0
    weights = np.where(speaks, 1 / (1 + CHURN * inverse), 0.0)
    alone = bool(min((speaks & canary).sum(), (speaks & ~canary).sum()) < 2)
    freedom = min(freedom, MOST_FREEDOM)
    return _process(start, change, weights, canary, stick, noise * mean_inverse, freedom, quiet=alone)


def block_noise(blocks: Floats, panes: Floats, canary: Flags) -> tuple[float, float]:
    """The variance of one pane inside instances, from block means, and its degrees of freedom."""
    left = blocks.copy()
    for side in (canary, ~canary):
        left[:, side] -= np.nanmean(left[:, side], axis=1, keepdims=True)
    seen = np.isfinite(left).sum(0)
    means = np.nansum(left, axis=0) / np.maximum(seen, 1)
    freedom = float((np.maximum(seen, 1) - 1).sum() - 2 * (len(blocks) - 1))
    width = panes.sum() / seen.sum()
    return float(np.nansum((left - means) ** 2) / max(freedom, 1.0) * width), max(freedom, 0.0)


def _process(
    since: int | None,
    values: Floats,
    weights: Floats,
    canary: Flags,
    stick: Yardstick,
    variance: float,
    prior: float,
    *,
    quiet: bool = False,
) -> Process:
    means, number, scatter = [], [], 0.0
    for side in (canary, ~canary):
        w, v = weights[side & (weights > 0)], values[side & (weights > 0)]
        if not len(w):
            return Process(since, 0.0, 1.0, 0.0, 0.0, 0)
        means.append(float((w * v).sum() / w.sum()))
        number.append(float(w.sum() ** 2 / (w**2).sum()))
        scatter += float((w**2 * (v - means[-1]) ** 2).sum() / (w**2).sum() * number[-1])
    freedom = max(sum(number) - 2, 0) + prior
    if freedom < 2:
        return Process(since, 0.0, 1.0, 0.0, 0.0, 0)
    pooled = max((scatter + prior * variance) / freedom, (stick.spread / 15) ** 2)
    total = pooled * (1 / number[0] + 1 / number[1])
    log = 0.0 if quiet else t_mixture(stick.sign * (means[0] - means[1]) - stick.margin, total, freedom, stick.tuning)
    return Process(since, means[0] - means[1], total, freedom, log, int((weights > 0).sum()))


def mixture(logs: list[float], planned: int | None, share: float = 0.5) -> float:
    """Half for the level, half over the restarts, evenly or (without an end) as 1/(j(j+1)); those to come say 1."""
    ordinals = range(1, len(logs))
    parts = [1 / (j * (j + 1)) if planned is None else 1 / planned for j in ordinals]
    weights = [1 - share, *(share * part for part in parts), share * (1 - sum(parts))]
    return float(special.logsumexp([*logs, 0.0], b=weights))


def safety(level: Process, stick: Yardstick) -> float:
    """Log e-value for less harm than promotion allows."""
    if level.freedom <= 0 or level.speakers <= 2:
        return 0.0
    return t_mixture(stick.promote - stick.sign * level.difference, level.variance, level.freedom, stick.tuning)


def interval(process: Process, stick: Yardstick, alpha: float = 0.05) -> float:
    """Half-width of the two-sided confidence sequence."""
    k = stick.tuning**2 / process.variance
    q = (np.sqrt(1 + k) / alpha) ** (2 / (process.freedom + 1))
    if q >= 1 + k:
        return float(np.inf)
    return float(np.sqrt(process.variance * process.freedom * (q - 1) / (1 - q / (1 + k))))
