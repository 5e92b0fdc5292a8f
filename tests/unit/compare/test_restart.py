"""Restarts: weights that stay a mixture, thinning, host effects that cancel, and the block variance by hand."""

from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.arrays import Flags, Floats
from stream.compare.restart import BLOCK_FREEDOM, FIRST_BLOCK, MOST, Restarts, restart_weights, thin
from tests.core_helpers import close_to

CANARY = np.array([True, True, True, False, False, False])


@given(st.integers(0, 60), st.one_of(st.none(), st.integers(0, 60)))
def test_weights_and_what_has_not_begun_make_one(started: int, planned: int | None) -> None:
    if planned is not None:
        started = min(started, planned)
    parts, rest = restart_weights(list(range(FIRST_BLOCK, FIRST_BLOCK + started)), planned)
    assert len(parts) == started
    assert (parts > 0).all()
    assert parts.sum() + rest == pytest.approx(1)


def test_a_weight_never_changes() -> None:
    for planned in (None, 50):
        before: dict[int, float] = {}
        for started in range(1, 50):
            blocks = list(range(FIRST_BLOCK, FIRST_BLOCK + started))
            weights, _ = restart_weights(blocks, planned)
            for block, weight in zip(blocks, weights.tolist(), strict=True):
                assert before.setdefault(block, weight) == weight


def test_restarts_beyond_the_planned_ones_do_not_count() -> None:
    weights, rest = restart_weights([3, 4, 5, 6], 2)
    assert weights.tolist() == [0.5, 0.5, 0, 0]
    assert rest == 0


@pytest.mark.parametrize("planned", [None, 200])
def test_thinning_keeps_the_mass_at_most_1_and_the_ages_geometric(planned: int | None) -> None:
    blocks: list[int] = []
    for block in range(FIRST_BLOCK, 1000):
        blocks.append(block)
        drop = thin(blocks)
        if drop is not None:
            assert 0 < drop < len(blocks) - 1, "neither the oldest nor the newest"
            del blocks[drop]
        assert len(blocks) <= MOST
        weights, rest = restart_weights(blocks, planned)
        assert weights.sum() + rest <= 1 + 1e-9
    ages = 1000 - np.array(blocks)
    assert blocks[0] == FIRST_BLOCK
    assert blocks[-1] == 999
    assert (ages[:-1] / ages[1:]).max() <= 2, "a change is never much older than the restart nearest to it"
    assert np.sort(ages)[:4].tolist() == [1, 2, 3, 4]


