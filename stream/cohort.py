"""Which cohort a sample belongs to. The message's own word is trusted most, then the rollout's selectors."""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Literal, NamedTuple

from stream.rollout import Cohort, Rollout, Selector

Outside = Literal["other_app", "other_env", "no_cohort", "both_cohorts"]


class Identity(NamedTuple):
    """What a message says about its sender."""

    app: str
    instance: str
    env: str | None = None
    version: str | None = None
    cohort: Cohort | None = None
    labels: Mapping[str, str] = {}
    """Labels, and those attributes that no label hides."""


class Placement(NamedTuple):
    """A cohort, or why there is none."""

    cohort: Cohort | None
    reason: Outside | None = None


def resolve(rollout: Rollout, who: Identity) -> Placement:
    """Place a sender in a rollout.

    >>> from stream.policy import MetricRule, Policy
    >>> rollout = Rollout(
    ...     id="checkout-42", app="checkout", policy=Policy((MetricRule("latency"),)),
    ...     baseline=Selector(version="2.4.0"), canary=Selector(instances=("canary-*",)),
    ... )
    >>> resolve(rollout, Identity("checkout", "canary-1", version="2.4.1"))
    Placement(cohort='canary', reason=None)
    >>> resolve(rollout, Identity("checkout", "canary-2", version="2.4.0"))
    Placement(cohort=None, reason='both_cohorts')
    """
    if who.app != rollout.app:
        return Placement(None, "other_app")
    if rollout.env is not None and who.env != rollout.env:
        return Placement(None, "other_env")
    if who.cohort is not None:
        return Placement(who.cohort)
    baseline, canary = selects(rollout.baseline, who), selects(rollout.canary, who)
    if baseline and canary:
        return Placement(None, "both_cohorts")
    if baseline or canary:
        return Placement("baseline" if baseline else "canary")
    return Placement(None, "no_cohort")


def selects(selector: Selector | None, who: Identity) -> bool:
    """Whether all that the selector states holds; one that states nothing selects nothing."""
    if selector is None or not (selector.version is not None or selector.labels or selector.instances):
        return False
    if selector.version is not None and who.version != selector.version:
        return False
    if any(who.labels.get(name) != value for name, value in selector.labels.items()):
        return False
    return not selector.instances or any(_named(who.instance, pattern) for pattern in selector.instances)


def _named(instance: str, pattern: str) -> bool:
    return instance == pattern or fnmatchcase(instance, pattern)
