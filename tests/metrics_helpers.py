"""What a worker's metrics are after everything has happened once, and outputs to tell them of."""

import asyncio
from collections import Counter
from typing import Any

from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from stream.adapters.worker.metrics import Metrics
from stream.outputs import Alert, Divergence, Score, Side, Verdict
from stream.policy import MetricRule, Policy
from stream.quantity import Instant
from stream.rollout import Rollout

POLICY = Policy((MetricRule("latency"),))
OPENMETRICS = "application/openmetrics-text; version=1.0.0"
SIDE = Side(1.0, 3, 100)


def rollout(name: str = "shop-1", env: str | None = "prod", from_ms: int | None = 0, app: str = "shop") -> Rollout:
    """A rollout."""
    return Rollout(name, app, POLICY, env=env, from_=None if from_ms is None else Instant(from_ms))


def score(name: str = "shop-1", **fields: Any) -> Score:
    """A score of 90, in state continue."""
    usual = {"score": 90.0, "confidence": 0.5, "state": "continue", "groups": {}, "metrics": {}, "counts": {}}
    return Score(id=f"{name}/1", rollout=name, at=0, text="", **{**usual, **fields})


def verdict(word: Any, name: str = "shop-1") -> Verdict:
    """A verdict."""
    return Verdict(
        id=f"{name}/2",
        rollout=name,
        at=0,
        app="shop",
        verdict=word,
        previous=None,
        final=word != "continue",
        rule="undecided",
        metric=None,
        score=90.0,
        confidence=0.5,
        baseline=SIDE,
        canary=SIDE,
        started=0,
        policy="usual@1",
        fingerprint="00000000",
        text="",
        also=[],
        explanation="",
    )


def alert(kind: Any = "no_data", status: Any = "firing", name: str = "shop-1") -> Alert:
    """An alert."""
    return Alert(f"{name}/3", name, 0, kind, status, None, None, 0, "")


def divergence(
    metric: str = "latency", evidence: float = 2.0, threshold: float = 4.0, name: str = "shop-1"
) -> Divergence:
    """A divergence, with half of the evidence that is needed."""
    return Divergence(
        id=f"{name}/4",
        rollout=name,
        at=0,
        metric=metric,
        title=metric,
        state="undecided",
        kind="distribution",
        unit="ms",
        critical=False,
        muted=False,
        group="default",
        view=None,
        process="level",
        since=None,
        effect=None,
        low=None,
        high=None,
        scale="relative",
        evidence=evidence,
        threshold=threshold,
        evidence_safe=0.0,
        threshold_safe=4.0,
        tolerate=0.05,
        promote=0.1,
        baseline=SIDE,
        canary=SIDE,
        drivers=None,
        resolution=None,
        short="",
        text="",
    )


def tell_everything(metrics: Metrics) -> None:
    """Let everything happen once."""
    metrics.assigned({"canary.telemetry": 3})
    metrics.read("canary.telemetry", 3, Counter(not_json=1))
    metrics.dead_letters("canary.telemetry", 1)
    metrics.routed(10, {"late": 2, "no_cohort": 3})
    metrics.lag("canary.telemetry", 0, 0.5)
    metrics.tracks(7)
    metrics.judged(0.004)
    for output in (score(), verdict("continue"), alert(), divergence()):
        metrics.said(output, rollout(), 0.03)
    metrics.holds(1)
    metrics.watermark(1.5)
    metrics.waiting(4)
    metrics.dropped(5)
    metrics.acknowledged(6, 0.02)
    metrics.checkpointed(1000, 0.2)
    metrics.restored(2, 0.3)
    metrics.ready(True)


def families(metrics: Metrics) -> list[Metric]:
    """The exposition of metrics, parsed."""
    text, _ = asyncio.run(metrics.exposition(OPENMETRICS))
    return list(text_string_to_metric_families(text.decode()))  # type: ignore[no-untyped-call]


def samples(metrics: Metrics, name: str) -> dict[tuple[str, ...], float]:
    """The values of a series as they are exposed, by the values of its labels, those in the order of the alphabet."""
    found = [sample for family in families(metrics) for sample in family.samples if sample.name == name]
    return {tuple(sample.labels.values()): sample.value for sample in found}
