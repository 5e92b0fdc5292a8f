"""One canary instance against the baseline's instances: a bad host hides itself in the cohort's comparison."""

import numpy as np

from stream.arrays import Flags, Floats
from stream.compare.evidence import Outlier
from stream.compare.mixture import Contrast, log_e
from stream.compare.yardstick import Yardstick

LEAST = 0.0953
"""log 1.10: on the log scale nobody within 10 % is out of line."""


def find_outliers(
    values: Floats, speaking: Flags, canary: Flags, found: Contrast, sticks: list[Yardstick], expected: Floats
) -> list[Outlier | None]:
    """For each metric the canary's instance that is furthest out, with the evidence that any is.

    Args:
        values: [M, U], the accumulated statistic of each instance.
        speaking: [M, U], whether it counts.
        canary: [U], whether it is the canary's.
        found: [M], the cohorts' contrast of the same values.
        sticks: M settings.
        expected: [M], the prior variance between healthy instances.

    Returns:
        None for metrics with fewer than two instances a side, or without evidence that one stands out.
    """
    mine, theirs = speaking & canary, (speaking & ~canary).sum(1)
    number = mine.sum(1)
    prior = np.array([s.freedom for s in sticks])
    freedom = np.maximum(theirs - 1, 0) + prior
    variance = (found.spread + prior * expected) / freedom * (1 + 1 / np.maximum(theirs, 1))
    effects = np.where(mine, values - np.where(theirs > 0, found.center, 0.0)[:, None], 0.0)
    two_sided, sign = np.array([s.two_sided for s in sticks]), np.array([s.sign for s in sticks])
    harms = np.where(two_sided[:, None], np.abs(effects), sign[:, None] * effects)
    margin = np.array([max(s.promote, LEAST) if s.log else s.promote for s in sticks])
    if not (harms > margin[:, None]).any():
        return [None] * len(sticks)
    tuning = np.array([(3 * s.tuning) ** 2 for s in sticks])
    column = (slice(None), None)
    logs = log_e(harms, variance[column], freedom[column], tuning[column], margin[column])
    logs = np.where(mine, logs, -np.inf)
    evidence = np.logaddexp.reduce(logs, axis=1) - np.log(np.maximum(number, 1))
    out: list[Outlier | None] = []
    for i, at in enumerate(np.where(mine, harms, -np.inf).argmax(1).tolist()):
        if number[i] < 2 or theirs[i] < 2 or evidence[i] <= 0:
            out.append(None)
            continue
        rest = np.delete(effects[i, mine[i]], int(np.flatnonzero(mine[i]).tolist().index(at)))
        out.append(Outlier(float(evidence[i]), at, float(effects[i, at]), (float(rest.min()), float(rest.max()))))
    return out
