"""What comes next for a rollout, and why it stands as it does, in a few words for a line of a list."""

from stream.adapters.terminal.board import Card, firing
from stream.adapters.terminal.evidence import ranked
from stream.outputs import Verdict
from stream.words import duration

_ENDS = {"deadline": "at the deadline", "until": "at its end", "stopped": "by hand", "failed": "could not be judged"}
"""By the rule that made a rollout inconclusive."""


def next_step(card: Card, now: int) -> str:
    """What comes next, or after what time the end came.

    Args:
        card: the rollout.
        now: the reader's clock, milliseconds UTC.
    """
    if card.final is not None:
        return _ended(card.final)
    if card.ended:
        return ""
    policy, begins = card.registration.rollout.policy, card.begins
    ends = begins + policy.deadline.ms if policy.deadline is not None else None
    if card.registration.stopped is not None:
        return "is being stopped"
    if now < begins:
        return f"starts in {span(begins - now)}"
    if card.state == "warming_up":
        wait = begins + policy.warmup.ms - now
        return f"judging starts in {span(wait)}" if wait > 0 else "waits for both cohorts"
    if card.state == "judge_error":
        return "cannot promote"
    if card.state == "no_data":
        return f"inconclusive in {span(ends - now)}" if ends is not None and ends > now else "cannot promote"
    baked = begins + policy.bake.ms - now
    if baked > 0:
        return f"bake time ends in {span(baked)}"
    return f"decides within {span(ends - now)}" if ends is not None and ends > now else "waits for evidence"


def why(card: Card, now: int) -> str:
    """Why it stands so, short.

    Args:
        card: the rollout.
        now: the reader's clock, milliseconds UTC.
    """
    silent = card.silent(now)
    if silent is not None:
        return silence(silent)
    stopped = card.registration.stopped
    if stopped is not None and not card.ended:
        return f"is being stopped: {stopped}"
    worse = [found for found in ranked(card.story.divergences.values()) if found.state == "worse"]
    if worse and card.state in ("abort", "continue"):
        return worse[0].short
    alerts = list(firing(card))
    for kind in ("judge_error", "no_data"):
        told = [alert.text for alert in alerts if alert.kind == kind and card.state == kind]
        if told:
            return _first(told[0])
    if card.state == "warming_up" or card.newest is None:
        return "not judged yet"
    if card.state in ("abort", "inconclusive"):
        return _first(card.newest.text)
    return _tally(card, len([alert for alert in alerts if alert.kind == "instance_outlier"]))


def silence(ms: int) -> str:
    """That the monitor itself says nothing.

    >>> silence(45_900)
    'monitor silent for 45 s'
    """
    return f"monitor silent for {span(ms)}"


def span(ms: int) -> str:
    """A length of time, no finer than it matters.

    >>> span(45_900), span(1_234_000), span(200)
    ('45 s', '20 min', '1 s')
    """
    seconds = max(1, ms // 1000)
    return duration(1000 * (seconds if seconds < 600 else seconds // 60 * 60))


def _ended(final: Verdict) -> str:
    if final.verdict == "inconclusive":
        return _ENDS.get(final.rule, final.rule)
    return f"after {duration(final.at - final.started)}"


def _tally(card: Card, outliers: int) -> str:
    found = [label for label in card.story.divergences.values() if not label.muted]
    safe = sum(label.state in ("pass", "better") for label in found)
    odd = f"; {outliers} outlier{'s' if outliers > 1 else ''}" if outliers else ""
    if not found:
        return _first(card.newest.text) if card.newest is not None else ""
    return f"{safe} of {len(found)} safe, none worse{odd}"


def _first(text: str) -> str:
    """The first sentence."""
    return text.split(". ", 1)[0].rstrip(".")
