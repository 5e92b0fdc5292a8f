"""The topics: what each is for, who writes and reads it, and how it is kept. `canary topics create` makes them so."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

Cleanup = Literal["delete", "compact"]

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
PARTITIONS = 12
"""Of a topic whose records of one rollout lie in one partition."""
RECORD = 1_048_588
"""Bytes of the largest batch of records that our own topics take: Kafka's usual limit, stated for clusters with a lower
one. Workers keep their records under 900 KB."""
TELEMETRY_RECORD = 2_097_152
"""The same of telemetry: a message of 1 MiB with its headers, and of the dead letters, which hold such a message."""


@dataclass(frozen=True)
class Topic:
    """One topic."""

    part: str
    """Its name after the prefix."""
    purpose: str
    """What it is for, a few words."""
    key: str
    """What its records are keyed by."""
    cleanup: Cleanup
    """Whether old records are deleted, or all but the newest of each key."""
    writers: str
    """Who writes it."""
    readers: str
    """Who reads it."""
    partitions: int = PARTITIONS
    """How many it is created with."""
    retention_ms: int | None = None
    """How long records are kept, milliseconds; None where they are compacted."""
    internal: bool = False
    """Whether its format is the monitor's own affair."""
    largest: int = RECORD
    """`max.message.bytes`: bytes of a batch of records."""
    more: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Further settings of the topic, as Kafka names them."""

    def name(self, prefix: str) -> str:
        """Its full name.

        >>> TELEMETRY.name("canary")
        'canary.telemetry'
        """
        return f"{prefix}.{self.part}"

    @property
    def config(self) -> dict[str, str]:
        """All settings of the topic, as Kafka names them."""
        kept = {} if self.retention_ms is None else {"retention.ms": str(self.retention_ms)}
        return {"cleanup.policy": self.cleanup, **kept, "max.message.bytes": str(self.largest), **self.more}


def _compacted(segment_ms: int, **more: str) -> Mapping[str, str]:
    """Only closed segments are compacted, so they are closed early."""
    named = {name.replace("_", "."): value for name, value in more.items()}
    return MappingProxyType({"segment.ms": str(segment_ms), "min.cleanable.dirty.ratio": "0.1", **named})


TELEMETRY = Topic(
    part="telemetry",
    purpose="samples of the apps' instances",
    key="any; the app is good",
    cleanup="delete",
    retention_ms=DAY,
    largest=TELEMETRY_RECORD,
    more=MappingProxyType({"message.timestamp.type": "LogAppendTime"}),
    writers="your apps and agents",
    readers="workers",
)
ROLLOUTS = Topic(
    part="rollouts",
    purpose="the registry of rollouts",
    key="rollout id",
    partitions=1,
    cleanup="compact",
    more=_compacted(HOUR),
    writers="`canary start`, `canary stop`, workers",
    readers="workers, commands",
)
PARTIALS = Topic(
    part="partials",
    purpose="summaries of one source partition's chunk, and the sources' times",
    key="rollout id",
    cleanup="delete",
    retention_ms=DAY,
    internal=True,
    writers="workers",
    readers="workers",
)
STATES = Topic(
    part="states",
    purpose="checkpoints of the rollouts' states",
    key="rollout id, epoch, slot and part",
    cleanup="compact",
    internal=True,
    more=_compacted(10 * MINUTE, segment_bytes="67108864", max_compaction_lag_ms=str(HOUR)),
    writers="workers",
    readers="workers",
)
DIVERGENCES = Topic(
    part="divergences",
    purpose="baseline against canary, a record a metric and pane",
    key="rollout id",
    cleanup="delete",
    retention_ms=3 * DAY,
    writers="workers",
    readers="console, `canary explain`, you",
)
SCORES = Topic(
    part="scores",
    purpose="how a rollout stands, a record a pane",
    key="rollout id",
    cleanup="delete",
    retention_ms=3 * DAY,
    writers="workers",
    readers="console, commands, you",
)
ALERTS = Topic(
    part="alerts",
    purpose="what a person should see now, firing or resolved",
    key="rollout id",
    cleanup="delete",
    retention_ms=14 * DAY,
    writers="workers",
    readers="console, `canary explain`, you",
)
VERDICTS = Topic(
    part="verdicts",
    purpose="every change of a verdict",
    key="rollout id",
    cleanup="delete",
    retention_ms=90 * DAY,
    writers="workers",
    readers="hooks, console, commands, you",
)
VERDICTS_LATEST = Topic(
    part="verdicts.latest",
    purpose="the newest verdict of each rollout, until 7 days after its end",
    key="rollout id",
    cleanup="compact",
    more=_compacted(HOUR, delete_retention_ms=str(DAY)),
    writers="workers",
    readers="console, commands, you",
)
ACTIONS = Topic(
    part="actions",
    purpose="every attempt of a hook",
    key="rollout id",
    cleanup="delete",
    retention_ms=90 * DAY,
    writers="hooks",
    readers="hooks, console, you",
)
DEAD_LETTER = Topic(
    part="dead-letter",
    purpose="messages that could not be read, with the reason",
    key="as in the source",
    partitions=3,
    cleanup="delete",
    retention_ms=7 * DAY,
    largest=TELEMETRY_RECORD,
    writers="workers",
    readers="you",
)
TOPICS = (
    TELEMETRY,
    ROLLOUTS,
    PARTIALS,
    STATES,
    DIVERGENCES,
    SCORES,
    ALERTS,
    VERDICTS,
    VERDICTS_LATEST,
    ACTIONS,
    DEAD_LETTER,
)
"""All topics, in the order in which data flow."""
