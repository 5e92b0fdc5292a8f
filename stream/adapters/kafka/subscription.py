"""Outputs as they come, for as long as someone asks; a consumer group commits what was asked beyond."""

import logging
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import suppress

from kafka import KafkaConsumer, OffsetAndMetadata, TopicPartition
from kafka import errors as kafka

from stream.adapters.kafka.connect import open_consumer
from stream.adapters.kafka.credentials import REQUEST_MS
from stream.adapters.kafka.outputs import TOPIC_OF, Kind, read_output
from stream.adapters.kafka.records import POLL_MS, as_record, partitions
from stream.adapters.settings import Settings
from stream.outputs import Output

logger = logging.getLogger(__name__)

JOIN_SECONDS = 30.0
"""How long it may take to become a member of a group; it does not count as waiting for an output."""

_MOVED = (kafka.CommitFailedError, kafka.RebalanceInProgressError, kafka.IllegalGenerationError)


def outputs(
    settings: Settings, kinds: Sequence[Kind], from_beginning: bool, group: str | None, timeout: float | None
) -> Generator[Output | None]:
    """None once it is connected, then outputs, repeats among them.

    Args:
        settings: where.
        kinds: which.
        from_beginning: also those that are there already; with a group only where it has not been.
        group: the consumer group; None reads all by itself.
        timeout: end after so many seconds without one.

    Raises:
        SourceError: no broker answers or lets us in, or a topic is missing.
    """
    topics = [TOPIC_OF[kind].name(settings.prefix) for kind in dict.fromkeys(kinds)]
    reset = "earliest" if from_beginning else "latest"
    session = {"session_timeout_ms": int(settings.session * 1000), "heartbeat_interval_ms": int(settings.session * 300)}
    with open_consumer(settings, group_id=group, auto_offset_reset=reset, **session) as consumer:
        places = [TopicPartition(topic, number) for topic in topics for number in partitions(consumer, topic)]
        if group is None:
            consumer.assign(places)
            (consumer.seek_to_beginning if from_beginning else consumer.seek_to_end)(*places)
            for place in places:
                consumer.position(place, timeout_ms=REQUEST_MS)
        else:
            consumer.subscribe(topics)
        yield None
        yield from _follow(consumer, group is not None, timeout)


def _follow(consumer: KafkaConsumer, grouped: bool, timeout: float | None) -> Generator[Output]:
    heard, joined, anchored = time.monotonic(), not grouped, set[TopicPartition]()
    while timeout is None or time.monotonic() - heard < timeout + (0 if joined else JOIN_SECONDS):
        batches = consumer.poll(timeout_ms=POLL_MS)
        if grouped:
            anchored = _anchor(consumer, anchored, {place: batch[0].offset for place, batch in batches.items()})
            if anchored and not joined:
                heard, joined = time.monotonic(), True
        for place, batch in batches.items():
            for record in batch:
                output = read_output(as_record(record))
                if output is not None:
                    yield output
                    heard = time.monotonic()
                elif record.value is not None:
                    logger.warning(
                        "%s: record %d/%d is no output; skipped", place.topic, place.partition, record.offset
                    )
                if grouped:
                    _commit(consumer, place, record.offset + 1)


def _anchor(
    consumer: KafkaConsumer, anchored: set[TopicPartition], firsts: Mapping[TopicPartition, int]
) -> set[TopicPartition]:
    """Commit where a group begins that has never committed, so that it goes on from there if it ends before it does."""
    assigned: set[TopicPartition] = consumer.assignment()
    for place in assigned - anchored:
        if consumer.committed(place, timeout_ms=REQUEST_MS) is None:
            first = firsts.get(place, consumer.position(place, timeout_ms=REQUEST_MS))
            if first is not None:
                _commit(consumer, place, first)
    return assigned


def _commit(consumer: KafkaConsumer, place: TopicPartition, offset: int) -> None:
    with suppress(*_MOVED):  # the partition is another member's by now, who reads it again
        consumer.commit({place: OffsetAndMetadata(offset, "", -1)}, timeout_ms=REQUEST_MS)
