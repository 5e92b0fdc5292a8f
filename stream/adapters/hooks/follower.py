"""Every runner's copy of the record: the topic of actions, read to its end before anything is called, then followed."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import TopicPartition

from stream.adapters.settings import Settings
from stream.adapters.topics import ACTIONS
from stream.adapters.worker.log_end import is_at_end, open_reader
from stream.errors import SourceError
from stream.hooks.book import Book

logger = logging.getLogger(__name__)
POLL_MS = 200


class Follower:
    """Reads the topic of actions by itself, outside the consumer group: every runner has all of it.

    Args:
        settings: where.
        partitions: how many the topic has.
    """

    def __init__(self, settings: Settings, partitions: int) -> None:
        self._settings = settings
        topic = ACTIONS.name(settings.prefix)
        self._positions = {TopicPartition(topic, number): 0 for number in range(partitions)}
        self.book = Book()
        """What is on record."""
        self.ready = asyncio.Event()
        """Set once all was read to its end."""
        self.on_switch: Callable[[], None] = lambda: None
        """Called when the kill switch is thrown."""

    async def run(self) -> None:
        """Read on for ever.

        Raises:
            KafkaError: the topic cannot be read.
            SourceError: the topic has been given more partitions.
        """
        await self.catch_up()
        self.ready.set()
        async with _reader(self._settings, self._positions) as consumer:
            while True:
                await self._poll(consumer)
                now = consumer.partitions_for_topic(next(iter(self._positions)).topic)
                if now and len(now) > len(self._positions):
                    raise SourceError("the topic of actions has more partitions than before; started anew to read them")

    async def catch_up(self) -> None:
        """Read up to where the topic ends by now.

        What another runner has recorded before it gave up a partition is known then.

        Raises:
            KafkaError: the topic cannot be read.
        """
        async with _reader(self._settings, self._positions) as consumer:
            while not await _all_at_end(consumer, list(self._positions)):
                await self._poll(consumer)

    async def _poll(self, consumer: Any) -> None:
        for partition, records in (await consumer.getmany(timeout_ms=POLL_MS)).items():
            before = self.book.thrown
            for record in records:
                self._positions[partition] = max(self._positions[partition], record.offset + 1)
                if record.value is not None and not self.book.read(record.value, record.timestamp, record.offset):
                    logger.debug("record %d/%d of the actions is none", partition.partition, record.offset)
            if self.book.thrown is not before:
                self.on_switch()


@asynccontextmanager
async def _reader(settings: Settings, positions: Mapping[TopicPartition, int]) -> AsyncIterator[Any]:
    """A consumer that goes on at given positions."""
    consumer = open_reader(settings)
    await consumer.start()
    try:
        consumer.assign(list(positions))
        for partition, position in positions.items():
            consumer.seek(partition, position)
        yield consumer
    finally:
        await consumer.stop()


async def _all_at_end(consumer: Any, partitions: Sequence[TopicPartition]) -> bool:
    for partition in partitions:
        if not await is_at_end(consumer, partition):
            return False
    return True
