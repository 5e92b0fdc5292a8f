"""One canary instance against the baseline's instances: a bad host hides itself in the cohort's comparison."""

import numpy as np

from stream.array import Flags, Floats
from stream.compare.evidence import Outlier
from stream.compare.mixture import Contrast, log_e
from stream.compare.yardstick import Yardstick

_LEAST = 0.0953
"""log 1.10: on the log scale nobody within 10 % is out of line."""


def find_outlier(values: Floats, speaking: Flags, canary: Flags, found: Contrast, stick: Yardstick) -> Outlier | None:
    """The canary's instance that is furthest out, with the evidence that any is.

    Args:
        values: [U], the accumulated statistic of each instance.
        speaking: [U], whether it counts.
        canary: [U], whether it is the canary's.
        found: the cohorts' contrast of the same values (scalars).
        stick: the metric's settings.

    Returns:
        None with fewer than two instances a side.
    """
    mine = np.flatnonzero(speaking & canary)
    others = int((speaking & ~canary).sum())
    if len(mine) < 2 or others < 2:
        return None
    freedom = others - 1 + stick.freedom
    variance = (float(found.spread) + stick.freedom * stick.spread**2) / freedom * (1 + 1 / others)
    effects = values[mine] - float(found.center)
    harms = np.abs(effects) if stick.two_sided else stick.sign * effects
    margin = max(stick.promote, _LEAST) if stick.log else stick.promote
    tuning = np.full(len(mine), (3 * stick.tuning) ** 2)
    logs = log_e(harms, np.full(len(mine), variance), np.full(len(mine), freedom), tuning, margin)
    top = float(logs.max())
    at = int(harms.argmax())
    rest = np.delete(effects, at)
    evidence = top + float(np.log(np.exp(logs - top).mean()))
    return Outlier(evidence, int(mine[at]), float(effects[at]), (float(rest.min()), float(rest.max())))
