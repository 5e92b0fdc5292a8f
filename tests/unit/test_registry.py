import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.document.parse import parse_document
from stream.document.rollout import read_rollout
from stream.errors import PolicyError
from stream.quantity import Instant
from stream.registry import Registration, read_registration, write_registration
from stream.rollout import Rollout

PLAIN: dict[str, Any] = {"id": "shop-1", "app": "shop", "metrics": ["latency"]}
FULL = parse_document(
    """\
id: ünïcode-2.4.1+7
app: shop
env: prod
baseline: {version: "1.10", labels: {track: "true"}}
canary: {instances: ["shop-7c9d-*"]}
from: 2024-11-22T18:31:10Z
until: 2024-11-22T19:31:10Z
name: strict
version: 3
pane: 1s
lateness: 500ms
deadline: null
bake_time: 90s
pass: 90
groups: {speed: 2}
metrics:
  - {name: latency, tolerate: 5%, critical: true, group: speed, views: [p50, p99]}
  - {name: errors, of: requests, tolerate: 25%}
  - {name: cpu, kind: gauge, tolerate: 2pp, worse: either, muted: true}
""",
    "rollout.yaml",
)


@pytest.mark.parametrize("document", [PLAIN, FULL], ids=["plain", "full"])
@pytest.mark.parametrize("stopped", [None, 'Someone said "stop".\nTwice.'])
@pytest.mark.parametrize("verdict", [None, "abort"])
def test_a_record_comes_back_as_it_was(document: dict[str, Any], stopped: str | None, verdict: str | None) -> None:
    registration = Registration(read_rollout(document), stopped, verdict)
    data = write_registration(registration)
    again = read_registration(registration.rollout.id.encode(), data)
    assert again == registration
    assert write_registration(again) == data


def test_a_record_says_only_what_is_not_as_usual() -> None:
    record = json.loads(write_registration(Registration(read_rollout(PLAIN))))
    assert record == {"rollout": {"id": "shop-1", "app": "shop", "metrics": [{"name": "latency"}]}}
    ended = json.loads(write_registration(Registration(read_rollout(PLAIN), "enough", "inconclusive")))
    assert (ended["stopped"], ended["verdict"]) == ("enough", "inconclusive")


def test_until_can_be_set_afterwards() -> None:
    rollout = read_rollout(FULL)
    assert isinstance(rollout, Rollout)
    assert rollout.until == Instant(1_732_303_870_000)


def record(**fields: Any) -> bytes:
    return json.dumps({"rollout": PLAIN | fields}).encode()


WRONG = {
    "empty": (b"shop-1", b"", "registration: Input data was truncated"),
    "not JSON": (b"shop-1", b"oops", "registration: JSON is malformed"),
    "not JSON after a while": (b"shop-1", b'{"rollout": {"id"', "registration: Input data was truncated"),
    "not UTF-8": (b"shop-1", b'{"rollout": {"id": "\xff"}}', "registration: "),
    "no mapping": (b"shop-1", b"[1]", "registration: Expected `object`, got `array`"),
    "no rollout": (b"shop-1", b"{}", "registration: Object missing required field `rollout`"),
    "rollout of another type": (
        b"shop-1",
        b'{"rollout": 7}',
        "registration: Expected `object`, got `int` - at `$.roll",
    ),
    "too deep": (b"shop-1", b'{"rollout": {"a": ' + b"[" * 10_000, "registration: "),
    "a wrong reason": (b"shop-1", b'{"rollout": {}, "stopped": 7}', "registration: Expected `str | null`, got `int`"),
    "a wrong field": (b"shop-1", record(pane="7"), "pane: a duration is a number and a unit"),
    "an unknown field": (b"shop-1", record(panes="7s"), "panes: unknown field; did you mean"),
    "a missing field": (b"shop-1", b'{"rollout": {"id": "shop-1", "app": "shop"}}', "metrics: missing"),
    "a wrong metric": (b"shop-1", record(metrics=[{"name": "a", "worse": "up"}]), "metrics[0].worse: must be"),
    "a broken rule": (b"shop-1", record(pane="1s", deadline="500ms"), "deadline: must be at least one pane (1s)"),
    "a wrong id": (b"a/b", record(id="a/b"), "id: "),
    "another key": (b"shop-2", record(), "id: shop-1 is not the record's key; key the record by the id"),
    "no key": (None, record(), "id: shop-1 is not the record's key; key the record by the id"),
    "a key of no text": (b"\xff", record(), "id: shop-1 is not the record's key; key the record by the id"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_told_in_one_line(name: str) -> None:
    key, value, words = WRONG[name]
    with pytest.raises(PolicyError) as error:
        read_registration(key, value)
    assert str(error.value).startswith(words)
    assert len(str(error.value).splitlines()) == 1


def test_what_is_no_record_names_the_remedy() -> None:
    with pytest.raises(PolicyError, match="write it with `canary start`"):
        read_registration(b"shop-1", b"oops")


def read_or_error(key: bytes, value: bytes) -> Registration | str:
    try:
        return read_registration(key, value)
    except PolicyError as error:
        return str(error)


@given(st.binary(max_size=9), st.integers(0, 200), st.binary(max_size=60))
def test_any_bytes_give_a_record_or_an_error_of_one_line(key: bytes, at: int, piece: bytes) -> None:
    data = write_registration(Registration(read_rollout(FULL), "enough", "abort"))
    damaged = data[:at] + piece + data[at + len(piece) :]
    told = [read_or_error("ünïcode-2.4.1+7".encode(), value) for value in (piece, damaged)]
    assert all(isinstance(found, Registration) or len(found.splitlines()) == 1 for found in told), told
    if key != "ünïcode-2.4.1+7".encode():
        assert isinstance(read_or_error(key, data), str)
