"""Whole partitions, read by aiokafka outside of the group."""

from collections.abc import AsyncIterator
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from stream.adapters.kafka.credentials import aiokafka_arguments
from stream.adapters.settings import Settings
from stream.adapters.worker.patience import make_patient

POLL_MS = 20
"""Milliseconds between two looks whether the end is reached: at the end no record comes to say so."""
FETCH = 8 << 20
"""Bytes of a partition in one fetch."""


def open_reader(settings: Settings) -> Any:
    """A consumer that belongs to no group and commits nothing."""
    consumer = AIOKafkaConsumer(
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=int(settings.fetch_wait),
        max_partition_fetch_bytes=FETCH,
        **aiokafka_arguments(settings),
    )
    make_patient(consumer._client)
    return consumer


async def read_to_end(consumer: Any, partition: TopicPartition) -> AsyncIterator[list[Any]]:
    """Blocks of records from the consumer's position to the end of the log.

    The end is where a fetch says that it is. The broker's own answer to that question may be wrong (the embedded one's
    is), and the last offset may be a hole or the mark of a transaction.
    """
    while not await is_at_end(consumer, partition):
        found = await consumer.getmany(partition, timeout_ms=POLL_MS)
        if records := found.get(partition):
            yield records


async def is_at_end(consumer: Any, partition: TopicPartition) -> bool:
    """Whether the newest fetch of a partition has shown that nothing follows the consumer's position."""
    end = consumer.highwater(partition)
    return end is not None and await consumer.position(partition) >= end


async def end_of(consumer: Any, partition: TopicPartition) -> int:
    """Where the log of an assigned partition ends; moves the consumer's position."""
    await consumer.seek_to_end(partition)
    while consumer.highwater(partition) is None:
        await consumer.getmany(partition, timeout_ms=POLL_MS)
    return int(consumer.highwater(partition))
