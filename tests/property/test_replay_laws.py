"""Same samples, same outputs, bit for bit: however the log was cut, split, interleaved, stored or repeated.

The samples of a small rollout lie in a log in order of arrival, up to the lateness out of order. What varies is how the
log becomes events: sources, chunks, partials of a chunk as it grows, announced times, and who comes first.
"""

from collections.abc import Iterable, Iterator
from copy import deepcopy
from functools import lru_cache
from typing import Literal, NamedTuple

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.codec import dump, load
from stream.monitor import start, step
from stream.outputs import Alert, Divergence, Output, Score, Verdict
from stream.partial import Event, Partial, Row, RowKey, SourceTime
from stream.plan import Plan
from stream.policy import MetricRule
from stream.quantity import Duration
from stream.rollout import Cohort
from stream.state import State
from stream.summary import Count, Distribution, Gauge, Ratio, Summary
from tests.core_helpers import ROLLOUT, SECOND, lines, plan_of, row

MINUTE = 60 * SECOND
LATENESS = 30 * SECOND
FIRST, PANES = 1000, 36
"""Blocks have six panes of a minute, so that a restart speaks in the last panes."""
END = (FIRST + PANES) * MINUTE + LATENESS
Story = Literal["quiet", "worse", "outage", "odd"]
STORIES: tuple[Story, ...] = ("quiet", "worse", "outage", "odd")


class Record(NamedTuple):
    """One record of the log: a batch of samples of one series."""

    time: int
    key: RowKey
    values: tuple[float, ...]
    lost: int
    """Samples of the batch that were kept out."""

    def summary(self) -> Summary:
        values = np.array(self.values)
        match self.key.kind:
            case "distribution" if self.key.metric == "coarse":
                return Distribution.of_histogram(3, int(self.values[0]), [4, 9, 5], 1)
            case "distribution":
                return Distribution.of_values(values)
            case "ratio":
                return Ratio(int(values[0]), 50)
            case "count":
                return Count.of_values(values)
        return Gauge.of_values(values)


@lru_cache
def plan_for(story: Story) -> Plan:
    return plan_of(
        MetricRule("latency", critical=True, views=("mean", "p50", "p95")),
        MetricRule("coarse", views=("p50", "p95")),
        MetricRule("errors", kind="ratio"),
        MetricRule("failures", of="requests"),
        MetricRule("orders", kind="rate"),
        MetricRule("cpu", kind="gauge"),
        MetricRule("memory", kind="gauge"),
        pane=Duration(MINUTE),
        lateness=Duration(LATENESS),
        warmup=Duration(2 * MINUTE),
        bake_time=Duration(30 * MINUTE if story == "quiet" else 50 * MINUTE),
        alpha=0.001 if story == "worse" else 1e-6,
        alpha_promote=0.5,
    )


@lru_cache
def log_of(story: Story) -> tuple[Record, ...]:
    """The rollout's records in order of arrival."""
    rng = np.random.default_rng(STORIES.index(story) + 7)
    records = [record for pane in range(FIRST, FIRST + PANES) for record in _pane(story, pane, rng)]
    arrival = [record.time + rng.integers(LATENESS) for record in records]
    return tuple(records[at] for at in np.argsort(arrival, kind="stable"))


def _pane(story: Story, pane: int, rng: np.random.Generator) -> Iterator[Record]:
    sides: tuple[Cohort, ...] = ("baseline", "canary")
    for cohort in sides:
        if story == "outage" and cohort == "canary" and 8 <= pane - FIRST < 16:
            continue
        late = story == "worse" and cohort == "canary" and pane - FIRST >= 21
        for number in range(3):
            boot = "second" if story == "odd" and number == 1 and pane - FIRST >= 10 else ""
            for metric, kind, unit, values in _reported(rng, 1.3 if late else 1.0):
                if story == "odd" and metric == "cpu" and number == 2 and pane - FIRST == 12:
                    unit = "%"  # noqa: PLW2901
                time, lost = pane * MINUTE + int(rng.integers(MINUTE)), int(rng.integers(100) == 0)
                yield Record(time, RowKey(cohort, f"{cohort}-{number}", boot, metric, unit, "", kind), values, lost)


def _reported(rng: np.random.Generator, worse: float) -> Iterator[tuple[str, str, str, tuple[float, ...]]]:
    for _ in range(2):
        number = int(rng.integers(4, 16))
        yield "latency", "distribution", "ms", tuple(100 * worse * np.exp(rng.normal(0, 0.5, number)))
        yield "errors", "ratio", "", (float(rng.binomial(50, 0.02)),)
        yield "requests", "count", "", (50.0,)
        yield "failures", "count", "", (float(rng.binomial(50, 0.02 * worse)),)
        yield "cpu", "gauge", "1", (float(rng.normal(0.4, 0.01)),)
    yield "coarse", "distribution", "ms", (float(rng.integers(40, 44)),)
    yield "orders", "count", "", (float(rng.poisson(20)),)
    yield "memory", "gauge", "By", tuple(rng.normal(2e9, 5e7, 2))


