"""Whatever the bytes are, decoding and condensing count them; how records are handed over does not matter."""

import json
from itertools import pairwise
from math import isnan
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from stream.condense.chunk import Chunk
from stream.condense.series import Index
from stream.errors import TelemetryError
from stream.formats.decoded import Decoded
from stream.formats.native import decode
from stream.formats.reasons import REASONS
from stream.partial import Partial
from stream.policy import MetricRule, Policy
from stream.quantity import Duration, Instant
from stream.replay.jump import Jumps
from stream.rollout import Rollout, Selector
from stream.wire import encode_json

T0 = 1732300000000
RULES = (
    MetricRule("latency"),
    MetricRule("errors", of="requests"),
    MetricRule("failed", kind="ratio"),
    MetricRule("cpu", kind="gauge"),
)
CHOSEN: dict[str, Any] = {"baseline": Selector(version="1"), "canary": Selector(labels={"track": "canary"})}
ROLLOUTS = [
    Rollout("one", "shop", Policy(RULES), **CHOSEN),
    Rollout("two", "shop", Policy(RULES[:1], pane=Duration(3_000), lateness=Duration(0)), env="prod", **CHOSEN),
    Rollout("three", "cart", Policy(RULES), from_=Instant(T0 + 10_000), until=Instant(T0 + 40_000), **CHOSEN),
]

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=10,
)
NUMBERS = st.one_of(
    st.integers(0, 5), st.floats(0, 1e4), st.floats(-10, 10), st.floats(0, 1e308), st.integers(-5, 2**70)
)
TIMES = st.one_of(st.integers(T0, T0 + 60_000), st.integers(T0, T0 + 60_000), st.integers(0, 2**70))


def optional(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=fields)


