"""Event-time panes: which rows belong to one, when it closes, and what came too late.

A source's chunk is replaced as it grows and finished when the next one begins. A pane closes when the watermark, the
minimum of all sources' times, has passed its end by the lateness.
"""

from collections.abc import Mapping

from stream.partial import ChunkEnd, Partial, RowKey, SourceTime
from stream.plan import Plan
from stream.state import Source, State
from stream.summary import Count, Ratio, Summary

Rows = dict[RowKey, Summary]
REMEMBERED = 6
"""Closed panes in which late samples of an open chunk can be told from those that were judged."""


def receive(plan: Plan, state: State, event: Partial | SourceTime | ChunkEnd) -> None:
    """Merge an event into the open panes; unknown sources are new ones."""
    source = state.sources.setdefault(event.source, Source())
    match event:
        case SourceTime():
            source.time = max(source.time, event.time)
        case ChunkEnd():
            _end(plan, state, source, event)
        case Partial() if event.rollout == state.rollout:
            _take_rows(plan, state, source, event)


def _take_rows(plan: Plan, state: State, source: Source, event: Partial) -> None:
    if event.start < source.start or (event.start == source.start and event.upto <= source.upto):
        return
    if event.start > source.start:
        if event.start < source.upto:
            _keep_out(state, "overlap", sum(size(row.summary) for row in event.rows))
            return
        _finish(plan, state, source)
        source.start = source.upto = event.start
    if not event.more:
        source.upto = event.upto
        source.chunk_newest = max(source.chunk_newest, event.newest)
        source.time = max(source.time, event.newest)
        source.kept_out = {
            pane: reasons for pane, reasons in event.kept_out.items() if state.next is None or pane >= state.next
        }
    for row in event.rows:
        if state.next is not None and row.pane < state.next:
            taken, number = source.taken.setdefault(row.pane, {}), size(row.summary)
            _keep_out(state, "late", number - taken.get(row.key, 0))
            taken[row.key] = max(number, taken.get(row.key, 0))
        else:
            source.rows.setdefault(row.pane, {})[row.key] = row.summary


def _end(plan: Plan, state: State, source: Source, event: ChunkEnd) -> None:
    """The source goes on behind a chunk; one that was cut elsewhere before, or a repeat, changes nothing."""
    cut_elsewhere = source.start < event.start < source.upto
    if event.start < source.start or cut_elsewhere or event.upto < source.upto:
        return
    _finish(plan, state, source)
    source.newest = max(source.newest, event.newest)
    source.start = source.upto = event.upto


def ready_pane(plan: Plan, state: State) -> tuple[int, Rows] | None:
    """Take out the next pane that the watermark has passed, with its merged rows; none after a final verdict."""
    if state.final:
        return None
    limit = passed(plan, min((source.time for source in state.sources.values()), default=-1))
    if state.next is None:
        state.next = state.begun = _first(plan, state, limit)
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


def size(summary: Summary) -> int:
    """How many samples a summary stands for; of a count, its events."""
    match summary:
        case Count():
            return summary.events
        case Ratio():
            return summary.trials
    return summary.count


def _first(plan: Plan, state: State, limit: int) -> int | None:
    """The rollout's first pane: where `from` says, else the earliest with rows once one is complete."""
    if plan.rollout.from_ is not None:
        return plan.rollout.from_.ms // plan.pane_ms
    panes = [pane for rows in (state.rows, *(s.rows for s in state.sources.values())) for pane in rows]
    return min(panes) if panes and min(panes) < limit else None


def _finish(plan: Plan, state: State, source: Source) -> None:
    """Merge a source's chunk, which will not change any more, into the open panes."""
    for pane, rows in source.rows.items():
        if pane < max(passed(plan, source.newest), state.next or 0):
            _keep_out(state, "late", sum(map(size, rows.values())))
        else:
            _merge(state.rows.setdefault(pane, {}), rows)
    for pane, reasons in source.kept_out.items():
        count(state.kept_out_later.setdefault(pane, {}), reasons)
    source.newest = max(source.newest, source.chunk_newest)
    source.chunk_newest, source.rows, source.taken, source.kept_out = -1, {}, {}, {}


def _take(plan: Plan, state: State, pane: int) -> Rows:
    """The pane's rows, out of the state; what was kept out up to it becomes part of the count."""
    merged: Rows = state.rows.pop(pane, {})
    for source in state.sources.values():
        rows = source.rows.pop(pane, {})
        if pane < passed(plan, source.newest):
            _keep_out(state, "late", sum(map(size, rows.values())))
            continue
        source.taken[pane] = {key: size(summary) for key, summary in rows.items()}
        source.taken.pop(pane - REMEMBERED, None)
        _merge(merged, rows)
    for later in (state.kept_out_later, *(source.kept_out for source in state.sources.values())):
        for old in [number for number in later if number <= pane]:
            count(state.kept_out, later.pop(old))
    return merged


def _keep_out(state: State, reason: str, number: int) -> None:
    """Count samples that the observer keeps out with the pane that closes next."""
    if number > 0:
        pane = state.next if state.next is not None else 0
        count(state.kept_out_later.setdefault(pane, {}), {reason: number})


def _merge(total: Rows, rows: Rows) -> None:
    for key, summary in rows.items():
        if key in total:
            total[key].merge(summary)  # type: ignore[arg-type]  # equal keys are of one kind
        else:
            total[key] = summary
