"""Every worker's copy of the registry: all rollouts, read to the end before anything is fed, then followed."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from aiokafka import TopicPartition

from stream.adapters.settings import Settings
from stream.adapters.topics import ROLLOUTS
from stream.adapters.worker.log_end import is_at_end, open_reader
from stream.condense.due import DueTimes
from stream.condense.series import Index
from stream.condense.source_log import Known
from stream.errors import PolicyError
from stream.registry import Registration, read_registration
from stream.rollout import Rollout

logger = logging.getLogger(__name__)
POLL_MS = 500


class Change(NamedTuple):
    """The registry, after some of its records."""

    known: Known
    new: Sequence[Rollout]
    """Rollouts that were not fed before."""
    due: DueTimes
    """When their panes fall due."""


class RegistryFollower:
    """Reads the registry by itself, outside the consumer group: every worker has all of it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.ready = asyncio.Event()
        """Set once the registry was read to its end."""
        self.change = Change(Known(Index([]), -1), [], DueTimes([]))
        """The registry as it is."""
        self.on_change: Callable[[Change], None] = lambda _: None
        """Called when it changes, once it is ready."""
        self._live: dict[str, Rollout] = {}
        self._offset = -1

    async def run(self) -> None:
        """Read on for ever.

        Raises:
            KafkaError: the registry cannot be read.
        """
        consumer = open_reader(self._settings)
        await consumer.start()
        try:
            await self._read(consumer, TopicPartition(ROLLOUTS.name(self._settings.prefix), 0))
        finally:
            await consumer.stop()

    async def _read(self, consumer: Any, partition: TopicPartition) -> None:
        consumer.assign([partition])
        await consumer.seek_to_beginning(partition)
        while True:
            if not self.ready.is_set() and await is_at_end(consumer, partition):
                self._tell()
                self.ready.set()
            found = await consumer.getmany(partition, timeout_ms=POLL_MS)
            records = found.get(partition, [])
            for record in records:
                self._take(record.offset, record.key, record.value)
            if records and self.ready.is_set():
                self._tell()

    def _take(self, offset: int, key: bytes | None, value: bytes | None) -> None:
        self._offset = offset
        if value is None:
            self._live.pop((key or b"").decode("utf-8", "replace"), None)
            return
        try:
            found = read_registration(key, value)
        except PolicyError as error:
            logger.error("record %d of the registry is wrong: %s", offset, error)
            return
        self._feed(found)

    def _feed(self, found: Registration) -> None:
        if found.verdict is None:
            self._live[found.rollout.id] = found.rollout
        else:
            self._live.pop(found.rollout.id, None)

    def _tell(self) -> None:
        before = {rollout.id for rollout in self.change.known.index.rollouts}
        live = list(self._live.values())
        new = [rollout for rollout in live if rollout.id not in before]
        self.change = Change(Known(Index(live), self._offset), new, DueTimes(live))
        self.on_change(self.change)
