"""What producers may write: compressed batches, and transactions that end one way or the other."""

import asyncio
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from tests.broker.fleet import Fleet, fleet
from tests.broker.probe import Batch
from tests.broker_helpers import Broker, wait_until

pytestmark = pytest.mark.broker

CODECS = ["gzip", "snappy", "lz4", "zstd"]


async def write(broker: Broker, topic: str, partition: int, values: list[bytes], codec: str, abort: bool) -> None:
    """Compressed by aiokafka, whose codecs are there wherever the worker's are; in a transaction if it is to abort."""
    transaction = {"transactional_id": f"{topic}-{codec}"} if abort else {}
    settings = {"compression_type": codec, "linger_ms": 50, **transaction}
    async with AIOKafkaProducer(bootstrap_servers=broker.bootstrap, **settings) as producer:
        if abort:
            await producer.begin_transaction()
        await asyncio.gather(*[await producer.send(topic, value, partition=partition) for value in values])
        if abort:
            await producer.abort_transaction()


def values(group: Fleet, partition: int) -> list[str]:
    return [value for batch in group.notes(Batch) if batch.partition == partition for value in batch.values]


def test_compressed_batches_are_read(each_broker: Broker, tmp_path: Path) -> None:
    written = [f"{number} of many, worth compressing" for number in range(500)]
    encoded = [value.encode() for value in written]
    with fleet(each_broker, tmp_path, values=True) as group:
        for partition, codec in enumerate(CODECS):
            asyncio.run(write(each_broker, group.telemetry, partition, encoded, codec, abort=False))
        group.probe(0)
        for partition in range(len(CODECS)):
            wait_until(lambda: values(group, partition), lambda found: len(found) >= len(written))  # noqa: B023  # at once
            assert values(group, partition) == written


def test_aborted_records_are_not(broker: Broker, tmp_path: Path) -> None:
    broker.needs("transactions")
    with fleet(broker, tmp_path, values=True, partitions=2) as group:
        broker.produce(group.telemetry, [b"aborted"] * 50, 0, transaction="abort")
        broker.produce(group.telemetry, [b"a"] * 50, 0, transaction="commit")
        for codec in CODECS:
            asyncio.run(write(broker, group.telemetry, 0, [b"aborted"] * 50, codec, abort=True))
        broker.produce(group.telemetry, [b"b"] * 50, 0, transaction="commit")
        broker.produce(group.telemetry, [b"aborted"] * 50, 1, transaction="abort")
        broker.produce(group.telemetry, [b"c"] * 50, 1)
        group.probe(0)
        wait_until(lambda: len(values(group, 0)) + len(values(group, 1)), lambda count: count >= 150)
        broker.produce(group.telemetry, [b"last"], 0)
        wait_until(lambda: values(group, 0), lambda found: "last" in found)
        assert values(group, 0) == ["a"] * 50 + ["b"] * 50 + ["last"]
        assert values(group, 1) == ["c"] * 50
