"""How long one pane close takes: 20 instances, 1 and 12 metrics, after an hour and with all restarts alive.

Budgets: 12 metrics under 5 ms, one under 0.5 ms. The yardstick in the same run is a plain numpy loop: the sort of one
pane's 20 x 100 samples, which any comparison needs at least once.

    python -m benchmarks.pane_close
"""

from statistics import median
from time import perf_counter

import numpy as np

from benchmarks.machine import machine
from stream.monitor import start, step
from stream.partial import Partial, Row, RowKey
from stream.plan import Plan
from stream.policy import MetricRule, Policy
from stream.quantity import Duration
from stream.rollout import Cohort, Rollout
from stream.state import State
from stream.summary import Distribution, Gauge, Ratio, Summary

PANES, WARM, INSTANCES, SAMPLES = 420, 360, 20, 100


def mixed(number: int) -> tuple[MetricRule, ...]:
    """A usual policy: two thirds distributions, the rest ratios and gauges."""
    kinds = ("distribution", "distribution", "ratio", "distribution", "distribution", "gauge")
    return tuple(MetricRule(f"m{i:02}", kind=kinds[i % 6]) for i in range(number))  # type: ignore[arg-type]


def pane_rows(rng: np.random.Generator, pane: int, rules: tuple[MetricRule, ...]) -> list[Row]:
    """Rows of one pane, all instances and metrics."""
    rows = []
    for unit in range(INSTANCES):
        cohort: Cohort = "canary" if unit < INSTANCES // 2 else "baseline"
        for rule in rules:
            kind = rule.kind or "distribution"
            summary: Summary
            if kind == "distribution":
                summary = Distribution.of_values(np.exp(rng.normal(4, 0.6, SAMPLES)))
            elif kind == "gauge":
                summary = Gauge.of_values(rng.normal(0.4, 0.02, 1))
            else:
                summary = Ratio(int(rng.binomial(SAMPLES, 0.01)), SAMPLES)
            unit_name = "1" if kind == "gauge" else "ms" if kind == "distribution" else ""
            rows.append(Row(pane, RowKey(cohort, f"i{unit:02}", "", rule.name, unit_name, "", kind), summary))
    return rows


def measure(rules: tuple[MetricRule, ...]) -> tuple[list[float], State, Plan]:
    """Milliseconds of each pane close after the warm part."""
    policy = Policy(rules, warmup=Duration(0), deadline=Duration(7_200_000), bake_time=Duration(7_000_000), alpha=1e-6)
    plan = Plan.of(Rollout("benchmark", "app", policy))
    state, rng, times = start(plan, ["source"]), np.random.default_rng(5), []
    for pane in range(PANES):
        newest = (pane + 1) * plan.pane_ms + policy.lateness.ms
        event = Partial("benchmark", "source", pane, pane + 1, newest, pane_rows(rng, pane, rules))
        began = perf_counter()
        outputs = step(plan, state, event)
        if pane >= WARM:
            times.append(1000 * (perf_counter() - began))
        assert len(outputs) >= len(rules)
    return times, state, plan


def yardstick() -> float:
    """Milliseconds of sorting one pane's samples."""
    values = np.random.default_rng(5).normal(size=(INSTANCES, SAMPLES))
    times = []
    for _ in range(200):
        began = perf_counter()
        np.sort(values, axis=1)
        times.append(1000 * (perf_counter() - began))
    return median(times)


def main() -> None:
    """Print a table."""
    print(machine())
    base = yardstick()
    print(f"sort of one pane's samples of one metric: {base:.3f} ms")
    print("| metrics | pane close, median | 90 % | times the sort | budget |")
    print("|---|---|---|---|---|")
    for rules, budget in (
        ((MetricRule("latency"),), 0.5),
        ((MetricRule("cpu", kind="gauge"),), 0.5),
        ((MetricRule("errors", kind="ratio"),), 0.5),
        (mixed(12), 5.0),
        (tuple(MetricRule(f"m{i:02}") for i in range(12)), 5.0),
    ):
        times, _, _ = measure(rules)
        kind = rules[0].kind or "distribution"
        name = f"{len(rules)} {kind}" if len({rule.kind for rule in rules}) == 1 else f"{len(rules)} mixed"
        middle, high = median(times), sorted(times)[int(0.9 * len(times))]
        print(f"| {name} | {middle:.2f} ms | {high:.2f} ms | {middle / base:.0f} | {budget} ms |")


if __name__ == "__main__":
    main()
