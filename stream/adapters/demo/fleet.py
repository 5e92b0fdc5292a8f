"""The instances of the demo: their telemetry in real time, and what a deployment does to them."""

import threading
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import msgspec

from stream.adapters.kafka.connect import open_producer
from stream.adapters.settings import Settings
from stream.adapters.traffic import BASELINE_VERSION, CANARY_VERSION, CPU, ERRORS, LATENCY, REQUESTS, Traffic
from stream.errors import CanaryError
from stream.sample import Telemetry

KEPT = 6
"""Seconds of which it is known how they were."""
ACKNOWLEDGED = 10.0
"""Seconds within which a broker must have taken what was sent."""
LEAVE_SECONDS = 2.0


@dataclass(frozen=True)
class Second:
    """What happened to all requests in one second, or on average in some."""

    number: int
    """Which second, from 0."""
    requests: dict[str, float]
    """How many there were, by version."""
    latency: float
    """Their mean latency, milliseconds."""
    failing: float
    """The share that failed."""
    cpu: float
    """The share of a CPU that an instance used, on average over all that reported."""


class Fleet:
    """Runs from `with` to the end of its block, in a thread of its own.

    Args:
        settings: where to send telemetry.
        traffic: what the instances do.
        begins: when their first second begins, milliseconds UTC.
    """

    def __init__(self, settings: Settings, traffic: Traffic, begins: int) -> None:
        self._settings, self._traffic, self._begins = settings, traffic, begins
        self._over = threading.Event()
        self._order: str | None = None
        self._kept: deque[Second] = deque(maxlen=KEPT)
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="fleet", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join(LEAVE_SECONDS)

    def roll_back(self) -> None:
        """Stop all instances of the canary."""
        self._order = "roll back"

    def promote(self) -> None:
        """Let the other instances run the canary's version."""
        self._order = "promote"

    def recent(self, seconds: int = KEPT) -> list[Second]:
        """How the last seconds were."""
        return list(self._kept)[-seconds:]

    def check(self) -> None:
        """Whether it still runs.

        Raises:
            CanaryError: it could not send.
        """
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            self._report()
        except CanaryError as error:
            self._error = error

    def _report(self) -> None:
        encode, number = msgspec.json.Encoder().encode, 0
        topic = self._settings.telemetry[0]
        with open_producer(self._settings) as producer:
            while True:
                ends = (self._begins + 1000 * (number + 1)) / 1000
                if self._over.wait(max(0.0, ends - time.time())):
                    return
                self._obey()
                messages = self._traffic.second(number)
                sent = [producer.send(topic, encode(one), key=one.instance.encode()) for one in messages]
                for future in sent:
                    future.get(ACKNOWLEDGED)
                self._kept.append(_second(number, messages))
                number += 1

    def _obey(self) -> None:
        order, self._order = self._order, None
        if order == "roll back":
            self._traffic.off.update(self._traffic.canary_names)
        elif order == "promote":
            self._traffic.versions = [CANARY_VERSION for _ in self._traffic.names]


def average(seconds: Iterable[Second]) -> Second | None:
    """Some seconds as one; None where there are none."""
    found = list(seconds)
    if not found:
        return None
    count = len(found)
    versions = (BASELINE_VERSION, CANARY_VERSION)
    return Second(
        found[-1].number,
        {version: sum(one.requests[version] for one in found) / count for version in versions},
        sum(one.latency for one in found) / count,
        sum(one.failing for one in found) / count,
        sum(one.cpu for one in found) / count,
    )


def _second(number: int, messages: Iterable[Telemetry]) -> Second:
    requests = {BASELINE_VERSION: 0.0, CANARY_VERSION: 0.0}
    latencies: list[float] = []
    failures, cpus = 0.0, []
    for message in messages:
        for metric in message.metrics or ():
            if metric.name == LATENCY:
                latencies += metric.values or ()
            elif metric.name == REQUESTS:
                requests[message.version or ""] += metric.value or 0
            elif metric.name == ERRORS:
                failures += metric.value or 0
            elif metric.name == CPU:
                cpus.append(metric.value or 0)
    total = sum(requests.values())
    return Second(
        number,
        requests,
        sum(latencies) / max(1, len(latencies)),
        failures / max(1.0, total),
        sum(cpus) / max(1, len(cpus)),
    )
