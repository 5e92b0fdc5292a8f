"""Many summaries at once: the same as `of_values` of each group, bit for bit, without a loop over values.

`group` holds the number of each value's group, 0 to `groups` - 1; every group has a value.
"""

from collections.abc import Callable, Sequence
from copy import copy
from itertools import chain

import numpy as np

from stream.arrays import Floats, Ints
from stream.exact import Exact
from stream.summary import Count, Distribution, Gauge, Ratio, Summary
from stream.summary.gauge import FRACTION, fixed
from stream.summary.grid import SCALE, bins_and_logs

_DENSE = 4
"""Up to so many possible values for each one that there is, counting in a table is faster than sorting."""


def distributions(group: Ints, groups: int, values: Floats) -> list[Distribution]:
    """Summarise values of 0 or more.

    >>> one, two = distributions(np.array([0, 1, 1]), 2, np.array([100.0, 0.0, 200.0]))
    >>> one.bins.tolist(), two.count, two.zeros, two.bins.tolist()
    ([212], 2, 1, [244])
    """
    count = np.bincount(group, minlength=groups)
    zeros = np.zeros(groups, dtype=np.int64)
    if values.min(initial=1.0) == 0:
        positive = values > 0
        zeros = np.bincount(group[~positive], minlength=groups)
        group, values = group[positive], values[positive]
    indices, logs = bins_and_logs(values)
    owner, bins, counts = _histogram(group, groups, indices)
    ends = np.searchsorted(owner, np.arange(groups + 1)).tolist()
    sums = _integer_sums(group, groups, logs)
    return [
        Distribution(n, z, Exact(log), SCALE, bins[low:high], counts[low:high])
        for n, z, log, low, high in zip(count.tolist(), zeros.tolist(), sums, ends, ends[1:], strict=False)
    ]


def merged(pairs: Sequence[tuple[Distribution, Distribution]]) -> list[Distribution]:
    """For each pair a new summary with the samples of both: the same as by `merge`."""
    parts = list(chain.from_iterable(pairs))
    if len({one.scale for one in parts}) != 1:
        return [_merged(*pair) for pair in pairs]
    indices = np.concatenate([one.bins for one in parts])
    numbers = np.concatenate([one.counts for one in parts])
    low = int(indices.min(initial=0))
    width = int(indices.max(initial=0)) - low + 1
    owner = np.repeat(np.arange(len(parts)) >> 1, [len(one.bins) for one in parts])
    cells, places = numbered(owner * width + (indices - low))
    sums = np.zeros(len(cells), dtype=np.int64)
    np.add.at(sums, places, numbers)
    bins, ends = cells % width + low, np.searchsorted(cells, np.arange(len(pairs) + 1) * width).tolist()
    return [
        Distribution(a.count + b.count, a.zeros + b.zeros, Exact(a.logs + b.logs), a.scale, bins[i:j], sums[i:j])
        for (a, b), i, j in zip(pairs, ends, ends[1:], strict=False)
    ]


def _merged(one: Distribution, other: Distribution) -> Distribution:
    both = copy(one)
    both.merge(other)
    return both


def counts(group: Ints, groups: int, values: Floats, totals: Floats) -> list[Summary]:
    """Sum whole numbers of events, and the milliseconds they cover; a total of NaN is none."""
    covered = whole_sums(group, groups, np.where(np.isnan(totals), 0.0, totals))
    return [Count(events, ms) for events, ms in zip(whole_sums(group, groups, values), covered, strict=True)]


def ratios(group: Ints, groups: int, values: Floats, totals: Floats) -> list[Summary]:
    """Sum hits and trials; a total of NaN is one trial."""
    trials = whole_sums(group, groups, np.where(np.isnan(totals), 1.0, totals))
    return [Ratio(hits, n) for hits, n in zip(whole_sums(group, groups, values), trials, strict=True)]


def gauges(group: Ints, groups: int, values: Floats, _totals: Floats) -> list[Summary]:
    """Sum readings exactly."""
    if float(np.abs(values).max(initial=0.0)) * len(values) < 2.0**30:
        sums = _integer_sums(group, groups, np.rint(values * 2.0**FRACTION).astype(np.int64))
    else:
        sums = _long_sums(group, groups, list(map(fixed, values.tolist())))
    return [
        Gauge(n, Exact(total)) for n, total in zip(np.bincount(group, minlength=groups).tolist(), sums, strict=True)
    ]


PLAIN: dict[str, Callable[[Ints, int, Floats, Floats], list[Summary]]] = {
    "gauge": gauges,
    "count": counts,
    "ratio": ratios,
}
"""How plain numbers that are not a distribution's are summed, by kind; the last argument is the totals."""


def numbered(codes: Ints) -> tuple[Ints, Ints]:
    """The different codes in order, none negative, and the place of each code among them.

    >>> numbered(np.array([7, 3, 7]))
    (array([3, 7]), array([1, 0, 1]))
    """
    size = int(codes.max(initial=-1)) + 1
    if size > _DENSE * len(codes):
        found, places = np.unique(codes, return_inverse=True)
        return found, places
    there = np.zeros(size, dtype=bool)
    there[codes] = True
    return np.flatnonzero(there), (np.cumsum(there) - 1)[codes]


def whole_sums(group: Ints, groups: int, values: Floats) -> list[int]:
    """Sums of whole numbers up to 2^53 each."""
    if float(values.max(initial=0.0)) * len(values) < 2.0**62:
        return _integer_sums(group, groups, values.astype(np.int64))
    return _long_sums(group, groups, list(map(int, values.tolist())))


def _integer_sums(group: Ints, groups: int, values: Ints) -> list[int]:
    sums = np.zeros(groups, dtype=np.int64)
    np.add.at(sums, group, values)
    return [int(total) for total in sums.tolist()]


def _long_sums(group: Ints, groups: int, values: list[int]) -> list[int]:
    """Sums that may not fit 64 bits."""
    sums = [0] * groups
    for owner, value in zip(group.tolist(), values, strict=True):
        sums[owner] += value
    return sums


def _histogram(group: Ints, groups: int, indices: Ints) -> tuple[Ints, Ints, Ints]:
    """Group, index and number of each index that occurs in a group, in that order."""
    low = int(indices.min(initial=0))
    width = int(indices.max(initial=0)) - low + 1
    cell = group * width + (indices - low)
    if groups * width <= _DENSE * len(cell):
        table = np.bincount(cell, minlength=groups * width)
        used = np.flatnonzero(table != 0)
        number = table[used]
    else:
        used, number = np.unique(cell, return_counts=True)
    return used // width, used % width + low, number
