"""A monitor as its users run it: its topics, telemetry, rollouts, and what it says beside a replay of the same log."""

import random
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from itertools import count, takewhile
from typing import Any, NamedTuple

import msgspec

from stream.adapters.kafka.admin import create
from stream.adapters.settings import Settings
from stream.adapters.topics import ALERTS, DIVERGENCES, SCORES, VERDICTS
from stream.adapters.traffic import Fault, Traffic
from stream.document.rollout import read_rollout
from stream.outputs import Output, Verdict
from stream.quantity import Instant
from stream.registry import Registration, read_registration, write_registration
from stream.replay.run import Replay
from stream.rollout import Rollout
from stream.wire import decoder, encode_json
from tests.broker_helpers import Broker, Incoming, Outgoing, wait_until

RECORDED = 40
"""Seconds of recorded traffic."""
QUIET = 3
"""The partition of telemetry that never gets a record."""
CODECS = ("gzip", None, "zstd")
"""Those that kafka-python can write and read back with what is installed."""
SPOKEN = (DIVERGENCES, ALERTS, SCORES, VERDICTS)
"""Topics that together hold all outputs, each once."""

encode = msgspec.json.Encoder().encode
read_output: Callable[[bytes], Output] = decoder(Output).decode


def rollout_of(from_ms: int, name: str = "checkout-1", **settings: Any) -> Rollout:
    """A rollout of the made-up traffic, with panes and lateness of a second."""
    usual = {
        "id": name,
        "app": "checkout",
        "baseline": {"version": "2.4.0"},
        "canary": {"version": "2.4.1"},
        "pane": "1s",
        "lateness": "1s",
        "warmup": "2s",
        "metrics": [
            {"name": "http.server.request.duration", "tolerate": "5%", "critical": True},
            {"name": "http.server.errors", "of": "http.server.requests", "tolerate": "25%"},
            {"name": "process.cpu.utilization", "tolerate": "2pp"},
        ],
    }
    return read_rollout({**usual, "from": from_ms, **settings})


def traffic(begin: int, fault: Fault = "latency") -> list[bytes]:
    """Recorded telemetry of ten instances, about 80 messages a second, in order of time; the fault comes after 8 s."""
    source = Traffic(seed=1, start_ms=begin, fault=fault, onset=8)
    return [encode(message) for second in range(RECORDED) for message in source.second(second)]


class Said(NamedTuple):
    """An output, as it was read."""

    topic: str
    record: Incoming
    output: Output

    @property
    def sequence(self) -> int:
        """Its number in its rollout."""
        return int(self.output.id.rpartition("/")[2])


