"""What the other broker tests lean on: the broker keeps what it is given, fails when asked to, and comes back."""

import os
import signal
import socket
import subprocess
import time
from itertools import groupby
from pathlib import Path

import pytest

from tests.broker_helpers import Broker, Incoming, Outgoing, wait_until
from tests.broker_kinds import IMAGE, LABEL, Missing, any_broker, remove_orphans
from tests.worker_helpers import StartWorker, Worker, lives, run_canary

pytestmark = pytest.mark.broker


def values(records: list[Incoming]) -> list[bytes | None]:
    return [record.value for record in records]


def test_round_trip(each_broker: Broker) -> None:
    topic = each_broker.create(f"{each_broker.fresh_prefix()}.telemetry", 4)
    each_broker.produce(topic, [b"%d" % number for number in range(100)])
    each_broker.produce(
        topic, [Outgoing(b"v", b"k", 3, 123_456, (("ce_type", b"canary.verdict"),)), Outgoing(None, b"k")], 2
    )
    found = each_broker.read_all(topic)
    assert sorted(one.value for one in found if one.value and one.key is None) == sorted(b"%d" % n for n in range(100))
    keyed = [one for one in found if one.key == b"k"]
    assert [(one.partition, one.value) for one in keyed] == [(2, None), (3, b"v")]
    assert keyed[1].timestamp == 123_456
    assert keyed[1].headers == {"ce_type": b"canary.verdict"}
    for _, group in groupby(found, lambda one: one.partition):
        offsets = [one.offset for one in group]
        assert offsets == list(range(len(offsets)))


def test_an_empty_topic_has_an_end(each_broker: Broker) -> None:
    assert each_broker.read_all(each_broker.create(f"{each_broker.fresh_prefix()}.empty", 3)) == []


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_compressed_records(each_broker: Broker, compression: str) -> None:
    topic = each_broker.create(f"{each_broker.fresh_prefix()}.telemetry")
    each_broker.produce(topic, [b"x" * 1000] * 20, compression_type=compression)
    assert values(each_broker.read_all(topic)) == [b"x" * 1000] * 20


def test_prefixes_differ(broker: Broker) -> None:
    assert broker.fresh_prefix() != broker.fresh_prefix()


def seconds_to_join(broker: Broker, topic: str, group: str) -> float:
    timeouts = {"session_timeout_ms": 1000 * broker.session, "heartbeat_interval_ms": 1000}
    began = time.monotonic()
    with broker.consumer(topic, group_id=group, **timeouts) as consumer:
        while not consumer.poll(timeout_ms=100):
            assert time.monotonic() < began + 30, "no record after 30 s"
        assert len(consumer.assignment()) == 4
    return time.monotonic() - began


def test_a_group_forms_within_seconds(each_broker: Broker) -> None:
    topic = each_broker.create(f"{each_broker.fresh_prefix()}.telemetry", 4)
    each_broker.produce(topic, [b"x"], 0)
    tries = (seconds_to_join(each_broker, topic, f"{topic}-{number}") for number in range(3))
    assert any(seconds < 4 for seconds in tries), (
        "joining took longer than 4 s three times; other work may slow us down"
    )


def test_transactions(broker: Broker) -> None:
    broker.needs("transactions")
    topic = broker.create(f"{broker.fresh_prefix()}.telemetry")
    broker.produce(topic, [b"aborted"], transaction="abort")
    broker.produce(topic, [b"committed"], transaction="commit")
    broker.produce(topic, [b"aborted, too"], transaction="abort")
    assert values(broker.read_all(topic)) == [b"committed"]


def test_kill_and_restart_keep_address_and_data(broker: Broker) -> None:
    broker.needs("faults")
    topic = broker.create(f"{broker.fresh_prefix()}.telemetry")
    broker.produce(topic, [b"before"])
    broker.kill()
    with pytest.raises(AssertionError, match="no broker answers"):
        broker.wait_answering(0.5)
    broker.restart()
    broker.produce(topic, [b"after"])
    assert values(broker.read_all(topic)) == [b"before", b"after"]


def test_an_orderly_restart_keeps_the_data(broker: Broker) -> None:
    broker.needs("faults")
    topic = broker.create(f"{broker.fresh_prefix()}.telemetry")
    broker.produce(topic, [b"before"])
    broker.restart()
    assert values(broker.read_all(topic)) == [b"before"]


def test_a_frozen_broker_is_silent_until_it_wakes(broker: Broker) -> None:
    broker.needs("faults")
    topic = broker.create(f"{broker.fresh_prefix()}.telemetry")
    broker.pause()
    with pytest.raises(AssertionError, match="no broker answers"):
        broker.wait_answering(0.5)
    broker.resume()
    broker.wait_answering()
    broker.produce(topic, [b"awake"])
    assert values(broker.read_all(topic)) == [b"awake"]


