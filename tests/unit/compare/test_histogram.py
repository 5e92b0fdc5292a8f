"""Residual histograms against quantiles of the raw values."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.arrays import Floats, Ints
from stream.compare.histogram import ResidualHistogram, positions
from stream.summary import Distribution
from tests.core_helpers import close_to

BOTH = np.array([True, False])
SHARES = np.array([0.5, 0.95, 0.99])
BIN = np.log(2) / 32


def numbers(*values: int) -> Ints:
    return np.array(values, dtype=np.int64)


def add(histogram: ResidualHistogram, *values: Floats) -> bool:
    """Add a pane of instances 0, 1, ...; even ones are the canary's."""
    who = np.arange(len(values))
    return histogram.add(who, [Distribution.of_values(one) for one in values], who % 2 == 0)


def since_start(histogram: ResidualHistogram, shares: Floats = SHARES) -> Floats:
    """[Q, U] quantiles in the metric's unit."""
    found, _ = histogram.read(shares, block=False)[:2]
    return np.exp(found[:, 0])


@pytest.mark.parametrize("center", [1e-4, 1.0, 250.0, 1e7])
def test_quantiles_are_within_0_3_percent_of_those_of_the_raw_values(center: float) -> None:
    rng = np.random.default_rng(5)
    shares = np.array([0.1, 0.5, 0.9, 0.95, 0.99, 0.999])
    raw = [center * np.exp(rng.normal(0, 0.6, 100_000)), center * np.exp(rng.normal(0.3, 0.8, 100_000))]
    histogram = ResidualHistogram.empty(2)
    assert add(histogram, *raw)
    wanted = np.stack([np.quantile(one, shares) for one in raw], axis=1)
    shown = np.stack([histogram.read(np.array([share]), block=False).values[0] for share in shares])
    for found in (since_start(histogram, shares), shown):
        assert np.abs(found / wanted - 1)[:-1].max() < 0.003
        assert np.abs(found / wanted - 1)[-1].max() < 0.005, "a hundred samples lie beyond"


def test_panes_add_up_to_one_histogram_of_everything() -> None:
    """With the same level in every pane nothing is shifted."""
    rng = np.random.default_rng(6)
    level = np.exp(rng.normal(4, 0.5, 4000))
    panes = [rng.permutation(level).reshape(2, 2000) for _ in range(5)]
    apart, whole = ResidualHistogram.empty(2), ResidualHistogram.empty(2)
    for left, right in panes:
        add(apart, np.concatenate((left, right)), np.concatenate((left, right)))
    everything = np.concatenate([pane.ravel() for pane in panes])
    add(whole, everything, everything)
    assert close_to(since_start(apart), since_start(whole))
    assert apart.samples() == whole.samples() == (20_000, 20_000)


def test_a_load_swing_that_all_share_leaves_residual_quantiles_alone() -> None:
    """A traffic ramp on top of it would else mix the hours differently in the two cohorts."""
    rng = np.random.default_rng(7)
    still, swinging = ResidualHistogram.empty(2), ResidualHistogram.empty(2)
    plain = [np.array([]), np.array([])]
    for pane in range(40):
        swing = np.exp(0.5 * np.sin(pane / 6))
        sizes = 50 + 25 * pane, 1050 - 25 * pane
        values = [np.exp(rng.normal(4, 0.4, size)) for size in sizes]
        add(still, *values)
        add(swinging, *(swing * one for one in values))
        plain = [np.concatenate((old, swing * new)) for old, new in zip(plain, values, strict=True)]

    def difference(quantiles: Floats) -> Floats:
        return np.asarray(np.log(quantiles[:, 0] / quantiles[:, 1]))

    shifted = difference(since_start(swinging))
    unshifted = difference(np.stack([np.quantile(one, SHARES) for one in plain], axis=1))
    assert np.abs(shifted - difference(since_start(still))).max() < 1.5 * BIN
    assert np.abs(unshifted[:2]).min() > 5 * np.abs(shifted[:2]).max()


def test_shown_values_are_not_shifted() -> None:
    histogram = ResidualHistogram.empty(2)
    for factor in (1.0, 3.0, 9.0):
        add(histogram, np.full(10, 100.0 * factor), np.full(10, 50.0 * factor))
    assert close_to(histogram.read(np.array([0.5]), block=False).values[0], np.array([300.0, 150.0]), within=0.02)
    assert close_to(since_start(histogram, np.array([0.5]))[0], np.array([100.0, 50.0]), within=0.02)


def test_the_shift_is_a_whole_number_of_bins_and_keeps_every_sample() -> None:
    rng = np.random.default_rng(8)
    histogram = ResidualHistogram.empty(2)
    for factor in (1.0, 1.013, 2.7, 0.001, 1e6):
        add(histogram, factor * np.exp(rng.normal(0, 1, 500)), factor * np.exp(rng.normal(0, 1, 500)))
    _, samples = histogram.read(SHARES, block=True)[:2]
    assert samples.tolist() == [[2500, 2500], [2500, 2500]]
    assert histogram.samples() == (2500, 2500)
    assert (histogram.kept >= 0).all()


def test_the_open_block_begins_anew() -> None:
    histogram = ResidualHistogram.empty(2)
    add(histogram, np.full(30, 10.0), np.full(30, 10.0))
    histogram.close_block()
    add(histogram, np.full(30, 20.0), np.full(30, 5.0))
    found, samples = histogram.read(np.array([0.5]), block=True)[:2]
    assert samples.tolist() == [[60, 60], [30, 30]]
    assert close_to(found[0, 1, 0] - found[0, 1, 1], np.log(4), within=BIN)
    histogram.close_block()
    found, samples = histogram.read(np.array([0.5]), block=True)[:2]
    assert samples[1].tolist() == [0, 0]
    assert np.isnan(found[0, 1]).all()


