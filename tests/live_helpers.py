"""Telemetry and outputs in real time: a producer that keeps to the clock, a subscriber that notes when it heard."""

import threading
import time
from contextlib import ExitStack
from typing import NamedTuple, TypeVar

from stream.adapters.traffic import Fault, Traffic
from stream.outputs import Output
from stream.rollout import Rollout
from tests.broker_helpers import Broker
from tests.scene_helpers import SPOKEN, Scene, encode, read_output

Kind = TypeVar("Kind", bound=Output)


class Flow(threading.Thread):
    """Traffic in real time, from one producer, to all partitions of a topic but one.

    Args:
        scene: whose telemetry.
        begin: event time of its first second, milliseconds UTC.
        seconds: how long.
        fault: what befalls the canary, `onset` seconds after the beginning.
    """

    def __init__(self, scene: Scene, begin: int, seconds: int, fault: Fault = "latency", onset: int = 10) -> None:
        super().__init__(daemon=True)
        self.end = begin + 1000 * seconds
        """Event time after its last second."""
        self.late = 0.0
        """By how many seconds a message was written late at most."""
        self._scene, self._seconds = scene, seconds
        self._source = Traffic(seed=1, start_ms=begin, fault=fault, onset=onset)

    def run(self) -> None:
        """Write each message when its time has come."""
        from kafka import KafkaProducer

        broker = self._scene.broker
        settings = {"bootstrap_servers": broker.bootstrap, "enable_idempotence": broker.idempotent}
        producer = KafkaProducer(acks="all", linger_ms=5, **settings)
        try:
            for second in range(self._seconds):
                for message in self._source.second(second):
                    self._wait(message.ts if message.ts is not None else message.end or 0)
                    one = self._scene.placed(encode(message))
                    producer.send(self._scene.telemetry, one.value, key=one.key, partition=one.partition)
            producer.flush(30)
        finally:
            producer.close(10)

    def _wait(self, due: int) -> None:
        ahead = due / 1000 - time.time()
        if ahead > 0:
            time.sleep(ahead)
        self.late = max(self.late, -ahead)


class Heard(NamedTuple):
    """An output, and when a subscriber had it."""

    at: float
    """Seconds UTC."""
    output: Output

    def delay(self, rollout: Rollout) -> float:
        """Seconds after the moment at which its pane could be closed."""
        return self.at - (self.output.at + rollout.policy.lateness.ms) / 1000


class Listener:
    """Hears the outputs of scenes as they come. Close it."""

    def __init__(self, broker: Broker, *scenes: Scene) -> None:
        self._scenes = {topic.name(scene.prefix): scene.prefix for scene in scenes for topic in SPOKEN}
        self._stack = ExitStack()
        self._consumer = self._stack.enter_context(broker.consumer(*self._scenes))
        self.heard: dict[str, list[Heard]] = {scene.prefix: [] for scene in scenes}
        """By the scene's prefix, without repeats."""
        self._known: set[tuple[str, str]] = set()

    def listen(self, until: float) -> None:
        """Take what comes, up to a time in seconds UTC."""
        while (left := until - time.time()) > 0:
            for records in self._consumer.poll(timeout_ms=min(100, int(1000 * left))).values():
                now = time.time()
                for record in records:
                    self._take(now, self._scenes[record.topic], read_output(record.value))

    def of(self, scene: Scene, rollout: str, kind: type[Kind]) -> list[tuple[float, Kind]]:
        """The outputs of one kind, with when they came."""
        heard = self.heard[scene.prefix]
        return [(at, one) for at, one in heard if one.rollout == rollout and isinstance(one, kind)]

    def close(self) -> None:
        """End it."""
        self._stack.close()

    def _take(self, now: float, prefix: str, output: Output) -> None:
        if (prefix, output.id) not in self._known:
            self._known.add((prefix, output.id))
            self.heard[prefix].append(Heard(now, output))
