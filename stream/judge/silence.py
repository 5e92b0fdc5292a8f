"""When a cohort that reports now and then has fallen silent."""

from stream.plan import Plan
from stream.state import Feed, State

SILENT_PANES = 3
"""A cohort is silent after so many panes without a sample ..."""
FIRST_INTERVAL_MS = 30_000
"""... and twice its reporting interval, which is taken for this before it is known."""


def silence(plan: Plan, feed: Feed) -> float:
    """After how many panes without a sample a cohort is silent.

    The reporting interval is the longest distance between panes with samples, but for one: a single outage in the
    past does not make the watch slower.
    """
    if feed.number == 0:
        interval = FIRST_INTERVAL_MS / plan.pane_ms
    else:
        interval = feed.gaps[1] if feed.number >= SILENT_PANES else feed.gaps[0]
    return max(SILENT_PANES, 2 * interval)


def newest_panes(state: State, rule: int) -> list[int | None]:
    """The newest pane with samples of a metric, by side: of a ratio its trials, of a rate its exposure."""
    metric = state.metrics[rule]
    return state.counts.fed[metric.place] if metric.place >= 0 and metric.kind in ("ratio", "rate") else metric.fed


def silent_panes(plan: Plan, state: State, pane: int, side: int) -> float | None:
    """For how many panes a cohort (0 canary, 1 baseline) has been silent; None while it is not."""
    feed = state.feeds[side]
    since = pane - feed.last if feed.last is not None else pane - (state.begun if state.begun is not None else pane) + 1
    return since if since >= silence(plan, feed) else None
