"""Event-time panes: which rows belong to one, when it closes, and what came too late.

A source's chunk is replaced as it grows and finished when the next one begins. A pane closes when the watermark, the
minimum of all sources' times, has passed its end by the lateness.
"""

from collections.abc import Mapping

from stream.partial import Partial, Row, RowKey, SourceTime
from stream.plan import Plan
from stream.state import Source, State
from stream.summary import Summary

Rows = dict[RowKey, Summary]


def receive(plan: Plan, state: State, event: Partial | SourceTime) -> None:
    """Merge an event into the open panes; unknown sources are new ones."""
    source = state.sources.setdefault(event.source, Source())
    if isinstance(event, SourceTime):
        source.time = max(source.time, event.time)
        return
    if event.rollout != state.rollout or event.start < source.start:
        return
    if event.start == source.start and event.upto <= source.upto:
        return
    if event.start > source.start:
        if event.start < source.upto:
            count(state.rejected, {"overlap": _samples(event.rows)})
            return
        _finish(plan, state, source)
        source.start = event.start
    source.upto = event.upto
    source.chunk_newest = max(source.chunk_newest, event.newest)
    source.time = max(source.time, event.newest)
    source.rejected = dict(event.rejected)
    for row in event.rows:
        source.rows.setdefault(row.pane, {})[row.key] = row.summary


def ready_pane(plan: Plan, state: State) -> tuple[int, Rows] | None:
    """Take out the next pane that the watermark has passed, with its merged rows; none after a final verdict."""
    if state.final:
        return None
    limit = passed(plan, min((source.time for source in state.sources.values()), default=-1))
    if state.next is None:
        state.next = state.begun = _first(plan, state)
    if state.next is None or state.next >= limit:
        return None
    pane, state.next = state.next, state.next + 1
    return pane, _take(plan, state, pane)


def passed(plan: Plan, time: int) -> int:
    """The first pane that may still get samples once a source has reached `time`; those before are complete."""
    return (time - plan.policy.lateness.ms) // plan.pane_ms


def count(total: dict[str, int], more: Mapping[str, int]) -> None:
    """Add counts by reason."""
    for reason, number in more.items():
        if number:
            total[reason] = total.get(reason, 0) + number


def kept_out(state: State) -> dict[str, int]:
    """Samples kept out so far, by reason, those of open chunks included."""
    total = dict(state.rejected)
    for source in state.sources.values():
        count(total, source.rejected)
    return dict(sorted(total.items()))


def size(summary: Summary) -> int:
    """How many samples a summary stands for; events of a count."""
    match summary:
        case _ if hasattr(summary, "count"):
            return int(summary.count)
        case _ if hasattr(summary, "trials"):
            return int(summary.trials)
    return int(summary.events)


def _first(plan: Plan, state: State) -> int | None:
    """The rollout's first pane: where `from` says, else the earliest with rows once one is complete."""
    if plan.rollout.from_ is not None:
        return plan.rollout.from_.ms // plan.pane_ms
    panes = [pane for rows in (state.rows, *(s.rows for s in state.sources.values())) for pane in rows]
    limit = passed(plan, min((source.time for source in state.sources.values()), default=-1))
    return min(panes) if panes and min(panes) < limit else None


def _finish(plan: Plan, state: State, source: Source) -> None:
    """Merge a source's chunk, which will not change any more, into the open panes."""
    for pane, rows in source.rows.items():
        if not _late(plan, state, source, pane, rows):
            _merge(state.rows.setdefault(pane, {}), rows)
    count(state.rejected, source.rejected)
    source.newest = max(source.newest, source.chunk_newest)
    source.chunk_newest, source.rows, source.rejected = -1, {}, {}


def _late(plan: Plan, state: State, source: Source, pane: int, rows: Rows) -> bool:
    """Whether the source had passed the pane before this chunk, or it is closed; then its samples are counted."""
    late = pane < passed(plan, source.newest) or (state.next is not None and pane < state.next)
    if late:
        count(state.rejected, {"late": sum(map(size, rows.values()))})
    return late


def _take(plan: Plan, state: State, pane: int) -> Rows:
    merged: Rows = state.rows.pop(pane, {})
    for source in state.sources.values():
        rows = source.rows.pop(pane, None)
        if rows is None:
            continue
        if pane < passed(plan, source.newest):
            count(state.rejected, {"late": sum(map(size, rows.values()))})
        else:
            _merge(merged, rows)
    return merged


def _merge(total: Rows, rows: Rows) -> None:
    for key, summary in rows.items():
        if key in total:
            total[key].merge(summary)  # type: ignore[arg-type]  # equal keys are of one kind
        else:
            total[key] = summary


def _samples(rows: list[Row]) -> int:
    return sum(size(row.summary) for row in rows)
