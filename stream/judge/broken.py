"""A judge that broke: the rollout ends, and says that this is no finding about the canary."""

from typing import Literal

from stream.outputs import Alert, AlertKind, Output, Side, Verdict
from stream.plan import Plan
from stream.state import Firing, State

NOTHING = Side(None, 0, 0)
KEY = "judge_error:"
"""Of the alert among those that fire."""


def broken(plan: Plan, state: State, reason: str) -> list[Output]:
    """End a rollout whose state cannot be used any more; `state` keeps only what is needed to say nothing more.

    Args:
        plan: the rollout's plan.
        state: its state, `sequence` that of the last record that was written, `firing` the alerts that fire by then.
        reason: what went wrong and what to do, one sentence.

    Returns:
        A `judge_error` that fires, the end of all alerts, and a final `inconclusive`, all at the end of the pane it
        broke at; where none was closed, of the first one.
    """
    if state.next is None or state.next == state.begun:
        state.begun = _first(plan, state)
        state.next = state.begun + 1
    at = state.next * plan.pane_ms
    state.firing[KEY] = Firing(at)
    outputs: list[Output] = [_alert(state, at, KEY, "firing", reason)]
    for key in sorted(state.firing):
        outputs.append(_alert(state, at, key, "resolved", _end(key, state.firing[key])))
    outputs.append(_verdict(plan, state, at, reason))
    state.failed, state.firing, state.verdict, state.final = reason, {}, "inconclusive", True
    return outputs


def _first(plan: Plan, state: State) -> int:
    """The first pane, or the one of the present."""
    if state.begun is not None:
        return state.begun
    begins = plan.rollout.from_
    present = max((source.time for source in state.sources.values()), default=0)
    return max(present if begins is None else begins.ms, 0) // plan.pane_ms


def _end(key: str, about: Firing) -> str:
    if key == KEY:
        return "Resolved: judge error; the rollout is over."
    whom = about.instance or about.metric
    return f"Resolved: {_kind(key).replace('_', ' ')}{f' of {whom}' if whom else ''}."


def _kind(key: str) -> AlertKind:
    return key.split(":", 1)[0]  # type: ignore[return-value]  # keys begin with the kind


def _alert(state: State, at: int, key: str, status: Literal["firing", "resolved"], text: str) -> Alert:
    about = state.firing[key]
    return Alert(
        id=_id(state),
        rollout=state.rollout,
        at=at,
        kind=_kind(key),
        status=status,
        metric=about.metric,
        instance=about.instance,
        since=about.since,
        text=text,
    )


def _verdict(plan: Plan, state: State, at: int, reason: str) -> Verdict:
    return Verdict(
        id=_id(state),
        rollout=state.rollout,
        at=at,
        app=plan.rollout.app,
        verdict="inconclusive",
        previous=state.verdict,
        final=True,
        rule="failed",
        metric=None,
        score=None,
        confidence=0.0,
        baseline=NOTHING,
        canary=NOTHING,
        started=(state.begun or 0) * plan.pane_ms,
        policy=f"{plan.policy.name}@{plan.policy.version}",
        fingerprint=plan.fingerprint,
        text=reason,
        also=[],
        explanation="The monitor could not judge this rollout: that says nothing about the canary.",
    )


def _id(state: State) -> str:
    state.sequence += 1
    return f"{state.rollout}/{state.sequence}"