class Run(NamedTuple):
    """Values of one statistic, [panes, 6], with gaps where instances were silent."""

    values: Floats

    def restarts(self, block: int) -> Restarts:
        """The same through running sums, block by block."""
        restarts = Restarts.empty()
        restarts.grow(1, 6)
        for end in range(block, len(self.values) + 1, block):
            sums, counts = self.sums(end)
            restarts.close_block(sums, counts, CANARY, end // block, end)
        return restarts

    def sums(self, end: int | None = None) -> tuple[Floats, Floats]:
        part = self.values[:end]
        return np.nansum(part, axis=0)[None], np.isfinite(part).sum(0)[None].astype(np.float64)


def run(seed: int, panes: int, *, silent: float = 0.0) -> Run:
    rng = np.random.default_rng(seed)
    values = rng.normal(0, 1, (panes, 6))
    values[rng.random((panes, 6)) < silent] = np.nan
    return Run(values)


def test_restarts_begin_at_the_third_block() -> None:
    restarts = run(1, 62).restarts(10)
    assert restarts.blocks == [3, 4, 5, 6]
    assert restarts.panes == [30, 40, 50, 60]


@pytest.mark.parametrize("silent", [0.0, 0.3])
def test_a_change_is_the_mean_after_less_the_mean_before(silent: float) -> None:
    data = run(2, 55, silent=silent)
    change, weights, inverse = data.restarts(10).changes(*data.sums())
    for number, at in enumerate((30, 40)):
        before, after = data.values[:at], data.values[at:]
        assert close_to(change[number, 0], np.nanmean(after, axis=0) - np.nanmean(before, axis=0))
        n, m = np.isfinite(before).sum(0), np.isfinite(after).sum(0)
        assert close_to(weights[number, 0], 1 / (1 + 12 * (1 / n + 1 / m)))
        assert close_to(inverse[number, 0], (1 / n + 1 / m).mean())


def test_an_instance_speaks_with_six_panes_on_both_sides() -> None:
    data = run(3, 36)
    data.values[30:35, 0] = np.nan
    data.values[:25, 1] = np.nan
    data.values[:24, 2] = np.nan
    _, weights, _ = data.restarts(10).changes(*data.sums())
    assert (weights[0, 0] > 0).tolist() == [False, False, True, True, True, True]
    _, weights, _ = data.restarts(10).changes(*data.sums(35))
    assert not weights.any()


def test_what_an_instance_always_has_cancels() -> None:
    data, hosts = run(4, 60), np.random.default_rng(5).normal(0, 50, 6)
    shifted = Run(data.values + hosts)
    one, other = data.restarts(10), shifted.restarts(10)
    change, weights, _ = one.changes(*data.sums())
    moved, same, _ = other.changes(*shifted.sums())
    assert close_to(weights, same)
    assert weights[:3].all()
    assert close_to(change[:3], moved[:3], within=1e-8)
    assert close_to(one.noise, other.noise, within=1e-6)


def block_variance(values: Floats, canary: Flags, block: int) -> tuple[float, float]:
    """The variance of a pane, from block means less those of their cohort and instance; and its degrees of freedom."""
    means = values.reshape(-1, block, values.shape[1]).mean(1)
    blocks, instances = means.shape
    for side in (canary, ~canary):
        means[:, side] -= means[:, side].mean(axis=1, keepdims=True)
    means -= means.mean(axis=0)
    freedom = (blocks - 1) * (instances - 2)
    return float((means**2).sum() / freedom * block), float(freedom)


@pytest.mark.parametrize("block", [6, 10])
def test_the_block_variance_is_that_of_blocks_without_cohort_and_instance(block: int) -> None:
    data = run(6, 7 * block)
    data = Run(data.values + np.linspace(0, 9, 6) + np.arange(7 * block)[:, None] * np.where(CANARY, 0.2, -0.1))
    restarts = data.restarts(block)
    for number, blocks in enumerate(restarts.blocks):
        noise, freedom = block_variance(data.values[: blocks * block].copy(), CANARY, block)
        assert restarts.noise[number, 0] == pytest.approx(noise)
        assert restarts.freedom[number, 0] == min(freedom, BLOCK_FREEDOM)


def test_the_block_variance_estimates_that_of_a_pane() -> None:
    found = [run(seed, 120).restarts(10).noise[-1, 0] for seed in range(60)]
    assert np.mean(found) == pytest.approx(1, abs=0.08)


def test_new_instances_do_not_disturb_the_old_ones() -> None:
    data = run(7, 60)
    data.values[:40, 2] = np.nan
    late, never = data.restarts(10), Run(np.delete(data.values, 2, axis=1))
    change, weights, _ = late.changes(*data.sums())
    kept = np.delete(change[1], 2, axis=1)
    assert close_to(kept[0], never.values[40:].mean(0) - never.values[:40].mean(0))
    assert weights[1, 0, 2] == 0
    assert (late.freedom <= BLOCK_FREEDOM).all()
    assert np.isfinite(late.noise).all()


def test_snapshots_are_thinned_together() -> None:
    values = np.random.default_rng(8).normal(size=(2 * (MOST + 8), 6))
    restarts = Run(values).restarts(2)
    assert len(restarts.blocks) == len(restarts.panes) == MOST
    assert restarts.sums.shape == restarts.counts.shape == (MOST, 1, 6)
    assert restarts.noise.shape == restarts.freedom.shape == (MOST, 1)
    assert [2 * block for block in restarts.blocks] == restarts.panes
    assert close_to(restarts.counts[:, 0, 0], np.array(restarts.panes, dtype=np.float64))


def test_room_is_made_without_losing_anything() -> None:
    restarts = run(9, 50).restarts(10)
    before = restarts.sums.copy()
    restarts.grow(3, 8)
    assert restarts.sums.shape == (len(restarts.blocks), 3, 8)
    assert close_to(restarts.sums[:, :1, :6], before)
    assert not restarts.sums[:, 1:].any()
    assert not restarts.sums[:, :, 6:].any()
