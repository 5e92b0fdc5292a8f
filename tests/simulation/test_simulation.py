"""The simulation itself: reproducible, resumable, exact."""

from collections import Counter
from dataclasses import replace
from itertools import islice
from pathlib import Path

import msgspec
import numpy as np
import pytest

from benchmarks.simulation.agreement import median_agrees, shares_agree
from benchmarks.simulation.columns import COLUMNS, SHIPPED, Outcome, columns_of
from benchmarks.simulation.pool import run_all
from benchmarks.simulation.reference import references
from benchmarks.simulation.replicate import Result, Task, run
from benchmarks.simulation.report import report
from benchmarks.simulation.scenarios import REAL, SCENARIOS
from benchmarks.simulation.store import Store, code_digest
from benchmarks.simulation.traffic import CPU, ERRORS, LATENCY, Pane, Setting, summarise, traffic
from stream.partial import Row
from stream.plan import Plan
from stream.rollout import Rollout
from stream.summary.distribution import Distribution

QUICK = [Task(7, n, name, "tables") for n in (0, 1) for name in ("lat_x2", "cpu+10")]
QUICK += [Task(7, n, "lat_x2_K3", "shipped") for n in (0, 1)]


def panes(setting: Setting, number: int, seed: int = 1) -> list[Pane]:
    return list(islice(traffic(setting, np.random.default_rng(seed)), number))


def encoded(rows: list[Row]) -> bytes:
    return msgspec.json.encode(
        rows, enc_hook=lambda value: value.tolist() if isinstance(value, np.ndarray) else int(value)
    )


def test_the_same_seed_gives_the_same_traffic() -> None:
    metrics = (LATENCY, ERRORS, CPU)
    first, again, other = ([encoded(pane.rows(metrics)) for pane in panes(REAL, 30, seed)] for seed in (1, 1, 2))
    assert first == again
    assert all(a != b for a, b in zip(first, other, strict=True))


def test_groups_are_summarised_as_one_by_one() -> None:
    rng = np.random.default_rng(3)
    lengths = np.array([0, 500, 0, 1, 300, 0])
    values = np.exp(rng.normal(3, 2, lengths.sum()))
    for found, part in zip(summarise(values, lengths), np.split(values, lengths.cumsum()[:-1]), strict=True):
        wanted = Distribution.of_values(part)
        assert (found.count, found.zeros, found.logs, found.scale) == (len(part), 0, wanted.logs, wanted.scale)
        assert found.bins.tolist() == wanted.bins.tolist()
        assert found.counts.tolist() == wanted.counts.tolist()


def test_folds_do_not_share_summaries() -> None:
    (pane,) = panes(REAL, 1)
    before = encoded(pane.rows([LATENCY]))
    for row, other in zip(pane.rows([LATENCY]), pane.rows([LATENCY]), strict=True):
        row.summary.merge(other.summary)  # type: ignore[arg-type]
    assert encoded(pane.rows([LATENCY])) == before


def test_what_is_wrong_is_in_the_traffic() -> None:
    sick = Setting(latency=2.0, errors=5.0, cpu=0.2, host_latency=0.0, incidents=False, error_rate=0.02, onset=5)
    found = panes(sick, 10)
    logs = np.array([[row.logs / row.count / 2**20 for row in pane.latencies] for pane in found])
    assert np.allclose(logs[:5, :10].mean(), logs[:5, 10:].mean(), atol=0.05)
    assert np.allclose(logs[5:, :10].mean(), logs[5:, 10:].mean() + 1, atol=0.05)
    cpu, errors = np.array([pane.cpu for pane in found]), np.array([pane.errors for pane in found])
    assert np.allclose(cpu[:, :10].mean(), cpu[:, 10:].mean() + 0.2, atol=0.02)
    assert errors[5:, :10].sum() > 3 * errors[5:, 10:].sum() > 0
    assert errors[:5, :10].sum() < 2 * errors[:5, 10:].sum()


