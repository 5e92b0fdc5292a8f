"""States of a partition of the log as records of a compacted topic, and back.

A key is `rollout@epoch/slot/index`. Every restart is an *epoch* with keys of its own, so that compaction cannot keep
the record of a former owner that was stalled instead of the present owner's. Checkpoints of a rollout take two *slots*
in turn, and each record says how many there are, so that one complete checkpoint always exists. The partition's own
record has no rollout in its key. Of complete checkpoints the one that is furthest in the log wins; of the partition's,
the one of the newest epoch, because a former owner may write its own while the present one deletes that owner's states.
"""

from collections.abc import Iterable
from typing import NamedTuple

import msgspec
from msgspec import Struct

from stream.codec import dump, load
from stream.errors import StateError
from stream.monitor import start
from stream.observe.held import Held
from stream.observe.sources import Sources
from stream.partial import Registered
from stream.plan import Plan
from stream.state import State
from stream.wire import decoder, encode_json

PART = 900_000
"""Bytes of a state in one record."""
UNREADABLE = "The stored state cannot be read ({error}): start the rollout anew."


class Part(Struct, array_like=True, frozen=True):
    """A record's value."""

    number: int
    """The number of the checkpoint of this rollout in this epoch."""
    offset: int
    """The newest message of the log that is in it; of a partition the next one to read."""
    index: int
    """Which part this is."""
    count: int
    """How many there are."""
    data: bytes
    """A piece of the whole."""


class Stored(NamedTuple):
    """A complete checkpoint."""

    offset: int
    number: int
    data: bytes


class _Head(Struct, array_like=True):
    """A rollout with its state."""

    rollout: bytes
    registered: int
    offset: int
    ended: int | None
    begun: int | None
    next: int | None
    sequence: int
    sources: list[str]
    state: bytes


def split(name: str, epoch: str, stored: Stored) -> list[tuple[bytes, bytes]]:
    """The records of a checkpoint; `name` is the rollout's id, empty for the partition's own record.

    >>> [(key, len(value)) for key, value in split("shop-1", "e", Stored(7, 3, bytes(1_000_000)))]
    [(b'shop-1@e/1/0', 900010), (b'shop-1@e/1/1', 100010)]
    """
    pieces = [stored.data[at : at + PART] for at in range(0, len(stored.data), PART)] or [b""]
    parts = [Part(stored.number, stored.offset, i, len(pieces), piece) for i, piece in enumerate(pieces)]
    slot = stored.number % 2
    return [(f"{name}@{epoch}/{slot}/{part.index}".encode(), msgspec.msgpack.encode(part)) for part in parts]


def newest(records: Iterable[tuple[bytes, bytes]]) -> dict[str, Stored]:
    """The furthest complete checkpoint of each rollout, and of the partition under the empty name.

    Args:
        records: the newest record of each key.
    """
    found: dict[tuple[str, str], dict[int, Part]] = {}
    for key, value in records:
        try:
            place, _, index = key.decode().rpartition("/")
            found.setdefault((place.partition("@")[0], place), {})[int(index)] = _part(value)
        except (msgspec.MsgspecError, ValueError):
            continue
    best: dict[str, tuple[int, Stored]] = {}
    for (name, place), parts in found.items():
        stored = _joined(parts)
        if stored is not None:
            turn = 0 if name else _turn(place.partition("@")[2])
            best[name] = max(best.get(name, (turn, stored)), (turn, stored))
    return {name: stored for name, (_, stored) in best.items()}


def epoch_after(keys: Iterable[bytes], chance: str) -> str:
    """A name for a new epoch, newer than those of these keys; `chance` tells it from others that begin meanwhile.

    >>> epoch_after([], "f0"), epoch_after([b"shop-1@1-f0/0/0", b"@9-ab/1/0", b"strange"], "cd")
    ('1-f0', '10-cd')
    """
    turns = (_turn(key.decode("utf-8", "replace").partition("@")[2]) for key in keys)
    return f"{1 + max(turns, default=0)}-{chance}"


def _turn(epoch: str) -> int:
    """The number of an epoch, of its name and what follows it; 0 where there is none."""
    number = epoch.partition("-")[0]
    return int(number) if number.isdecimal() and len(number) < 10 else 0


def freeze(held: Held) -> bytes:
    """A rollout and its state as bytes."""
    state = held.state
    rollout, sources = encode_json(Registered(held.plan.rollout, held.registered)), list(state.sources)
    progress = state.begun, state.next, state.sequence
    head = _Head(rollout, held.registered, held.offset, held.ended, *progress, sources, dump(state))
    return msgspec.msgpack.encode(head)


def thaw(data: bytes) -> Held:
    """Back from bytes. A state that this code cannot read begins anew, as a failure that is told at the next pane.

    Raises:
        StateError: not even its rollout can be read.
    """
    try:
        head = msgspec.msgpack.decode(data, type=_Head)
        rollout = _rollout(head.rollout).rollout
    except _WRONG as error:
        raise StateError(f"a checkpoint is damaged: {error}; delete its record") from None
    plan = Plan.of(rollout)
    try:
        state = load(head.state)
    except StateError as error:
        state = _anew(plan, head, str(error))
    return Held(plan, state, head.offset, head.registered, head.ended)


def freeze_sources(sources: Sources) -> bytes:
    """What is known of the sources, as bytes."""
    return msgspec.msgpack.encode(sources)


def thaw_sources(data: bytes) -> Sources:
    """Back from bytes.

    Raises:
        StateError: this code cannot read them.
    """
    try:
        return msgspec.msgpack.decode(data, type=Sources)
    except _WRONG as error:
        raise StateError(f"the checkpoint of a partition is damaged: {error}; delete its record") from None


def _anew(plan: Plan, head: _Head, error: str) -> State:
    state = start(plan, head.sources)
    state.begun, state.next, state.sequence = head.begun, head.next, head.sequence
    state.failed, state.final = UNREADABLE.format(error=error), head.ended is not None
    return state


def _joined(parts: dict[int, Part]) -> Stored | None:
    first = parts.get(0)
    if first is None:
        return None
    whole = [parts.get(index) for index in range(first.count)]
    if any(part is None or part.number != first.number for part in whole):
        return None
    return Stored(first.offset, first.number, b"".join(part.data for part in whole if part is not None))


_WRONG = (msgspec.MsgspecError, UnicodeDecodeError)
_part = msgspec.msgpack.Decoder(Part).decode
_rollout = decoder(Registered).decode
