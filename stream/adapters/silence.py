"""Whether the monitor itself is silent. It cannot say so, so every reader decides it by its own clock."""

from stream.rollout import Rollout
from stream.words import duration

PANES, LEAST_MS = 3, 30_000
"""So many panes, but at least so long, and the lateness: no working monitor is further behind."""


def silent_ms(rollout: Rollout, begun_ms: int, newest_ms: int | None, now_ms: int) -> int | None:
    """For how long the monitor has said nothing of a rollout that has no final verdict; None while all is well.

    Args:
        rollout: the rollout.
        begun_ms: when it was started, milliseconds UTC.
        newest_ms: the event time of its newest output; None without any.
        now_ms: the reader's clock.

    >>> from stream.document.rollout import read_rollout
    >>> rollout = read_rollout({"app": "shop", "metrics": ["latency"], "from": 60_000})
    >>> silent_ms(rollout, 0, 100_000, 135_000), silent_ms(rollout, 0, 100_000, 135_001), silent_ms(rollout, 0, None, 0)
    (None, 35001, None)
    """
    policy = rollout.policy
    expected = max(begun_ms, rollout.from_.ms if rollout.from_ is not None else 0, newest_ms or 0)
    behind = now_ms - expected
    return behind if behind > max(PANES * policy.pane.ms, LEAST_MS) + policy.lateness.ms else None


def silence_words(ms: int) -> str:
    """What to say of it.

    >>> silence_words(95_400)
    'the monitor has been silent for 1 min 35 s; is a worker running (`canary run`)?'
    """
    return f"the monitor has been silent for {duration(ms // 1000 * 1000)}; is a worker running (`canary run`)?"
