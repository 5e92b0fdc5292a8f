"""Records of Kafka as the batches hold them."""

from collections.abc import Sequence
from typing import Any, Protocol


class Record(Protocol):
    """One record of a topic, as aiokafka unpacks it."""

    @property
    def offset(self) -> int:
        """Its place in the partition's log."""

    @property
    def timestamp(self) -> int | None:
        """Milliseconds UTC, of the producer or of the broker, as the topic is set; None before format 1."""

    @property
    def key(self) -> bytes | None:
        """None where the producer gave none."""

    @property
    def value(self) -> bytes | None:
        """None is a tombstone."""

    @property
    def headers(self) -> Sequence[tuple[str, bytes | None]]:
        """In the producer's order; a name may come twice."""


def leave_raw(partition_records: Any) -> None:
    """Let aiokafka hand out its own records of one fetch, not a `ConsumerRecord` around each.

    That is more than half of what aiokafka spends on a record. The fetch must not have been read from yet.
    """
    partition_records._consumer_record = _as_it_is


def _as_it_is(_partition: object, record: Record) -> Record:
    return record
