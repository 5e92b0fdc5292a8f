"""What a rollout's defaults come to: tolerances by kind, shares of alpha, the evidence it takes, doubts.

>>> from stream.document.rollout import read_rollout
>>> found = effective(read_rollout({"app": "checkout", "metrics": ["latency"]}))
>>> found.metrics[0].tolerate, found.metrics[0].promote, round(found.metrics[0].evidence, 2)
('5%', '10%', 3.22)
"""

from math import exp

from msgspec import Struct

from stream.document.doubts import doubts
from stream.document.rules import stated_kind, stated_tolerances
from stream.plan import METRIC_SHARE, Plan
from stream.policy import ABSOLUTE_PROMOTE, RELATIVE_PROMOTE, Kind, MetricRule, usual_tolerance
from stream.quantity import Tolerance
from stream.rollout import Rollout


class EffectiveMetric(Struct, frozen=True):
    """One metric, as far as it is known before its messages."""

    name: str
    kind: Kind
    kind_stated: bool
    """Whether the file says so; else the messages may say something else."""
    tolerate: str
    promote: str
    deciding: bool
    """Whether it can abort, and promotion waits for it."""
    share: float | None
    """Its part of the alpha that single metrics have; None where it cannot abort, like what follows."""
    alpha: float | None
    """Its bound on a false abort."""
    evidence: float | None
    """The evidence at which it is worse, log(1 / alpha)."""


class Effective(Struct, frozen=True):
    """What follows from a rollout's fields."""

    fingerprint: str
    """Identifies the policy."""
    alpha_mean: float
    """The part of alpha that the mean of all metrics' evidence has."""
    evidence_mean: float
    """The evidence at which that mean aborts."""
    evidence_promote: float
    """The evidence at which a metric is shown safe."""
    metrics: list[EffectiveMetric]
    """The metrics in the file's order."""
    doubts: list[str]
    """What is legal but seldom meant."""


def effective(rollout: Rollout) -> Effective:
    """Work out what the rollout's fields come to."""
    plan = Plan.of(rollout)
    return Effective(
        fingerprint=plan.fingerprint,
        alpha_mean=_short(exp(-plan.need_mean)),
        evidence_mean=_short(plan.need_mean),
        evidence_promote=_short(plan.need_safe),
        metrics=[_metric(plan, position) for position in range(len(plan.rules))],
        doubts=doubts(rollout),
    )


def _metric(plan: Plan, position: int) -> EffectiveMetric:
    rule = plan.rules[position]
    kind = stated_kind(rule)
    tolerate, promote = _limits(rule)
    need = plan.need[position] if position in plan.deciding else None
    alpha = None if need is None else exp(-need)
    return EffectiveMetric(
        name=rule.name,
        kind=kind or ("distribution" if _relative(rule) else "gauge"),
        kind_stated=kind is not None,
        tolerate=tolerate,
        promote=promote,
        deciding=need is not None,
        share=None if alpha is None else _short(alpha / (METRIC_SHARE * plan.policy.alpha)),
        alpha=None if alpha is None else _short(alpha),
        evidence=None if need is None else _short(need),
    )


def _short(value: float) -> float:
    """Without the last digits, which are noise."""
    return float(f"{value:.9g}")


def _relative(rule: MetricRule) -> bool:
    return rule.scale != "raw" and all(tolerance.relative for _, tolerance in stated_tolerances(rule))


def _limits(rule: MetricRule) -> tuple[str, str]:
    """What is tolerated and what promotion must exclude, as files have them; both ways where the unit decides."""
    if stated_kind(rule) != "gauge" or rule.scale or stated_tolerances(rule):
        return _limits_on(rule, relative=_relative(rule))
    logs, values = _limits_on(rule, relative=True), _limits_on(rule, relative=False)
    return f"{logs[0]} or {values[0]}", f"{logs[1]} or {values[1]}"


def _limits_on(rule: MetricRule, *, relative: bool) -> tuple[str, str]:
    tolerate = rule.tolerate or usual_tolerance(stated_kind(rule), "%" if relative else "pp")
    factor = RELATIVE_PROMOTE if relative else ABSOLUTE_PROMOTE
    promote = rule.promote or Tolerance(round(tolerate.amount * factor, 12), tolerate.unit)
    return str(tolerate), str(promote)
