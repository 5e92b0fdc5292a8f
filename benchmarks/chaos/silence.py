"""How long rollouts were silent while telemetry flowed, and because of what."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

from benchmarks.chaos.fleet import Event
from benchmarks.chaos.spoken import Spoken
from stream.rollout import Rollout

CAUSES = ("broker kill", "broker pause", "broker restart", "ended", "stall", "kill", "leave", "wake", "start")
"""What may silence, the strongest first: of several the first one is named."""
NONE = "nothing"
BEFORE = 1.5
"""Seconds before a silence in which its cause may lie: an output a pane, so that it begins before it shows."""


def silences(
    outputs: Sequence[Spoken], rollouts: Mapping[str, Rollout], events: Sequence[Event], end_ms: int
) -> dict[str, float]:
    """The longest silence, in seconds, by its cause.

    Args:
        outputs: all, with the times at which they became visible.
        rollouts: by id.
        events: what happened.
        end_ms: the end of the traffic, milliseconds UTC: panes that fall due after it do not count.
    """
    seen: set[str] = set()
    heard: dict[str, list[int]] = {}
    for one in sorted(outputs, key=lambda one: one.record.timestamp):
        rollout = rollouts[one.head.rollout]
        if one.head.id not in seen and one.head.at + rollout.policy.lateness.ms < end_ms:
            seen.add(one.head.id)
            heard.setdefault(rollout.id, [_due(rollout)]).append(one.record.timestamp)
    longest: dict[str, float] = {}
    for times in heard.values():
        for before, after in pairwise(times):
            cause = _cause(before / 1000, after / 1000, events)
            longest[cause] = max(longest.get(cause, 0.0), (after - before) / 1000)
    return longest


def _due(rollout: Rollout) -> int:
    """When its first pane falls due."""
    begins = 0 if rollout.from_ is None else rollout.from_.ms
    return begins + rollout.policy.pane.ms + rollout.policy.lateness.ms


def _cause(before: float, after: float, events: Sequence[Event]) -> str:
    near = {event.what for event in events if before - BEFORE <= event.at <= after}
    return next((cause for cause in CAUSES if cause in near), NONE)
