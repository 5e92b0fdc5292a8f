"""One letter for each wrong message, with the message, where it was, and why."""

from faust.types import TP

from stream.adapters.worker.dead_letter import LARGEST, MOST_REASONS, letter, letters
from stream.errors import TelemetryError
from stream.formats.decoded import Fault
from tests.unit.adapters.worker.stage_rig import Received

HERE = TP("canary.telemetry", 3)


def fault(offset: int, reason: str = "not_json", text: str = "message: broken") -> Fault:
    return Fault(offset, TelemetryError(reason, text))


def test_a_letter_holds_the_message_and_says_where_it_was() -> None:
    found = letter("dead", HERE, Received(7, b"oops", b"k"), "not_json", "message: bröken")
    assert (found.topic, found.key, found.value, found.partition) == ("dead", b"k", b"oops", None)
    assert dict(found.headers) == {
        "reason": b"not_json",
        "error": "message: bröken".encode(),
        "topic": b"canary.telemetry",
        "partition": b"3",
        "offset": b"7",
    }


def test_a_tombstone_is_an_empty_message() -> None:
    assert letter("dead", HERE, Received(7, None), "not_json", "message: empty").value == b""


def test_of_a_long_message_the_beginning_is_kept_and_the_length_told() -> None:
    found = letter("dead", HERE, Received(7, b"x" * 2_000_000), "too_large", "message: longer")
    assert found.value == b"x" * LARGEST
    assert dict(found.headers)["bytes"] == b"2000000"
    assert "bytes" not in dict(letter("dead", HERE, Received(7, b"x" * LARGEST), "r", "e").headers)


def test_several_faults_of_a_message_are_one_letter() -> None:
    records = [Received(offset, b"%d" % offset) for offset in (10, 11, 15)]
    faults = [fault(15, "negative", "b: negative"), fault(10), fault(15, "not_whole", "c: has a fraction")]
    first, second = letters("dead", HERE, records, faults)
    assert (first.value, dict(first.headers)["error"]) == (b"10", b"message: broken")
    assert (second.value, dict(second.headers)["reason"]) == (b"15", b"negative")
    assert dict(second.headers)["error"] == b"b: negative; c: has a fraction"


def test_of_many_faults_the_first_are_told() -> None:
    faults = [fault(0, text=f"metrics[{number}]: wrong") for number in range(MOST_REASONS + 3)]
    (found,) = letters("dead", HERE, [Received(0, b"x")], faults)
    error = dict(found.headers)["error"].decode()
    assert error.startswith("metrics[0]: wrong; metrics[1]: wrong; ")
    assert error.endswith(f"metrics[{MOST_REASONS - 1}]: wrong; and 3 more")
