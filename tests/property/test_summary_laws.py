"""What holds for single summaries beyond the contract of all."""

from fractions import Fraction
from unittest.mock import patch

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stream.condense.groups import distributions
from stream.summary import Count, Distribution, Gauge, Ratio
from stream.summary.grid import LOG_UNIT, OCTAVE, bins, bins_and_logs, fixed_log2

POSITIVE = st.one_of(
    st.floats(5e-324, 1e200),
    st.floats(0.9, 1.1),
    st.integers(-1074, 664).map(lambda power: 2.0**power),
    st.integers(-1000, 600).flatmap(lambda power: st.integers(0, 32).map(lambda k: 2.0 ** (power + k / 32))),
)
HISTOGRAM = st.tuples(
    st.integers(-3, 9), st.integers(-200, 200), st.lists(st.integers(0, 2**40), max_size=12), st.integers(0, 9)
)


def bits(summary: Distribution) -> tuple[object, ...]:
    return (summary.count, summary.zeros, summary.logs, summary.scale, summary.bins.tolist(), summary.counts.tolist())


@given(st.lists(POSITIVE, max_size=50))
def test_the_quick_way_to_bins_and_logarithms_is_the_plain_one(values: list[float]) -> None:
    array = np.array(values)
    quick_bins, quick_logs = bins_and_logs(array)
    assert quick_bins.tolist() == bins(array).tolist()
    assert quick_logs.tolist() == fixed_log2(array).tolist()


def test_the_quick_way_at_every_edge() -> None:
    powers = np.ldexp(1.0, np.arange(-1022, 665))
    edges = np.outer(powers, 2.0 ** (np.arange(32) / 32)).ravel()
    array = np.concatenate((np.nextafter(edges, 0), edges, np.nextafter(edges, np.inf)))
    array = array[array >= np.finfo(np.float64).tiny]
    quick_bins, quick_logs = bins_and_logs(array)
    assert (quick_bins == bins(array)).all()
    assert (quick_logs == fixed_log2(array)).all()


@given(POSITIVE)
def test_a_bin_holds_its_values(value: float) -> None:
    (index,) = bins(np.array([value])).tolist()
    exact = Fraction(value) ** OCTAVE
    assert Fraction(2) ** index < exact <= Fraction(2) ** (index + 1)


@given(POSITIVE)
def test_logarithms_are_close(value: float) -> None:
    (log,) = fixed_log2(np.array([value])).tolist()
    assert abs(log / LOG_UNIT - np.log2(value)) < 2e-4


@given(st.lists(HISTOGRAM, min_size=2, max_size=4), st.lists(POSITIVE, max_size=5))
def test_histograms_of_any_scale_merge_in_any_order(
    histograms: list[tuple[int, int, list[int], int]], values: list[float]
) -> None:
    def merged(order: list[int]) -> Distribution:
        parts = [Distribution.of_histogram(*histogram) for histogram in histograms]
        parts.append(Distribution.of_values(np.array(values)))
        first = parts[order[0]]
        for place in order[1:]:
            first.merge(parts[place])
        return first

    order = [*range(len(histograms) + 1)]
    assert bits(merged(order)) == bits(merged(order[::-1])) == bits(merged(order[1:] + order[:1]))
    assert int(merged(order).counts.sum()) + merged(order).zeros == merged(order).count


@given(st.lists(POSITIVE, min_size=1, max_size=50))
def test_values_in_fine_bins_are_shifted_down_exactly(values: list[float]) -> None:
    plain = Distribution.of_values(np.array(values))
    dense = [0] * (int(plain.bins[-1] - plain.bins[0]) + 1)
    for index, number in zip(plain.bins.tolist(), plain.counts.tolist(), strict=True):
        dense[index - int(plain.bins[0])] = number
    coarse = Distribution.of_histogram(5, int(plain.bins[0]), dense, 0)
    coarse.coarsen(3)
    plain.coarsen(3)
    assert (plain.bins.tolist(), plain.counts.tolist()) == (coarse.bins.tolist(), coarse.counts.tolist())


@given(st.lists(POSITIVE, max_size=30), st.integers(1, 1000))
def test_a_weight_is_that_many_samples(values: list[float], weight: int) -> None:
    weighted = Distribution.of_values(np.array(values), weight)
    repeated = Distribution.of_values(np.repeat(np.array(values), weight))
    assert bits(weighted) == bits(repeated)


@given(st.lists(st.floats(-1e200, 1e200), min_size=1, max_size=30))
def test_a_gauge_sums_exactly(values: list[float]) -> None:
    gauge = Gauge.of_values(np.array(values))
    exact = sum(Fraction(value) for value in values)
    assert abs(Fraction(gauge.total, 2**32) - exact) <= Fraction(len(values), 2**33)


@given(st.lists(st.integers(0, 2**53), max_size=30))
def test_counts_sum_exactly(values: list[int]) -> None:
    assert Count.of_values(np.array(values, dtype=np.float64)).events == sum(values)


@given(st.lists(st.booleans(), max_size=30))
def test_a_ratio_counts_hits(values: list[bool]) -> None:
    ratio = Ratio.of_values(np.array(values, dtype=np.float64))
    assert (ratio.hits, ratio.trials) == (sum(values), len(values))


@given(st.lists(st.tuples(st.integers(0, 2), st.sampled_from([0.0, 1e-300, 0.5, 1.0, 3.0, 1e199])), max_size=40))
def test_tables_and_sorting_count_alike(samples: list[tuple[int, float]]) -> None:
    group, values = np.array([(0, 1.0), (1, 0.0), (2, 9.0), *samples]).T
    found = [bits(summary) for summary in distributions(group.astype(np.int64), 3, values.copy())]
    with patch("stream.condense.groups._DENSE", 0):
        assert [bits(summary) for summary in distributions(group.astype(np.int64), 3, values.copy())] == found
    assert found == [bits(Distribution.of_values(values[group == number])) for number in range(3)]
