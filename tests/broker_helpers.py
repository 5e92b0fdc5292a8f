"""What tests do with a broker, whatever its kind: topics, records, faults, an environment for `canary` commands."""

import os
import secrets
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, closing
from typing import Any, ClassVar, Literal, NamedTuple, TypeVar

import pytest

from stream.adapters.cluster import cluster_id

Kind = Literal["given", "docker", "embedded"]
Ability = Literal["faults", "idempotence", "transactions", "compaction"]
REMEDY = "Docker, or CANARY_TEST_BROKER with an Apache Kafka"
NEEDED: dict[Ability, str] = {
    "faults": f"needs a broker that the test can kill: {REMEDY}, CANARY_TEST_BROKER_TOOL and CANARY_TEST_BROKER_DATA",
    "idempotence": f"needs a broker with idempotent producers: {REMEDY}",
    "transactions": f"needs a broker with transactions: {REMEDY}",
    "compaction": f"needs a broker that compacts topics: {REMEDY}",
}
Fault = Literal["kill", "restart", "pause", "resume"]
T = TypeVar("T")


class Outgoing(NamedTuple):
    """A record to write."""

    value: bytes | None
    """`None` is a tombstone."""
    key: bytes | None = None
    partition: int | None = None
    """Where to; by default that of the call, else by key."""
    timestamp: int | None = None
    """Milliseconds UTC; now by default."""
    headers: tuple[tuple[str, bytes], ...] = ()


class Incoming(NamedTuple):
    """A record as it was read."""

    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: dict[str, bytes]


