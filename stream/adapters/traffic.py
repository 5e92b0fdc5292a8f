"""Realistic traffic of two cohorts, seeded: for the example and for trying policies, never for judging.

Instances differ, load swings for all of them together, caches are cold after a start, noise has a memory; at some point
the canary gets a fault. One call makes one second of telemetry, in the native format.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from stream.arrays import Floats
from stream.sample import Metric, Telemetry

Fault = Literal["none", "latency", "errors", "one-instance", "leak", "silence"]
FAULTS: tuple[Fault, ...] = get_args(Fault)
LATENCY, REQUESTS, ERRORS, CPU = (
    "http.server.request.duration",
    "http.server.requests",
    "http.server.errors",
    "process.cpu.utilization",
)
BASELINE_VERSION, CANARY_VERSION = "2.4.0", "2.4.1"


@dataclass(frozen=True)
class Character:
    """What kind of service it is, and how bad a fault."""

    app: str = "checkout"
    """Its name."""
    report: int = 10
    """Seconds between two reports of an instance: counters and gauges, and the requests where they are batched."""
    batched: bool = False
    """Whether an instance reports its requests with its counters; else one by one, as they come."""
    cold: float = 60.0
    """An instance is slower for about so many seconds after its start."""
    swing: float = 2400.0
    """Seconds from one high of the load to the next."""
    failing: float = 0.004
    """Share of requests that fail."""
    slow_fault: float = 1.3
    """The factor on the canary's latency that the fault `latency` brings."""
    odd_fault: float = 2.0
    """The factor on one instance's latency that `one-instance` brings."""
    failing_fault: float = 0.03
    """The share of the canary's requests that fail with `errors`."""
    leak_fault: float = 0.0002
    """How much the share of a CPU that the canary uses grows in a second with `leak`."""


CHECKOUT = Character()


class Traffic:
    """Telemetry of two cohorts of an app: version 2.4.0 as baseline beside version 2.4.1 as canary."""

    def __init__(
        self,
        *,
        seed: int = 1,
        start_ms: int = 0,
        instances: int = 5,
        rate: float = 8.0,
        fault: Fault = "latency",
        onset: int = 300,
        character: Character = CHECKOUT,
    ) -> None:
        """Set the stage.

        Args:
            seed: the same seed gives the same messages.
            start_ms: event time of the first second, milliseconds UTC.
            instances: of each cohort.
            rate: requests a second of each instance, on average.
            fault: what befalls the canary.
            onset: seconds until it does.
            character: what kind of service it is.
        """
        self.rng = np.random.default_rng(seed)
        self.start_ms, self.rate, self.fault, self.onset, self.character = start_ms, rate, fault, onset, character
        app = character.app
        self.names = [f"{app}-{'7c9d' if i < instances else '5b1f'}-{self._suffix()}" for i in range(2 * instances)]
        self.canary = np.arange(2 * instances) < instances
        self.versions = [CANARY_VERSION if canary else BASELINE_VERSION for canary in self.canary]
        self.off: set[str] = set()
        """Instances that have been stopped: they report nothing any more."""
        self.host = 0.03 * self.rng.standard_normal(2 * instances)
        self.noise = 0.03 * self.rng.standard_normal(2 * instances)
        self.phase = self.rng.random()
        self.requests = np.zeros(2 * instances, dtype=np.int64)
        self.failures = np.zeros(2 * instances, dtype=np.int64)
        self.latencies: list[list[float]] = [[] for _ in self.names]

    def second(self, second: int) -> list[Telemetry]:
        """What all instances report in that second, in order of time. Call it for 0, 1, 2, ..."""
        load = 1 + 0.3 * np.sin(2 * np.pi * (second / self.character.swing + self.phase))
        step = np.sqrt(1 - 0.99**2) * 0.03
        self.noise = 0.99 * self.noise + step * self.rng.standard_normal(len(self.names))
        found = [*self._requests(second, load), *(self._reports(second, load) if self._due(second) else ())]
        found.sort(key=lambda message: message.ts if message.ts is not None else message.end or 0)
        silent = self.off
        if self.fault == "silence" and second >= self.onset:
            silent = silent.union(self.canary_names)
        return [message for message in found if message.instance not in silent]

    @property
    def canary_names(self) -> list[str]:
        """The canary's instances."""
        return [name for name, canary in zip(self.names, self.canary, strict=True) if canary]

    def _suffix(self) -> str:
        return "".join(self.rng.choice(list("bcdfghjklmnpqrstvwxz2456789"), 5))

    def _due(self, second: int) -> bool:
        return (second + 1) % self.character.report == 0

    def _worse(self, second: int) -> Floats:
        """The factor on each instance's latency that the fault brings."""
        factor = np.ones(len(self.names))
        if second >= self.onset and self.fault == "latency":
            factor[self.canary] = self.character.slow_fault
        if second >= self.onset and self.fault == "one-instance":
            factor[0] = self.character.odd_fault
        return factor

    def _requests(self, second: int, load: float) -> Iterator[Telemetry]:
        number = self.rng.poisson(self.rate * load, len(self.names))
        cold = 1 + np.exp(-second / (self.character.cold / 3))
        level = 40 * load**0.3 * cold * np.exp(self.host + self.noise) * self._worse(second)
        failing = self.canary & (self.fault == "errors") & (second >= self.onset)
        self.requests += number
        self.failures += self.rng.binomial(
            number, np.where(failing, self.character.failing_fault, self.character.failing)
        )
        for unit, count in enumerate(number.tolist()):
            slow = np.where(self.rng.random(count) < 0.02, 3.3, 1.0)
            values = [round(value, 3) for value in (level[unit] * slow * self._spread(count)).tolist()]
            offsets = sorted(self.rng.integers(0, 1000, count).tolist())
            if self.character.batched:
                self.latencies[unit] += values
                continue
            for offset, value in zip(offsets, values, strict=True):
                yield Telemetry(
                    app=self.character.app,
                    instance=self.names[unit],
                    version=self.versions[unit],
                    ts=self.start_ms + 1000 * second + offset,
                    metric=LATENCY,
                    value=value,
                    unit="ms",
                )

    def _spread(self, count: int) -> Floats:
        """How requests of one instance differ."""
        return np.exp(0.5 * self.rng.standard_normal(count))

    def _reports(self, second: int, load: float) -> Iterator[Telemetry]:
        end = self.start_ms + 1000 * (second + 1)
        leak = self.character.leak_fault * max(0, second - self.onset) if self.fault == "leak" else 0.0
        for unit, name in enumerate(self.names):
            cpu = 0.4 * load**0.8 + 0.4 * self.host[unit] + 0.01 * self.rng.standard_normal()
            cpu += leak if self.canary[unit] else 0.0
            latency = Metric(LATENCY, "samples", unit="ms", values=self.latencies[unit])
            yield Telemetry(
                app=self.character.app,
                instance=name,
                version=self.versions[unit],
                start=end - 1000 * self.character.report,
                end=end,
                metrics=[
                    *([latency] if self.character.batched else ()),
                    Metric(REQUESTS, "count", value=int(self.requests[unit])),
                    Metric(ERRORS, "count", value=int(self.failures[unit])),
                    Metric(CPU, "gauge", unit="1", value=round(float(cpu), 4)),
                ],
            )
            self.latencies[unit] = []
        self.requests[:] = 0
        self.failures[:] = 0