def joined(*parts: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.tuples(*parts).map(lambda found: {name: value for part in found for name, value in part.items()})


SENDER = joined(
    st.fixed_dictionaries({"app": st.sampled_from(["shop", "cart", "other"]), "instance": st.sampled_from("abc")}),
    optional(
        v=st.sampled_from([1, 1, 1, 2]),
        env=st.sampled_from(["prod", "test"]),
        version=st.sampled_from(["1", "2"]),
        cohort=st.sampled_from(["baseline", "canary"]),
        boot=st.sampled_from(["x", "y"]),
        labels=st.fixed_dictionaries({"track": st.sampled_from(["canary", "stable"])}),
    ),
)
NAMES = st.sampled_from(["latency", "errors", "requests", "failed", "cpu", "disk"])
SINGLE = joined(
    SENDER,
    st.fixed_dictionaries({"metric": NAMES, "value": NUMBERS, "ts": TIMES}),
    optional(
        total=NUMBERS,
        kind=st.sampled_from(["distribution", "ratio", "rate", "count", "gauge"]),
        unit=st.sampled_from(["ms", "s"]),
        attrs=st.fixed_dictionaries({"track": st.just("canary")}),
    ),
)
ENTRY = joined(
    st.fixed_dictionaries({"name": NAMES, "type": st.sampled_from(["samples", "exphist", "count", "ratio", "gauge"])}),
    optional(
        value=NUMBERS,
        total=NUMBERS,
        values=st.lists(NUMBERS, max_size=6),
        weight=st.integers(1, 3),
        scale=st.integers(-2, 8),
        offset=st.integers(-300, 300),
        counts=st.lists(st.integers(0, 9), max_size=6),
        zero=st.integers(0, 3),
        attrs=st.fixed_dictionaries({"track": st.just("canary")}),
    ),
)
BATCH = joined(SENDER, st.fixed_dictionaries({"end": TIMES, "metrics": st.lists(ENTRY, max_size=4)})).map(
    lambda message: {"start": max(0, message["end"] - 10_000), **message}
)
MESSAGE = (SINGLE | BATCH).map(lambda message: json.dumps(message).encode())


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A message with a field replaced, dropped or added, or with bytes changed."""
    message: dict[str, Any] = draw(SINGLE | BATCH)
    target = message
    if message.get("metrics") and draw(st.booleans()):
        target = draw(st.sampled_from(message["metrics"]))
    name = draw(st.sampled_from([*target, "start", "labels", "metrics", "value"]))
    if draw(st.booleans()):
        target[name] = draw(JSON)
    else:
        target.pop(name, None)
    record = bytearray(json.dumps(message).encode())
    for _ in range(draw(st.integers(0, 2))):
        record[draw(st.integers(0, len(record) - 1))] = draw(st.integers(0, 255))
    return bytes(record[: draw(st.integers(0, len(record)))]) if draw(st.booleans()) else bytes(record)


RECORD = st.one_of(MESSAGE, mutated(), JSON.map(lambda value: json.dumps(value).encode()), st.binary(max_size=40))


def condensed(*parts: Decoded) -> tuple[list[bytes], list[tuple[int, str, str]]]:
    """Partials and faults of a chunk that is handed over in these parts."""
    chunk = Chunk(Index(ROLLOUTS), "log", 0)
    faults = [fault for part in parts for fault in chunk.add(part, 100)]
    told = [(fault.position, fault.error.reason, str(fault.error)) for fault in faults]
    return [encode_json(partial) for partial in chunk.partials()], sorted(told)


@given(st.lists(RECORD, max_size=8))
def test_whatever_comes_is_counted(records: list[bytes]) -> None:
    decoded = decode(records)
    positions = {fault.position for fault in decoded.faults} | {*decoded.positions}
    assert positions == {*range(len(records))}
    assert len(decoded.messages) == len(decoded.positions) == len(decoded.times)
    for _, reason, text in condensed(decoded)[1]:
        assert reason in REASONS
        assert "\n" not in text


@given(st.binary(max_size=200))
def test_bytes_are_read_or_are_a_fault(record: bytes) -> None:
    decoded = decode([record])
    assert len(decoded.messages) + len(decoded.faults) == 1
    assert all(isinstance(fault.error, TelemetryError) for fault in decoded.faults)


@given(st.lists(RECORD, max_size=8), st.integers(0, 50))
def test_a_block_is_read_as_its_records_are(records: list[bytes], first: int) -> None:
    whole = decode(records, first)
    singles = [decode([record], first + place) for place, record in enumerate(records)]
    assert whole.messages == [message for single in singles for message in single.messages]
    assert list(whole.positions) == [position for single in singles for position in single.positions]
    told = [(fault.position, fault.error.reason, str(fault.error)) for single in singles for fault in single.faults]
    assert sorted((fault.position, fault.error.reason, str(fault.error)) for fault in whole.faults) == sorted(told)


@given(st.lists(st.one_of(MESSAGE, MESSAGE, RECORD), max_size=12), st.lists(st.integers(0, 12), max_size=3))
def test_how_a_chunk_is_handed_over_does_not_matter(records: list[bytes], cuts: list[int]) -> None:
    edges = [0, *sorted(min(cut, len(records)) for cut in cuts), len(records)]
    parts = [decode(records[low:high], low) for low, high in pairwise(edges)]
    assert condensed(*parts) == condensed(decode(records))


@given(st.lists(MESSAGE, max_size=12), st.integers(0, 12))
def test_asking_for_partials_in_between_changes_nothing(records: list[bytes], cut: int) -> None:
    chunk = Chunk(Index(ROLLOUTS), "log", 0)
    latest: dict[tuple[str, int, object], bytes] = {}
    kept: dict[str, object] = {}
    for low, high in ((0, cut), (cut, len(records))):
        chunk.add(decode(records[low:high]), high)
        for partial in chunk.partials():
            latest |= {(partial.rollout, row.pane, row.key): encode_json(row.summary) for row in partial.rows}
            kept[partial.rollout] = partial.kept_out
    whole = _chunk(records)
    assert latest == {(p.rollout, row.pane, row.key): encode_json(row.summary) for p in whole for row in p.rows}
    assert kept == {partial.rollout: partial.kept_out for partial in whole}


@given(st.lists(MESSAGE, max_size=12), st.integers(0, 12))
def test_chunks_of_a_log_in_order_merge_to_the_same_as_one(records: list[bytes], cut: int) -> None:
    records.sort(key=_time)

    def rows(*parts: list[bytes]) -> dict[Any, bytes]:
        merged: dict[Any, Any] = {}
        for part in parts:
            for partial in _chunk(part):
                for row in partial.rows:
                    place = (partial.rollout, row.pane, row.key)
                    if place in merged:
                        merged[place].merge(row.summary)
                    else:
                        merged[place] = row.summary
        return {place: encode_json(summary) for place, summary in merged.items()}

    assert rows(records[:cut], records[cut:]) == rows(records)


@settings(max_examples=30)
@given(st.lists(MESSAGE, max_size=40), st.integers(1, 15))
def test_the_jump_filter_does_not_see_blocks(records: list[bytes], size: int) -> None:
    def passed(size: int) -> tuple[list[Any], list[tuple[int, str]]]:
        jumps = Jumps(10_000)
        parts = [jumps.admit(decode(records[at : at + size], at)) for at in range(0, len(records), size)]
        parts.append(jumps.end())
        found = [pair for part in parts for pair in zip(part.messages, part.times, strict=True)]
        timed = [message for message, time in found if not isnan(time)]
        return timed, sorted((fault.position, fault.error.reason) for part in parts for fault in part.faults)

    assert passed(size) == passed(1000)


def _chunk(records: list[bytes]) -> list[Partial]:
    chunk = Chunk(Index(ROLLOUTS), "log", 0)
    chunk.add(decode(records), len(records))
    return chunk.partials()


def _time(record: bytes) -> int:
    message = json.loads(record)
    time: int = message.get("ts", message.get("end", 0) - 1)
    return time
