"""The fourth step: each metric gets one label of a closed set."""

from stream.compare.evidence import Evidence
from stream.compare.location import SKIPPED_SHARE
from stream.compare.yardstick import Yardstick
from stream.judge.clean import ERROR_PANES
from stream.judge.silence import newest_panes, silence
from stream.outputs import State as Label
from stream.plan import Plan
from stream.state import State

METRIC_PANES = 30
"""A metric has no data after so many panes without a sample from a cohort that still reports others."""


def classify(plan: Plan, state: State, pane: int, rule: int, evidence: Evidence | None, stick: Yardstick) -> Label:
    """Label one metric after a closed pane. `worse` wins over every sign of safety."""
    metric = state.metrics[rule]
    if metric.error is not None and pane - metric.error_pane < ERROR_PANES:
        return "error"
    if evidence is None or lacks_data(plan, state, pane, rule):
        return "no_data"
    if skipped(state, rule):
        return "undecided"
    if evidence.harm >= plan.need[rule] and harm_of(evidence, stick) >= stick.gate:
        return "worse"
    if evidence.better >= plan.need[rule] and harm_of(evidence, stick) <= -stick.gate:
        return "better"
    return "pass" if evidence.safe >= plan.need_safe else "undecided"


def harm_of(evidence: Evidence, stick: Yardstick) -> float:
    """The estimated effect with harm positive."""
    return abs(evidence.effect) if stick.two_sided else stick.sign * evidence.effect


def skipped(state: State, rule: int) -> bool:
    """Whether a gauge on the log scale was zero or negative too often to be compared so."""
    metric = state.metrics[rule]
    if metric.kind not in ("distribution", "gauge") or metric.place < 0:
        return False
    missed, seen = state.location.skipped[metric.place]
    return missed > SKIPPED_SHARE * seen


def lacks_data(plan: Plan, state: State, pane: int, rule: int) -> bool:
    """Whether a cohort never reported the metric, or not for a while."""
    if state.metrics[rule].place < 0:
        return True
    limits = [max(silence(plan, feed), METRIC_PANES) for feed in state.feeds]
    fed = newest_panes(state, rule)
    return any(newest is None or pane - newest >= limit for newest, limit in zip(fed, limits, strict=True))
