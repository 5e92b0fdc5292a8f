"""The fold's evidence equals the formulas' at every pane; the two share nothing but the traffic."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from msgspec.structs import replace as with_fields

from benchmarks.simulation.columns import COLUMNS, Column, Fold
from benchmarks.simulation.scenarios import SCENARIOS, Scenario
from benchmarks.simulation.traffic import Pane, traffic
from stream.arrays import Flags, Floats, Ints
from stream.outputs import Divergence
from tests.simulation import formulas as by

PANES, PLANNED = 240, 5
SEES = {"AA_harsh_K3": 100, "late+25_K3": 130, "late_err_x5": 130}
"""Scenarios, and where their onset is put."""
LOG_110, LOG_150 = float(np.log(1.1)), float(np.log(1.5))

latency_scenarios = pytest.mark.parametrize("name", ["AA_harsh_K3", "late+25_K3"])
error_scenarios = pytest.mark.parametrize("name", ["AA_harsh_K3", "late_err_x5"])


@cache
def scenario(name: str) -> Scenario:
    setting = replace(SCENARIOS[name].setting, panes=PANES, onset=SEES[name], error_rate=0.005)
    return Scenario(name, setting)


@cache
def panes(name: str) -> list[Pane]:
    return list(traffic(scenario(name).setting, np.random.default_rng(5)))


def canary(name: str) -> Flags:
    setting = scenario(name).setting
    return np.arange(setting.canary + setting.baseline) < setting.canary


def evidence(name: str, column: str) -> tuple[Floats, Floats]:
    """Of harm and of safety, by pane; the metric is muted, so that nothing ends."""
    chosen = COLUMNS[column]
    rules = tuple(with_fields(rule, critical=False, muted=True) for rule in chosen.rules)
    fold = Fold.begin(Column(chosen.name, rules, chosen.restarts), scenario(name))
    found = [output for pane in panes(name) for output in fold.take(pane) if isinstance(output, Divergence)]
    return np.array([each.evidence for each in found]), np.array([each.evidence_safe for each in found])


def log_means(name: str) -> Floats:
    return np.array([[row.logs / row.count / 2**20 * np.log(2) for row in pane.latencies] for pane in panes(name)])


def cpu(name: str) -> Floats:
    return np.array([pane.cpu for pane in panes(name)])


def counts(name: str) -> tuple[Ints, Ints]:
    errors = np.array([pane.errors for pane in panes(name)])
    return errors, np.array([[row.count for row in pane.latencies] for pane in panes(name)])


def bins(name: str) -> Ints:
    """[panes, K, bins] with room for the shifts."""
    rows = [row for pane in panes(name) for row in pane.latencies]
    low, high = min(row.bins[0] for row in rows) - 64, max(row.bins[-1] for row in rows) + 65
    dense = np.zeros((len(rows), high - low), dtype=np.int64)
    for at, row in zip(dense, rows, strict=True):
        at[row.bins - low] = row.counts
    return dense.reshape(PANES, -1, high - low)


def assert_same(ours: Floats, theirs: Floats) -> None:
    assert len(ours) == PANES
    assert ours[5:] == pytest.approx(theirs[5:], abs=1e-6, rel=1e-6)


def mixed(level: Floats, change: Floats) -> Floats:
    return np.asarray(np.logaddexp(level, change) - np.log(2))


def latency_prior(name: str, share: float) -> Floats:
    return np.asarray(0.03**2 + by.sampling(by.residuals(bins(name), canary(name)), share))


def mean_prior(name: str) -> Floats:
    return latency_prior(name, 0)


def cpu_prior(name: str) -> Floats:
    return np.full(len(panes(name)), 0.015**2)


@latency_scenarios
@pytest.mark.parametrize(
    ("column", "values", "prior", "tuning", "limit"),
    [("mean", log_means, mean_prior, 0.10, LOG_110), ("cpu", cpu, cpu_prior, 0.05, 0.05)],
)
def test_level_and_restarts(
    name: str,
    column: str,
    values: Callable[[str], Floats],
    prior: Callable[[str], Floats],
    tuning: float,
    limit: float,
) -> None:
    found, who, expected = values(name), canary(name), prior(name)
    level = by.level_of(by.running_mean(found), who, expected, tuning)
    harm, safe = evidence(name, column)
    assert_same(harm, level)
    assert_same(safe, by.level_of(by.running_mean(found), who, expected, tuning, limit, sign=-1))
    both, _ = evidence(name, f"{column} + restarts")
    assert_same(both, mixed(level, by.restarts(found, who, tuning, PLANNED)))


@error_scenarios
def test_errors(name: str) -> None:
    (events, trials), who = counts(name), canary(name)
    level = by.counts_of(events, trials, who)
    harm, safe = evidence(name, "errors")
    assert_same(harm, level)
    assert_same(safe, by.counts_of(events, trials, who, LOG_150, sign=-1))
    both, _ = evidence(name, "errors + restarts")
    assert_same(both, mixed(level, by.count_restarts(events, trials, who, PLANNED)))


@latency_scenarios
@pytest.mark.parametrize("share", [0.95, 0.99])
def test_quantiles(name: str, share: float) -> None:
    who, expected = canary(name), latency_prior(name, share)
    values = by.quantile(by.residuals(bins(name), who), np.array(share)) * by.OCTAVE
    harm, safe = evidence(name, f"p{100 * share:g}")
    assert_same(harm, by.level_of(values, who, expected, 0.10))
    assert_same(safe, by.level_of(values, who, expected, 0.10, LOG_110, sign=-1))