def test_only_the_first_instance_is_slow() -> None:
    (pane,) = panes(replace(SCENARIOS["lat_x2_one"].setting, host_latency=0.0, own_noise=0.0), 1)
    means = [row.logs / row.count / 2**20 for row in pane.latencies]
    assert means[0] > max(means[1:]) + 0.6


def test_the_tables_policies_test_at_one_percent() -> None:
    scenario = SCENARIOS["AA_real"]
    for column in columns_of(scenario, "tables"):
        plan = Plan.of(Rollout("r", "a", column.policy(scenario)))
        assert plan.need == pytest.approx([np.log(100)])
        assert plan.need_safe == pytest.approx(np.log(100))
        assert plan.planned == 33


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_scenario_has_columns(name: str) -> None:
    columns = [column.name for column in columns_of(SCENARIOS[name], "tables")]
    assert columns
    assert len(set(columns)) == len(columns)
    assert set(columns) <= set(COLUMNS)


def test_workers_and_interruptions_change_nothing(tmp_path: Path) -> None:
    code = code_digest()
    alone = sorted(run_all(QUICK, code, 1), key=lambda result: result.task)
    together = sorted(run_all(QUICK, code, 2), key=lambda result: result.task)
    assert msgspec.json.encode(alone) == msgspec.json.encode(together)
    store = Store(tmp_path)
    for task in QUICK[:3]:
        store.add(run(task, code))
    with (tmp_path / "lat_x2.jsonl").open("ab") as file:
        file.write(b'{"task":{"seed":7,"rep')
    names = {task.scenario for task in QUICK}
    done = {result.task for result in store.read(names, 7, code)}
    assert done == set(QUICK[:3])
    for task in sorted(set(QUICK) - done, reverse=True):
        store.add(run(task, code))
    assert msgspec.json.encode(store.read(names, 7, code)) == msgspec.json.encode(alone)
    assert store.read(names, 8, code) == store.read(names, 7, "other") == []


def some(name: str, *outcomes: Outcome) -> list[Result]:
    return [Result(Task(7, n, name, "tables"), "x", {"mean": outcome}) for n, outcome in enumerate(outcomes)]


def test_a_report_names_each_cell_that_differs() -> None:
    good = report(some("lat_x2", *[Outcome("abort", 6 if n else 7) for n in range(60)]))
    assert good.startswith("1 of 1 cells agree")
    assert "| lat_x2 | mean | 100 % of 60, 6/6 | 100 % of 200, 6/6 | agrees |" in good
    late = report(some("lat_x2", *[Outcome("abort", 20)] * 60))
    assert "0 of 1 cells agree" in late
    assert "median differs" in late
    assert "share differs" in report(some("lat_x2", *[Outcome()] * 60))
    assert "share differs and over 1%" in report(some("AA_iid", *[Outcome("abort", 9)] * 6, *[Outcome()] * 54))


def test_a_report_shows_what_the_default_policy_decides() -> None:
    outcomes = [Outcome("abort", 13, "latency"), Outcome("promote", 60, None, {"latency": 20, "errors": 31})]
    text = report([Result(Task(7, n, "AA_iid", "shipped"), "x", {SHIPPED: each}) for n, each in enumerate(outcomes)])
    row = "| AA_iid | 2 | 50 % 13/13/13 | latency 1 | 50 % 60/60/60 | 0 % | 50 % 20/20/20 | 50 % 31/31/31 | 0 % |"
    assert row in text


def test_references_are_of_scenarios_and_columns() -> None:
    cells = list(references())
    assert max(Counter((cell.scenario, cell.column, cell.event) for cell in cells).values()) == 1
    for cell in cells:
        assert cell.column in [column.name for column in columns_of(SCENARIOS[cell.scenario], "tables")]
        assert 0 <= cell.early + cell.hits <= cell.runs
        assert (cell.median is None) == (cell.hits == 0)


def test_agreement_counts_both_errors() -> None:
    assert shares_agree(50, 100, 190, 400)
    assert not shares_agree(50, 100, 100, 400)
    delays = list(range(1, 60))
    assert median_agrees(delays, 38, 30)
    assert not median_agrees(delays, 45, 10_000)
