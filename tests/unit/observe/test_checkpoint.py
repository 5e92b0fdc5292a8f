"""Checkpoints as records of a compacted topic: one complete one is always there, and the furthest wins."""

from collections.abc import Iterator
from functools import cache

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.codec import dump
from stream.errors import StateError
from stream.observe import checkpoint
from stream.observe.checkpoint import Stored, epoch_after, freeze, freeze_sources, newest, split, thaw, thaw_sources
from stream.observe.held import Held, retired
from stream.observe.sources import Sources
from stream.partial import ChunkEnd, SourceTime
from stream.plan import Plan
from tests.core_helpers import SECOND
from tests.log_helpers import CPU, LATENCY, T0, Cut, Reader, decoded, log_of, rollout_of, write

SMALL = 10


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "PART", SMALL)
        yield


def records(name: str, epoch: str, *stored: Stored) -> dict[bytes, bytes]:
    topic: dict[bytes, bytes] = {}
    for one in stored:
        write(topic, split(name, epoch, one))
    return topic


@pytest.mark.parametrize("size", [0, 1, SMALL - 1, SMALL, SMALL + 1, 7 * SMALL])
def test_parts_and_back(size: int) -> None:
    stored = Stored(7, 3, bytes(range(size)))
    parts = split("shop-1", "e", stored)
    assert len(parts) == max(1, -(-size // SMALL))
    assert [key for key, _ in parts] == [f"shop-1@e/1/{index}".encode() for index in range(len(parts))]
    assert newest(parts) == {"shop-1": stored}
    assert newest(reversed(parts)) == {"shop-1": stored}


def test_names_epochs_and_the_partition_lie_apart() -> None:
    topic: dict[bytes, bytes] = {}
    wanted = {"": Stored(9, 0, b"partition"), "a": Stored(7, 0, b"x" * 25), "a-2": Stored(8, 1, b"y" * 31)}
    for name, stored in wanted.items():
        write(topic, split(name, "epoch", stored))
    assert newest(topic.items()) == wanted
    assert newest([]) == {}


@pytest.mark.parametrize("before", [(3, 0), (30, 1)])
@pytest.mark.parametrize("size", [5, 25, 55])
@pytest.mark.parametrize("written", range(4))
def test_a_checkpoint_that_was_torn_does_not_count(before: tuple[int, int], size: int, written: int) -> None:
    """Whatever lies in its slot; the one before is in the other slot."""
    older, last = Stored(1, 0, b"a" * before[0]), Stored(2, 1, b"b" * 20)
    torn = Stored(3, 2, b"c" * size)
    topic = records("r", "e", older, last)
    parts = split("r", "e", torn)
    write(topic, parts[:written])
    assert newest(topic.items()) == {"r": torn if written >= len(parts) else last}


def test_a_shorter_checkpoint_leaves_parts_of_a_longer_one() -> None:
    topic = records("r", "e", Stored(1, 0, b"a" * 45), Stored(2, 1, b"b" * 45), Stored(3, 2, b"c" * 5))
    assert len(topic) == 10
    assert newest(topic.items()) == {"r": Stored(3, 2, b"c" * 5)}


def test_the_furthest_wins_whoever_wrote_last() -> None:
    """A former owner that was stalled writes an older state after the present one's."""
    topic = records("r", "new", Stored(90, 0, b"new"))
    write(topic, split("r", "old", Stored(80, 44, b"old")))
    assert newest(topic.items()) == {"r": Stored(90, 0, b"new")}
    write(topic, split("r", "new", Stored(90, 1, b"newer")))
    assert newest(topic.items()) == {"r": Stored(90, 1, b"newer")}


def test_of_the_partition_the_newest_epoch_wins() -> None:
    """A stalled owner was further, but what it wrote of the rollouts may be deleted."""
    topic = records("", "9-b", Stored(50, 0, b"first"), Stored(60, 1, b"present"))
    write(topic, split("", "8-a", Stored(90, 7, b"stalled")))
    write(topic, split("", "00ff12cd34ab", Stored(99, 7, b"unnumbered")))
    write(topic, split("", "9-a", Stored(55, 7, b"both began at once")))
    write(topic, split("", "10-c", Stored(70, 0, b"torn, of three parts"))[:1])
    assert newest(topic.items()) == {"": Stored(60, 1, b"present")}
    write(topic, split("", "9-a", Stored(65, 9, b"both at once")))
    assert newest(topic.items()) == {"": Stored(65, 9, b"both at once")}


def test_an_epoch_is_newer_than_all_that_are_seen() -> None:
    names = ["one"]
    for number in range(12):
        topic = records("shop-1", names[-1], Stored(1, number, b"x" * 15))
        names.append(epoch_after([*topic, b"\xff", b"r@7/0/0", b"@-1-a/0/0", b"@1e9-a/0/0"], "chance"))
    assert names[1:] == [f"{number}-chance" for number in range(1, 13)]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (b"\xff\xfe@e/0/0", b"x"),
        (b"r@e/0/zero", msgspec.msgpack.encode([2, 99, 0, 1, b"x"])),
        (b"r@e/0/0", b"\xc1"),
        (b"r@e/0/0", b""),
        (b"r@e/0/0", msgspec.msgpack.encode([2, 99, 0])),
        (b"r@e/0/0", msgspec.msgpack.encode({"number": 2})),
        (b"other", b"oops"),
        (b"", b""),
    ],
)
def test_records_that_are_none_of_ours_are_passed_over(key: bytes, value: bytes) -> None:
    topic = records("r", "e", Stored(2, 1, b"b" * 20))
    assert newest([*topic.items(), (key, value)]) == {"r": Stored(2, 1, b"b" * 20)}


