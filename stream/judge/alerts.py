"""The last step but one: alerts fire and resolve, with hysteresis, each keyed by what it is about."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

from stream.compare.evidence import Evidence
from stream.compare.yardstick import Yardstick
from stream.judge import sentence
from stream.judge.classify import harm_of
from stream.judge.clean import MOST_UNITS, Cells
from stream.judge.silence import silent_panes
from stream.judge.verdict import Situation
from stream.outputs import AlertKind
from stream.state import SIDES, Firing
from stream.words import clock, listed

_MIXED = "{} reported as baseline and as canary at once; these samples are kept out. Mend the selectors."
_CROWDED = f"More than {MOST_UNITS} instances report for this rollout; further ones are kept out. Mend the selectors."
RELEASE = 0.5
"""An alert on evidence resolves under this part of what made it fire."""


class Notice(NamedTuple):
    """An alert that begins or ends."""

    key: str
    kind: AlertKind
    firing: bool
    since: int
    metric: str | None
    instance: str | None
    text: str


class Condition(NamedTuple):
    """Whether an alert should fire, with what it would say; `keep` holds it where it fires already."""

    key: str
    kind: AlertKind
    fires: bool
    keep: bool
    text: Callable[[], str]
    metric: str | None = None
    instance: str | None = None


def notices(situation: Situation, cells: Cells, pane: int) -> list[Notice]:
    """What begins and what ends at this pane. The state's set of firing alerts is brought up to date."""
    firing, out = situation.state.firing, []
    for found in _conditions(situation, cells, pane):
        before = firing.get(found.key)
        if before is None and found.fires:
            firing[found.key] = Firing(situation.at, found.metric, found.instance)
            out.append(Notice(found.key, found.kind, True, situation.at, found.metric, found.instance, found.text()))
        elif before is not None and not (found.fires or found.keep):
            out.append(_resolved(found.key, before, firing))
    return out


def resolve_all(situation: Situation) -> list[Notice]:
    """End every alert, before a final verdict."""
    firing = situation.state.firing
    return [_resolved(key, firing[key], firing) for key in sorted(firing)]


def _resolved(key: str, before: Firing, firing: dict[str, Firing]) -> Notice:
    del firing[key]
    kind: AlertKind = key.split(":", 1)[0]  # type: ignore[assignment]  # keys begin with the kind
    about = before.instance or before.metric
    text = f"Resolved: {kind.replace('_', ' ')}{f' of {about}' if about else ''}."
    return Notice(key, kind, False, before.since, before.metric, before.instance, text)


def _conditions(situation: Situation, cells: Cells, pane: int) -> Iterator[Condition]:
    yield silence(situation, pane)
    mixed = partial(_MIXED.format, listed(cells.both, 3))
    yield Condition("cohort_mismatch", "cohort_mismatch", bool(cells.both), False, mixed)
    yield Condition("judge_error", "judge_error", cells.crowded, False, lambda: _CROWDED)
    failed = situation.state.failed
    yield Condition("judge_error:", "judge_error", failed is not None, False, lambda: f"{failed}")
    yield _low_score(situation)
    for rule, settings in enumerate(situation.plan.rules):
        if settings.muted:
            continue
        label, found = situation.labels[rule], situation.evidence.get(rule)
        text = partial(sentence.reason, situation.plan, situation.state, rule, label, found, situation.sticks[rule])
        yield Condition(f"judge_error:{rule}", "judge_error", label == "error", False, text, settings.name)
        if found is not None:
            stick = situation.sticks[rule]
            keep = label != "error" and _lasting(found, stick, situation.plan.need[rule])
            yield Condition(f"divergence:{rule}", "divergence", label == "worse", keep, text, settings.name)
            yield _outlier(situation, rule, found, stick)


def _lasting(found: Evidence, stick: Yardstick, need: float) -> bool:
    return found.harm >= RELEASE * need and harm_of(found, stick) >= RELEASE * stick.gate


def _outlier(situation: Situation, rule: int, found: Evidence, stick: Yardstick) -> Condition:
    plan, state, settings = situation.plan, situation.state, situation.plan.rules[rule]
    key, odd, need = f"instance_outlier:{rule}", found.outlier, plan.need[rule]
    if odd is None:
        return Condition(key, "instance_outlier", False, False, str, settings.name)
    view = "mean" if state.metrics[rule].kind == "distribution" else ""
    text = partial(sentence.outlier, plan, state, rule, odd, view, stick)
    name = state.units.names[odd.instance].instance
    return Condition(
        key, "instance_outlier", odd.evidence >= need, odd.evidence >= RELEASE * need, text, settings.name, name
    )


def _low_score(situation: Situation) -> Condition:
    """A score under the marginal one, where no deciding metric says so already."""
    score, policy = situation.standing.score, situation.plan.policy
    low = score is not None and score < policy.marginal and situation.worst is None
    keep = score is not None and score < policy.pass_
    text = f"The score fell to {score or 0:.0f}, under the marginal {policy.marginal:g}. A score alone never aborts."
    return Condition("divergence", "divergence", low, keep, lambda: text)


def silence(situation: Situation, pane: int) -> Condition:
    """Whether a cohort is silent, and what there is to say about it."""
    plan, state = situation.plan, situation.state
    silent = [side for side in (0, 1) if silent_panes(plan, state, pane, side) is not None]
    names = [SIDES[side] for side in silent]
    text = ""
    if silent:
        newest = [state.feeds[side].last for side in silent]
        seen = [last for last in newest if last is not None]
        since = f"since {clock((min(seen) + 1) * plan.pane_ms)} UTC" if len(seen) == len(newest) else "so far"
        who = f"the {' and the '.join(names)}"
        other = "" if len(silent) == 2 else " The other cohort still reports."
        text = (
            f"No samples from {who} {since}.{other} Silence is never taken as health: the rollout cannot be promoted. "
            "Check that the instances run and that their telemetry arrives."
        )
    return Condition("no_data", "no_data", bool(silent), False, lambda: text)
