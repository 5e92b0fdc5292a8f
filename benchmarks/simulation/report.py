"""The results as Markdown: each cell beside its reference, with a verdict; then the default policy by itself."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from benchmarks.simulation.agreement import exceeds, median_agrees, shares_agree
from benchmarks.simulation.columns import ALPHA, COLUMNS, SHIPPED, Outcome
from benchmarks.simulation.reference import Event, Reference, references
from benchmarks.simulation.replicate import Result
from benchmarks.simulation.scenarios import SCENARIOS

SHIPPED_ALPHA = 0.05
"""The default policy's."""
_TITLES: dict[Event, str] = {
    "abort": "Aborts",
    "outlier": "Alerts that one instance stands out",
    "safe": "Shown safe (latency within 10 %, errors within 50 %, alpha 0.01)",
}

_WITHOUT = "no reference"
_HEAD = ("| scenario | column | ours | reference | |", "|---|---|---|---|---|")


class Cell(NamedTuple):
    """What was measured of one event of one column in one scenario."""

    runs: int
    early: int
    """Rollouts with the event before the onset."""
    delays: list[int]
    """Of the others with it: panes since the onset."""

    @classmethod
    def of(cls, event: Event, onset: int, outcomes: Sequence[Outcome]) -> "Cell":
        """Gather one event of one column."""
        panes = [pane for pane in (_pane(event, outcome) for outcome in outcomes) if pane is not None]
        delays = [pane - onset for pane in panes if pane > onset]
        return cls(len(outcomes), len(panes) - len(delays), delays)

    def verdict(self, other: Reference, *, healthy: bool) -> str:
        """`agrees`, or what does not."""
        differs = []
        if not shares_agree(len(self.delays), self.runs, other.hits, other.runs):
            differs.append("share differs")
        if not shares_agree(self.early, self.runs, other.early, other.runs):
            differs.append("early share differs")
        timed = not healthy and bool(self.delays) and other.median is not None
        if timed and not median_agrees(self.delays, other.median or 0.0, other.hits):
            differs.append("median differs")
        if healthy and other.event == "abort" and exceeds(len(self.delays), self.runs, ALPHA):
            differs.append(f"over {ALPHA:.0%}")
        return " and ".join(differs) if differs else "agrees"


def report(results: Sequence[Result]) -> str:
    """All tables of the results given."""
    grouped: dict[tuple[str, str], list[Outcome]] = {}
    for result in results:
        for column, outcome in result.outcomes.items():
            grouped.setdefault((result.task.scenario, column), []).append(outcome)
    lines, differing, number = [], [], 0
    for event, title in _TITLES.items():
        rows = list(_rows(event, grouped))
        if rows:
            lines += ["", f"## {title}", "", *_HEAD, *rows]
        compared = [row for row in rows if not row.endswith(f"| {_WITHOUT} |")]
        number += len(compared)
        differing += [row for row in compared if not row.endswith("| agrees |")]
    head = [f"{number - len(differing)} of {number} cells agree with their reference."]
    if differing:
        head += ["These do not:", "", *_HEAD, *differing]
    return "\n".join([*head, *lines, *_shipped(grouped)]) + "\n"


def _rows(event: Event, grouped: dict[tuple[str, str], list[Outcome]]) -> Iterator[str]:
    """A row for each cell with a reference; of aborts, for each with results."""
    known = {(cell.scenario, cell.column): cell for cell in references() if cell.event == event}
    for scenario, column in ((scenario, column) for scenario in SCENARIOS.values() for column in COLUMNS):
        outcomes, other = grouped.get((scenario.name, column), []), known.get((scenario.name, column))
        if not outcomes or column == SHIPPED or (other is None and event != "abort"):
            continue
        cell = Cell.of(event, scenario.setting.onset, outcomes)
        ours = _shown(cell.runs, cell.early, len(cell.delays), *_quantiles(cell.delays))
        theirs, verdict = "–", _WITHOUT
        if other is not None:
            theirs = _shown(other.runs, other.early, other.hits, other.median, other.late)
            verdict = cell.verdict(other, healthy=scenario.healthy and event != "safe")
        yield f"| {scenario.name} | {column} | {ours} | {theirs} | {verdict} |"


def _shown(runs: int, early: int, hits: int, median: float | None, late: float | None) -> str:
    share = f"{100 * hits / runs:.1f}" if hits < runs else "100"
    delay = "" if median is None else f", {median:.0f}/{late:.0f}"
    before = f", early {100 * early / runs:.1f} %" if early else ""
    return f"{share} % of {runs}{delay}{before}"


def _quantiles(delays: list[int]) -> tuple[float | None, float | None]:
    if not delays:
        return None, None
    median, late = np.percentile(delays, [50, 90]).tolist()
    return median, late


def _pane(event: Event, outcome: Outcome) -> int | None:
    match event:
        case "abort":
            return outcome.pane if outcome.verdict == "abort" else None
        case "outlier":
            return outcome.outlier
    return min(outcome.safe.values(), default=None)


def _shipped(grouped: dict[tuple[str, str], list[Outcome]]) -> Iterator[str]:
    """The default policy: what it decides, and when."""
    found = {name: outcomes for (name, column), outcomes in grouped.items() if column == SHIPPED}
    if not found:
        return
    yield from ("", "## The default policy, with latency, errors and CPU together", "")
    yield "Shares, then panes since the start at 10/50/90 %: 12 panes are warm-up, 60 the bake time, 360 the deadline."
    yield ""
    yield "| scenario | runs | aborted | by | promoted | undecided | safe: latency | errors | CPU |"
    yield "|---" * 9 + "|"
    for name in SCENARIOS:
        outcomes = found.get(name)
        if not outcomes:
            continue
        runs = len(outcomes)
        by = {metric: sum(o.verdict == "abort" and o.metric == metric for o in outcomes) for metric in _METRICS}
        aborted, promoted, undecided = (
            _share([o.pane or 0 for o in outcomes if o.verdict == word], runs)
            for word in ("abort", "promote", "inconclusive")
        )
        if SCENARIOS[name].healthy and exceeds(sum(o.verdict == "abort" for o in outcomes), runs, SHIPPED_ALPHA):
            aborted += f", over {SHIPPED_ALPHA:.0%}"
        blamed = ", ".join(f"{metric or 'all together'} {n}" for metric, n in by.items() if n)
        safe = " | ".join(_share([o.safe[m] for o in outcomes if m in o.safe], runs) for m in _METRICS if m)
        yield f"| {name} | {runs} | {aborted} | {blamed} | {promoted} | {undecided} | {safe} |"


_METRICS = ("latency", "errors", "cpu", None)


def _share(panes: list[int], runs: int) -> str:
    if not panes:
        return "0 %"
    spread = "/".join(f"{quantile:.0f}" for quantile in np.percentile(panes, [10, 50, 90]))
    return f"{100 * len(panes) / runs:.0f} % {spread}"
