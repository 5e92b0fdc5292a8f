"""Reference numbers, with the runs behind them: an independent program of the same formulas over the same traffic.

It is vectorised over time, with closed forms and without any state: nothing of it is shared with the fold. It bins
latencies to 3 %. The restarts' block variance is worth at most 8 degrees of freedom, quantiles are those of residual
histograms, looked at in every pane. Two things are simpler than in the judge: the prior spread leaves out what few
samples bring, so quantiles speak too early in it; and limits of counts are rounded up to the grid, so errors are shown
safe a little sooner.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

Event = Literal["abort", "safe", "outlier"]


class Reference(NamedTuple):
    """One cell."""

    scenario: str
    column: str
    event: Event
    """Aborted, shown safe, or alerted of an outlier."""
    runs: int
    """Simulated rollouts."""
    early: int
    """Rollouts with the event before the onset."""
    hits: int
    """Rollouts with it since the onset."""
    median: float | None
    """Delay since the onset, panes."""
    late: float | None
    """The 90 % quantile of the delay."""


def references() -> Iterator[Reference]:
    """All cells, in the order of the file."""
    lines = Path(__file__).with_name("reference.tsv").read_text(encoding="utf-8").splitlines()
    for line in lines[1:]:
        scenario, column, event, runs, early, hits, median, late = line.split("\t")
        yield Reference(
            scenario,
            column,
            event,  # type: ignore[arg-type]  # the file is ours
            int(runs),
            int(early),
            int(hits),
            float(median) if median else None,
            float(late) if late else None,
        )
