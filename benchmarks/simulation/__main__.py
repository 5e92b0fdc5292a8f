"""Simulate rollouts and set the results beside the reference numbers.

python -m benchmarks.simulation                        all scenarios
python -m benchmarks.simulation AA_real lat+10         some
python -m benchmarks.simulation --replicates 200       more; what was finished before is not run again
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from benchmarks.machine import machine
from benchmarks.simulation.columns import PARTS, Part, columns_of
from benchmarks.simulation.pool import run_all
from benchmarks.simulation.replicate import Result, Task
from benchmarks.simulation.report import report
from benchmarks.simulation.scenarios import SCENARIOS
from benchmarks.simulation.store import Store, code_digest

RUNS: dict[Part, tuple[int, int]] = {"tables": (100, 60), "shipped": (300, 100)}
"""Rollouts of an A/A scenario, where shares are small, and of others."""
REPORT = "simulation.md"

app = typer.Typer(add_completion=False)
console = Console()


@app.command(help=__doc__)
def main(
    scenarios: Annotated[list[str] | None, typer.Argument(help="names; all where none is given")] = None,
    replicates: Annotated[
        int | None,
        typer.Option(min=1, help="rollouts a scenario; else 100 of A/A, 60 of others, more as shipped"),
    ] = None,
    part: Annotated[
        Part | None, typer.Option(help="only the columns of the tables, or only the policy as shipped")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="processes")] = 2,
    seed: Annotated[int, typer.Option(min=0, help="of the whole simulation")] = 7,
    out: Annotated[Path, typer.Option(help="where results are kept")] = Path("build/simulation"),
    list_: Annotated[bool, typer.Option("--list", help="name the scenarios and end")] = False,
) -> None:
    """Run what is not finished yet, then report."""
    if list_:
        for scenario in SCENARIOS.values():
            columns = ", ".join(column.name for column in columns_of(scenario, "tables"))
            console.print(f"{scenario.name:16} {columns}", soft_wrap=True)
        return
    names = scenarios or list(SCENARIOS)
    if unknown := [name for name in names if name not in SCENARIOS]:
        raise typer.BadParameter(f"no scenario is called {', '.join(unknown)}; --list names them all")
    store, code = Store(out), code_digest()
    wanted = sorted(
        Task(seed, number, name, each)
        for name in names
        for each in ((part,) if part else PARTS)
        for number in range(replicates or RUNS[each][not SCENARIOS[name].healthy])
        if each == "tables" or not SCENARIOS[name].setting.onset
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
    return f"{machine()}. Seed {seed}, code {code}, {len(results)} rollouts.\n\n{report(results)}"


if __name__ == "__main__":
    app()
