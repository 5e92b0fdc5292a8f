"""How often the judge is wrong and how fast it is right, over whole rollouts of synthetic traffic, seeded and small.

`python -m benchmarks.simulation` measures the same with more rollouts; the figures: `benchmarks/results/simulation.md`.
"""

from dataclasses import replace
from statistics import median

import pytest

from benchmarks.simulation.agreement import exceeds
from benchmarks.simulation.columns import COLUMNS, SHIPPED, Outcome
from benchmarks.simulation.replicate import Task, simulate
from benchmarks.simulation.report import SHIPPED_ALPHA
from benchmarks.simulation.scenarios import SCENARIOS, Scenario

SEED = 20
pytestmark = pytest.mark.slow


def outcomes(name: str, column: str, runs: int, panes: int | None = None) -> list[Outcome]:
    scenario = SCENARIOS[name]
    if panes is not None:
        scenario = Scenario(name, replace(scenario.setting, panes=panes))
    return [
        simulate(scenario, [COLUMNS[column]], Task(SEED, n, name, "tables").generator())[column] for n in range(runs)
    ]


def aborts(found: list[Outcome]) -> list[int]:
    return [outcome.pane for outcome in found if outcome.verdict == "abort" and outcome.pane is not None]


@pytest.mark.parametrize("name", ["AA_real", "AA_real_K3", "AA_harsh_K10"])
def test_a_healthy_canary_is_not_aborted_by_the_default_policy(name: str) -> None:
    found = outcomes(name, SHIPPED, 20)
    assert not exceeds(len(aborts(found)), len(found), SHIPPED_ALPHA)
    assert {outcome.verdict for outcome in found} <= {"promote", "abort", "inconclusive"}


def test_most_healthy_canaries_are_promoted_early() -> None:
    found = outcomes("AA_iid", SHIPPED, 12)
    promoted = [outcome.pane or 0 for outcome in found if outcome.verdict == "promote"]
    assert len(promoted) >= 9
    assert 60 <= min(promoted) <= median(promoted) <= 180


@pytest.mark.parametrize("column", ["mean + restarts", "p95", "errors + restarts", "cpu + restarts"])
def test_each_metric_by_itself_keeps_its_alpha(column: str) -> None:
    found = outcomes("AA_real_K3", column, 12, panes=540)
    assert not exceeds(len(aborts(found)), len(found), 0.01)


@pytest.mark.parametrize(
    ("name", "column", "latest"),
    [
        ("lat_x2", "mean + restarts", 6),
        ("lat+25", "mean + restarts", 6),
        ("lat+25_K3", "mean + restarts", 7),
        ("lat+10", "mean", 9),
        ("lat+25", "p95", 6),
        ("tail_p95", "p95", 8),
        ("err_x5", "errors + restarts", 8),
        ("err_x2", "errors", 60),
        ("cpu+10", "cpu + restarts", 9),
        ("lat+25", SHIPPED, 14),
        ("err_x5", SHIPPED, 22),
    ],
)
def test_a_sick_canary_is_aborted_soon(name: str, column: str, latest: int) -> None:
    found = outcomes(name, column, 12, panes=240)
    panes = aborts(found)
    assert len(panes) >= 11
    assert median(panes) <= latest


@pytest.mark.parametrize(
    ("name", "column", "latest"),
    [
        ("late+25", "mean + restarts", 8),
        ("late+25_K3", "mean + restarts", 14),
        ("late+10@555", "mean + restarts", 22),
        ("late_err_x5@555", "errors + restarts", 20),
    ],
)
def test_a_late_change_is_found_soon(name: str, column: str, latest: int) -> None:
    found = outcomes(name, column, 6)
    onset = SCENARIOS[name].setting.onset
    delays = [pane - onset for pane in aborts(found)]
    assert len(delays) == 6
    assert min(delays) > 0
    assert median(delays) <= latest


def test_one_slow_instance_alerts_and_does_not_abort() -> None:
    found = outcomes("lat_x2_one", "mean", 10, panes=90)
    assert aborts(found) == []
    assert [outcome.outlier for outcome in found] == [6] * 10


def test_healthy_instances_raise_no_alert() -> None:
    assert [outcome.outlier for outcome in outcomes("AA_real", "mean", 10, panes=180)] == [None] * 10


@pytest.mark.parametrize("name", ["lat+10", "lat+25", "err_x2"])
def test_a_sick_canary_is_not_promoted(name: str) -> None:
    assert [outcome.verdict for outcome in outcomes(name, SHIPPED, 10)] == ["abort"] * 10
