"""What waits: an instance's samples until they are enough for a pane, and a cohort's until the other reports too."""

from collections.abc import Mapping

from msgspec import Struct

from stream.arrays import Flags
from stream.summary import Distribution, Gauge

PATIENCE = 6
"""Panes one cohort's samples wait at least while the other cohort is silent."""


class Intake(Struct):
    """The samples of one metric that are not in the comparison yet."""

    waiting: dict[int, Distribution | Gauge]
    """By instance."""
    fed: list[int | None]
    """The newest pane with samples of the canary and of the baseline."""

    def take(
        self,
        pane: int,
        rows: Mapping[int, Distribution | Gauge],
        canary: Flags,
        least: int,
        patience: tuple[float, float] = (PATIENCE, PATIENCE),
    ) -> dict[int, Distribution | Gauge]:
        """Add a pane's rows; hand out, by instance in order, what has `least` samples once both cohorts have some.

        What the other cohort left waiting is dropped when the canary, or the baseline, was silent for more panes than
        `patience` says. Rows must not be used by the caller afterwards.
        """
        for instance, row in rows.items():
            self.fed[0 if canary[instance] else 1] = pane
            before = self.waiting.get(instance)
            if before is None:
                self.waiting[instance] = row
            else:
                before.merge(row)  # type: ignore[arg-type]
        for side, flag in ((0, True), (1, False)):
            newest = self.fed[side]
            if newest is not None and pane - newest > patience[side]:
                for instance in [i for i in self.waiting if canary[i] != flag]:
                    del self.waiting[instance]
        ready = sorted(i for i, row in self.waiting.items() if row.count >= least)
        if not any(canary[i] for i in ready) or all(canary[i] for i in ready):
            return {}
        return {i: self.waiting.pop(i) for i in ready}