def test_a_coarser_summary_makes_all_coarser() -> None:
    rng = np.random.default_rng(9)
    fine = [np.exp(rng.normal(3, 0.5, 5000)), np.exp(rng.normal(3.2, 0.5, 5000))]
    histogram = ResidualHistogram.empty(2)
    add(histogram, *fine)
    before = since_start(histogram)
    coarse = [Distribution.of_values(one) for one in fine]
    coarse[1].coarsen(3)
    histogram.add(np.arange(2), coarse, BOTH)
    assert histogram.scale == 3
    assert histogram.samples() == (10_000, 10_000)
    assert close_to(since_start(histogram), before, within=0.03)
    add(histogram, *fine)
    assert histogram.scale == 3
    assert histogram.samples() == (15_000, 15_000)


@pytest.mark.parametrize("scale", [2, 0, -2])
def test_a_coarse_grid_from_the_start(scale: int) -> None:
    histogram = ResidualHistogram.empty(2)
    rows = [Distribution.of_histogram(scale, 3, [5, 5], 0), Distribution.of_histogram(scale, 3, [5, 5], 0)]
    assert histogram.add(np.arange(2), rows, BOTH)
    found, _ = histogram.read(np.array([0.5]), block=False)[:2]
    assert close_to(found[0, 0], 4 * np.log(2) / 2.0**scale)


def test_zeros_count_in_quantiles_and_lie_under_everything() -> None:
    values = np.concatenate((np.zeros(30), np.full(70, 8.0)))
    histogram = ResidualHistogram.empty(2)
    assert add(histogram, values, values)
    found, samples = histogram.read(np.array([0.2, 0.5, 0.9]), block=False)[:2]
    assert samples.tolist() == [[100, 100]]
    assert np.isnan(found[0]).all(), "the quantile is 0 and has no logarithm"
    assert close_to(np.exp(found[1:, 0]), 8.0, within=0.03)


@pytest.mark.parametrize("zeros", [50, 100])
def test_a_pane_in_which_half_of_a_cohort_is_zero_does_not_count(zeros: int) -> None:
    """It has no common level; it is still shown."""
    values = np.concatenate((np.zeros(zeros), np.full(100 - zeros, 8.0)))
    histogram = ResidualHistogram.empty(2)
    assert add(histogram, values, np.full(100, 8.0)) is False
    _, samples = histogram.read(SHARES, block=False)[:2]
    assert samples.tolist() == [[0, 0]]
    assert histogram.samples() == (100, 100)
    assert add(histogram, np.full(100, 8.0), np.full(100, 8.0)) is True


def test_instances_come_later_and_pause() -> None:
    histogram = ResidualHistogram.empty(2)
    add(histogram, np.full(20, 4.0), np.full(20, 4.0))
    histogram.grow(4)
    rows = [Distribution.of_values(np.full(30, 4.0)) for _ in range(2)]
    assert histogram.add(numbers(1, 3), rows, np.array([False, True]))
    _, samples = histogram.read(SHARES, block=False)[:2]
    assert samples.tolist() == [[20, 50, 0, 30]]
    found, _ = histogram.read(np.array([0.5]), block=False)[:2]
    assert np.isnan(found[0, 0, 2])


@given(st.lists(st.floats(1e-280, 1e280), min_size=1, max_size=8))
def test_any_range_of_values_is_taken_without_losing_a_sample(centers: list[float]) -> None:
    histogram = ResidualHistogram.empty(2)
    for center in centers:
        add(histogram, np.full(3, center), np.full(3, center * 1.5))
    assert histogram.samples() == (3 * len(centers), 3 * len(centers))
    _, samples = histogram.read(SHARES, block=True)[:2]
    assert (samples == 3 * len(centers)).all()
    assert histogram.kept.shape[2] < 300 * 32, "bins further than 64 octaves from 1 are counted at the edge"


def test_an_empty_histogram_has_no_quantiles() -> None:
    found, samples = ResidualHistogram.empty(3).read(SHARES, block=True)[:2]
    assert found.shape == (3, 2, 3)
    assert np.isnan(found).all()
    assert samples.tolist() == [[0] * 3] * 2
    assert np.isnan(ResidualHistogram.empty(3).read(np.array([0.5]), block=False).values).all()


@given(
    st.lists(st.lists(st.integers(0, 5), min_size=6, max_size=6), min_size=1, max_size=4),
    st.lists(st.integers(0, 4), min_size=4, max_size=4),
    st.sampled_from((0.01, 0.3, 0.5, 0.95, 0.999)),
)
def test_positions_are_those_of_a_plain_loop(rows: list[list[int]], zeros: list[int], share: float) -> None:
    zeros = zeros[: len(rows)]
    found = positions(np.array(rows), np.array(zeros), np.array([share]), -2, 3)[0]
    for counts, low, position in zip(rows, zeros, found.tolist(), strict=True):
        goal = share * (sum(counts) + low) - low
        if goal <= 0 or not any(counts):
            assert np.isnan(position)
            continue
        seen, at = 0.0, 0
        while seen + counts[at] < goal - 1e-12:
            seen, at = seen + counts[at], at + 1
        assert position == pytest.approx((at + (goal - seen) / counts[at] - 2) / 8)
