"""Whether topics are as the monitor needs them. Pure: what the cluster says comes in.

Each check yields findings; one that is not listed in `CHECKS` is not made.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from stream.adapters.topics import HOUR, PARTIALS, ROLLOUTS, STATES, TELEMETRY, TELEMETRY_RECORD, Topic
from stream.quantity import Duration

SMALLEST = 1_000_000
"""Bytes that a topic of ours must take at least: records of up to 900 KB, with key and headers."""
SHORTEST_MS = HOUR
"""Partials must outlive the time for which no worker runs."""


@dataclass(frozen=True)
class Finding:
    """Something about a topic."""

    severity: Literal["error", "remark"]
    """Whether the monitor cannot work so, or only less well."""
    topic: str
    """Its name."""
    text: str
    """What is wrong, and what to do."""

    def __str__(self) -> str:
        return f"{self.topic}: {self.text}"


@dataclass(frozen=True)
class Found:
    """What the cluster says of a topic."""

    name: str
    """Its name."""
    topic: Topic
    """What it should be; for each topic of telemetry `TELEMETRY`."""
    ours: bool
    """Whether `canary topics create` makes it."""
    partitions: int
    """How many; 0 where it is missing."""
    replicas: int
    """Copies of the partition that has fewest."""
    config: Mapping[str, str]
    """Its settings as far as the broker tells them."""


@dataclass(frozen=True)
class Layout:
    """All topics, and what is around them."""

    topics: tuple[Found, ...]
    """The topics of telemetry, then ours."""
    brokers: int
    """How many brokers there are."""


def findings(layout: Layout) -> list[Finding]:
    """Everything that is wrong or could be better, errors first."""
    found = [
        finding
        for topic in layout.topics
        for finding in (_missing(topic) if topic.partitions == 0 else _checked(topic, layout))
    ]
    return sorted(found, key=lambda finding: finding.severity != "error")


def _checked(topic: Found, layout: Layout) -> Iterator[Finding]:
    for check in CHECKS:
        yield from check(topic, layout)


def _missing(found: Found) -> Iterator[Finding]:
    remedy = "run `canary topics create`" if found.ours else "create it, or mend CANARY_TELEMETRY"
    yield Finding("error", found.name, f"is missing; {remedy}")


def _partitions(found: Found, layout: Layout) -> Iterator[Finding]:
    if found.topic is ROLLOUTS and found.partitions != ROLLOUTS.partitions:
        yield Finding(
            "error", found.name, f"has {found.partitions} partitions and must have 1; delete it while nothing runs"
        )
    if found.topic is STATES:
        wanted = next((other.partitions for other in layout.topics if other.topic is PARTIALS), 0)
        if wanted and found.partitions != wanted:
            yield Finding(
                "error",
                found.name,
                f"has {found.partitions} partitions and must have as many as the partials, {wanted}; stop the workers,"
                " delete it and run `canary topics create`",
            )


def _cleanup(found: Found, _: Layout) -> Iterator[Finding]:
    policy = found.config.get("cleanup.policy")
    if policy is None or policy == found.topic.cleanup:
        return
    harm = "old records of a key vanish" if found.topic.cleanup == "delete" else "records that are needed are deleted"
    yield Finding(
        "error", found.name, f"has cleanup.policy={policy}, so that {harm}; set cleanup.policy={found.topic.cleanup}"
    )


def _size(found: Found, _: Layout) -> Iterator[Finding]:
    largest = _number(found, "max.message.bytes")
    if largest is None:
        return
    if found.topic.largest == TELEMETRY_RECORD and largest < TELEMETRY_RECORD:
        yield Finding(
            "remark",
            found.name,
            f"takes {largest} bytes at most; for messages of 1 MiB set max.message.bytes={TELEMETRY_RECORD}",
        )
    if found.topic is not TELEMETRY and largest < SMALLEST:
        yield Finding(
            "error",
            found.name,
            f"takes {largest} bytes at most, too few for a record; set max.message.bytes={found.topic.largest}",
        )


def _retention(found: Found, _: Layout) -> Iterator[Finding]:
    kept, wanted = _number(found, "retention.ms"), found.topic.retention_ms
    if found.topic is TELEMETRY or wanted is None:
        return
    if kept is not None and 0 <= kept < wanted:
        severe = found.topic is PARTIALS and kept < SHORTEST_MS
        why = ", and what no worker has read by then is lost" if found.topic is PARTIALS else ""
        yield Finding(
            "error" if severe else "remark",
            found.name,
            f"keeps records {Duration(kept)}, not {Duration(wanted)}{why}; set retention.ms={wanted}",
        )
    size = _number(found, "retention.bytes")
    if found.topic is PARTIALS and size is not None and size >= 0:
        yield Finding(
            "remark", found.name, f"keeps {size} bytes of a partition whatever their age; set retention.bytes=-1"
        )


def _copies(found: Found, layout: Layout) -> Iterator[Finding]:
    least = _number(found, "min.insync.replicas")
    if least is not None and least > found.replicas:
        yield Finding(
            "error",
            found.name,
            f"wants {least} copies in sync and has {found.replicas}, so that nothing can be written;"
            f" set min.insync.replicas={max(1, found.replicas - 1)}",
        )
    if found.topic is TELEMETRY or layout.brokers == 1:
        return
    if found.replicas == 1:
        yield Finding("remark", found.name, "has one copy only, so that one broker's end stops it; give it more")
    elif least == 1 and found.replicas > 2:
        yield Finding("remark", found.name, "counts a record as written that one broker has; set min.insync.replicas=2")


def _clock(found: Found, _: Layout) -> Iterator[Finding]:
    stamps = found.config.get("message.timestamp.type")
    if found.topic is TELEMETRY and stamps is not None and stamps != "LogAppendTime":
        yield Finding(
            "remark",
            found.name,
            "carries the producers' times, so that a wrong clock is not noticed;"
            " set message.timestamp.type=LogAppendTime",
        )


def _silence(found: Found, _: Layout) -> Iterator[Finding]:
    wanted = {"cleanup.policy", "max.message.bytes"}
    if found.topic is not TELEMETRY and found.topic.retention_ms is not None:
        wanted.add("retention.ms")
    if untold := sorted(wanted - found.config.keys()):
        yield Finding("remark", found.name, f"the broker does not tell {', '.join(untold)}: not checked")


def _number(found: Found, name: str) -> int | None:
    try:
        return int(found.config[name])
    except (KeyError, ValueError):
        return None


CHECKS: tuple[Callable[[Found, Layout], Iterator[Finding]], ...] = (
    _partitions,
    _cleanup,
    _size,
    _retention,
    _copies,
    _clock,
    _silence,
)
