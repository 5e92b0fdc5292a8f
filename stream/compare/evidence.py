"""What a comparison says of one metric at one closed pane. All logs are natural; effects are on the compared scale."""

from typing import Literal

from msgspec import Struct

DISPLAY_ALPHA = 0.05
"""Intervals that are shown are two-sided 95 % confidence sequences."""
SHOWN = 0.5
"""Under this part of the evidence that is needed, the level is described, whatever contributes most."""


class Driver(Struct):
    """Who drives an effect among the canary's instances."""

    count: int
    """Instances with at least half of the effect."""
    of: int
    """Canary instances that speak."""
    alone: int | None
    """The instance with 60 % or more of the excess, where there are several."""


class Outlier(Struct):
    """The canary instance that stands out, if any does."""

    evidence: float
    """Log e-value that some canary instance is out of line."""
    instance: int
    """The one furthest in the harmful direction."""
    effect: float
    """How far from the baseline's mean, on the compared scale."""
    others: tuple[float, float]
    """The range of the other canary instances' effects."""


class Evidence(Struct):
    """One metric's comparison."""

    rule: int
    """Position of the metric in the policy."""
    harm: float = 0.0
    """Log e-value that the canary is worse (beyond the margin)."""
    safe: float = 0.0
    """Log e-value that the canary is less than `promote` worse."""
    better: float = 0.0
    """Log e-value that the canary is better."""
    change: float = 0.0
    """The largest log e-value of a restart; of counts, what it has beyond the level's."""
    view: str = ""
    """The statistic that contributes most, such as `p95`."""
    process: Literal["level", "restart"] = "level"
    """`level`: since the start; `restart`: since `since` against each instance's own past."""
    since: int | None = None
    """First pane of that restart."""
    effect: float = 0.0
    """Estimate of canary minus baseline of that view and process."""
    low: float = float("-inf")
    """Lower end of its 95 % confidence sequence."""
    high: float = float("inf")
    """Upper end."""
    baseline: float | None = None
    """The baseline's value of that view since the start, in the metric's unit."""
    canary: float | None = None
    """The canary's."""
    instances: tuple[int, int] = (0, 0)
    """Canary and baseline instances that speak."""
    samples: tuple[int, int] = (0, 0)
    """Canary and baseline samples since the start."""
    note: str | None = None
    """Why nothing can be said, in words."""
    driver: Driver | None = None
    """Who drives the effect."""
    outlier: Outlier | None = None
    """Who stands out."""
    resolution: float | None = None
    """The smallest effect this many instances can resolve, on the compared scale."""