class Cutting(NamedTuple):
    """How a log becomes events."""

    sources: int = 1
    chunk: int = 10**6
    """Mean length of a chunk in records."""
    flush: int = 10**6
    """Mean number of records between partials of a chunk."""
    announced: float = 0.0
    """How often a source's time is announced between partials."""
    seed: int = 0


def events_of(log: Iterable[Record], how: Cutting) -> list[Event]:
    """All events, each source's in its order, the sources interleaved by chance."""
    rng = np.random.default_rng(how.seed)
    parts: list[list[Record]] = [[] for _ in range(how.sources)]
    for record in log:
        parts[int(rng.integers(how.sources))].append(record)
    waiting = [list(_of_source(f"telemetry-{number}", part, how, rng)) for number, part in enumerate(parts)]
    events: list[Event] = []
    while any(waiting):
        number = int(rng.choice([number for number, left in enumerate(waiting) if left]))
        events.append(waiting[number].pop(0))
    return events


def _of_source(name: str, records: list[Record], how: Cutting, rng: np.random.Generator) -> Iterator[Event]:
    oldest_left = np.minimum.accumulate([record.time for record in reversed(records)] or [END])[::-1].tolist()
    first = 0
    while first < len(records):
        last = min(len(records), first + 1 + int(rng.poisson(how.chunk)))
        cells: dict[tuple[int, RowKey], Summary] = {}
        lost: dict[int, dict[str, int]] = {}
        sent = first
        while sent < last:
            upto = min(last, sent + 1 + int(rng.poisson(how.flush)))
            changed = set()
            for record in records[sent:upto]:
                cell = record.time // MINUTE, record.key
                if cell in cells:
                    cells[cell].merge(record.summary())  # type: ignore[arg-type]  # the kind is part of the key
                else:
                    cells[cell] = record.summary()
                changed.add(cell)
                if record.lost:
                    reasons = lost.setdefault(cell[0], {"negative": 0})
                    reasons["negative"] += record.lost
            newest = max(record.time for record in records[first:upto])
            rows = [Row(*cell, deepcopy(cells[cell])) for cell in changed]
            yield Partial(ROLLOUT, name, first, upto, newest, rows, deepcopy(lost))
            sent = upto
            if rng.random() < how.announced:
                yield SourceTime(name, oldest_left[sent] if sent < len(records) else END)
        first = last
    yield SourceTime(name, END)


def fold(story: Story, sources: int, events: Iterable[Event]) -> tuple[list[bytes], bytes]:
    """The outputs as they are sent, and what was accumulated of closed panes."""
    plan = plan_for(story)
    state, outputs = begin(plan, sources), list[Output]()
    for event in events:
        outputs += step(plan, state, event)
    return result(state, outputs)


def check(found: tuple[list[bytes], bytes], story: Story) -> None:
    """Compare with the plain fold; only the first record that differs is told."""
    outputs, state = found
    wanted, whole = plainly(story)
    for at, (one, other) in enumerate(zip(outputs, wanted, strict=False)):
        assert one == other, f"record {at}"
    assert len(outputs) == len(wanted)
    same = state == whole
    assert same, "the outputs are equal, but what was accumulated is not"


def begin(plan: Plan, sources: int) -> State:
    return start(plan, [f"telemetry-{number}" for number in range(sources)])


def result(state: State, outputs: list[Output]) -> tuple[list[bytes], bytes]:
    counted = dict(sorted(state.kept_out.items()))
    closed = msgspec.structs.replace(state, sources={}, rows={}, kept_out_later={}, kept_out=counted)
    return lines(outputs), dump(closed)


@lru_cache
def plainly(story: Story) -> tuple[list[bytes], bytes]:
    """The whole log in one partial."""
    return fold(story, 1, events_of(log_of(story), Cutting()))


