import json
from typing import Any

import msgspec
import pytest

from stream.condense.chunk import Chunk
from stream.condense.series import Index
from stream.formats import FORMATS
from stream.formats.check import MAX_VALUES
from stream.formats.decoded import Decoded
from stream.formats.explain import NEEDS
from stream.formats.native import DEPTH, LIMIT, decode
from stream.formats.reasons import REASONS
from stream.policy import MetricRule, Policy
from stream.rollout import Rollout
from stream.sample import Metric, Telemetry

SINGLE = {"app": "shop", "instance": "a", "cohort": "canary", "ts": 1732300000123, "metric": "latency", "value": 1.5}
BATCH = {"app": "shop", "instance": "a", "cohort": "canary", "start": 1732300000000, "end": 1732300010000}
NESTED = json.loads("[" * 300 + "]" * 300)
JARGON = ("msgspec", "`", "Expected", "|", "enum")


def index() -> Index:
    rules = (MetricRule("latency"), MetricRule("errors", kind="ratio"), MetricRule("hits", kind="rate"))
    return Index([Rollout("r", "shop", Policy(rules))])


def faults(*records: bytes) -> list[tuple[str, str]]:
    """Reason and text of all that is wrong, once the records are decoded and condensed."""
    chunk = Chunk(index(), "log", 0)
    return [(fault.error.reason, str(fault.error)) for fault in chunk.add(decode(records), len(records))]


def fault(record: bytes | str | dict[str, Any]) -> tuple[str, str]:
    """The only fault of a record."""
    if isinstance(record, dict):
        record = json.dumps(record)
    ((reason, text),) = faults(record.encode() if isinstance(record, str) else record)
    assert reason in REASONS
    assert "\n" not in text
    assert not [word for word in JARGON if word in text]
    return reason, text


def single(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in {**SINGLE, **fields}.items() if value is not ...}


def batch(*metrics: Any, **fields: Any) -> dict[str, Any]:
    return {name: value for name, value in {**BATCH, "metrics": [*metrics], **fields}.items() if value is not ...}


def read(*records: dict[str, Any]) -> Decoded:
    return decode([json.dumps(record).encode() for record in records])


def test_registered() -> None:
    assert FORMATS["native"] is decode


def test_a_single_sample() -> None:
    decoded = read(single(v=1, env="prod", boot="9f", unit="ms", attrs={"route": "/pay"}, unknown=[{"x": None}]))
    assert decoded.faults == []
    assert decoded.times.tolist() == [1732300000123]
    (message,) = decoded.messages
    assert (message.env, message.boot, message.unit, message.attrs) == ("prod", "9f", "ms", {"route": "/pay"})


def test_a_batch_counts_just_before_its_end() -> None:
    decoded = read(batch({"name": "latency", "type": "samples", "values": [1]}))
    assert decoded.times.tolist() == [1732300009999]


def test_positions_count_from_first() -> None:
    good, bad = json.dumps(SINGLE).encode(), b"{"
    decoded = decode([good, bad, good, bad, bad, good], first=10)
    assert list(decoded.positions) == [10, 12, 15]
    assert [found.position for found in decoded.faults] == [11, 13, 14]
    assert list(decode([good, good], first=3).positions) == [3, 4]


