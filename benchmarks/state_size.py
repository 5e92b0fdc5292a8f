"""How large a rollout's stored state is: 20 instances, 10 metrics, 2 hours of 10 s panes. Budget: 256 KB.

python -m benchmarks.state_size
"""

from time import perf_counter

import numpy as np

from benchmarks.machine import machine
from benchmarks.pane_close import mixed, pane_rows
from stream.codec import dump, load
from stream.monitor import start, step
from stream.partial import Partial
from stream.plan import Plan
from stream.policy import Policy
from stream.quantity import Duration
from stream.rollout import Rollout

PANES, BUDGET = 720, 256_000


def main() -> None:
    """Print a table."""
    print(machine())
    never = Duration(7_300_000)
    policy = Policy(mixed(10), warmup=Duration(0), deadline=never, bake_time=never, alpha=1e-6)
    plan = Plan.of(Rollout("benchmark", "app", policy))
    state, rng, sizes = start(plan, ["source"]), np.random.default_rng(5), {}
    for pane in range(PANES):
        rows = pane_rows(rng, pane, policy.metrics)
        newest = (pane + 1) * plan.pane_ms + policy.lateness.ms
        step(plan, state, Partial("benchmark", "source", pane, pane + 1, newest, rows))
        if (pane + 1) % 180 == 0:
            sizes[pane + 1] = len(dump(state))
    print("\n| panes | stored state | of the budget |\n|---|---|---|")
    for pane, size in sizes.items():
        print(f"| {pane} | {size / 1000:.0f} KB | {size / BUDGET:.2f} |")
    began = perf_counter()
    data = dump(state)
    middle = perf_counter()
    load(data)
    print(f"\nStored in {1000 * (middle - began):.1f} ms, restored in {1000 * (perf_counter() - middle):.1f} ms.")


if __name__ == "__main__":
    main()