stories = st.sampled_from(STORIES)
seeds = st.integers(0, 2**32 - 1)
lengths = st.sampled_from((0, 1, 5, 40, 300, 2000))
cuttings = st.builds(
    Cutting,
    sources=st.integers(1, 4),
    chunk=lengths,
    flush=lengths,
    announced=st.sampled_from((0.0, 0.2, 1.0)),
    seed=seeds,
)
few = settings(max_examples=settings().max_examples // 6)


def test_the_stories_tell_of_all_there_is() -> None:
    """Else the laws would hold for nothing."""
    told = {}
    for story in STORIES:
        decoder = msgspec.json.Decoder(Divergence | Alert | Score | Verdict)
        told[story] = [decoder.decode(line) for line in plainly(story)[0]]
    verdicts = {story: [o.verdict for o in told[story] if isinstance(o, Verdict)] for story in STORIES}
    assert verdicts["quiet"] == ["continue", "promote"]
    assert verdicts["worse"] == ["continue", "abort"]
    assert verdicts["outage"] == ["continue"]
    assert verdicts["odd"] == ["continue"]
    outputs = [output for story in STORIES for output in told[story]]
    divergences = [output for output in outputs if isinstance(output, Divergence)]
    assert {"distribution", "ratio", "rate", "gauge"} <= {found.kind for found in divergences}
    assert {"pass", "worse", "undecided", "no_data", "error"} <= {found.state for found in divergences}
    assert {"level", "restart"} == {found.process for found in divergences}
    alerts = {output.kind for output in outputs if isinstance(output, Alert)}
    assert {"divergence", "no_data", "judge_error"} <= alerts
    counts = {reason for output in outputs if isinstance(output, Score) for reason in output.counts}
    assert counts == {"warming_up", "conflicting", "negative"}


@pytest.mark.parametrize("story", STORIES)
def test_a_record_at_a_time(story: Story) -> None:
    check(fold(story, 1, events_of(log_of(story), Cutting(chunk=0, flush=0))), story)


@few
@given(stories, lengths, lengths, seeds)
def test_chunks_and_flushes_do_not_matter(story: Story, chunk: int, flush: int, seed: int) -> None:
    check(fold(story, 1, events_of(log_of(story), Cutting(1, chunk, flush, 0.1, seed))), story)


@few
@given(stories, cuttings)
def test_sources_and_their_order_do_not_matter(story: Story, how: Cutting) -> None:
    check(fold(story, how.sources, events_of(log_of(story), how)), story)


@few
@given(stories, cuttings, seeds)
def test_storing_and_restoring_does_not_matter(story: Story, how: Cutting, seed: int) -> None:
    plan, rng = plan_for(story), np.random.default_rng(seed)
    state, outputs = begin(plan, how.sources), list[Output]()
    events = events_of(log_of(story), how)
    crashes = {*rng.integers(len(events), size=12).tolist(), len(events) - 1}
    for number, event in enumerate(events):
        if number in crashes:
            state = load(dump(state))
        outputs += step(plan, state, event)
    check(result(state, outputs), story)


@few
@given(stories, cuttings, seeds)
def test_repeats_do_not_matter(story: Story, how: Cutting, seed: int) -> None:
    """After any event, a stretch of the events before it comes again, as after a crash."""
    rng = np.random.default_rng(seed)
    events = events_of(log_of(story), how)
    repeated: list[Event] = []
    crashes = set(rng.integers(len(events), size=8).tolist())
    for number, event in enumerate(events):
        repeated.append(deepcopy(event))
        if number in crashes:
            repeated += deepcopy(events[max(0, number - int(rng.integers(60))) : number + 1])
    check(fold(story, how.sources, repeated), story)


@few
@given(stories, cuttings, seeds)
def test_a_restored_state_skips_what_it_holds(story: Story, how: Cutting, seed: int) -> None:
    """A worker crashes, restores an older state, and reads the log again from somewhat before that state."""
    plan, rng = plan_for(story), np.random.default_rng(seed)
    events = events_of(log_of(story), how)
    stored, crash = sorted(rng.integers(len(events), size=2).tolist())
    state, outputs = begin(plan, how.sources), list[Output]()
    for event in deepcopy(events[:stored]):
        outputs += step(plan, state, event)
    checkpoint, kept = dump(state), len(outputs)
    for event in deepcopy(events[stored:crash]):
        step(plan, state, event)
    state = load(checkpoint)
    for event in events[max(0, stored - 5) :]:
        outputs += step(plan, state, event)
    assert len(outputs) >= kept
    check(result(state, outputs), story)


def test_what_is_kept_out_does_not_depend_on_flushes() -> None:
    """The record that closes a pane, and one after it that is kept out: together in one partial, or in two."""
    plan, rows = plan_for("quiet"), [row(FIRST, "canary", "canary-0", "orders", Count(3))]
    close = FIRST * MINUTE + MINUTE + LATENESS
    before, after = {FIRST: {"negative": 2}}, {FIRST + 1: {"negative": 1}}
    together, apart = begin(plan, 1), begin(plan, 1)
    whole = Partial(ROLLOUT, "telemetry-0", 0, 2, close, deepcopy(rows), before | after)
    outputs = step(plan, together, whole)
    again = step(plan, apart, Partial(ROLLOUT, "telemetry-0", 0, 1, close, deepcopy(rows), before))
    again += step(plan, apart, Partial(ROLLOUT, "telemetry-0", 0, 2, close, [], before | after))
    assert lines(outputs) == lines(again)
    assert [one.counts for one in outputs if isinstance(one, Score)] == [{"negative": 2, "warming_up": 3}]