@pytest.mark.parametrize(
    ("record", "reason", "words"),
    [
        (b"", "not_json", "message: empty"),
        (b" \t", "not_json", "message: empty"),
        (b"{", "not_json", "ends too early"),
        (b"{'app': 1}", "not_json", "at byte 1"),
        (b'{"app":"a","instance":"b"} x', "not_json", "more follows"),
        (b"\xff\xfe{\x00", "not_utf8", "byte 0"),
        (b'{"app":"caf\xe9"}', "not_utf8", "byte 11"),
        (b"[]", "wrong_type", "message: a list"),
        (b"12", "wrong_type", "message: a whole number"),
        (b'"app"', "wrong_type", "message: a text"),
        (b"null", "wrong_type", "message: null"),
        (single(z=NESTED), "too_deep", "too deep"),
        ('{"app":"a","instance":"b","z":' + "[" * 100_000, "too_deep", "too deep"),
        (b"x" * (LIMIT + 1), "too_large", "1048576 bytes"),
        (single(app=...), "missing_field", "app: missing"),
        (single(instance=...), "missing_field", "instance: missing"),
        (single(metric=...), "missing_field", "metric: missing"),
        (single(value=...), "missing_field", "value: missing"),
        (single(value=None), "missing_field", "value: missing"),
        (single(ts=...), "missing_field", "ts: missing"),
        (single(app=7), "wrong_type", "app: a whole number; a text"),
        (single(app=""), "wrong_length", "app: empty"),
        (single(app="a" * 257), "wrong_length", "app: too long"),
        (single(env="a" * 257), "wrong_length", "env: too long"),
        (single(value="12"), "wrong_type", "value: a text; a number is needed"),
        (single(value=True), "wrong_type", "value: true or false"),
        (single(value=[1]), "wrong_type", "value: a list"),
        (single(ts="2024-11-22T18:31:10Z"), "wrong_type", "ts: a text; whole milliseconds"),
        (single(ts=1732300000.5), "wrong_type", "ts: a number with a fraction; whole milliseconds"),
        (single(labels=[]), "wrong_type", "labels: a list"),
        (single(labels={"a": 1}), "wrong_type", "labels: a whole number"),
        (single(cohort="prod"), "wrong_word", "baseline or canary"),
        (single(kind="histogram"), "wrong_word", "kind: 'histogram'; one of distribution"),
        (single(v=2), "unsupported_version", "v: version 2"),
        (single(v="1"), "wrong_type", "v: a text"),
        (single(ts=1732300000), "bad_time", "looks like seconds"),
        (single(ts=1732300000123456), "bad_time", "looks like microseconds"),
        (single(ts=1732300000123456789), "bad_time", "looks like nanoseconds"),
        (single(ts=0), "bad_time", "between 2000 and 2200"),
        (single(ts=-5), "bad_time", "between 2000 and 2200"),
        (single(ts=10**30), "bad_time", "between 2000 and 2200"),
        (single(value=1e201), "out_of_range", "value: 1e+201 is too large"),
        (json.dumps(single(value=1)).replace("1}", "1e999}"), "out_of_range", "value: too large"),
        (single(value=-1), "negative", "value: -1 is negative"),
        (single(value=-1, kind="count"), "negative", "value: -1 is negative"),
        (single(value=1.5, kind="count"), "not_whole", "value: 1.5 has a fraction"),
        (single(value=1e17, kind="count"), "out_of_range", "2^53"),
        (single(value=3, total=2, kind="ratio"), "out_of_range", "3 of 2 trials"),
        (single(value=1, total=2.5, kind="ratio"), "not_whole", "total: 2.5"),
        (single(value=-1, total=2, kind="ratio"), "negative", "value: -1"),
        (single(value=0.03, kind="ratio"), "no_denominator", "0.03 is no trial"),
        (single(metric="errors", value=3), "no_denominator", "3 is no trial"),
        (single(value=3, total=5, kind="gauge"), "wrong_type", "total: only a ratio"),
        (single(start=1732300000000), "both_shapes", "start: only a batch"),
        (single(end=1732300000000), "both_shapes", "end: only a batch"),
        (batch(metric="latency"), "both_shapes", "metric: beside metrics"),
        (batch(ts=1732300000000), "both_shapes", "ts: beside metrics"),
        (batch(start=...), "missing_field", "start: missing"),
        (batch(end=...), "missing_field", "end: missing"),
        (batch(metrics=...), "missing_field", "metric: missing"),
        (batch(start=1732300010001), "bad_time", "end: 1732300010000 is before start"),
        (batch(start=1732300000, end=1732300010), "bad_time", "start: 1732300000 looks like seconds"),
        (batch(metrics={}), "wrong_type", "metrics: an object"),
    ],
)
def test_a_wrong_message(record: bytes | str | dict[str, Any], reason: str, words: str) -> None:
    found, text = fault(record)
    assert found == reason
    assert words in text


@pytest.mark.parametrize("token", ["NaN", "Infinity", "-Infinity", "nan", "inf"])
def test_what_json_does_not_know_is_named(token: str) -> None:
    alone = json.dumps(single(value=77)).replace("77", token)
    listed = json.dumps(batch({"name": "a", "type": "samples", "values": [1, 77, 2]})).replace("77", token)
    for record, path in ((alone, "value"), (listed, "values")):
        reason, text = fault(record)
        assert reason == "not_finite"
        assert text.startswith(f"{path}: {token} ")


def test_a_name_is_not_taken_for_a_number() -> None:
    assert fault('{"app": "nan", "instance": "x: inf",}')[0] == "not_json"


GOOD = {"name": "latency", "type": "samples", "values": [1.0, 2.0]}


