"""What cannot be used, in every topic that a worker reads: it is told, the rest counts, and the worker goes on."""

import time
from urllib.request import urlopen

import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families

from stream.adapters.embedded_broker import LOOPBACK, free_port
from tests.broker_helpers import Broker, Incoming, Outgoing, wait_until
from tests.scene_helpers import Scene, assert_replay, rollout_of, traffic
from tests.worker_helpers import StartWorker

pytestmark = pytest.mark.broker

LATENCY = {"app": "checkout", "instance": "x", "version": "2.4.1", "metric": "http.server.request.duration"}


def single(ts: int, value: object = 5.0) -> bytes:
    """A message with one sample."""
    return msgspec.json.encode({**LATENCY, "ts": ts, "value": value})


def batch(begin: int, *values: float) -> bytes:
    """A message with one good entry, and one for each of some values, which cannot be used."""
    entries = [{"name": "http.server.requests", "type": "count", "value": value} for value in (3, *values)]
    who = {"app": "checkout", "instance": "x", "version": "2.4.1", "start": begin, "end": begin + 3000}
    return msgspec.json.encode({**who, "metrics": entries})


def wrong(begin: int) -> dict[bytes | None, str]:
    """Messages with something wrong, and the reason that is told."""
    return {
        b"oops": "not_json",
        b'{"app": "\xff"}': "not_utf8",
        b"[" * 3000: "too_deep",
        b'{"app": "checkout"}': "missing_field",
        single(begin // 1000): "bad_time",
        single(int(1000 * time.time()) + 120_000): "far_future",
        single(begin + 2000, "fast"): "wrong_type",
        batch(begin, -1, 0.5): "negative",
        single(begin + 2000)[:-1] + b" " * (1 << 20) + b"}": "too_large",
        None: "not_json",
    }


def counters(port: int) -> dict[str, float]:
    """What a worker's /metrics counts, by name and labels but the topic."""
    text = urlopen(f"http://{LOOPBACK}:{port}/metrics", timeout=5).read().decode()
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for one in family.samples:
            labels = [value for name, value in one.labels.items() if name != "topic"]
            found[" ".join([one.name, *labels])] = one.value
    return found


@pytest.mark.timeout(120)
def test_what_cannot_be_used_is_told_and_the_rest_counts(each_broker: Broker, start_worker: StartWorker) -> None:
    scene, port = Scene(each_broker), free_port()
    rollout, lines, faults = rollout_of(scene.begin), traffic(scene.begin), wrong(scene.begin)
    scene.spread(lines[:1000], 1)
    bad = [Outgoing(value, b"key", 1) for value in faults]
    each_broker.produce(scene.telemetry, bad, max_request_size=4 << 20)
    scene.spread(lines[1000:], 1)
    garbage = [Outgoing(b"oops", b"r", 0), Outgoing(b'{"rollout":{"id":"a"}}', b"a", 0), Outgoing(b"{}", b"\xff", 0)]
    each_broker.produce(scene.topic("rollouts"), garbage)
    each_broker.produce(scene.topic("partials"), [Outgoing(b"\xff\x00", rollout.id.encode()), Outgoing(None, b"x")])
    scene.register(rollout)
    worker = start_worker(scene.env(listen=f"{LOOPBACK}:{port}"))
    assert scene.verdict(rollout.id).verdict == "abort"

    letters = wait_until(lambda: each_broker.read_all(scene.topic("dead-letter")), lambda found: len(found) >= 13, 60)
    about = {one.headers["offset"]: one for one in letters if one.headers["topic"] == scene.telemetry.encode()}
    sent = [one for one in each_broker.read_all(scene.telemetry) if one.key == b"key"]
    assert len(about) == len(sent) == len(faults)
    for record, (value, reason) in zip(sent, faults.items(), strict=True):
        assert_letter(about[str(record.offset).encode()], record, reason, value or b"")
    registry = [one for one in letters if one.headers["topic"] == scene.topic("rollouts").encode()]
    assert {one.headers["offset"] for one in registry} == {b"0", b"1", b"2"}
    assert {one.headers["reason"] for one in registry} == {b"bad_rollout"}

    said = counters(port)
    assert said["canary_messages_total faulty"] == len(faults)
    assert said["canary_messages_total ok"] == len(lines)
    assert said["canary_dead_letters_total"] == len(faults)
    for reason, number in {"not_json": 2, "negative": 1, "not_whole": 1, "far_future": 1, "too_large": 1}.items():
        assert said[f"canary_decode_errors_total {reason}"] == number
    assert worker.terminate() == 0
    assert f"{scene.topic('partials')}" in worker.log()
    ahead = next(value for value, reason in faults.items() if reason == "far_future")
    assert_replay(scene, rollout, whole=True, without={ahead or b""})


def assert_letter(letter: Incoming, record: Incoming, reason: str, value: bytes) -> None:
    """It holds the message, where it was, and why it cannot be used."""
    assert letter.key == record.key
    assert letter.value == value[:900_000]
    assert letter.headers["reason"].decode() == reason
    assert letter.headers["partition"] == str(record.partition).encode()
    assert letter.headers["error"]
    assert letter.headers.get("bytes") == (str(len(value)).encode() if len(value) > 900_000 else None)
