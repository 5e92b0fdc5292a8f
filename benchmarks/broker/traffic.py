"""Telemetry of a fleet, and the rollouts that watch it."""

from collections.abc import Iterator, Sequence

import numpy as np

from stream.policy import MetricRule, Policy
from stream.quantity import Duration, Instant
from stream.rollout import Rollout, Selector


class Fleet:
    """Apps that are all alike, each watched by one rollout; every second instance is a canary.

    Args:
        apps: how many, with a rollout each.
        instances: of an app.
        metrics: of an instance, distributions.
        pane: length of a pane, milliseconds.
        lateness: of the policy, milliseconds.
    """

    def __init__(self, apps: int, instances: int, metrics: int, pane: int = 10_000, lateness: int = 5_000) -> None:
        self.apps, self.instances = apps, instances
        self.metrics = [f"http.metric.number.{number}" for number in range(metrics)]
        self.pane, self.lateness = pane, lateness

    def __str__(self) -> str:
        return f"{self.apps:,} rollouts of {self.instances} instances and {len(self.metrics)} metrics"

    def policy(self) -> Policy:
        """Undecided for as long as it is measured."""
        return Policy(
            tuple(MetricRule(name) for name in self.metrics),
            pane=Duration(self.pane),
            lateness=Duration(self.lateness),
            warmup=Duration(0),
            deadline=None,
            bake_time=Duration(86_400_000),
            alpha=1e-6,
        )

    def rollouts(self, begins: int) -> list[Rollout]:
        """One an app, from the pane at `begins` on, milliseconds UTC."""
        start, policy = Instant(begins // self.pane * self.pane), self.policy()
        old, new = Selector(version="2.4.0"), Selector(version="2.4.1")
        return [
            Rollout(f"shop-{app}-1", f"shop-{app}", policy, baseline=old, canary=new, from_=start)
            for app in range(self.apps)
        ]

    def sender(self, app: int, instance: int) -> bytes:
        """The fields that say who sends."""
        return b'"app":"shop-%d","instance":"checkout-%02d","version":"2.4.%d"' % (app, instance, instance % 2)

    def single(self, app: int, instance: int, metric: int, at: int, value: float) -> bytes:
        """A message with one sample, measured at `at`."""
        return b'{%s,"ts":%d,"metric":"%s","value":%s}' % (
            self.sender(app, instance),
            at,
            self.metrics[metric].encode(),
            repr(value).encode(),
        )

    def batch(self, app: int, instance: int, end: int, values: Sequence[Sequence[float]]) -> bytes:
        """A message with raw values of the first metrics, of the second before `end`."""
        entries = b",".join(
            b'{"name":"%s","type":"samples","values":[%s]}' % (name.encode(), ",".join(map(repr, row)).encode())
            for name, row in zip(self.metrics, values, strict=False)
        )
        return b'{%s,"start":%d,"end":%d,"metrics":[%s]}' % (self.sender(app, instance), end - 1000, end, entries)

    def singles(self, number: int, begins: int, a_second: int) -> Iterator[bytes]:
        """Single samples of all series at random, `a_second` of them in a second of event time."""
        rng = np.random.default_rng(1)
        values = rng.lognormal(3, 1, number).round(3).tolist()
        chosen = (rng.integers(0, many, number).tolist() for many in (self.apps, self.instances, len(self.metrics)))
        for at, (app, instance, metric, value) in enumerate(zip(*chosen, values, strict=True)):
            yield self.single(app, instance, metric, begins + at * 1000 // a_second, value)

    def batches(self, number: int, begins: int, a_second: int, samples: int) -> Iterator[bytes]:
        """Batches of one metric's `samples`, instance after instance; `a_second` batches in a second."""
        values = np.random.default_rng(2).lognormal(3, 1, (997, samples)).round(3).tolist()
        for at in range(number):
            app, instance = at % self.apps, at // self.apps % self.instances
            yield self.batch(app, instance, begins + at * 1000 // a_second, [values[at % len(values)]])
