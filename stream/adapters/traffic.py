"""Realistic traffic of two cohorts, seeded: for the example and for trying policies, never for judging.

Instances differ, load swings for all of them together, caches are cold after a start, noise has a memory; at some point
the canary gets a fault. One call makes one second of telemetry, in the native format.
"""

from collections.abc import Iterator
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
REPORT_SECONDS = 10
"""Counters and gauges are reported as often; requests one by one."""
COLD_SECONDS = 60.0
"""An instance is slower for about so long after its start."""


class Traffic:
    """Telemetry of `checkout`: version 2.4.0 as baseline beside version 2.4.1 as canary."""

    def __init__(
        self,
        *,
        seed: int = 1,
        start_ms: int = 0,
        instances: int = 5,
        rate: float = 8.0,
        fault: Fault = "latency",
        onset: int = 300,
        app: str = "checkout",
    ) -> None:
        """Set the stage.

        Args:
            seed: the same seed gives the same messages.
            start_ms: event time of the first second, milliseconds UTC.
            instances: of each cohort.
            rate: requests a second of each instance, on average.
            fault: what befalls the canary.
            onset: seconds until it does.
            app: the app's name.
        """
        self.rng = np.random.default_rng(seed)
        self.start_ms, self.rate, self.fault, self.onset, self.app = start_ms, rate, fault, onset, app
        self.names = [f"{app}-{'7c9d' if i < instances else '5b1f'}-{self._suffix()}" for i in range(2 * instances)]
        self.canary = np.arange(2 * instances) < instances
        self.host = 0.03 * self.rng.standard_normal(2 * instances)
        self.noise = 0.03 * self.rng.standard_normal(2 * instances)
        self.phase = self.rng.random()
        self.requests = np.zeros(2 * instances, dtype=np.int64)
        self.failures = np.zeros(2 * instances, dtype=np.int64)

    def second(self, second: int) -> list[Telemetry]:
        """What all instances report in that second, in order of time. Call it for 0, 1, 2, ..."""
        load = 1 + 0.3 * np.sin(2 * np.pi * (second / 2400 + self.phase))
        step = np.sqrt(1 - 0.99**2) * 0.03
        self.noise = 0.99 * self.noise + step * self.rng.standard_normal(len(self.names))
        found = [*self._requests(second, load), *(self._reports(second, load) if self._due(second) else ())]
        found.sort(key=lambda message: message.ts if message.ts is not None else message.end or 0)
        if self.fault == "silence" and second >= self.onset:
            silent = {name for name, canary in zip(self.names, self.canary, strict=True) if canary}
            found = [message for message in found if message.instance not in silent]
        return found

    def _suffix(self) -> str:
        return "".join(self.rng.choice(list("bcdfghjklmnpqrstvwxz2456789"), 5))

    def _due(self, second: int) -> bool:
        return second % REPORT_SECONDS == REPORT_SECONDS - 1

    def _worse(self, second: int) -> Floats:
        """The factor on each instance's latency that the fault brings."""
        factor = np.ones(len(self.names))
        if second >= self.onset and self.fault == "latency":
            factor[self.canary] = 1.3
        if second >= self.onset and self.fault == "one-instance":
            factor[0] = 2.0
        return factor

    def _requests(self, second: int, load: float) -> Iterator[Telemetry]:
        number = self.rng.poisson(self.rate * load, len(self.names))
        cold = 1 + np.exp(-second / (COLD_SECONDS / 3))
        level = 40 * load**0.3 * cold * np.exp(self.host + self.noise) * self._worse(second)
        share = np.where(self.canary & (self.fault == "errors") & (second >= self.onset), 0.03, 0.004)
        self.requests += number
        self.failures += self.rng.binomial(number, share)
        for unit, count in enumerate(number.tolist()):
            slow = np.where(self.rng.random(count) < 0.02, 3.3, 1.0)
            values = level[unit] * slow * np.exp(0.5 * self.rng.standard_normal(count))
            for offset, value in zip(sorted(self.rng.integers(0, 1000, count).tolist()), values.tolist(), strict=True):
                yield Telemetry(
                    app=self.app,
                    instance=self.names[unit],
                    version="2.4.1" if self.canary[unit] else "2.4.0",
                    ts=self.start_ms + 1000 * second + offset,
                    metric=LATENCY,
                    value=round(value, 3),
                    unit="ms",
                )

    def _reports(self, second: int, load: float) -> Iterator[Telemetry]:
        end = self.start_ms + 1000 * (second + 1)
        leak = 0.12 * max(0, second - self.onset) / 600 if self.fault == "leak" else 0.0
        for unit, name in enumerate(self.names):
            cpu = 0.4 * load**0.8 + 0.4 * self.host[unit] + 0.01 * self.rng.standard_normal()
            cpu += leak if self.canary[unit] else 0.0
            metrics = [
                Metric(REQUESTS, "count", value=int(self.requests[unit])),
                Metric(ERRORS, "count", value=int(self.failures[unit])),
                Metric(CPU, "gauge", unit="1", value=round(float(cpu), 4)),
            ]
            yield Telemetry(
                app=self.app,
                instance=name,
                version="2.4.1" if self.canary[unit] else "2.4.0",
                start=end - 1000 * REPORT_SECONDS,
                end=end,
                metrics=metrics,
            )
        self.requests[:] = 0
        self.failures[:] = 0
