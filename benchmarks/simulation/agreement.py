"""Whether two Monte Carlo results agree, the errors of both counted.

Shares: Fisher's exact test, two-sided, at 1 %. Medians: the other side's median lies within the 99 % order-statistics
interval of these delays, widened for the other sample's error and by half a pane for rounding; a sample too small for
such an interval agrees. So about one cell in a hundred is called different by chance.
"""

from collections.abc import Sequence

import numpy as np
from scipy.stats import binom, fisher_exact

LEVEL = 0.01
_Z = 2.576
"""Two-sided 99 % of the normal distribution."""


def shares_agree(hits: int, runs: int, other_hits: int, other_runs: int) -> bool:
    """Whether two shares may be the same.

    >>> shares_agree(3, 120, 2, 400), shares_agree(12, 120, 2, 400)
    (True, False)
    """
    table = np.array([[hits, runs - hits], [other_hits, other_runs - other_hits]])
    return bool(fisher_exact(table).pvalue >= LEVEL)


def median_agrees(delays: Sequence[int], other: float, other_size: int) -> bool:
    """Whether the median of `delays` may be the same as another sample's, of which only median and size are known.

    >>> median_agrees(list(range(40)), 25, 200), median_agrees([6] * 50, 9, 200), median_agrees([6], 9, 200)
    (True, False, True)
    """
    ordered, size = sorted(delays), len(delays)
    half = _Z * 0.5 * np.sqrt(size * (1 + size / other_size))
    low, high = int(np.floor(size / 2 - half)) - 1, int(np.ceil(size / 2 + half))
    above = low < 0 or ordered[low] - 0.5 <= other
    below = high >= size or other <= ordered[high] + 0.5
    return above and below


def exceeds(hits: int, runs: int, alpha: float) -> bool:
    """Whether a share of false aborts is over `alpha` beyond chance: one-sided, at 0.5 %.

    >>> exceeds(4, 120, 0.01), exceeds(8, 120, 0.01)
    (False, True)
    """
    return bool(binom.sf(hits - 1, runs, alpha) < LEVEL / 2)
