"""`canary topics`: created as the table says, once; what is wrong with them is found."""

import json

import pytest

from stream.adapters.kafka.admin import create, partitions_of, verify
from stream.adapters.kafka.probe import offers_idempotence, probe
from stream.adapters.settings import Settings
from stream.adapters.topics import PARTIALS, STATES, TELEMETRY, TOPICS
from stream.errors import SourceError
from tests.broker_helpers import Broker
from tests.worker_helpers import run_canary

pytestmark = pytest.mark.broker


def settings(broker: Broker, prefix: str, **more: object) -> Settings:
    return Settings.read(broker.environment(prefix, **more))


def test_topics_are_created_once_and_are_right(each_broker: Broker) -> None:
    chosen = settings(each_broker, each_broker.fresh_prefix())
    planned = create(chosen, dry_run=True)
    assert [finding.severity for finding in verify(chosen)] == ["error"] * len(TOPICS)
    done = create(chosen)
    assert done == planned
    assert [topic.name for topic in done.created] == [topic.name(chosen.prefix) for topic in TOPICS]
    assert verify(chosen) == []
    again = create(chosen)
    assert (again.created, again.existing) == ((), tuple(topic.name for topic in done.created))
    assert partitions_of(chosen, [topic.name for topic in done.created]) == {
        topic.name(chosen.prefix): topic.partitions for topic in TOPICS
    }


def test_partitions_of_topics_that_are_missing(each_broker: Broker) -> None:
    assert partitions_of(settings(each_broker, "none"), ["none.scores"]) == {}


def test_states_and_partials_get_the_same_partitions(each_broker: Broker) -> None:
    for one, other in ((STATES, PARTIALS), (PARTIALS, STATES)):
        chosen = settings(each_broker, each_broker.fresh_prefix())
        each_broker.create(one.name(chosen.prefix), 5, **one.config)
        create(chosen)
        names = [topic.name(chosen.prefix) for topic in (one, other)]
        assert partitions_of(chosen, names) == dict.fromkeys(names, 5)
        assert [finding for finding in verify(chosen) if finding.severity == "error"] == []


def test_other_topics_of_telemetry_are_looked_at_and_not_created(each_broker: Broker) -> None:
    prefix = each_broker.fresh_prefix()
    chosen = settings(each_broker, prefix, telemetry=f"{prefix}.nginx,{prefix}.java")
    assert not any(topic.name.endswith((".nginx", ".java", TELEMETRY.part)) for topic in create(chosen).created)
    each_broker.create(f"{prefix}.java", 2, **TELEMETRY.config)
    assert [str(finding) for finding in verify(chosen)] == [
        f"{prefix}.nginx: is missing; create it, or mend CANARY_TELEMETRY"
    ]


def test_what_is_wrong_with_a_topic_is_found(each_broker: Broker) -> None:
    prefix = each_broker.fresh_prefix()
    each_broker.create(f"{prefix}.rollouts", 2, cleanup_policy="delete", max_message_bytes=5000)
    each_broker.create(
        f"{prefix}.telemetry", 1, cleanup_policy="delete", max_message_bytes=5000, message_timestamp_type="CreateTime"
    )
    each_broker.create(f"{prefix}.partials", 3, retention_ms=60_000, cleanup_policy="delete", max_message_bytes=10**7)
    chosen = settings(each_broker, prefix)
    create(chosen)
    found = [
        f"{finding.severity} {finding.topic.removeprefix(prefix)} {finding.text[:33]}" for finding in verify(chosen)
    ]
    assert sorted(found) == [
        "error .partials keeps records 1m, not 1d, and wha",
        "error .rollouts has 2 partitions and must have 1;",
        "error .rollouts has cleanup.policy=delete, so tha",
        "error .rollouts takes 5000 bytes at most, too few",
        "remark .telemetry carries the producers' times, so ",
        "remark .telemetry takes 5000 bytes at most; for mes",
    ]


def test_a_broker_that_does_not_tell_settings_is_no_error(embedded_broker: Broker) -> None:
    prefix = embedded_broker.fresh_prefix()
    embedded_broker.create(f"{prefix}.scores", 1)
    chosen = settings(embedded_broker, prefix)
    create(chosen)
    (finding,) = verify(chosen)
    assert (finding.severity, str(finding)) == (
        "remark",
        f"{prefix}.scores: the broker does not tell cleanup.policy, max.message.bytes, retention.ms: not checked",
    )


def test_too_many_copies_are_refused_by_the_broker(broker: Broker) -> None:
    broker.needs("compaction")
    chosen = settings(broker, broker.fresh_prefix())
    with pytest.raises(SourceError, match=rf"\A{chosen.prefix}\.telemetry: the broker does not create it: .*eplicat"):
        create(chosen, replicas=20)


def test_idempotence_is_what_the_broker_has(each_broker: Broker) -> None:
    chosen = settings(each_broker, "p")
    assert offers_idempotence(chosen) == each_broker.idempotent == probe(chosen).idempotent
    assert probe(chosen).brokers == len(chosen.brokers)


def test_the_commands(broker: Broker) -> None:
    environment = broker.environment(broker.fresh_prefix())
    dry = run_canary("topics", "create", "--dry-run", env=environment)
    assert (dry.returncode, dry.stderr) == (0, "")
    assert all(": would be created, " in line for line in dry.stdout.splitlines())
    missing = run_canary("topics", "check", "--output", "json", env=environment)
    found = json.loads(missing.stdout)
    assert (missing.returncode, missing.stderr, found["ok"], len(found["findings"])) == (1, "", False, len(TOPICS))
    made = run_canary("topics", "create", "--output", "json", env=environment)
    assert made.returncode == 0, made.stderr
    assert [topic["partitions"] for topic in json.loads(made.stdout)["created"]] == [t.partitions for t in TOPICS]
    assert run_canary("topics", "create", env=environment).stdout.count(": was there\n") == len(TOPICS)
    good = run_canary("topics", "check", env=environment)
    assert (good.returncode, good.stdout, good.stderr) == (0, "The topics are right.\n", "")
