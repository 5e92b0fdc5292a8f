"""The topics of a run: made as `canary topics create` makes them, written by hand, and read back."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from kafka import TopicPartition

from benchmarks.chaos.traffic import PARTITIONS
from stream.adapters.kafka.admin import create
from stream.adapters.settings import Settings
from stream.adapters.topics import ALERTS, DIVERGENCES, ROLLOUTS, SCORES, TELEMETRY, VERDICTS
from stream.registry import Registration, write_registration
from tests.broker_helpers import Broker, Incoming, Outgoing

OUTPUTS = (DIVERGENCES, ALERTS, SCORES, VERDICTS)
APPENDED = {"message.timestamp.type": "LogAppendTime"}


def make(broker: Broker, environment: Mapping[str, str]) -> None:
    """All topics; outputs carry the time at which they became visible."""
    settings = Settings.read(environment)
    broker.create(TELEMETRY.name(settings.prefix), PARTITIONS, **TELEMETRY.config)
    for topic in OUTPUTS:
        broker.create(topic.name(settings.prefix), topic.partitions, **topic.config, **APPENDED)
    create(settings)


def register(broker: Broker, prefix: str, registrations: Sequence[Registration]) -> None:
    """Write records of the registry."""
    records = [Outgoing(write_registration(one), one.rollout.id.encode()) for one in registrations]
    broker.produce(ROLLOUTS.name(prefix), records, partition=0, request_timeout_ms=5_000, reconnect_backoff_max_ms=500)


class Outlet:
    """Reads the outputs as they come, those of all topics."""

    def __init__(self, consumer: Any, prefix: str) -> None:
        self._consumer = consumer
        self._places = [
            TopicPartition(topic.name(prefix), number) for topic in OUTPUTS for number in range(topic.partitions)
        ]
        consumer.assign(self._places)
        consumer.seek_to_beginning(*self._places)
        self.found: list[tuple[str, Incoming]] = []
        """By topic, in the order of each partition."""

    def read_until(self, holds: Callable[[], bool], seconds: float, tend: Callable[[], None]) -> bool:
        """Read on until something holds; False if it does not within the time. `tend` is called meanwhile."""
        deadline = time.monotonic() + seconds
        while not holds():
            if time.monotonic() > deadline:
                return False
            self._poll()
            tend()
        return True

    def read_out(self) -> None:
        """Read to the present ends."""
        ends = self._consumer.end_offsets(self._places)
        while any(self._consumer.position(place) < end for place, end in ends.items()):
            self._poll()

    def _poll(self) -> None:
        for place, records in self._consumer.poll(timeout_ms=200).items():
            for one in records:
                incoming = Incoming(place.partition, one.offset, one.timestamp, one.key, one.value, dict(one.headers))
                self.found.append((place.topic, incoming))


@contextmanager
def outlet(broker: Broker, prefix: str) -> Iterator[Outlet]:
    """An outlet of a run."""
    with broker.consumer() as consumer:
        yield Outlet(consumer, prefix)
