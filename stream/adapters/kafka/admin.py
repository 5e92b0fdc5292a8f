"""Create the topics, and look whether they are right."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from kafka import KafkaAdminClient
from kafka import errors as kafka
from kafka.admin import ConfigResource, ConfigResourceType

from stream.adapters.kafka.connect import open_admin
from stream.adapters.kafka.topic_checks import Finding, Found, Layout, findings
from stream.adapters.settings import Settings
from stream.adapters.topics import PARTIALS, STATES, TELEMETRY, TOPICS, Topic
from stream.errors import SourceError

MOST_REPLICAS = 3
"""Copies of a partition, where there are so many brokers."""

WAIT_MS = 30_000
"""How long a new topic may take until every broker knows it."""


@dataclass(frozen=True)
class NewTopic:
    """A topic to create."""

    name: str
    """Its name."""
    partitions: int
    """How many."""
    replicas: int
    """Copies of each."""
    config: Mapping[str, str]
    """Its settings, as Kafka names them."""


@dataclass(frozen=True)
class Creation:
    """What `create` did, or would do."""

    created: tuple[NewTopic, ...]
    """The topics that were missing."""
    existing: tuple[str, ...]
    """The topics that were there; they are left as they are."""


def create(settings: Settings, *, replicas: int | None = None, dry_run: bool = False) -> Creation:
    """Create the topics that are missing: ours, and that of telemetry unless other ones are named.

    Args:
        settings: where, and the prefix of the names.
        replicas: copies of each partition; by default 3, or as many as there are brokers.
        dry_run: create nothing.

    Raises:
        SourceError: no broker, no way in, or it refuses.
    """
    names = _names(settings)
    with open_admin(settings) as admin:
        copies = replicas if replicas is not None else min(MOST_REPLICAS, _brokers(admin))
        known = _described(admin, names)
        created = tuple(
            _new(name, topic, copies, known, settings.prefix)
            for name, topic in names.items()
            if name not in known and _ours(name, topic, settings.prefix)
        )
        if created and not dry_run:
            _create(admin, created)
    return Creation(created, tuple(name for name in names if name in known))


def verify(settings: Settings) -> list[Finding]:
    """What is wrong with the topics, or could be better; errors first.

    Raises:
        SourceError: no broker, or no way in.
    """
    names = _names(settings)
    with open_admin(settings) as admin:
        known, configs = _described(admin, names), _configs(admin, names)
        topics = [
            _found(name, topic, _ours(name, topic, settings.prefix), known.get(name), configs.get(name, {}))
            for name, topic in names.items()
        ]
        return findings(Layout(tuple(topics), _brokers(admin)))


def partitions_of(settings: Settings, names: Iterable[str]) -> dict[str, int]:
    """How many partitions topics have; those that do not exist are left out.

    Raises:
        SourceError: no broker, or no way in.
    """
    with open_admin(settings) as admin:
        return {name: len(found["partitions"]) for name, found in _described(admin, names).items()}


def _names(settings: Settings) -> dict[str, Topic]:
    """All topics by name, those of telemetry first."""
    ours = {topic.name(settings.prefix): topic for topic in TOPICS if topic is not TELEMETRY}
    return dict.fromkeys(settings.telemetry, TELEMETRY) | ours


def _ours(name: str, topic: Topic, prefix: str) -> bool:
    return topic is not TELEMETRY or name == TELEMETRY.name(prefix)


def _new(name: str, topic: Topic, replicas: int, known: Mapping[str, Any], prefix: str) -> NewTopic:
    """A topic as it should be; states get as many partitions as there are partials, and the other way round."""
    partitions = topic.partitions
    for one, other in ((STATES, PARTIALS), (PARTIALS, STATES)):
        if topic is one and other.name(prefix) in known:
            partitions = len(known[other.name(prefix)]["partitions"])
    in_sync = {"min.insync.replicas": "2" if replicas > 2 else "1"}
    return NewTopic(name, partitions, replicas, topic.config | in_sync)


def _create(admin: KafkaAdminClient, topics: Iterable[NewTopic]) -> None:
    wanted = {
        topic.name: {
            "num_partitions": topic.partitions,
            "replication_factor": topic.replicas,
            "configs": dict(topic.config),
        }
        for topic in topics
    }
    made = admin.create_topics(wanted, raise_errors=False)["topics"]
    for topic in made:
        error = kafka.for_code(topic["error_code"])
        if error not in (kafka.NoError, kafka.TopicAlreadyExistsError):
            why = topic.get("error_message") or error.__name__
            raise SourceError(f"{topic['name']}: the broker does not create it: {why.rstrip('.')}")
    admin.wait_for_topics(list(wanted), timeout_ms=WAIT_MS)


def _described(admin: KafkaAdminClient, names: Iterable[str]) -> dict[str, Any]:
    """What the cluster says of those topics that exist."""
    described = {}
    for topic in admin.describe_topics(list(names)):
        error = kafka.for_code(topic["error_code"])
        if error is kafka.TopicAuthorizationFailedError:
            raise SourceError(f"{topic['name']}: the broker does not let us see it; allow us DESCRIBE and READ on it")
        if error is not kafka.UnknownTopicOrPartitionError:
            described[topic["name"]] = topic
    return described


def _configs(admin: KafkaAdminClient, names: Iterable[str]) -> dict[str, dict[str, str]]:
    """The settings of topics, as far as the broker tells them."""
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    told: dict[str, Any] = {}
    with suppress(kafka.UnsupportedVersionError, kafka.IncompatibleBrokerVersion, kafka.AuthorizationError):
        told = admin.describe_configs(resources, config_filter="all").get("topic", {})
    return {
        name: {key: entry["value"] for key, entry in config.items() if entry["value"] is not None}
        for name, config in told.items()
    }


def _found(name: str, topic: Topic, ours: bool, described: Any, config: Mapping[str, str]) -> Found:
    partitions = described["partitions"] if described is not None else []
    replicas = min((len(partition["replica_nodes"]) for partition in partitions), default=0)
    return Found(name, topic, ours, len(partitions), replicas, config)


def _brokers(admin: KafkaAdminClient) -> int:
    return len(admin.describe_cluster()["brokers"])
