"""A rollout's policy, resolved once: shares of alpha, block lengths, numbers of restarts, positions of metrics."""

from dataclasses import dataclass, field
from math import log
from typing import Self

from stream.policy import MetricRule, Policy
from stream.rollout import Rollout, fingerprint

METRIC_SHARE = 0.8
"""The part of alpha that single metrics have; the rest is the global mean's."""
BLOCK_MS = 300_000
BLOCK_PANES = 6
"""A block is 5 minutes, or 6 panes where that is longer."""
FIRST_RESTART = 3
"""Complete blocks before the first restart."""
SPEAKING_PANES = 6
"""Panes that an instance needs on both sides of a restart, and after joining late."""


@dataclass(frozen=True, eq=False)
class Plan:
    """What `step` needs to know of a rollout."""

    rollout: Rollout
    """The rollout as written."""
    fingerprint: str
    """Identifies the policy; a state made under another one is refused."""
    pane_ms: int
    """Length of a pane in milliseconds."""
    block: int
    """Panes in a block."""
    planned: int | None
    """Restarts before the deadline; None where there is none."""
    deciding: frozenset[int]
    """Positions of the metrics that can abort."""
    need: tuple[float, ...]
    """The evidence each metric needs to be called worse, log(1 / alpha_m)."""
    need_safe: float
    """The evidence it needs to be called safe."""
    need_mean: float
    """The evidence the mean over all metrics needs."""
    weights: tuple[float, ...]
    """Each metric's weight in that mean, summing to 1; 0 for muted ones."""
    names: dict[str, int] = field(default_factory=dict)
    """Position of each metric by name."""
    trials: dict[str, tuple[int, ...]] = field(default_factory=dict)
    """By name of a metric that counts trials, the positions of the ratios it is for."""

    @classmethod
    def of(cls, rollout: Rollout) -> Self:
        """Resolve a rollout."""
        policy = rollout.policy
        pane = policy.pane.ms
        block = max(-(-BLOCK_MS // pane), BLOCK_PANES)
        deciding = {rule.name for rule in policy.deciding}
        heard = sum(rule.share for rule in policy.metrics if not rule.muted) or 1.0
        decide = sum(rule.share for rule in policy.deciding)
        return cls(
            rollout=rollout,
            fingerprint=fingerprint(policy),
            pane_ms=pane,
            block=block,
            planned=_planned(policy, pane, block),
            deciding=frozenset(i for i, rule in enumerate(policy.metrics) if rule.name in deciding),
            need=tuple(
                -log(METRIC_SHARE * policy.alpha * min(1.0, rule.share / (decide if rule.name in deciding else heard)))
                for rule in policy.metrics
            ),
            need_safe=-log(policy.alpha_promote),
            need_mean=-log((1 - METRIC_SHARE) * policy.alpha),
            weights=tuple(0.0 if rule.muted else rule.share / heard for rule in policy.metrics),
            names={rule.name: i for i, rule in enumerate(policy.metrics)},
            trials={
                name: tuple(i for i, rule in enumerate(policy.metrics) if rule.of == name)
                for name in {rule.of for rule in policy.metrics if rule.of is not None}
            },
        )

    @property
    def policy(self) -> Policy:
        """The policy."""
        return self.rollout.policy

    @property
    def rules(self) -> tuple[MetricRule, ...]:
        """The metrics' rules."""
        return self.rollout.policy.metrics


def _planned(policy: Policy, pane: int, block: int) -> int | None:
    """How many restarts begin, and have six panes to speak, before the deadline."""
    if policy.deadline is None:
        return None
    return len(range(FIRST_RESTART * block, policy.deadline.ms // pane - SPEAKING_PANES + 1, block))
