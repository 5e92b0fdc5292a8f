"""The one grid of log-histograms, and logarithms without `log`.

OpenTelemetry's exponential buckets at scale 5: bin i holds (b^i, b^(i+1)] with b = 2^(1/32), 2.2 % wide. A bin is found
by `frexp` and a search among 32 mantissas, a logarithm by `frexp` and a table of 4,096; both tables are made with
integer arithmetic, so that every processor gives the same integers (numpy's `log` differs in the last place).

>>> bins(np.array([1.0, 1.01, 2.0, 4.0, 1e-3])).tolist()
[-1, 0, 31, 63, -319]
>>> (fixed_log2(np.array([1.0, 8.0, 0.1])) / LOG_UNIT).round(3).tolist()
[0.0, 3.0, -3.322]
"""

from math import isqrt

import numpy as np

from stream.arrays import Floats, Ints

SCALE = 5
OCTAVE = 1 << SCALE
"""Bins in a doubling at scale 5."""
LOG_UNIT = 1 << 20
"""Fixed-point logarithms count in 2^-20 of an octave."""
_TABLE = 4096


def _mantissas() -> Floats:
    """2^(k/32) / 2 for k = 0..31, each rounded down to a float: the lower ends of an octave's bins."""
    roots = []
    for k in range(OCTAVE):
        root = 1 << (k + OCTAVE * 52)
        for _ in range(SCALE):
            root = isqrt(root)
        roots.append(root / 2**53)
    return np.array(roots)


def _log_table() -> Ints:
    """log2 in units of 2^-20 at the mid-points of 4,096 equal parts of [1, 2), bit by bit by squaring integers."""
    x = ((2 * np.arange(_TABLE, dtype=np.uint64) + np.uint64(1)) << np.uint64(31 - 13)) + np.uint64(1 << 31)
    logs = np.zeros(_TABLE, dtype=np.int64)
    for _ in range(20):
        x = (x * x) >> np.uint64(31)
        high = x >> np.uint64(32)
        logs = 2 * logs + high.astype(np.int64)
        x >>= high
    return logs


def _bin_table() -> tuple[Ints, Ints]:
    """For each of the 4,096 parts of an octave the bin of its lower end, and the fraction where the next begins."""
    edges = _MANTISSAS.view(np.int64) & _FRACTION
    parts = np.arange(_TABLE, dtype=np.int64) << _PART
    bounds = np.full(_TABLE, _FRACTION, dtype=np.int64)
    bounds[edges >> _PART] = edges
    return np.searchsorted(edges, parts, side="left") - 1, bounds


_FRACTION = (1 << 52) - 1
"""The bits of a float64 that hold its fraction."""
_PART = 52 - 12
"""Bits under those that tell which of the 4,096 parts of an octave a float64 is in."""
_MANTISSAS = _mantissas()
_LOGS = _log_table()
_LOWEST, _BOUNDS = _bin_table()


def bins(values: Floats) -> Ints:
    """Indices at scale 5 of positive finite values."""
    mantissa, exponent = np.frexp(values)
    inside = np.searchsorted(_MANTISSAS, mantissa, side="left") - 1
    return np.asarray((exponent.astype(np.int64) - 1) * OCTAVE + inside, dtype=np.int64)


def fixed_log2(values: Floats) -> Ints:
    """log2 of positive finite values in units of 2^-20, within 1.8e-4 of an octave."""
    mantissa, exponent = np.frexp(values)
    part = ((mantissa - 0.5) * (2 * _TABLE)).astype(np.int64)
    return np.asarray((exponent.astype(np.int64) - 1) * LOG_UNIT + _LOGS[part], dtype=np.int64)


def bins_and_logs(values: Floats) -> tuple[Ints, Ints]:
    """`bins` and `fixed_log2` of the same values in half the time, from the bits of the floats.

    >>> bins_and_logs(np.array([1.0, 8.0]))
    (array([-1, 95]), array([    184, 3145912]))
    """
    if len(values) and values.min() < np.finfo(np.float64).tiny:  # numbers so small are stored in another way
        return bins(values), fixed_log2(values)
    bits = values.view(np.int64)
    top = bits >> _PART
    octave, part = (top >> 12) - 1023, top & (_TABLE - 1)
    inside = _LOWEST.take(part) + ((bits & _FRACTION) > _BOUNDS.take(part))
    return octave * OCTAVE + inside, octave * LOG_UNIT + _LOGS.take(part)


def middle_log2(indices: Ints, scale: int) -> Ints:
    """log2 of the geometric mid-points of bins, in units of 2^-20 (rounded down)."""
    twice = (2 * indices + 1) * LOG_UNIT
    return twice >> (scale + 1) if scale >= 0 else twice << -(scale + 1)
