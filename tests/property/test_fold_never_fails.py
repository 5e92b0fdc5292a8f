"""Whatever telemetry comes, a step neither raises nor warns, and every record can be read by people and programs."""

import re
from typing import NamedTuple

import msgspec
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.codec import dump, load
from stream.outputs import Alert, Divergence, Score, Verdict
from stream.partial import Row
from stream.plan import Plan
from stream.policy import MetricRule
from stream.quantity import Duration, Tolerance
from stream.rollout import COHORTS, Cohort
from stream.summary import Count, Distribution, Gauge, Ratio, Summary
from tests.core_helpers import Drive, lines, plan_of, row

MINUTE = 60_000
RULES = (
    MetricRule("latency", critical=True),
    MetricRule("size", worse="either", views=("p99", "mean"), tolerate=Tolerance(0.0, "%"), muted=True),
    MetricRule("errors", worse="lower", of="requests"),
    MetricRule("shed", kind="ratio", worse="either", promote=Tolerance(0.01, "%")),
    MetricRule("orders", kind="rate", margin=Tolerance(0.5, "%")),
    MetricRule("cpu", kind="gauge"),
    MetricRule("memory", kind="gauge", worse="either"),
    MetricRule("threads", kind="gauge", tolerate=Tolerance(3.0, ""), spread=Tolerance(1.0, "")),
    MetricRule("free"),
)
"""The last one is of whatever kind comes first."""
COUNTS = ("requests", "errors", "orders")
DECODER = msgspec.json.Decoder(Divergence | Alert | Score | Verdict)

scales = st.sampled_from((0.0, 1e-300, 1e-6, 1.0, 1e6, 1e150, 1e200))
whole = st.sampled_from((0, 1, 7, 1000, 10**9, 2**48))
metrics = st.sampled_from([rule.name for rule in RULES] + ["requests", "other"])


class Burst(NamedTuple):
    """What an instance reports of a metric for some panes."""

    metric: str
    first: int
    last: int
    cohort: Cohort
    instance: int
    kind: str
    unit: str
    scale: float
    number: int
    boot: str
    seed: int

    def summary(self, pane: int) -> Summary:
        rng = np.random.default_rng((self.seed, pane))
        match self.kind:
            case "distribution":
                return Distribution.of_values(self.scale * rng.lognormal(0, 0.5, min(self.number, 60)).clip(0, 1.0))
            case "histogram":
                return Distribution.of_histogram(
                    int(rng.integers(-3, 8)), int(rng.integers(-40, 40)), [min(self.number, 2**47)], 1
                )
            case "gauge":
                return Gauge.of_values(self.scale * rng.uniform(-1, 1, 2))
            case "ratio":
                return Ratio(int(rng.integers(self.number + 1)), self.number)
        return Count(self.number)


usual = {"errors": "count", "requests": "count", "orders": "count", "shed": "ratio", "latency": "distribution"}
kinds = st.sampled_from(("distribution", "histogram", "gauge", "ratio", "count"))


@st.composite
def bursts(draw: st.DrawFn) -> Burst:
    metric = draw(metrics)
    kind = draw(kinds) if metric not in usual or draw(st.integers(0, 9)) == 0 else usual[metric]
    first = draw(st.integers(0, 30))
    return Burst(
        metric,
        first,
        first + draw(st.integers(0, 40)),
        draw(st.sampled_from(COHORTS)),
        draw(st.integers(0, 4)),
        kind,
        draw(st.sampled_from(("", "ms", "1", "%", "By"))),
        draw(scales),
        draw(whole),
        draw(st.sampled_from(("", "2"))),
        draw(st.integers(0, 1000)),
    )


def plan_for(lenient: bool) -> Plan:
    return plan_of(
        *RULES,
        pane=Duration(MINUTE),
        bake_time=Duration(5 * MINUTE),
        deadline=Duration(40 * MINUTE),
        n_min=3,
        from_ms=0,
        promote_without_harm=lenient,
    )


def rows_of(reports: list[Burst], pane: int) -> list[Row]:
    found = {}
    for burst in reports:
        if burst.first <= pane <= burst.last:
            name = f"i{burst.instance}"
            one = row(pane, burst.cohort, name, burst.metric, burst.summary(pane), unit=burst.unit, boot=burst.boot)
            found[one.key] = one
    return list(found.values())


def steady(cohort: Cohort, instance: int) -> list[Burst]:
    """What keeps a rollout going whatever else comes."""
    where = (0, 99, cohort, instance)
    return [
        Burst("latency", *where, "distribution", "ms", 100.0, 30, "", instance),
        Burst("requests", *where, "count", "", 1.0, 1000, "", 0),
        Burst("errors", *where, "count", "", 1.0, 10 + instance, "", 0),
    ]


@settings(max_examples=settings().max_examples // 2)
@given(st.lists(bursts(), max_size=25), st.booleans(), st.booleans())
def test_the_fold_never_fails(reports: list[Burst], regular: bool, lenient: bool) -> None:
    if regular:
        reports = [one for cohort in COHORTS for number in range(2) for one in steady(cohort, number)] + reports
    drive = Drive(plan_for(lenient)).run(lambda pane: rows_of(reports, pane), range(45))
    assert drive.state.final
    assert [output.id for output in drive.outputs] == [f"shop-1/{n + 1}" for n in range(len(drive.outputs))]
    for line, output in zip(lines(drive.outputs), drive.outputs, strict=True):
        assert DECODER.decode(line) == output
        said = output.text + (output.short if isinstance(output, Divergence) else "")
        assert not re.search(r"\b(nan|inf|None)\b|!", said), said
    assert dump(load(dump(drive.state))) == dump(drive.state)
