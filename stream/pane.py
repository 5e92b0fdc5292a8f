"""Event-time panes: which rows belong to one, when it closes, and what came too late.

A source's chunk is replaced as it grows and finished when the next one begins. A pane closes when the watermark, the
minimum of all sources' times, has passed its end by the lateness.
"""

from collections.abc import Mapping

from stream.partial import LATE, ChunkEnd, Partial, Row, RowKey, SourceTime
from stream.plan import Plan
from stream.state import Source, State
from stream.summary import Count, Ratio, Summary

Rows = dict[RowKey, Summary]
KeptOut = dict[int, dict[str, int]]
"""Numbers of samples by pane and reason."""


def receive(plan: Plan, state: State, event: Partial | SourceTime | ChunkEnd) -> None:
    """Merge an event into the open panes; unknown sources are new ones."""
    source = state.sources.setdefault(event.source, Source())
    match event:
        case SourceTime():
            source.time = max(source.time, event.time)
        case ChunkEnd():
            _end(state, source, event)
        case Partial() if event.rollout == state.rollout:
            _take_partial(plan, state, source, event)


def goes_on(source: Source, event: ChunkEnd) -> bool:
    """Whether a chunk's end moves its source; a repeat does not, nor does one of a chunk that was cut elsewhere."""
    cut_elsewhere = source.start < event.start < source.upto
    return event.start >= source.start and event.upto >= source.upto and not cut_elsewhere


def _take_partial(plan: Plan, state: State, source: Source, event: Partial) -> None:
    if event.start < source.start or (event.start == source.start and event.upto <= source.upto):
        return
    if event.start > source.start:
        if event.start < source.upto:
            _keep_out(plan, state, source, "overlap", sum(size(row.summary) for row in event.rows))
            return
        _finish(state, source)
        source.start = source.upto = event.start
    _take_rows(plan, state, source, event.rows)
    if not event.more:
        source.upto = event.upto
        source.chunk_newest = max(source.chunk_newest, event.newest)
        source.time = max(source.time, event.newest)
        source.kept_out = _still_to_tell(plan, state, source, event.kept_out)
        complete = passed(plan, source.chunk_newest)
        source.taken = {pane: taken for pane, taken in source.taken.items() if pane >= complete}


def _take_rows(plan: Plan, state: State, source: Source, rows: list[Row]) -> None:
    """Take rows of the open chunk, each for what came before of it. What is late was so before the chunk began.

    Rows of panes that the chunk has passed are complete: no more than what is known of them can come.
    """
    open_ = passed(plan, source.newest)
    if (begun := _begun(plan, state)) is not None:
        open_ = max(open_, begun)
    complete = passed(plan, source.chunk_newest)
    for row in rows:
        if row.pane >= open_:
            known = source.rows.setdefault(row.pane, {})
            before = known.get(row.key)
            if before is None or _extent(row.summary) >= _extent(before):
                known[row.key] = row.summary
        elif row.pane >= complete:
            taken, number = source.taken.setdefault(row.pane, {}), size(row.summary)
            before_it = taken.get(row.key, 0)
            _keep_out(plan, state, source, LATE, number - before_it)
            taken[row.key] = max(number, before_it)


def _end(state: State, source: Source, event: ChunkEnd) -> None:
    """The source goes on behind a chunk."""
    if goes_on(source, event):
        _finish(state, source)
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


def _begun(plan: Plan, state: State) -> int | None:
    """The pane to close next, or the one that `from` says; None where the rows will say."""
    if state.next is not None or plan.rollout.from_ is None:
        return state.next
    return plan.rollout.from_.ms // plan.pane_ms


def _first(plan: Plan, state: State, limit: int) -> int | None:
    """The rollout's first pane: where `from` says, else the earliest with rows once one is complete."""
    if plan.rollout.from_ is not None:
        return _begun(plan, state)
    panes = [pane for rows in (state.rows, *(s.rows for s in state.sources.values())) for pane in rows]
    return min(panes) if panes and min(panes) < limit else None


def _finish(state: State, source: Source) -> None:
    """Merge a source's chunk, which will not change any more, into the open panes."""
    for pane, rows in source.rows.items():
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
        if rows and pane >= passed(plan, source.chunk_newest):
            source.taken[pane] = {key: size(summary) for key, summary in rows.items()}
        _merge(merged, rows)
    for later in (state.kept_out_later, *(source.kept_out for source in state.sources.values())):
        for old in [number for number in later if number <= pane]:
            count(state.kept_out, later.pop(old))
    return merged


def _still_to_tell(plan: Plan, state: State, source: Source, kept_out: KeptOut) -> KeptOut:
    """What a chunk kept out of panes that are not closed; what was late before the chunk began is told as such."""
    newest, open_ = source.newest // plan.pane_ms, passed(plan, source.newest)
    found: KeptOut = {}
    for pane, reasons in kept_out.items():
        for reason, number in reasons.items():
            at, why = (max(pane, newest), LATE) if reason == LATE or pane < open_ else (pane, reason)
            if state.next is None or at >= state.next:
                count(found.setdefault(at, {}), {why: number})
    return found


def _keep_out(plan: Plan, state: State, source: Source, reason: str, number: int) -> None:
    """Count samples that came after the source's finished chunks: in the pane of their newest time, if that is open."""
    if number > 0:
        pane = max(source.newest // plan.pane_ms, state.next or 0)
        count(state.kept_out_later.setdefault(pane, {}), {reason: number})


def _extent(summary: Summary) -> int:
    """Grows with every sample, so that of two rows of one chunk the one that was sent later can be told."""
    return summary.events + summary.covered if isinstance(summary, Count) else size(summary)


def _merge(total: Rows, rows: Rows) -> None:
    for key, summary in rows.items():
        if key in total:
            total[key].merge(summary)  # type: ignore[arg-type]  # equal keys are of one kind
        else:
            total[key] = summary