def running() -> Held:
    """A rollout in the middle of its life."""
    reader = Reader()
    for message in log_of(Cut(seed=3, chunk=40, flush=10))[:140]:
        reader.take(decoded(message))
    return reader.observer.rollouts["tired"]


@cache
def frozen() -> bytes:
    return freeze(running())


def test_a_rollout_comes_back_as_it_was() -> None:
    before = running()
    assert before.state.sequence > 0
    after = thaw(freeze(before))
    assert (after.offset, after.registered, after.ended, after.due) == (
        before.offset,
        before.registered,
        before.ended,
        before.due,
    )
    assert after.plan.rollout == before.plan.rollout
    assert dump(after.state) == dump(before.state)
    assert freeze(after) == freeze(before) == frozen()
    assert before.state.sources


def test_an_ended_rollout_is_small() -> None:
    before = thaw(frozen())
    before.ended, before.state.final = T0 + SECOND, True
    before.state = retired(before.state)
    data = freeze(before)
    assert len(data) < 1_500
    after = thaw(data)
    assert (after.ended, after.state.final, after.state.sequence) == (T0 + SECOND, True, before.state.sequence)


def damage(data: bytes, state: bytes) -> bytes:
    """The same head with another state."""
    head = msgspec.msgpack.decode(data)
    return msgspec.msgpack.encode([*head[:-1], state])


NEWER = b"canary-state\xff"


@pytest.mark.parametrize("state", [NEWER, b"", b"oops", NEWER[:-1], b"canary-state\x01x", None], ids=repr)
def test_a_state_that_cannot_be_read_begins_anew_as_a_failure(state: bytes | None) -> None:
    before = thaw(frozen())
    state = dump(before.state)[:-9] if state is None else state
    after = thaw(damage(freeze(before), state))
    assert (after.offset, after.registered, after.due) == (before.offset, before.registered, before.due)
    assert (after.state.begun, after.state.next) == (before.state.begun, before.state.next)
    assert after.state.sequence == before.state.sequence > 0
    assert after.state.sources.keys() == before.state.sources.keys()
    assert after.state.failed is not None
    assert after.state.failed.startswith("The stored state cannot be read (")
    assert after.state.failed.endswith("): start the rollout anew.")
    assert not after.state.final


def test_an_ended_rollout_whose_state_cannot_be_read_stays_ended() -> None:
    before = thaw(frozen())
    before.ended = T0
    after = thaw(damage(freeze(before), NEWER))
    assert (after.ended, after.state.final) == (T0, True)


@given(st.integers(0, 10_000), st.binary(min_size=1, max_size=4))
def test_damaged_bytes_are_an_error_of_one_line_or_a_rollout(at: int, piece: bytes) -> None:
    data = frozen()
    at %= len(data)
    found = thawed(data[:at] + piece + data[at + len(piece) :])
    assert isinstance(found, Held) or len(found.splitlines()) == 1
    assert isinstance(thawed(data[:at]), str)


def thawed(data: bytes) -> Held | str:
    try:
        return thaw(data)
    except StateError as error:
        return str(error)


def test_what_is_known_of_sources_comes_back_as_it_was() -> None:
    sources = Sources()
    sources.know(["c"])
    sources.tell(SourceTime("a", 5))
    for number in range(3):
        sources.end(ChunkEnd("a", number, number + 1, 10 * number, number))
    sources.drop("r")
    assert thaw_sources(freeze_sources(sources)) == sources
    for wrong in (b"", b"\xc1", b"oops", freeze_sources(sources)[:-3], msgspec.msgpack.encode({"clocks": 7})):
        with pytest.raises(StateError, match="delete its record"):
            thaw_sources(wrong)


def test_when_the_next_pane_is_due() -> None:
    plan = Plan.of(rollout_of("r", LATENCY, CPU))
    fresh = Held(plan, thaw(frozen()).state, 0, 0)
    fresh.state.next = T0 // SECOND + 4
    fresh.look_ahead()
    assert fresh.due == T0 + 5 * SECOND + SECOND, "its end and the lateness"
    fresh.state.next = None
    fresh.look_ahead()
    assert fresh.due == T0 + 2 * SECOND, "the first pane is where `from` says"
    endless = Plan.of(msgspec.structs.replace(plan.rollout, from_=None))
    assert Held(endless, fresh.state, 0, 0).due == 0
