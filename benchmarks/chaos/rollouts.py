"""The rollouts of a run: cheap policies that between them use every kind of metric and come to every kind of end."""

from dataclasses import dataclass
from typing import Any

from stream.document.rollout import read_rollout
from stream.quantity import Instant
from stream.rollout import Rollout

LATENCY, DATABASE, REQUESTS, ERRORS, CPU = "latency", "database", "requests", "errors", "cpu"
BASELINE, CANARY = "1.0", "1.1"
APPS = ("cart", "search", "pay", "mail", "auth", "batch")
FAULTY, IDLE = "cart", "batch"
"""The app whose canary becomes slow, and the one that is idle half of the time."""
STOP = "The release was called off."
PANE_MS = 1000

_METRICS: list[dict[str, Any]] = [
    {"name": LATENCY, "tolerate": "10%", "critical": True},
    {"name": ERRORS, "of": REQUESTS, "tolerate": "30%"},
    {"name": CPU, "kind": "gauge", "tolerate": "3pp"},
    {"name": DATABASE, "tolerate": "20%", "views": ["mean", "p95"]},
]
_USUAL: dict[str, Any] = {
    "baseline": {"version": BASELINE},
    "canary": {"version": CANARY},
    "pane": f"{PANE_MS}ms",
    "warmup": "2s",
    "n_min": 5,
    "deadline": None,
    "bake_time": "1h",
}


@dataclass(frozen=True)
class Start:
    """A rollout that is started during a run."""

    rollout: Rollout
    """The rollout, with the pane from which on it counts."""
    at: float = 0
    """Seconds of the run at which its record is written."""
    stopped_at: float | None = None
    """Seconds at which someone stops it."""


def starts(begin_ms: int, seconds: float, ahead: float) -> list[Start]:
    """What is started in a run.

    Args:
        begin_ms: when the traffic begins, milliseconds UTC.
        seconds: how long it lasts.
        ahead: seconds between a record and its `from`, where the traffic runs already.
    """
    first, middle = _pane(begin_ms + PANE_MS), 0.35 * seconds
    lenient = [_METRICS[0] | {"promote": "60%"}, *_METRICS[1:3]]
    strict = [_METRICS[0] | {"promote": "11%"}, _METRICS[1]]
    deadline, bake = f"{round(0.75 * seconds)}s", f"{round(0.5 * seconds)}s"
    return [
        Start(_rollout("aborted", FAULTY, first, lateness="1s")),
        Start(_rollout("promoted", "search", first, bake_time=bake, metrics=lenient)),
        Start(_rollout("overdue", "pay", first, bake_time=deadline, deadline=deadline, metrics=strict)),
        Start(_rollout("steady", "pay", first, lateness="1s")),
        Start(_rollout("stopped", "mail", first, metrics=_METRICS[1:]), stopped_at=0.6 * seconds),
        Start(_rollout("middle", "auth", _pane(begin_ms + 1000 * (middle + ahead)), lateness="1s"), middle),
        Start(_rollout("idle", IDLE, first)),
    ]


def _rollout(name: str, app: str, from_: Instant, **policy: Any) -> Rollout:
    document = {"id": name, "app": app, "from": from_.ms, "metrics": _METRICS, "lateness": "2s"}
    return read_rollout(document | _USUAL | policy)


def _pane(ms: float) -> Instant:
    return Instant(int(ms) // PANE_MS * PANE_MS)
