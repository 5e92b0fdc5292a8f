"""Records of topics: read whole, read from their end backwards, followed; and one record written.

The end of a partition is where its end was when it was asked for, reached by the consumer's position: the last
offsets may be holes or control records, so that no last record is waited for. What comes with the fetch that reaches
the end is read too: the embedded broker puts the end behind the first record of the last batch.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from stream.adapters.kafka.connect import open_consumer, open_producer
from stream.adapters.settings import Settings
from stream.errors import SourceError

FIRST_WINDOW = 500
"""Records of a partition in the first look back; each further look is four times as long."""
PATIENCE_MS = 20_000
"""Milliseconds for which nobody may answer for a partition: a cluster takes half of that to replace a dead broker."""
LOOK_SECONDS = 10.0
"""How long nothing may come before it is looked whether somebody still answers."""
POLL_MS = 200

ALL = 1 << 62
"""More than there are."""

Places = dict[TopicPartition, int]
"""An offset for each partition."""


class Record(NamedTuple):
    """A record as it was read."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    """Milliseconds UTC, of the producer or of the broker."""
    key: bytes | None
    value: bytes | None
    """None for a tombstone."""


class Reader:
    """Reads the committed records of a cluster's topics; made by `open_reader`."""

    def __init__(self, settings: Settings, consumer: KafkaConsumer) -> None:
        self._settings, self._consumer = settings, consumer

    def whole(self, topic: str, since_ms: int = 0) -> list[Record]:
        """All records of a topic up to its present end, in the order of each partition.

        Args:
            topic: its name.
            since_ms: records with an earlier timestamp need not be among them.

        Raises:
            SourceError: the topic is missing, or the broker no longer answers.
        """
        ends = self.ends(topic)
        return list(self._range(self._since(ends, since_ms), ends, {}))

    def backwards(self, topic: str, since_ms: int) -> Iterator[list[Record]]:
        """The records of a topic in windows, the newest window first, each in the order of its partitions.

        Args:
            topic: its name.
            since_ms: records with an earlier timestamp need not be among them.

        Raises:
            SourceError: as `whole` does.
        """
        uppers, read = self.ends(topic), Places()
        begins = self._since(uppers, since_ms)
        size = FIRST_WINDOW
        while any(uppers[place] > begin for place, begin in begins.items()):
            lowers = {place: min(upper, max(begins[place], upper - size)) for place, upper in uppers.items()}
            yield list(self._range(lowers, uppers, read))
            uppers = read = lowers
            size *= 4

    def ends(self, *topics: str) -> Places:
        """The present end of each partition.

        Raises:
            SourceError: a topic is missing.
        """
        places = [TopicPartition(topic, number) for topic in topics for number in partitions(self._consumer, topic)]
        ends: Places = self._consumer.end_offsets(places, timeout_ms=PATIENCE_MS)
        return ends

    def follow(self, starts: Places, seconds: float) -> Iterator[Record | None]:
        """Records from the given places on, as they come, until the time is over; None now and then while none comes.

        Raises:
            SourceError: the broker no longer answers.
        """
        deadline = time.monotonic() + seconds
        self._assign(starts)
        heard = time.monotonic()
        while (left := deadline - time.monotonic()) > 0:
            batches = self._consumer.poll(timeout_ms=max(1, min(POLL_MS, int(left * 1000)))).values()
            for batch in batches:
                yield from map(as_record, batch)
            if batches:
                heard = time.monotonic()
                continue
            if time.monotonic() - heard > LOOK_SECONDS:
                self._consumer.end_offsets(list(starts), timeout_ms=PATIENCE_MS)  # fails where nobody answers any more
                heard = time.monotonic()
            yield None

    def _since(self, ends: Places, since_ms: int) -> Places:
        """Where to begin; a broker that does not find times gives the beginning."""
        begins: Places = self._consumer.beginning_offsets(list(ends), timeout_ms=PATIENCE_MS)
        if since_ms <= 0:
            return begins
        found = self._consumer.offsets_for_times(dict.fromkeys(ends, since_ms), timeout_ms=PATIENCE_MS)
        return {
            place: end if found.get(place) is None else max(begins[place], found[place].offset)
            for place, end in ends.items()
        }

    def _assign(self, starts: Places) -> None:
        self._consumer.assign(list(starts))
        self._consumer.resume(*starts)
        for place, start in starts.items():
            self._consumer.seek(place, start)

    def _range(self, starts: Places, ends: Places, read: Places) -> Iterator[Record]:
        """The records from the starts to the ends; of those that come beyond, what is not read yet."""
        open_ = {place: start for place, start in starts.items() if start < ends[place]}
        if not open_:
            return
        self._assign(open_)
        moved = time.monotonic()
        while open_:
            for place, batch in self._consumer.poll(timeout_ms=POLL_MS, max_records=ALL).items():
                known = read.get(place, ALL)
                yield from (as_record(record) for record in batch if record.offset < known)
            for place, before in list(open_.items()):
                position = self._consumer.position(place)
                if position != before:
                    open_[place], moved = position, time.monotonic()
                if position >= ends[place]:
                    del open_[place]
                    self._consumer.pause(place)
            if open_ and time.monotonic() - moved > PATIENCE_MS / 1000:
                place = next(iter(open_))
                raise SourceError(
                    f"{place.topic}: the broker at {', '.join(self._settings.brokers)} gives nothing of partition"
                    f" {place.partition} from {open_[place]} on; is its leader there?"
                )


@contextmanager
def open_reader(settings: Settings) -> Iterator[Reader]:
    """A reader, closed at the end.

    Raises:
        SourceError: no broker answers or lets us in.
    """
    with open_consumer(settings) as consumer:
        yield Reader(settings, consumer)


def write(settings: Settings, topic: str, records: Iterable[tuple[bytes, bytes | None]]) -> None:
    """Write records by key and value, and wait until all replicas in sync have them.

    Raises:
        SourceError: no broker answers or lets us in, or it does not take one.
    """
    with open_producer(settings) as producer:
        for future in [producer.send(topic, value, key=key) for key, value in records]:
            future.get(PATIENCE_MS / 1000)


def partitions(consumer: KafkaConsumer, topic: str) -> Sequence[int]:
    """The numbers of a topic's partitions.

    Raises:
        SourceError: there is no such topic.
    """
    try:
        found = consumer.partitions_for_topic(topic)
    except KafkaError:  # asked a broker that just froze; by now there is another one to ask
        found = consumer.partitions_for_topic(topic)
    if not found:
        raise SourceError(f"{topic}: there is no such topic; run `canary topics create`, or mend CANARY_PREFIX")
    return sorted(found)


def as_record(record: Any) -> Record:
    """A record of kafka-python as ours."""
    return Record(record.topic, record.partition, record.offset, record.timestamp, record.key, record.value)
