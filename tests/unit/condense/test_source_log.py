"""Chunks and their rows depend on the log alone: not on blocks, flushes, holes, nor on where a reader began."""

import json
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.condense.ahead import AHEAD_MS
from stream.condense.series import Index
from stream.condense.source_log import CHUNK, Block, Known, SourceLog
from stream.partial import ChunkEnd, late_start
from stream.policy import MetricRule, Policy
from stream.quantity import Instant
from stream.rollout import Rollout
from stream.wire import encode_json

T0 = 1_732_300_000_000
PANE = 10_000


def rollout(name: str = "one", **fields: Any) -> Rollout:
    return Rollout(name, "shop", Policy((MetricRule("latency"), MetricRule("orders", kind="rate"))), **fields)


INDEX = Index([rollout("one"), rollout("two", from_=Instant(T0 + PANE))])
KNOWN = Known(INDEX, 7)


def sample(time: int = 0, **fields: Any) -> bytes:
    base = {"app": "shop", "instance": "a", "cohort": "canary", "metric": "latency", "value": 1.0, "ts": T0 + time}
    return json.dumps(base | fields).encode()


class Record(NamedTuple):
    offset: int
    value: bytes
    arrival: int = T0


def block(records: Sequence[Record]) -> Block:
    return Block([one.offset for one in records], [one.value for one in records], [one.arrival for one in records])


class Read(NamedTuple):
    """What a source's log became."""

    ends: list[ChunkEnd]
    rows: list[dict[str, bytes]]
    """By chunk and rollout, all rows and what was kept out, as they are sent."""
    faults: list[tuple[int, str, str]]


def read(log: SourceLog, blocks: Iterable[Sequence[Record]], flushes: Iterable[bool] = ()) -> Read:
    """Read blocks, and send what is there after those that `flushes` says; the open chunk counts as over at the end."""
    found, sent = Read([], [], []), dict[str, dict[Any, Any]]()
    flush = iter(flushes)

    def send() -> None:
        for partial in log.chunks[0].partials():
            known = sent.setdefault(partial.rollout, {})
            known.update({(row.pane, row.key): row.summary for row in partial.rows})
            known["kept out"] = partial.kept_out

    def finish() -> None:
        send()
        found.ends.append(log.end())
        found.rows.append({name: encode_json(sorted(known.items(), key=repr)) for name, known in sent.items()})
        log.pop()
        sent.clear()

    for records in blocks:
        faults = log.add(block(records))
        found.faults.extend((fault.position, fault.error.reason, str(fault.error)) for fault in faults)
        while log.over:
            finish()
        if next(flush, False) and log.chunks:
            send()
    if log.chunks:
        finish()
    found.faults.sort()
    return found


def cut(records: Sequence[Record], sizes: Iterable[int]) -> list[Sequence[Record]]:
    blocks, at = [], 0
    for size in sizes:
        blocks.append(records[at : at + size])
        at += size
    return [*blocks, records[at:]]


kinds = st.one_of(
    st.builds(sample, st.integers(-3 * PANE, 6 * PANE), value=st.sampled_from([0.0, 1.5, 7.0])),
    st.builds(sample, st.integers(0, 6 * PANE), metric=st.just("orders"), value=st.sampled_from([1, 2, 0.5])),
    st.builds(sample, st.integers(0, 6 * PANE), value=st.just(-1)),
    st.builds(sample, st.integers(0, 6 * PANE), cohort=st.none()),
    st.builds(sample, st.integers(0, 20 * PANE), app=st.just("cart")),
    st.builds(sample, st.just(10**9)),
    st.sampled_from([b"", b"{", b"oops", b'{"app": "shop"}']),
)
logs = st.lists(st.tuples(st.integers(1, 4), kinds), max_size=40).map(
    lambda parts: [Record(100 + sum(gap for gap, _ in parts[: at + 1]), value) for at, (_, value) in enumerate(parts)]
)
sizes = st.lists(st.integers(0, 9), max_size=20)
chunk_sizes = st.sampled_from([1, 2, 5, 8, 1000])


@given(logs, chunk_sizes, sizes, st.lists(st.booleans(), max_size=20))
def test_blocks_and_flushes_do_not_matter(records: list[Record], size: int, by: list[int], flushes: list[bool]) -> None:
    whole = read(SourceLog("log", KNOWN, size), [records])
    assert read(SourceLog("log", KNOWN, size), cut(records, by), flushes) == whole
    assert [end.start for end in whole.ends] == sorted({end.start for end in whole.ends})


