"""What producers may write: compressed batches, and transactions that end one way or the other."""

from pathlib import Path

import pytest

from tests.broker.fleet import Fleet, fleet
from tests.broker.probe import Batch
from tests.broker_helpers import Broker, wait_until

pytestmark = pytest.mark.broker

CODECS = ["gzip", "snappy", "lz4", "zstd"]


def values(group: Fleet, partition: int) -> list[str]:
    return [value for batch in group.notes(Batch) if batch.partition == partition for value in batch.values]


def test_compressed_batches_are_read(each_broker: Broker, tmp_path: Path) -> None:
    written = [f"{number} of many, worth compressing" for number in range(500)]
    with fleet(each_broker, tmp_path, values=True) as group:
        for partition, codec in enumerate(CODECS):
            records = [value.encode() for value in written]
            each_broker.produce(group.telemetry, records, partition, compression_type=codec, linger_ms=50)
        group.probe(0)
        for partition in range(len(CODECS)):
            wait_until(lambda: values(group, partition), lambda found: len(found) >= len(written))  # noqa: B023  # at once
            assert values(group, partition) == written


def test_aborted_records_are_not(broker: Broker, tmp_path: Path) -> None:
    broker.needs("transactions")
    with fleet(broker, tmp_path, values=True, partitions=2) as group:
        broker.produce(group.telemetry, [b"aborted"] * 50, 0, transaction="abort")
        broker.produce(group.telemetry, [b"a"] * 50, 0, transaction="commit")
        broker.produce(group.telemetry, [b"aborted"] * 50, 0, transaction="abort", compression_type="zstd")
        broker.produce(group.telemetry, [b"b"] * 50, 0, transaction="commit", compression_type="lz4")
        broker.produce(group.telemetry, [b"aborted"] * 50, 1, transaction="abort")
        broker.produce(group.telemetry, [b"c"] * 50, 1)
        group.probe(0)
        wait_until(lambda: len(values(group, 0)) + len(values(group, 1)), lambda count: count >= 150)
        broker.produce(group.telemetry, [b"last"], 0)
        wait_until(lambda: values(group, 0), lambda found: "last" in found)
        assert values(group, 0) == ["a"] * 50 + ["b"] * 50 + ["last"]
        assert values(group, 1) == ["c"] * 50
