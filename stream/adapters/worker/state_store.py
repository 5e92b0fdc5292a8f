"""Checkpoints in our own compacted topic: restored by reading a partition to its end, written part by part."""

import os
from collections.abc import Mapping
from time import monotonic
from typing import NamedTuple

from aiokafka import TopicPartition

from stream.adapters.worker.layout import Layout
from stream.adapters.worker.log_end import end_of, open_reader, read_to_end
from stream.adapters.worker.outbox import Outbox, Record
from stream.errors import StateError
from stream.observe.checkpoint import Stored, epoch_after, newest, split, thaw, thaw_sources
from stream.observe.observer import Observer

PARTITION = ""
"""The name under which a partition's own record is stored."""


class Frozen(NamedTuple):
    """A partition's checkpoint, before it is stored."""

    offset: int
    """The next message to read."""
    sources: bytes
    """What is known of the sources there."""
    states: Mapping[str, tuple[int, bytes] | None]
    """By rollout, the offset and the bytes of its state; None for one that is forgotten."""

    @property
    def size(self) -> int:
        """Bytes of all states."""
        return sum(len(state[1]) for state in self.states.values() if state is not None)


class _Epoch:
    """One ownership of a partition: the keys that nobody else writes."""

    def __init__(self, former: list[bytes]) -> None:
        self.name = epoch_after(former, os.urandom(6).hex())
        self.former = former
        """Keys of former epochs, to be deleted after the first checkpoint."""
        self.numbers: dict[str, int] = {}
        self.keys: dict[str, set[bytes]] = {}

    def records(self, name: str, offset: int, data: bytes) -> list[tuple[bytes, bytes]]:
        self.numbers[name] = number = self.numbers.get(name, -1) + 1
        parts = split(name, self.name, Stored(offset, number, data))
        self.keys.setdefault(name, set()).update(key for key, _ in parts)
        return parts

    def forget(self, name: str) -> list[bytes]:
        self.numbers.pop(name, None)
        return sorted(self.keys.pop(name, ()))


class StateStore:
    """The states of all partitions of the log that this worker owns.

    Args:
        outbox: where to send.
        layout: the topics.
    """

    def __init__(self, outbox: Outbox, layout: Layout) -> None:
        self._outbox, self._layout = outbox, layout
        self._epochs: dict[int, _Epoch] = {}
        self.seconds = 0.0
        """How long the last restore took."""

    async def restore(self, partition: int) -> Observer:
        """The observer of a partition as it was stored last; all its states count as moved, for the first checkpoint.

        Raises:
            StateError: the states are of another log.
        """
        began = monotonic()
        found, end = await self._read(partition)
        self._epochs[partition] = _Epoch(list(found))
        observer = Observer()
        for name, stored in newest(found.items()).items():
            if name != PARTITION:
                observer.rollouts[name] = thaw(stored.data)
                observer.moved.add(name)
                continue
            if stored.offset > end:
                raise StateError(
                    f"{self._layout.states} was written after message {stored.offset} of {self._layout.partials}, "
                    f"partition {partition}, which ends at {end}: that topic was made anew; make both anew"
                )
            observer.offset, observer.sources = stored.offset - 1, thaw_sources(stored.data)
        self.seconds = monotonic() - began
        return observer

    async def save(self, partition: int, frozen: Frozen) -> None:
        """Store a checkpoint: the states, then the partition's own record, then delete what they replace.

        The first one after `restore` must hold every state.

        Raises:
            KafkaError: something was not acknowledged.
        """
        epoch, topic = self._epochs[partition], self._layout.states
        states = [
            Record(topic, key, value, partition)
            for name, state in frozen.states.items()
            if state is not None
            for key, value in epoch.records(name, *state)
        ]
        await self._outbox.deliver(states)
        own = epoch.records(PARTITION, frozen.offset, frozen.sources)
        await self._outbox.deliver([Record(topic, key, value, partition) for key, value in own])
        old, epoch.former = epoch.former, []
        old += [key for name, state in frozen.states.items() if state is None for key in epoch.forget(name)]
        await self._outbox.deliver([Record(topic, key, None, partition) for key in old])

    async def _read(self, partition: int) -> tuple[dict[bytes, bytes], int]:
        """The newest record of each key, and where the log of partials ends."""
        consumer = open_reader(self._layout.settings)
        await consumer.start()
        try:
            states = TopicPartition(self._layout.states, partition)
            log = TopicPartition(self._layout.partials, partition)
            consumer.assign([states])
            await consumer.seek_to_beginning(states)
            found: dict[bytes, bytes] = {}
            async for records in read_to_end(consumer, states):
                for record in records:
                    if record.value is None:
                        found.pop(record.key, None)
                    else:
                        found[record.key] = record.value
            consumer.assign([log])
            return found, await end_of(consumer, log)
        finally:
            await consumer.stop()