@given(logs, chunk_sizes, sizes, st.data())
def test_a_reader_that_begins_where_a_chunk_began_reads_the_same(
    records: list[Record], size: int, by: list[int], data: st.DataObject
) -> None:
    whole = read(SourceLog("log", KNOWN, size), [records])
    at = data.draw(st.integers(0, len(whole.ends)))
    first = whole.ends[at - 1].upto if at else 0
    rest = [record for record in records if record.offset >= first]
    again = read(SourceLog("log", KNOWN, size), cut(rest, by))
    assert (again.ends, again.rows) == (whole.ends[at:], whole.rows[at:])
    assert again.faults == [fault for fault in whole.faults if fault[0] >= first]


@given(logs, chunk_sizes, st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=9))
def test_a_record_is_never_taken_twice(records: list[Record], size: int, spans: list[tuple[int, int]]) -> None:
    """As when a consumer seeks back: blocks begin anywhere before what is read, and leave no hole."""
    blocks, reached = [], 0
    for back, length in spans:
        first = max(0, reached - back)
        blocks.append(records[first : first + length])
        reached = max(reached, min(first + length, len(records)))
    blocks.append(records[max(0, reached - 3) :])
    assert read(SourceLog("log", KNOWN, size), blocks) == read(SourceLog("log", KNOWN, size), [records])


