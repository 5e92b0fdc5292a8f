"""What the demo shows: the service, its rollout, what befalls the canary, and how that ends.

The numbers are chosen so that of 100 demos 99 and more end as announced, within a minute of traffic.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from stream.adapters.traffic import CANARY_VERSION, Character, Fault
from stream.document.parse import parse_document
from stream.document.rollout import read_rollout
from stream.outputs import AlertKind, VerdictWord
from stream.rollout import Rollout

INSTANCES = 10
"""Of each cohort."""
RATE = 40.0
"""Requests a second of each instance."""
ONSET = 20
"""Seconds of traffic before the fault."""
DEADLINE_SECONDS = 60
"""Of the rollout."""
SERVICE = Character(
    report=1,
    batched=True,
    cold=6.0,
    swing=40.0,
    failing=0.02,
    slow_fault=1.4,
    odd_fault=3.0,
    failing_fault=0.06,
    leak_fault=0.01,
)
"""A service in a hurry: it reports every second, is warm after six, and its load swings every 40 s."""
POLICY = f"""\
app: checkout
baseline: {{version: 2.4.0}}
canary: {{version: 2.4.1}}
name: demo
pane: 1s
lateness: 1s
warmup: 4s
bake_time: 40s
deadline: {DEADLINE_SECONDS}s
n_min: 10
metrics:
  - name: http.server.request.duration
    tolerate: 10%
    promote: 25%
    critical: true
  - name: http.server.errors
    of: http.server.requests
    tolerate: 25%
    promote: 75%
    critical: true
  - name: process.cpu.utilization
    kind: gauge
    tolerate: 2pp
    critical: true
    group: saturation
"""


@dataclass(frozen=True)
class Scene:
    """What befalls the canary, and how it ends."""

    fault: Fault
    """As traffic knows it."""
    happens: str
    """What happens at the onset, one sentence."""
    verdict: VerdictWord
    """The final verdict."""
    metric: str | None = None
    """The metric that decides, where one does."""
    alert: AlertKind | None = None
    """An alert that fires before."""
    shows: Literal["latency", "failing", "cpu"] = "latency"
    """What users or operators notice of it."""


_SCENES = (
    Scene("none", "No fault: 2.4.1 is as good as 2.4.0.", "promote"),
    Scene(
        "latency",
        "Fault: requests to 2.4.1 take 40 % longer from now on.",
        "abort",
        "http.server.request.duration",
        "divergence",
    ),
    Scene(
        "errors",
        "Fault: 6 % of the requests to 2.4.1 fail from now on, not 2 %.",
        "abort",
        "http.server.errors",
        "divergence",
        "failing",
    ),
    Scene(
        "one-instance",
        f"Fault: one of the {INSTANCES} instances of 2.4.1 takes three times as long from now on.",
        "inconclusive",
        alert="instance_outlier",
    ),
    Scene(
        "leak",
        "Fault: 2.4.1 takes 1 % more of a CPU every second from now on.",
        "abort",
        "process.cpu.utilization",
        "divergence",
        "cpu",
    ),
    Scene("silence", "Fault: 2.4.1 reports nothing from now on.", "inconclusive", alert="no_data"),
)
SCENES: Mapping[Fault, Scene] = {scene.fault: scene for scene in _SCENES}
"""By fault."""


def demo_rollout(rollout: str, begins: int) -> Rollout:
    """The rollout.

    Args:
        rollout: its id.
        begins: from when on it is judged, milliseconds UTC, a full second.
    """
    document = parse_document(POLICY, "demo.yaml")
    return read_rollout({"id": rollout, "from": begins, **document})


def made_id(now: int) -> str:
    """An id that no other demo has, such as `checkout-2.4.1-7f3k9`.

    >>> made_id(1_767_607_200_123)
    'checkout-2.4.1-mk0zosjf'
    """
    digits, rest = "", now
    while rest:
        rest, digit = divmod(rest, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + digits
    return f"checkout-{CANARY_VERSION}-{digits}"
