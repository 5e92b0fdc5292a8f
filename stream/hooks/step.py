"""When a hook is tried, from the attempts on record alone: whoever goes on where another runner ended, does the same.

>>> from stream.hooks.outcome import of_status
>>> from stream.hooks.rule import HookRule
>>> call = Attempted("shop-1/7", "shop-1", HookRule("revert", "webhook", escalate="page"), "https://deploy.example")
>>> next_step([])
Try(attempt=1, at=0)
>>> first = conclude(call, 1, 1_000, 1_250, of_status(503), [])
>>> next_step([first])
Try(attempt=2, at=2250)
>>> next_step([first, conclude(call, 2, 2_250, 2_300, of_status(404), [first])])
Escalate(hook='page')
"""

from collections.abc import Iterable
from typing import Literal, NamedTuple

from stream.hooks.outcome import Outcome
from stream.hooks.rule import HookRule
from stream.outputs import Action

TRIES_MS = (0, 1_000, 3_000, 7_000, 15_000, 30_000)
"""When a call is tried, milliseconds after the first try."""
PAUSE_MS = 1_000
"""At least so long after the end of a try that failed."""


class Try(NamedTuple):
    """Call it."""

    attempt: int
    """Which try it is, from 1."""
    at: int
    """Not before, milliseconds UTC."""


class Escalate(NamedTuple):
    """It has failed for good: call another hook."""

    hook: str
    """Its name."""


class Done(NamedTuple):
    """Nothing is left to do."""


Step = Try | Escalate | Done


class Attempted(NamedTuple):
    """What is tried."""

    verdict: str
    """Id of the verdict."""
    rollout: str
    """The rollout's id."""
    rule: HookRule
    """The hook."""
    target: str
    """What is called, without secrets."""


def next_step(attempts: Iterable[Action]) -> Step:
    """What to do now about a verdict by one hook.

    Args:
        attempts: those on record, in any order, repeats among them.
    """
    known = sorted(attempts, key=lambda one: one.attempt)
    if any(one.outcome == "succeeded" for one in known):
        return Done()
    if not known:
        return Try(1, 0)
    last = known[-1]
    if last.retry_at is not None:
        return Try(last.attempt + 1, last.retry_at)
    return Done() if last.escalates_to is None else Escalate(last.escalates_to)


def conclude(
    call: Attempted, attempt: int, began: int, ended: int, outcome: Outcome, before: Iterable[Action]
) -> Action:
    """The record of a try, with what follows from it.

    Args:
        call: what was tried.
        attempt: which try it was.
        began: milliseconds UTC.
        ended: the same.
        outcome: what came of it.
        before: the attempts on record before it.
    """
    retry_at = None
    if outcome.passing and attempt < len(TRIES_MS):
        first = min([began, *(one.at for one in before)])
        retry_at = max(first + TRIES_MS[attempt], ended + max(PAUSE_MS, outcome.wait_ms))
    final = not outcome.succeeded and retry_at is None
    word: Literal["succeeded", "refused", "failed"] = (
        "succeeded" if outcome.succeeded else "refused" if outcome.refused else "failed"
    )
    return Action(
        id=f"{call.verdict}/{call.rule.name}/{attempt}",
        rollout=call.rollout,
        at=began,
        verdict=call.verdict,
        hook=call.rule.name,
        target=call.target,
        outcome=word,
        attempt=attempt,
        status=outcome.status,
        duration_ms=max(0, ended - began),
        text=outcome.text,
        retry_at=retry_at,
        escalates_to=call.rule.escalate if final else None,
    )


def not_tried(call: Attempted, attempt: int, at: int, why: str, *, dry_run: bool = False) -> Action:
    """The record of a hook that is not called, and of no other one in its place.

    Args:
        call: what is not tried.
        attempt: which try it would have been.
        at: milliseconds UTC.
        why: one sentence.
        dry_run: whether the hook is not armed.
    """
    outcome: Literal["dry_run", "refused"] = "dry_run" if dry_run else "refused"
    identity = f"{call.verdict}/{call.rule.name}/{attempt}"
    return Action(identity, call.rollout, at, call.verdict, call.rule.name, call.target, outcome, attempt, text=why)