@given(logs, chunk_sizes)
def test_chunks_are_cut_at_multiples(records: list[Record], size: int) -> None:
    ends = read(SourceLog("log", KNOWN, size), [records]).ends
    windows: dict[int, list[int]] = {}
    for record in records:
        windows.setdefault(record.offset // size, []).append(record.offset)
    assert [(end.start, end.upto) for end in ends] == [(offsets[0], offsets[-1] + 1) for offsets in windows.values()]
    assert {(end.source, end.registry) for end in ends} <= {("log", 7)}


def plain(*offsets: int, time: int = 0) -> list[Record]:
    return [Record(offset, sample(time)) for offset in offsets]


def test_a_chunk_is_over_with_its_last_offset_or_with_the_first_record_behind_it() -> None:
    log = SourceLog("log", KNOWN, 10)
    assert not log.over
    log.add(block(plain(3, 8)))
    assert not log.over
    log.add(block(plain(9)))
    assert log.over
    assert log.end() == ChunkEnd("log", 3, 10, T0, 7)
    log.pop()
    assert not log.over
    log.add(block(plain(11)))
    assert not log.over
    log.add(block(plain(35)))
    assert log.over
    assert log.end() == ChunkEnd("log", 11, 12, T0, 7)
    assert [chunk.start for chunk in log.chunks] == [11, 35]
    log.pop()
    assert not log.over
    assert log.upto == 36


def test_a_block_may_hold_many_chunks() -> None:
    log = SourceLog("log", KNOWN, 10)
    log.add(block(plain(*range(5, 47))))
    assert [(chunk.start, chunk.upto) for chunk in log.chunks] == [(5, 10), (10, 20), (20, 30), (30, 40), (40, 47)]
    assert [sum(chunk.accepted.values()) for chunk in log.chunks] == [5, 10, 10, 10, 7]


def test_an_end_tells_the_newest_time_of_all_apps() -> None:
    log = SourceLog("log", KNOWN, 10)
    log.add(block([Record(0, sample(5)), Record(1, sample(99, app="cart")), Record(2, b"oops"), Record(9, sample(7))]))
    assert log.end().newest == T0 + 99
    nothing = SourceLog("log", KNOWN, 1)
    nothing.add(block([Record(0, b"oops")]))
    assert nothing.end() == ChunkEnd("log", 0, 1, -1, 7)


def test_the_usual_chunk() -> None:
    assert CHUNK == 16_384


def test_dead_letters_are_known_by_their_offsets() -> None:
    log = SourceLog("log", KNOWN, 10)
    batch = {"app": "shop", "instance": "a", "cohort": "canary", "start": T0, "end": T0 + PANE}
    entries = [{"name": "latency", "type": "gauge", "value": 1}, {"name": "latency", "type": "samples", "values": [-1]}]
    wrong = json.dumps({**batch, "metrics": entries}).encode()
    records = [Record(7, sample()), Record(8, b"{"), Record(15, sample(value=-1)), Record(23, wrong), Record(24, b"")]
    faults = log.add(block(records))
    assert [(fault.position, fault.error.reason) for fault in faults] == [
        (8, "not_json"),
        (15, "negative"),
        (24, "not_json"),
        (23, "negative"),
    ]


def test_a_time_ahead_of_its_arrival_is_a_dead_letter_and_moves_nothing() -> None:
    log = SourceLog("log", KNOWN, 10)
    far = AHEAD_MS + 1
    records = [
        Record(7, sample(0)),
        Record(12, sample(far)),
        Record(14, sample(far - 1, value=2.0)),
        Record(15, sample(far), arrival=T0 + 1),
    ]
    faults = log.add(block(records))
    assert [(fault.position, fault.error.reason) for fault in faults] == [(12, "far_future")]
    first, second = log.chunks
    assert (first.newest, second.newest) == (T0, T0 + far)
    assert second.accepted == {"one": 2, "two": 2}


def test_how_far_a_time_is_ahead_does_not_depend_on_blocks() -> None:
    records = [Record(offset, sample(61_000 * offset), arrival=T0 + 500 * offset) for offset in range(12)]
    whole = read(SourceLog("log", KNOWN, 100), [records])
    assert [offset for offset, *_ in whole.faults] == [*range(1, 12)]
    for size in (1, 3, 5):
        assert read(SourceLog("log", KNOWN, 100), cut(records, [size] * 12)) == whole


NEW = rollout("three", from_=Instant(T0 + 3 * PANE))
MORE = Known(Index([*INDEX.rollouts, NEW]), 8)


def fed(log: SourceLog, name: str = "three") -> list[int]:
    return [chunk.accepted[name] for chunk in log.chunks]


def test_another_index_feeds_from_the_next_record_on() -> None:
    log = SourceLog("log", KNOWN, 10)
    log.add(block(plain(3, 4, 5)))
    assert log.use(MORE, [NEW]) == []
    assert log.end().registry == 8, "it is known by the end of the chunk"
    log.add(block(plain(6, 7, time=3 * PANE)))
    assert fed(log) == [2]
    log.add(block(plain(12, time=3 * PANE)))
    assert fed(log) == [2, 1]
    log.pop()
    assert log.end().registry == 8


def test_what_a_chunk_had_for_a_rollout_that_is_over_is_sent() -> None:
    log = SourceLog("log", MORE, 10)
    log.add(block(plain(3, 4, 5, time=3 * PANE)))
    assert log.use(KNOWN, []) == []
    log.add(block(plain(6, time=3 * PANE)))
    sent = {partial.rollout: partial for partial in log.chunks[0].partials()}
    assert [row.summary.count for row in sent["three"].rows] == [3]  # type: ignore[union-attr]
    assert [row.summary.count for row in sent["one"].rows] == [4]  # type: ignore[union-attr]


@pytest.mark.parametrize(("newest", "missed"), [(3 * PANE - 1, False), (3 * PANE, True)])
@pytest.mark.parametrize("app", ["shop", "cart"])
def test_a_rollout_begins_late_where_the_open_chunk_was_read_past_its_from(newest: int, missed: bool, app: str) -> None:
    log = SourceLog("log", KNOWN, 10)
    log.add(block([Record(3, sample(newest, app=app))]))
    assert log.use(MORE, [NEW, rollout("four")]) == ([late_start("three", "log")] if missed else [])


def test_rollouts_that_were_fed_before_do_not_begin_late() -> None:
    log = SourceLog("log", KNOWN, 10)
    log.add(block(plain(3, time=9 * PANE)))
    assert log.use(MORE, []) == []


def test_a_chunk_that_is_over_stays_as_it_was_read() -> None:
    """Its end says what was known; whoever reads that finds out what it missed."""
    log = SourceLog("log", KNOWN, 10)
    log.add(block(plain(3, 9, time=5 * PANE)))
    assert log.use(MORE, [NEW]) == []
    assert log.end().registry == 7
    log.add(block(plain(10, time=5 * PANE)))
    assert fed(log) == [0, 1]
    log.pop()
    assert log.end().registry == 8


def test_chunks_that_wait_keep_what_was_known_when_they_ended() -> None:
    log = SourceLog("log", KNOWN, 10)
    log.add(block(plain(3, 14)))
    log.use(MORE, [NEW])
    registries = []
    while log.chunks:
        registries.append(log.end().registry)
        log.pop()
    assert registries == [7, 8]


def test_a_reader_without_a_record_begins_nothing_late() -> None:
    assert SourceLog("log", KNOWN, 10).use(MORE, [NEW]) == []


def test_a_block_of_any_size() -> None:
    records = [Record(offset, sample(offset)) for offset in range(6_000)]
    whole = read(SourceLog("log", KNOWN, 5_000), [records])
    assert read(SourceLog("log", KNOWN, 5_000), cut(records, [1_000] * 6)) == whole
    assert [end.upto for end in whole.ends] == [5_000, 6_000]