@pytest.mark.parametrize(
    ("entry", "reason", "words"),
    [
        (7, "wrong_type", "metrics[1]: a whole number"),
        (None, "wrong_type", "metrics[1]: null"),
        ({"type": "count", "value": 1}, "missing_field", "metrics[1].name: missing"),
        ({"name": "hits", "value": 1}, "missing_field", "metrics[1].type: missing"),
        ({"name": "hits", "type": "counter", "value": 1}, "wrong_word", "metrics[1].type: 'counter'; one of samples"),
        ({"name": "hits", "type": "count"}, "missing_field", "metrics[1].value: missing"),
        ({"name": "hits", "type": "count", "value": 1.5}, "not_whole", "metrics[1].value: 1.5"),
        ({"name": "hits", "type": "count", "value": -1}, "negative", "metrics[1].value: -1"),
        ({"name": "hits", "type": "count", "value": 1, "total": 3}, "wrong_type", "metrics[1].total: only a ratio"),
        ({"name": "hits", "type": "gauge", "value": 1e300}, "out_of_range", "metrics[1].value: 1e+300"),
        ({"name": "errors", "type": "ratio", "value": 1}, "no_denominator", "metrics[1].total: missing"),
        ({"name": "errors", "type": "ratio", "value": 4, "total": 3}, "out_of_range", "4 of 3 trials"),
        ({"name": "latency", "type": "samples"}, "missing_field", "metrics[1].values: missing"),
        ({"name": "latency", "type": "samples", "values": [1, -2]}, "negative", "metrics[1].values[1]: -2"),
        ({"name": "latency", "type": "samples", "values": [1, None]}, "wrong_type", "metrics[1].values[1]: null"),
        ({"name": "latency", "type": "samples", "values": [1e300]}, "out_of_range", "metrics[1].values[0]: 1e+300"),
        ({"name": "latency", "type": "samples", "values": [1] * (MAX_VALUES + 1)}, "too_many_values", "100001 of them"),
        ({"name": "latency", "type": "samples", "values": [1], "weight": 0}, "out_of_range", "metrics[1].weight"),
        ({"name": "latency", "type": "exphist"}, "missing_field", "metrics[1].counts: missing"),
        ({"name": "latency", "type": "exphist", "counts": [-1]}, "negative", "metrics[1].counts[0]: negative"),
        ({"name": "latency", "type": "exphist", "counts": [2**49]}, "out_of_range", "more than 2^48"),
        ({"name": "latency", "type": "exphist", "counts": [1], "scale": 21}, "out_of_range", "metrics[1].scale"),
        ({"name": "latency", "type": "exphist", "counts": [1], "offset": 10**6}, "out_of_range", "no usable numbers"),
    ],
)
def test_a_wrong_entry_is_named_and_the_others_count(entry: Any, reason: str, words: str) -> None:
    message = batch(GOOD, entry, {**GOOD, "values": [3.0]})
    assert fault(message) == (reason, fault(message)[1])
    assert words in fault(message)[1]
    chunk = Chunk(index(), "log", 0)
    chunk.add(read(message), 1)
    ((row,),) = [partial.rows for partial in chunk.partials()]
    assert row.summary.count == 3  # type: ignore[union-attr]


def test_two_wrong_entries_keep_their_places() -> None:
    message = batch(GOOD, {"name": "a", "type": "x"}, GOOD, {"name": "b", "type": "count"})
    assert [text.partition(":")[0] for _, text in faults(json.dumps(message).encode())] == [
        "metrics[1].type",
        "metrics[3].value",
    ]


def test_a_limit_is_respected_before_anything_is_read() -> None:
    record = json.dumps(single(app="a" * 600)).encode()
    (found,) = decode([record], limit=500).faults
    assert found.error.reason == "too_large"
    assert "limit of 500 bytes" in str(found.error)


def test_depth_counts_brackets_outside_of_texts() -> None:
    deep = {"z": json.loads("[" * (DEPTH - 1) + "]" * (DEPTH - 1))}
    assert read({**SINGLE, **deep}).faults == []
    assert read({**SINGLE, "z": "[{" * 1000}).faults == []
    assert read({**SINGLE, "z": ['"]' * 10, "[" * 1000]}).faults == []
    assert read({**SINGLE, "z": [deep]}).faults[0].error.reason == "too_deep"


def test_every_field_says_what_it_needs() -> None:
    names = {info.encode_name for kind in (Telemetry, Metric) for info in msgspec.structs.fields(kind)}
    assert names | {"message"} == NEEDS.keys()


def test_the_last_of_a_repeated_field_counts() -> None:
    (message,) = decode([b'{"app":"a","instance":"b","app":"c"}']).messages
    assert message.app == "c"
