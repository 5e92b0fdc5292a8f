"""Situations made by hand: what the last steps of the judge look at, without any telemetry."""

from collections.abc import Mapping, Sequence
from typing import Any

from stream.compare.evidence import Evidence
from stream.compare.yardstick import Yardstick, yardstick
from stream.judge.score import Standing, grade
from stream.judge.verdict import Situation
from stream.monitor import start
from stream.outputs import State as Label
from stream.plan import Plan
from stream.policy import Kind, MetricRule
from stream.state import State, Unit
from tests.core_helpers import PANE


def stick(rule: MetricRule, kind: Kind = "distribution", unit: str = "ms") -> Yardstick:
    """The settings of a rule that fits."""
    found = yardstick(rule, kind, unit)
    assert isinstance(found, Yardstick), found
    return found


def state_of(plan: Plan, *, kind: Kind = "distribution", unit: str = "ms", began: int = 0) -> State:
    """A rollout whose metrics were all seen in pane `began`, by canary-0 to -2 and baseline-0 to -2."""
    state = start(plan, ["telemetry-0"])
    state.begun = state.next = state.origin = began
    for number in range(3):
        for cohort in ("canary", "baseline"):
            unit_ = Unit(cohort, f"{cohort}-{number}", "")
            state.units.index[unit_] = len(state.units.names)
            state.units.names.append(unit_)
            state.units.first.append(began)
            state.units.last.append(began)
    for place, metric in enumerate(state.metrics):
        metric.kind, metric.unit, metric.place, metric.fed = kind, unit, place, [began, began]
        if kind in ("ratio", "rate"):
            state.counts.begin(place, kind, 6)
            state.counts.fed[place] = [began, began]
        else:
            state.location.begin(plan, place, kind, 6)
    for feed in state.feeds:
        feed.last, feed.number, feed.gaps = began, 10, [1, 1]
    return state


def found(rule: int = 0, **fields: Any) -> Evidence:
    """Evidence in which three instances a side speak."""
    known = {"view": "mean", "low": -0.1, "high": 0.1, "baseline": 100.0, "canary": 100.0, "instances": (3, 3)}
    return Evidence(rule, **{**known, **fields})


def situation(
    plan: Plan,
    state: State,
    labels: Sequence[Label],
    evidence: Mapping[int, Evidence],
    *,
    pane: int = 0,
    standing: Standing | None = None,
) -> Situation:
    """What the rules and alerts look at, after a pane, with the standing that follows from it unless one is given."""
    sticks = {
        i: stick(rule, state.metrics[i].kind or "distribution", state.metrics[i].unit)
        for i, rule in enumerate(plan.rules)
    }
    standing = standing or grade(plan, list(labels), dict(evidence), sticks)
    return Situation(plan, state, (pane + 1) * PANE, list(labels), dict(evidence), sticks, standing)
