"""What a worker sends: raw records, each with a future that its acknowledgement resolves."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from aiokafka.partitioner import murmur2

Future = asyncio.Future[Any]


class Record(NamedTuple):
    """One record to send."""

    topic: str
    key: bytes | None
    value: bytes | None
    partition: int | None = None
    headers: Sequence[tuple[str, bytes]] = ()


class Sender(Protocol):
    """Faust's producer, as far as it is used."""

    async def send(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        partition: int | None,
        timestamp: float | None,
        headers: Any,
    ) -> Future:
        """Put a record into the producer's buffer; wait for room there."""
        ...


class Outbox:
    """Sends by an app's producer, which exists once the app has started."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def send(self, record: Record) -> Future:
        """Send; the future is done when all in-sync replicas have the record, or holds the error.

        A worker that ends sends nothing more: the call waits for the end, as the producer may be gone before the tasks.
        """
        if self._app.should_stop:
            await asyncio.get_running_loop().create_future()
        producer: Sender = self._app.producer
        headers = [*record.headers] or None
        return await producer.send(record.topic, record.key, record.value, record.partition, None, headers)

    async def deliver(self, records: Sequence[Record]) -> None:
        """Send, and wait until all are acknowledged.

        Raises:
            KafkaError: one was not.
        """
        if records:
            await asyncio.gather(*[await self.send(record) for record in records])


def partition_of(key: str, partitions: int) -> int:
    """The partition that every Kafka client gives a key.

    >>> partition_of("shop-1", 12)
    2
    """
    return int(murmur2(key.encode()) & 0x7FFFFFFF) % partitions


def headers_of(fields: Mapping[str, str]) -> tuple[tuple[str, bytes], ...]:
    """Headers of a record."""
    return tuple((name, text.encode()) for name, text in fields.items())
