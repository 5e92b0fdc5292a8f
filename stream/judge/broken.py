"""A judge that broke: the rollout ends, and says that this is no finding about the canary."""

from typing import Literal

from stream.outputs import Alert, Output, Side, Verdict
from stream.plan import Plan
from stream.state import State

NOTHING = Side(None, 0, 0)


def broken(plan: Plan, state: State, reason: str) -> list[Output]:
    """End a rollout whose state cannot be used any more; `state` keeps only what is needed to say nothing more.

    Args:
        plan: the rollout's plan.
        state: its state, `sequence` that of the last record that was written.
        reason: what went wrong and what to do, one sentence.

    Returns:
        A `judge_error` that fires and resolves, and a final `inconclusive`, all at the end of the pane it broke at.
    """
    at = (state.next or state.begun or 0) * plan.pane_ms
    outputs: list[Output] = [_alert(state, at, "firing", reason)]
    outputs.append(_alert(state, at, "resolved", "Resolved: judge error; the rollout is over."))
    outputs.append(_verdict(plan, state, at, reason))
    state.failed, state.verdict, state.final = reason, "inconclusive", True
    return outputs


def _alert(state: State, at: int, status: Literal["firing", "resolved"], text: str) -> Alert:
    return Alert(
        id=_id(state),
        rollout=state.rollout,
        at=at,
        kind="judge_error",
        status=status,
        metric=None,
        instance=None,
        since=at,
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
