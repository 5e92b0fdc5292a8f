"""The statistics that are compared, and what they are at a pane's close."""

from typing import NamedTuple

from msgspec import Struct

from stream.arrays import Floats


class View(Struct, frozen=True, order=True):
    """One statistic of one metric."""

    metric: int
    """Position among the family's metrics."""
    share: float
    """The quantile's share; 0 for the mean (of logarithms, or of a gauge)."""

    @property
    def name(self) -> str:
        """As policies name it."""
        return f"p{self.share * 100:g}" if self.share else "mean"


class Look(NamedTuple):
    """Every view of every instance at a pane's close, [V, U] each."""

    values: Floats
    """The statistic since the start."""
    weights: Floats
    """Its weight; 0 while it may not speak."""
    sums: Floats
    """Running sums for restarts, the open block included."""
    counts: Floats
    """Panes in them."""
    sampling: Floats
    """[V] the variance an instance's statistic has from its number of samples alone; 0 for gauges."""
    age: Floats
    """[V] mean number of panes of the instances that speak."""
    shown: Floats
    """[V, 2] the cohorts' quantiles since the start, canary first, in the metric's unit; nan for means."""
