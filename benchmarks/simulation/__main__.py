"""Simulate rollouts and set the results beside the reference numbers.

python -m benchmarks.simulation                        all scenarios
python -m benchmarks.simulation AA_real lat+10         some
python -m benchmarks.simulation --replicates 200       more; what was finished before is not run again
"""

import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from benchmarks.machine import machine
from benchmarks.simulation.columns import columns_of
from benchmarks.simulation.pool import run_all
from benchmarks.simulation.replicate import Result, Task
from benchmarks.simulation.report import report
from benchmarks.simulation.scenarios import SCENARIOS
from benchmarks.simulation.store import Store, code_digest

HEALTHY_RUNS, OTHER_RUNS = 120, 60
"""Replicates of an A/A scenario, where shares are small, and of others."""
REPORT = "simulation.md"

app = typer.Typer(add_completion=False)
console = Console()


@app.command(help=__doc__)
def main(
    scenarios: Annotated[list[str] | None, typer.Argument(help="names; all where none is given")] = None,
    replicates: Annotated[
        int | None, typer.Option(min=1, help=f"of each scenario; else {HEALTHY_RUNS} of A/A, {OTHER_RUNS} of others")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="processes")] = 2,
    seed: Annotated[int, typer.Option(min=0, help="of the whole simulation")] = 7,
    out: Annotated[Path, typer.Option(help="where results are kept")] = Path("build/simulation"),
    list_: Annotated[bool, typer.Option("--list", help="name the scenarios and end")] = False,
) -> None:
    """Run what is not finished yet, then report."""
    if list_:
        for scenario in SCENARIOS.values():
            console.print(f"{scenario.name:16} {', '.join(column.name for column in columns_of(scenario))}")
        return
    names = scenarios or list(SCENARIOS)
    if unknown := [name for name in names if name not in SCENARIOS]:
        raise typer.BadParameter(f"no scenario is called {', '.join(unknown)}; --list names them all")
    store, code = Store(out), code_digest()
    wanted = sorted(
        Task(seed, number, name)
        for name in names
        for number in range(replicates or (HEALTHY_RUNS if SCENARIOS[name].healthy else OTHER_RUNS))
    )
    done = {result.task for result in store.read(names, seed, code)}
    missing = [task for task in wanted if task not in done]
    _simulate(missing, len(wanted), code, workers, store)
    chosen = set(wanted)
    results = [result for result in store.read(names, seed, code) if result.task in chosen]
    text = _headed(results, seed, code)
    (out / REPORT).write_text(text, encoding="utf-8")
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def _simulate(tasks: Sequence[Task], total: int, code: str, workers: int, store: Store) -> None:
    """Run the tasks, keeping each result at once. Interrupted, it says how to go on."""
    shown = (TextColumn("simulating"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    try:
        with Progress(*shown, console=console, disable=not console.is_terminal) as progress:
            bar = progress.add_task("", total=total, completed=total - len(tasks))
            for number, result in enumerate(run_all(tasks, code, workers), start=total - len(tasks) + 1):
                store.add(result)
                progress.update(bar, completed=number)
                if not console.is_terminal and number % max(total // 20, 1) == 0:
                    console.print(f"{number} of {total} rollouts")
    except KeyboardInterrupt:
        console.print(
            f"Interrupted. What is finished is kept in {store.directory}; run the same command to go on.",
            soft_wrap=True,
        )
        sys.exit(130)


def _headed(results: Sequence[Result], seed: int, code: str) -> str:
    runs = Counter(result.task.scenario for result in results)
    numbers = f"{len(results)} rollouts, {min(runs.values())} to {max(runs.values())} a scenario"
    return f"{machine()}. Seed {seed}, code {code}, {numbers}.\n\n{report(results)}"


if __name__ == "__main__":
    app()
