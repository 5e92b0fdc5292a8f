"""Small rollouts for tests of the judge: plans, rows of made-up telemetry, and a driver that closes pane after pane."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import msgspec
import numpy as np

from stream.arrays import Floats
from stream.monitor import start, step
from stream.outputs import Alert, Divergence, Output, Score, Verdict
from stream.partial import Partial, Row, RowKey, Stop
from stream.plan import Plan
from stream.policy import MetricRule, Policy
from stream.quantity import Duration, Instant, Tolerance
from stream.rollout import Cohort, Rollout
from stream.state import State
from stream.summary import Count, Distribution, Gauge, Ratio, Summary

ROLLOUT = "shop-1"
SECOND = 1_000
PANE = 10 * SECOND
_KINDS = {Distribution: "distribution", Gauge: "gauge", Count: "count", Ratio: "ratio"}
_UNITS = {Distribution: "ms", Gauge: "1", Count: "", Ratio: ""}
_Record = TypeVar("_Record", Divergence, Alert, Score, Verdict)


def percent(amount: float) -> Tolerance:
    """A tolerance relative to baseline."""
    return Tolerance(amount / 100, "%")


def plan_of(*rules: MetricRule, from_ms: int | None = None, until_ms: int | None = None, **settings: Any) -> Plan:
    """A plan without warm-up and lateness, unless `settings` of the policy say so."""
    policy = Policy(rules, **{"warmup": Duration(0), "lateness": Duration(0), **settings})
    return Plan.of(
        Rollout(
            ROLLOUT,
            "shop",
            policy,
            from_=None if from_ms is None else Instant(from_ms),
            until=None if until_ms is None else Instant(until_ms),
        )
    )


def row(
    pane: int, cohort: Cohort, instance: str, metric: str, summary: Summary, *, unit: str | None = None, boot: str = ""
) -> Row:
    """One row, with the usual unit of its kind."""
    unit = _UNITS[type(summary)] if unit is None else unit
    return Row(pane, RowKey(cohort, instance, boot, metric, unit, "", _KINDS[type(summary)]), summary)


def latencies(center: float, *, number: int = 40, spread: float = 0.3, shift: float = 0.0) -> Distribution:
    """Values evenly spread over the quantiles of a log-logistic distribution, the same in every call."""
    shares = (np.arange(number) + 0.5) / number
    return Distribution.of_values(center * np.exp(shift) * (shares / (1 - shares)) ** spread)


def noisy(rng: np.random.Generator, center: float, number: int = 40) -> Distribution:
    """Log-normal values."""
    return Distribution.of_values(center * np.exp(rng.normal(0, 0.5, number)))


def cohorts(
    make: Callable[[Cohort, int], Sequence[tuple[str, Summary]]], pane: int, *, canary: int = 3, baseline: int = 3
) -> list[Row]:
    """Rows of one pane: `make` says, for each instance of a cohort, which metrics it reports."""
    sizes: tuple[tuple[Cohort, int], ...] = (("baseline", baseline), ("canary", canary))
    return [
        row(pane, cohort, f"{cohort}-{number}", metric, summary)
        for cohort, size in sizes
        for number in range(size)
        for metric, summary in make(cohort, number)
    ]


class Drive:
    """A rollout's fold with one source that delivers one chunk a pane."""

    def __init__(self, plan: Plan, state: State | None = None) -> None:
        self.plan = plan
        self.state = start(plan, ["telemetry-0"]) if state is None else state
        self.outputs: list[Output] = []
        """All of them so far."""
        self._offset = 0

    def close(self, pane: int, rows: Iterable[Row], **rejected: int) -> list[Output]:
        """Deliver a pane's rows and everything it takes to close it; return what it brings about."""
        newest = (pane + 1) * self.plan.pane_ms + self.plan.policy.lateness.ms
        event = Partial(ROLLOUT, "telemetry-0", self._offset, self._offset + 1, newest, list(rows), {pane: rejected})
        self._offset += 1
        found = step(self.plan, self.state, event)
        self.outputs += found
        return found

    def stop(self, reason: str) -> None:
        """End the rollout on demand."""
        self.outputs += step(self.plan, self.state, Stop(ROLLOUT, reason))

    def run(self, rows: Callable[[int], Iterable[Row]], panes: Iterable[int]) -> "Drive":
        """Close panes until the end or a final verdict."""
        for pane in panes:
            if self.state.final:
                break
            self.close(pane, rows(pane))
        return self

    def of(self, kind: type[_Record]) -> list[_Record]:
        """The outputs of one type so far."""
        return [output for output in self.outputs if isinstance(output, kind)]

    @property
    def verdict(self) -> Verdict:
        """The newest verdict."""
        return self.of(Verdict)[-1]


def lines(outputs: Iterable[Output]) -> list[bytes]:
    """The records as they are sent."""
    return [msgspec.json.encode(output) for output in outputs]


def close_to(found: Floats | float, wanted: Floats | float, *, within: float = 1e-9) -> bool:
    """Whether all numbers agree, relatively or absolutely."""
    return bool(np.allclose(found, wanted, rtol=within, atol=within, equal_nan=True))
