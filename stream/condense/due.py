"""Which times are worth telling: those at which a pane of some rollout falls due."""

from collections.abc import Iterable

from stream.rollout import Rollout


class DueTimes:
    """The lengths of panes and the lateness of all rollouts that are fed.

    >>> from stream.policy import MetricRule, Policy
    >>> due = DueTimes([Rollout("shop-1", "shop", Policy((MetricRule("latency"),)))])
    >>> due.between(1_732_300_004_999, 1_732_300_005_000), due.between(1_732_300_005_000, 1_732_300_014_999)
    (True, False)
    """

    def __init__(self, rollouts: Iterable[Rollout]) -> None:
        policies = (rollout.policy for rollout in rollouts)
        self._steps = sorted({(policy.pane.ms, policy.lateness.ms) for policy in policies})

    def between(self, told: int, time: int) -> bool:
        """Whether a pane falls due after `told` and up to `time`, milliseconds UTC."""
        return any((time - lateness) // pane > (told - lateness) // pane for pane, lateness in self._steps)