class Scene:
    """The topics of one monitor.

    Args:
        broker: where.
        telemetry: the topic that is watched, of another scene; one of its own with four partitions by default.
    """

    def __init__(self, broker: Broker, telemetry: str | None = None, **settings: object) -> None:
        self.broker, self.prefix = broker, broker.fresh_prefix()
        self.begin = (int(time.time()) - RECORDED) * 1000
        """When recorded traffic that has just ended began, milliseconds UTC."""
        self.telemetry = telemetry or f"{self.prefix}.telemetry"
        self._more = {"telemetry": self.telemetry, "chunk": 300, **settings}
        if telemetry is None:
            broker.create(self.telemetry, 4, max_message_bytes=2_097_152, message_timestamp_type="LogAppendTime")
        self.settings = Settings.read(self.env())
        create(self.settings)
        self._chance = random.Random(self.telemetry)

    def env(self, **more: object) -> dict[str, str]:
        """The environment of a worker, or of another command."""
        return self.broker.environment(self.prefix, **{**self._more, **more})

    def topic(self, part: str) -> str:
        """The full name of one of our topics."""
        return f"{self.prefix}.{part}"

    def spread(self, lines: Iterable[bytes], shares: int = len(CODECS)) -> None:
        """Write telemetry, in order, to all partitions but one, under any key, with one codec after the other."""
        every = list(lines)
        size = -(-len(every) // shares) or 1
        for number, first in enumerate(range(0, len(every), size)):
            records = [self.placed(line) for line in every[first : first + size]]
            self.broker.produce(self.telemetry, records, compression_type=CODECS[number % len(CODECS)])

    def placed(self, line: bytes) -> Outgoing:
        """A message of telemetry, somewhere."""
        return Outgoing(line, self._chance.choice([None, b"checkout", line[:20]]), self._chance.randrange(QUIET))

    def register(self, rollout: Rollout, **more: str) -> None:
        """Put a rollout into the registry, as `canary start` does."""
        record = write_registration(Registration(rollout, **more))
        self.broker.produce(self.topic("rollouts"), [Outgoing(record, rollout.id.encode(), 0)])

    def registered(self) -> dict[str, Registration]:
        """What the registry holds, the newest record of each rollout."""
        found = self.broker.read_all(self.topic("rollouts"))
        newest = {one.key: one for one in found}
        return {
            (key or b"").decode(): read_registration(key, one.value)
            for key, one in newest.items()
            if one.value is not None
        }

    def said(self, *rollouts: str) -> list[Said]:
        """All outputs so far, or those of some rollouts, topic by topic, with repeats."""
        return [
            Said(topic.name(self.prefix), record, read_output(record.value or b""))
            for topic in SPOKEN
            for record in self.broker.read_all(topic.name(self.prefix))
            if not rollouts or (record.key or b"").decode() in rollouts
        ]

    def replay(self, rollout: Rollout, without: Collection[bytes] = ()) -> list[bytes]:
        """What a replay of the log of telemetry says, as it lies in the topic now, without some messages."""
        partitions: dict[str, list[list[bytes]]] = {f"{self.telemetry}-{number}": [] for number in range(4)}
        for record in self.broker.read_all(self.telemetry):
            blocks = partitions[f"{self.telemetry}-{record.partition}"]
            if not blocks or len(blocks[-1]) == 500:
                blocks.append([])
            if record.value is not None and record.value not in without:
                blocks[-1].append(record.value)
        return [encode_json(output) for output in Replay(rollout, partitions).outputs()]

    def verdict(self, rollout: str, seconds: float = 60) -> Verdict:
        """Wait for a rollout's final verdict."""
        topic = self.topic("verdicts")

        def final() -> list[Verdict]:
            found = [read_output(one.value or b"") for one in self.broker.read_all(topic)]
            return [one for one in found if isinstance(one, Verdict) and one.rollout == rollout and one.final]

        return wait_until(final, bool, seconds)[0]


def in_order(said: Iterable[Said]) -> list[bytes]:
    """The outputs of one rollout without repeats, by their numbers, up to the first one that is missing.

    Fails if a repeat differs, or if a topic has an output before an older one.
    """
    found: dict[int, bytes] = {}
    reached: dict[str, int] = defaultdict(int)
    for one in said:
        value = one.record.value or b""
        if one.sequence not in found:
            assert one.sequence > reached[one.topic], f"{one.output.id} came after a later one"
        assert found.setdefault(one.sequence, value) == value, f"{one.output.id} was said again with other content"
        reached[one.topic] = max(reached[one.topic], one.sequence)
    return [found[number] for number in takewhile(found.__contains__, count(1))]


def assert_replay(
    scene: Scene, rollout: Rollout, *, whole: bool = False, without: Collection[bytes] = ()
) -> list[bytes]:
    """A rollout's outputs up to the last sample are byte for byte those of a replay of the log; these are returned.

    With `whole` nothing follows them; some messages of the log can be left out.
    """
    wanted = scene.replay(rollout, without)
    told = wait_until(lambda: in_order(scene.said(rollout.id)), lambda found: len(found) >= len(wanted), 60)
    for number, (one, other) in enumerate(zip(told, wanted, strict=False), start=1):
        assert one == other, f"output {number}: {one.decode()}\nthe replay: {other.decode()}"
    assert not whole or len(told) == len(wanted), f"{len(told) - len(wanted)} outputs more than the replay's"
    return wanted


def assert_cloud_event(one: Said) -> None:
    """The record is plain JSON with CloudEvents headers, and nothing of Faust."""
    output = one.output
    assert one.record.value == encode_json(output)
    assert one.record.key == output.rollout.encode()
    assert one.record.headers == {
        "ce_specversion": b"1.0",
        "ce_id": output.id.encode(),
        "ce_source": b"/canary",
        "ce_type": f"canary.{one.topic.rpartition('.')[2].removesuffix('s')}".encode(),
        "ce_subject": output.rollout.encode(),
        "ce_time": str(Instant(output.at)).encode(),
        "content-type": b"application/json",
    }
