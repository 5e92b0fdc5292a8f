"""Topics of their own for each measurement, what is written to them, and the processes that are measured."""

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition

from stream.adapters.kafka.admin import create
from stream.adapters.settings import Settings
from stream.registry import Registration, write_registration
from stream.rollout import Rollout
from tests.broker_helpers import Broker
from tests.worker_helpers import Worker

SOURCES = 4
"""Partitions of telemetry."""
T = TypeVar("T")


class Process(Worker):
    """A measured worker, or another module of this package as a process, and what it notes down."""

    def __init__(self, env: dict[str, str], path: Path, module: str, *arguments: str) -> None:
        self.notes_path = path.with_suffix(".notes")
        super().__init__({**env, "BENCH_NOTES": str(self.notes_path)}, path)
        self._command = [sys.executable, "-m", f"benchmarks.broker.{module}", *arguments]

    def notes(self, what: str) -> list[dict[str, Any]]:
        """What it noted down so far under this name."""
        lines = self.notes_path.read_text().splitlines(keepends=True) if self.notes_path.exists() else []
        notes = [json.loads(line) for line in lines if line.endswith("\n")]
        return [note for note in notes if note["what"] == what]

    def wait_note(self, what: str, seconds: float = 60, number: int = 1) -> dict[str, Any]:
        """The `number`th note of this name, once it is there."""

        def look() -> dict[str, Any] | None:
            assert self.running or len(self.notes(what)) >= number, f"{self.path} ended: {self.log()[-2000:]}"
            found = self.notes(what)
            return found[number - 1] if len(found) >= number else None

        return wait_for(look, f"{self.path.stem}: {what}", seconds)

    @property
    def cpu(self) -> float:
        """Seconds of processor time it has used so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def __exit__(self, *error: Any) -> None:
        self._end()


class Scene:
    """Topics under a prefix of their own.

    Args:
        broker: where.
        folder: for logs and notes.
        telemetry: a topic of telemetry that is there, and filled; else one is made.
    """

    def __init__(self, broker: Broker, folder: Path, telemetry: str | None = None) -> None:
        self.broker, self.folder = broker, folder
        self.prefix = broker.fresh_prefix()
        self.telemetry = telemetry or broker.create(
            f"{self.prefix}.telemetry", SOURCES, message_timestamp_type="LogAppendTime"
        )
        create(Settings.read(self.environment()))
        self.producer = Producer(
            {"bootstrap.servers": broker.bootstrap, "linger.ms": 5, "queue.buffering.max.messages": 1_000_000}
        )
        self.live = Producer({"bootstrap.servers": broker.bootstrap, "linger.ms": 0})
        self._started = 0

    def topic(self, part: str) -> str:
        """The full name of a topic."""
        return f"{self.prefix}.{part}"

    def environment(self, **more: object) -> dict[str, str]:
        """Of a worker."""
        return self.broker.environment(self.prefix, telemetry=self.telemetry, **more)

    def register(self, rollouts: Iterable[Rollout]) -> None:
        """Start rollouts, as `canary start` does."""
        for rollout in rollouts:
            self.producer.produce(
                self.topic("rollouts"), write_registration(Registration(rollout)), rollout.id.encode(), partition=0
            )
        self.producer.flush()

    def fill(self, messages: Iterable[bytes]) -> tuple[int, float]:
        """Write telemetry, fifty messages to a partition in turn; return how many, and their mean size in bytes."""
        number = size = 0
        for number, message in enumerate(messages, 1):
            size += len(message)
            while True:
                try:
                    self.producer.produce(self.telemetry, message, partition=number // 50 % SOURCES)
                    break
                except BufferError:
                    self.producer.poll(0.05)
            if number % 10_000 == 0:
                self.producer.poll(0)
        self.producer.flush()
        return number, size / max(1, number)

    def process(self, module: str, *arguments: str, **more: object) -> Process:
        """Start a module of this package as a process; `more` are settings, or BENCH_... as `bench_...`."""
        self._started += 1
        settings = {name: value for name, value in more.items() if not name.startswith("bench_")}
        own = {name.upper(): str(value) for name, value in more.items() if name.startswith("bench_")}
        path = self.folder / f"{self.prefix}-{self._started}-{module}.log"
        return Process({**self.environment(**settings), **own}, path, module, *arguments)

    def send(self, message: tuple[int, bytes]) -> None:
        """Write a message of telemetry to a partition, now."""
        partition, value = message
        self.live.produce(self.telemetry, value, partition=partition)
        self.live.poll(0)

    @contextmanager
    def reading(self, part: str) -> Iterator[Callable[[], list[bytes]]]:
        """Gives, at each call, the values that were written to a topic since the last; waits a millisecond for them."""
        where = {"bootstrap.servers": self.broker.bootstrap, "group.id": f"{self.prefix}-reader"}
        client = Consumer({**where, "fetch.queue.backoff.ms": 1})
        try:
            partitions = client.list_topics(self.topic(part), timeout=10).topics[self.topic(part)].partitions
            client.assign([TopicPartition(self.topic(part), number, OFFSET_BEGINNING) for number in partitions])
            yield lambda: [message.value() or b"" for message in client.consume(1000, 0.001) if not message.error()]
        finally:
            client.close()

    def close(self) -> None:
        """Delete the topics: the disk may be small."""
        self.live.flush(5)
        with self.broker.admin() as admin:
            admin.delete_topics([name for name in admin.list_topics() if name.startswith(f"{self.prefix}.")])
        self.broker.prefixes.remove(self.prefix)


@contextmanager
def scene(broker: Broker, telemetry: str | None = None) -> Iterator[Scene]:
    """A scene for one measurement."""
    with tempfile.TemporaryDirectory(prefix="canary-bench-") as folder:
        made = Scene(broker, Path(folder), telemetry)
        try:
            yield made
        finally:
            made.close()


def wait_for(look: Callable[[], T | None], words: str, seconds: float) -> T:
    """What `look` finds, once it finds something."""
    deadline = time.monotonic() + seconds
    while (found := look()) is None:
        assert time.monotonic() < deadline, f"not within {seconds} s: {words}"
        time.sleep(0.02)
    return found
