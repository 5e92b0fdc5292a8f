"""Probes of the transport that share a group, and what they noted down."""

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from kafka import KafkaProducer, TopicPartition

from tests.broker.probe import Batch, Note, Orders
from tests.broker_helpers import Broker
from tests.worker_helpers import Worker

N = TypeVar("N", bound=Note)


class Probe(Worker):
    """A probe as a process that can be ended, killed and frozen."""

    def __init__(self, orders: Orders, log: Path) -> None:
        super().__init__(os.environ, log)
        self.orders = orders
        self._command = [sys.executable, "-m", "tests.broker.probe", msgspec.json.encode(orders).decode()]

    def notes(self, kind: type[N]) -> list[N]:
        """What it noted down so far, over all its starts."""
        path = Path(self.orders.log)
        lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
        found = (msgspec.json.decode(line, type=Note) for line in lines if line.endswith(b"\n"))
        return [note for note in found if isinstance(note, kind)]


class Fleet:
    """Topics of its own, probes of one group, a producer."""

    def __init__(self, broker: Broker, path: Path, stack: ExitStack, **orders: Any) -> None:
        self.broker, self.path, self._stack, self._orders = broker, path, stack, orders
        self.prefix = broker.fresh_prefix()
        self.telemetry = broker.create(f"{self.prefix}.telemetry", orders.get("partitions", 4))
        self.rollouts = broker.create(f"{self.prefix}.rollouts", 1)
        self.probes: dict[int, Probe] = {}
        self.sent = [0] * orders.get("partitions", 4)
        self._producer = KafkaProducer(
            bootstrap_servers=broker.bootstrap, acks="all", linger_ms=5, enable_idempotence=broker.idempotent
        )
        stack.callback(self._producer.close, 5)
        self._reader = stack.enter_context(broker.consumer(group_id=f"{self.prefix}-probe"))

    def probe(self, number: int) -> Probe:
        """Start a probe, (again) if it does not run."""
        if number not in self.probes:
            orders = Orders(
                bootstrap=self.broker.bootstrap,
                prefix=self.prefix,
                log=str(self.path / f"{self.prefix}-{number}.notes"),
                session=float(self.broker.session),
                idempotent=self.broker.idempotent,
                **self._orders,
            )
            made = Probe(orders, self.path / f"{self.prefix}-{number}.log")
            self.probes[number] = self._stack.enter_context(made)
        elif not self.probes[number].running:
            self.probes[number].start()
        return self.probes[number]

    def send(self, count: int, *partitions: int) -> None:
        """Write `count` records to each of some partitions, or of all: their values are their numbers."""
        for partition in partitions or range(len(self.sent)):
            for number in range(self.sent[partition], self.sent[partition] + count):
                self._producer.send(self.telemetry, b"%d" % number, partition=partition)
            self.sent[partition] += count
        self._producer.flush(30)

    def notes(self, kind: type[N]) -> list[N]:
        """What all probes noted down, by time."""
        return sorted((note for probe in self.probes.values() for note in probe.notes(kind)), key=lambda note: note.at)

    def covered(self) -> list[int]:
        """Per partition: the first offset that no probe has processed."""
        reached = [0] * len(self.sent)
        for batch in sorted(self.notes(Batch), key=lambda batch: (batch.partition, batch.first)):
            if batch.first <= reached[batch.partition]:
                reached[batch.partition] = max(reached[batch.partition], batch.last + 1)
        return reached

    def leaders(self) -> list[int]:
        """The number of the broker that leads each partition."""
        with self.broker.admin() as admin:
            (topic,) = admin.describe_topics([self.telemetry])
        return [one["leader_id"] for one in sorted(topic["partitions"], key=lambda one: one["partition_index"])]

    def committed(self, topic: str = "") -> list[int]:
        """The commits of the group, by partition; 0 for none."""
        name = topic or self.telemetry
        count = len(self.sent) if name == self.telemetry else 1
        return [self._reader.committed(TopicPartition(name, number)) or 0 for number in range(count)]


@contextmanager
def fleet(broker: Broker, path: Path, **orders: Any) -> Iterator[Fleet]:
    """A fleet without probes, ended with the block."""
    with ExitStack() as stack:
        yield Fleet(broker, path, stack, **orders)
