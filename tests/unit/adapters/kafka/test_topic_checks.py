"""What is said of topics: each thing that is wrong, and nothing of topics as they are created."""

from dataclasses import replace

import pytest

from stream.adapters.kafka.topic_checks import Found, Layout, findings
from stream.adapters.topics import PARTIALS, ROLLOUTS, TELEMETRY, TOPICS

REPLICAS = 3


def good(brokers: int = 3) -> Layout:
    return Layout(
        tuple(
            Found(
                topic.name("canary"),
                topic,
                True,
                topic.partitions,
                REPLICAS,
                {"retention.bytes": "-1", "min.insync.replicas": "2", **topic.config},
            )
            for topic in TOPICS
        ),
        brokers,
    )


def changed(part: str, *, partitions: int | None = None, replicas: int = REPLICAS, **config: str | None) -> Layout:
    """The good layout with one topic that differs; a setting of None is not told."""
    layout = good()
    named = {name.replace("_", "."): value for name, value in config.items()}

    def change(found: Found) -> Found:
        if found.topic.part != part:
            return found
        told = {name: value for name, value in {**found.config, **named}.items() if value is not None}
        number = found.partitions if partitions is None else partitions
        return replace(found, partitions=number, replicas=replicas, config=told)

    return replace(layout, topics=tuple(map(change, layout.topics)))


def test_topics_as_they_are_created_are_right() -> None:
    assert findings(good()) == []


def test_one_copy_is_right_where_there_is_one_broker() -> None:
    topics = tuple(
        replace(found, replicas=1, config={**found.config, "min.insync.replicas": "1"}) for found in good().topics
    )
    assert findings(Layout(topics, 1)) == []
    assert {finding.severity for finding in findings(Layout(topics, 3))} == {"remark"}


@pytest.mark.parametrize(
    ("layout", "severity", "text"),
    [
        (changed("scores", partitions=0), "error", "canary.scores: is missing; run `canary topics create`"),
        (changed("telemetry", partitions=0), "error", "canary.telemetry: is missing; run `canary topics create`"),
        (changed("rollouts", partitions=2), "error", "canary.rollouts: has 2 partitions and must have 1"),
        (
            changed("states", partitions=6),
            "error",
            "canary.states: has 6 partitions and must have as many as the partials, 12; stop the workers",
        ),
        (
            changed("states", cleanup_policy="delete"),
            "error",
            "canary.states: has cleanup.policy=delete, so that records that are needed are deleted; set",
        ),
        (changed("rollouts", cleanup_policy="compact,delete"), "error", "canary.rollouts: has cleanup.policy=compact,"),
        (
            changed("partials", cleanup_policy="compact"),
            "error",
            "canary.partials: has cleanup.policy=compact, so that old records of a key vanish; set cleanup.policy=del",
        ),
        (changed("telemetry", cleanup_policy="compact"), "error", "canary.telemetry: has cleanup.policy=compact"),
        (
            changed("states", max_message_bytes="999999"),
            "error",
            "canary.states: takes 999999 bytes at most, too few for a record; set max.message.bytes=1048588",
        ),
        (
            changed("telemetry", max_message_bytes="1048588"),
            "remark",
            "canary.telemetry: takes 1048588 bytes at most; for messages of 1 MiB set max.message.bytes=2097152",
        ),
        (changed("dead-letter", max_message_bytes="1048588"), "remark", "canary.dead-letter: takes 1048588 bytes"),
        (
            changed("partials", retention_ms="3599999"),
            "error",
            "canary.partials: keeps records 3599999ms, not 1d, and what no worker has read by then is lost;",
        ),
        (changed("partials", retention_ms="7200000"), "remark", "canary.partials: keeps records 2h, not 1d, and"),
        (
            changed("verdicts", retention_ms="86400000"),
            "remark",
            "canary.verdicts: keeps records 1d, not 90d; set retention.ms=7776000000",
        ),
        (
            changed("partials", retention_bytes="1000"),
            "remark",
            "canary.partials: keeps 1000 bytes of a partition whatever their age; set retention.bytes=-1",
        ),
        (
            changed("verdicts", replicas=1, min_insync_replicas="1"),
            "remark",
            "canary.verdicts: has one copy only, so that one broker's end stops it; give it more",
        ),
        (
            changed("verdicts", min_insync_replicas="1"),
            "remark",
            "canary.verdicts: counts a record as written that one broker has; set min.insync.replicas=2",
        ),
        (
            changed("telemetry", replicas=2, min_insync_replicas="3"),
            "error",
            "canary.telemetry: wants 3 copies in sync and has 2, so that nothing can be written; set "
            "min.insync.replicas=1",
        ),
        (
            changed("telemetry", message_timestamp_type="CreateTime"),
            "remark",
            "canary.telemetry: carries the producers' times, so that a wrong clock is not noticed; set message.timest",
        ),
        (
            changed("scores", cleanup_policy=None, retention_ms=None),
            "remark",
            "canary.scores: the broker does not tell cleanup.policy, retention.ms: not checked",
        ),
    ],
)
def test_what_is_wrong(layout: Layout, severity: str, text: str) -> None:
    (finding,) = findings(layout)
    assert (finding.severity, str(finding)[: len(text)]) == (severity, text)


@pytest.mark.parametrize(
    "layout",
    [
        changed("scores", partitions=3),
        changed("telemetry", partitions=50),
        changed("partials", retention_ms="-1"),
        changed("verdicts", retention_ms="99999999999"),
        changed("telemetry", retention_ms="60000"),
        changed("telemetry", min_insync_replicas="1"),
        changed("states", max_message_bytes="5000000"),
        changed("partials", retention_bytes="none"),
    ],
)
def test_what_is_the_users_affair(layout: Layout) -> None:
    assert findings(layout) == []


def test_other_topics_of_telemetry_are_the_users() -> None:
    found = Found("nginx", TELEMETRY, False, 0, 0, {})
    assert [str(finding) for finding in findings(Layout((found,), 1))] == [
        "nginx: is missing; create it, or mend CANARY_TELEMETRY"
    ]


def test_errors_come_first() -> None:
    layout = changed("telemetry", message_timestamp_type="CreateTime")
    missing = tuple(replace(one, partitions=0) if one.topic is ROLLOUTS else one for one in layout.topics)
    assert [finding.severity for finding in findings(replace(layout, topics=missing))] == ["error", "remark"]


def test_states_without_partials_have_one_finding_only() -> None:
    topics = tuple(replace(found, partitions=0) if found.topic is PARTIALS else found for found in good().topics)
    assert [finding.topic for finding in findings(replace(good(), topics=topics))] == ["canary.partials"]