def test_what_a_broker_cannot_do_is_skipped(embedded_broker: Broker) -> None:
    for act in (embedded_broker.kill, embedded_broker.pause, embedded_broker.restart, embedded_broker.resume):
        with pytest.raises(pytest.skip.Exception, match="needs a broker that the test can kill: Docker"):
            act()
    assert not embedded_broker.idempotent
    assert not embedded_broker.transactions


def test_the_environment_is_whole_and_ours(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANARY_CHUNK", "1")
    monkeypatch.setenv("CANARY_GROUP", "mine")
    environment = broker.environment("p", chunk=500)
    assert environment["PATH"] == os.environ["PATH"]
    assert {name: value for name, value in environment.items() if name.startswith("CANARY_")} == {
        "CANARY_BROKER": broker.bootstrap,
        "CANARY_PREFIX": "p",
        "CANARY_LISTEN": "off",
        "CANARY_SESSION": str(broker.session),
        "CANARY_CHUNK": "500",
    }
    done = run_canary("--version", env=environment)
    assert (done.returncode, done.stdout.split()[0]) == (0, "canary")


@pytest.mark.usefixtures("embedded_broker")
def test_a_broker_is_looked_for_in_order(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    with any_broker({}) as (found, words):
        assert found.kind == "embedded"
        assert words.startswith(
            f"embedded, {found.bootstrap}; CANARY_TEST_BROKER names no other; no Docker engine answers"
        )
        with any_broker({"CANARY_TEST_BROKER": found.bootstrap}) as (other, others):
            assert (other.kind, other.bootstrap) == ("given", found.bootstrap)
            assert others == f"given, {found.bootstrap}"


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("given", "^CANARY_TEST_BROKER names no other$"),
        ("docker", "^no Docker engine answers"),
        ("strange", "^CANARY_TEST_BROKER_KIND=strange is unknown; known are given, docker, embedded$"),
    ],
)
def test_a_broker_that_must_be_had_is_missed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: str, words: str
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    with pytest.raises(Missing, match=words), any_broker({"CANARY_TEST_BROKER_KIND": kind}):
        pytest.fail("there is one")


def test_containers_of_killed_runs_are_removed(broker: Broker) -> None:
    if broker.kind != "docker":
        pytest.skip("needs Docker")
    from docker import from_env  # type: ignore[import-untyped]

    ended = subprocess.Popen(["true"])
    ended.wait()
    engine = from_env()
    try:
        labels = [f"{socket.gethostname()}:{pid}" for pid in (ended.pid, os.getpid())]
        dead, live = [engine.containers.create(IMAGE, labels={LABEL: label}) for label in labels]
        remove_orphans(engine)
        left = {one.id for one in engine.containers.list(all=True)}
        live.remove()
        assert (dead.id in left, live.id in left) == (False, True)
    finally:
        engine.close()


@pytest.fixture
def waiting(tmp_path: Path, start_worker: StartWorker) -> Worker:
    """A worker that reads a pipe into which nothing comes."""
    rollout = tmp_path / "rollout.yaml"
    rollout.write_text("app: a\nbaseline: {version: 1}\ncanary: {version: 2}\nmetrics: [{name: m}]\n")
    os.mkfifo(tmp_path / "telemetry.jsonl")
    return start_worker(
        dict(os.environ), str(tmp_path / "telemetry.jsonl"), "--rollout", str(rollout), command="replay"
    )


def state(worker: Worker) -> str:
    return Path(f"/proc/{worker.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]


def test_a_worker_is_killed_stalled_and_started_again(waiting: Worker) -> None:
    assert waiting.running
    waiting.kill()
    assert (waiting.running, waiting.wait(0)) == (False, -signal.SIGKILL)
    first, _ = waiting.pid, waiting.start()
    assert waiting.pid != first
    waiting.stall()
    wait_until(lambda: state(waiting), lambda found: found == "T", 10)
    waiting.wake()
    wait_until(lambda: state(waiting), lambda found: found != "T", 10)
    waiting.terminate()
    assert not waiting.running


def test_a_stalled_worker_ends_too(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with Worker(dict(os.environ), tmp_path / "one.log", "-", command="no-such-command") as worker:
        assert worker.wait(30) == 2
        worker.wait_for("no-such-command", 1)
    assert "--- worker one (exit code 2), end of its log ---\ncanary: No such command" in capsys.readouterr().err
    os.mkfifo(tmp_path / "rollout.yaml")
    with Worker(dict(os.environ), tmp_path / "two.log", str(tmp_path / "rollout.yaml"), command="check") as worker:
        worker.stall()
    assert not lives(worker.pid)
    assert "--- worker two (exit code -9)" in capsys.readouterr().err
