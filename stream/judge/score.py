"""The fifth step: labels and evidence become one number, and how much is known behind it.

End points are Kayenta's, so that 75 and 95 keep their meaning: a metric shown worse counts 0, one without harm 100,
a critical one shown worse makes the whole 0. Between them it moves smoothly with the evidence or, where that is
complete, with the size of the effect against what is tolerated.
"""

from msgspec import Struct

from stream.compare.evidence import Evidence
from stream.compare.yardstick import Yardstick
from stream.judge.classify import harm_of
from stream.outputs import State as Label
from stream.plan import Plan

SAFE = ("pass", "better")
"""Labels of metrics that take nothing from the score: a difference that is certain, but tolerated, is no harm."""


class Standing(Struct):
    """How the rollout stands after a pane."""

    score: float | None
    """0 to 100; None while half of the weight or more has no data."""
    confidence: float
    """0 to 1: the least that is known about a deciding metric."""
    groups: dict[str, float]
    """0 to 100 by group with data."""


def grade(plan: Plan, labels: list[Label], evidence: dict[int, Evidence], sticks: dict[int, Yardstick]) -> Standing:
    """Score a pane.

    Args:
        plan: the rollout's plan.
        labels: by metric.
        evidence: by position of the metric.
        sticks: the same.
    """
    heard = [i for i, rule in enumerate(plan.rules) if not rule.muted]
    known = [i for i in heard if labels[i] not in ("no_data", "error")]
    shares = {i: 0.0 if labels[i] in SAFE else harm_share(plan, i, evidence[i], sticks[i]) for i in known}
    groups: dict[str, float] = {}
    for name in sorted({plan.rules[i].group for i in known}):
        mine = [i for i in known if plan.rules[i].group == name]
        weight = sum(plan.rules[i].share for i in mine)
        groups[name] = 100 * (1 - sum(plan.rules[i].share * shares[i] for i in mine) / weight)
    return Standing(_score(plan, heard, shares, groups), _confidence(plan, labels, evidence), groups)


def harm_share(plan: Plan, rule: int, evidence: Evidence, stick: Yardstick) -> float:
    """How far a metric is on its way to "worse", 0 to 1: by evidence and by size, whichever is less."""
    size = harm_of(evidence, stick) / stick.gate if stick.gate > 0 else float(harm_of(evidence, stick) >= 0)
    return min(1.0, max(0.0, min(evidence.harm / plan.need[rule], size)))


def _score(plan: Plan, heard: list[int], shares: dict[int, float], groups: dict[str, float]) -> float | None:
    if sum(plan.rules[i].share for i in shares) <= 0.5 * sum(plan.rules[i].share for i in heard):
        return None
    if any(shares.get(i, 0.0) >= 1 for i in plan.deciding):
        return 0.0
    weights = {name: plan.policy.groups.get(name, 1.0) for name in groups}
    return sum(weights[name] * score for name, score in groups.items()) / sum(weights.values())


def _confidence(plan: Plan, labels: list[Label], evidence: dict[int, Evidence]) -> float:
    least = 1.0
    for rule in plan.deciding:
        if labels[rule] in ("no_data", "error") or rule not in evidence:
            return 0.0
        found = evidence[rule]
        least = min(least, max(found.harm / plan.need[rule], found.safe / plan.need_safe))
    return max(0.0, least)