class Broker:
    """A running broker, with what tests do with it."""

    kind: ClassVar[Kind]
    abilities: frozenset[Ability]
    session = 6
    """Seconds: the session time-out of workers."""
    replicas = -1
    """Of a new topic; -1 is the broker's default."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap
        self.prefixes: list[str] = []
        self.broken: dict[int, Literal["kill", "pause"]] = {}

    @property
    def idempotent(self) -> bool:
        """Whether its producers are idempotent."""
        return "idempotence" in self.abilities

    @property
    def transactions(self) -> bool:
        """Whether an aborted transaction stays unread."""
        return "transactions" in self.abilities

    def needs(self, *wanted: Ability) -> None:
        """Skip the test where the broker cannot do what it needs."""
        for ability in wanted:
            if ability not in self.abilities:
                pytest.skip(f"{NEEDED[ability]}; this one is {self.kind}")

    def fresh_prefix(self) -> str:
        """A prefix for topics and groups that no other test has."""
        self.prefixes.append(f"t{secrets.token_hex(4)}")
        return self.prefixes[-1]

    def environment(self, prefix: str, **more: object) -> dict[str, str]:
        """A whole environment for `canary` commands: this process's without its CANARY_ variables, but with ours.

        `more` are further settings, as `chunk=500` for CANARY_CHUNK.
        """
        settings = {"broker": self.bootstrap, "prefix": prefix, "listen": "off", "session": self.session} | more
        outer = {name: value for name, value in os.environ.items() if not name.startswith("CANARY_")}
        return outer | {f"CANARY_{name.upper()}": str(value) for name, value in settings.items()}

    def create(self, name: str, partitions: int = 1, **config: object) -> str:
        """Create a topic, with settings such as `cleanup_policy="compact"`: its name."""
        from kafka.admin import NewTopic

        settings = {key.replace("_", "."): str(value) for key, value in config.items()}
        with self.admin() as admin:
            admin.create_topics([NewTopic(name, partitions, self.replicas, topic_configs=settings)])
            admin.wait_for_topics([name])
        return name

    def produce(
        self,
        topic: str,
        records: Iterable[Outgoing | bytes],
        partition: int | None = None,
        transaction: Literal["commit", "abort"] | None = None,
        **settings: object,
    ) -> None:
        """Write records and wait for their acknowledgements; bytes are values without a key.

        Args:
            topic: where to.
            records: what.
            partition: for those that name none.
            transaction: all in one, with that end.
            settings: of kafka-python's producer, such as `compression_type="zstd"`.
        """
        from kafka import KafkaProducer

        own = {"transactional_id": secrets.token_hex(8)} if transaction else {"enable_idempotence": self.idempotent}
        producer = KafkaProducer(bootstrap_servers=self.bootstrap, acks="all", **{"linger_ms": 5, **own, **settings})
        try:
            if transaction:
                producer.init_transactions()
                producer.begin_transaction()
            sent = [producer.send(topic, **_arguments(record, partition)) for record in records]
            producer.flush(60)
            for future in sent:
                future.get(60)
            if transaction:
                (producer.commit_transaction if transaction == "commit" else producer.abort_transaction)()
        finally:
            producer.close(10)

    def read_all(self, topic: str, seconds: float = 30) -> list[Incoming]:
        """All committed records, at least up to the present ends of the topic's partitions, by partition and offset."""
        from kafka import TopicPartition

        with self.consumer() as consumer:
            partitions = consumer.partitions_for_topic(topic)
            assert partitions, f"there is no topic {topic}"
            places = [TopicPartition(topic, number) for number in sorted(partitions)]
            consumer.assign(places)
            consumer.seek_to_beginning(*places)
            ends = consumer.end_offsets(places)
            found: list[Incoming] = []
            deadline = time.monotonic() + seconds
            while not all(self.reached(consumer, place, end) for place, end in ends.items()):
                assert time.monotonic() < deadline, f"{topic} was not read to its end within {seconds} s"
                for records in consumer.poll(timeout_ms=200).values():
                    found += map(_incoming, records)
        return sorted(found, key=lambda one: (one.partition, one.offset))

    def reached(self, consumer: Any, place: Any, end: int) -> bool:
        """Whether the consumer has come to the end of a partition, which it was told."""
        return bool(consumer.position(place) >= end)

    def admin(self) -> AbstractContextManager[Any]:
        """kafka-python's administrator."""
        from kafka import KafkaAdminClient

        return closing(KafkaAdminClient(bootstrap_servers=self.bootstrap))

    def consumer(self, *topics: str, **settings: object) -> AbstractContextManager[Any]:
        """kafka-python's consumer: committed records, from the beginning, without commits unless `settings` say so."""
        from kafka import KafkaConsumer

        usual: dict[str, object] = {
            "isolation_level": "read_committed",
            "auto_offset_reset": "earliest",
            "enable_auto_commit": False,
            "fetch_max_wait_ms": 50,
        }
        return closing(KafkaConsumer(*topics, bootstrap_servers=self.bootstrap, **{**usual, **settings}))

    def wait_answering(self, seconds: float = 60) -> None:
        """Until it answers a client."""
        assert cluster_id(self.bootstrap, seconds), f"no broker answers at {self.bootstrap} within {seconds} s"

    def kill(self, number: int = 1) -> None:
        """End a broker by kill -9; `restart` brings it back, at its address, with its data."""
        self._fail(number, "kill")

    def pause(self, number: int = 1) -> None:
        """Freeze a broker: its connections stay, it answers nothing."""
        self._fail(number, "pause")

    def restart(self, number: int = 1) -> None:
        """Start a broker that was killed, or end a running one in order and start it again; wait until it answers."""
        self.needs("faults")
        self.fault("restart", number)
        self.broken.pop(number, None)
        self.wait_answering()

    def resume(self, number: int = 1) -> None:
        """Wake a frozen broker."""
        self.needs("faults")
        self.fault("resume", number)
        self.broken.pop(number, None)

    def heal(self) -> None:
        """Bring back what a test left killed or frozen."""
        for number, what in list(self.broken.items()):
            (self.restart if what == "kill" else self.resume)(number)

    def fault(self, what: Fault, number: int) -> None:
        """Do that to a broker; kinds that can fail say how."""
        raise NotImplementedError(f"{self.kind} brokers cannot fail at will")

    def _fail(self, number: int, what: Literal["kill", "pause"]) -> None:
        self.needs("faults")
        self.fault(what, number)
        self.broken[number] = what

    def clean(self) -> None:
        """Delete the topics of the tests."""
        with self.admin() as admin:
            left = [name for name in admin.list_topics() if name.startswith(tuple(f"{one}." for one in self.prefixes))]
            if left:
                admin.delete_topics(left)


def wait_until(read: Callable[[], T], holds: Callable[[T], bool], seconds: float = 30) -> T:
    """What `read` gives once it `holds`; fail, with the last of it, if it does not in time."""
    deadline = time.monotonic() + seconds
    while not holds(found := read()):
        assert time.monotonic() < deadline, f"not so within {seconds} s; at last: {found!r:.2000}"
        time.sleep(0.05)
    return found


def _arguments(record: Outgoing | bytes, partition: int | None) -> dict[str, Any]:
    """Of `KafkaProducer.send`."""
    one = record if isinstance(record, Outgoing) else Outgoing(record)
    return {
        "value": one.value,
        "key": one.key,
        "partition": partition if one.partition is None else one.partition,
        "timestamp_ms": one.timestamp,
        "headers": list(one.headers),
    }


def _incoming(one: Any) -> Incoming:
    return Incoming(one.partition, one.offset, one.timestamp, one.key, one.value, dict(one.headers))
