"""What comes out: divergences, alerts, scores, verdicts, and the actions of hooks. One JSON object each, with a reason.

Event times (`at`, `since`, `started`) are integer milliseconds UTC. Numbers are rounded to 9 significant digits, so
that processors that differ in the last place agree. Evidence is the natural logarithm of an e-value.
"""

from math import isfinite
from typing import Annotated, Literal

from msgspec import Meta, Struct

State = Literal["pass", "worse", "better", "undecided", "no_data", "error"]
VerdictWord = Literal["continue", "promote", "abort", "inconclusive"]
RolloutState = Literal["warming_up", "continue", "no_data", "judge_error", "promote", "abort", "inconclusive"]
AlertKind = Literal["divergence", "instance_outlier", "no_data", "cohort_mismatch", "judge_error"]

Id = Annotated[str, Meta(description="`rollout/sequence`: a repeat has the same id and the same content")]
At = Annotated[int, Meta(ge=0, description="event time, milliseconds UTC: the end of the pane")]
Log = Annotated[float, Meta(description="natural logarithm of an e-value; 0 is no evidence either way")]
Amount = Annotated[int, Meta(ge=0)]


class Side(Struct, frozen=True):
    """One cohort in one comparison."""

    value: Annotated[float | None, Meta(description="the statistic since the start, in the metric's unit")]
    instances: Annotated[Amount, Meta(description="instances that speak")]
    samples: Annotated[Amount, Meta(description="samples since the start; of a gauge, panes of instances")]


class Drivers(Struct, frozen=True):
    """Which canary instances drive the effect."""

    count: Annotated[Amount, Meta(description="instances with at least half of the effect")]
    of: Annotated[Amount, Meta(description="canary instances that speak")]
    instance: Annotated[str | None, Meta(description="the one with 60 % or more of the excess, if one has")] = None


class Divergence(Struct, frozen=True, tag="divergence"):
    """Baseline against canary for one metric, at one closed pane."""

    id: Id
    rollout: Annotated[str, Meta(description="the rollout's id")]
    at: At
    metric: Annotated[str, Meta(description="the metric's name")]
    title: Annotated[str, Meta(description="the metric in words")]
    state: Annotated[State, Meta(description="the label")]
    kind: Annotated[str | None, Meta(description="distribution, ratio, rate or gauge; null before the first sample")]
    unit: Annotated[str, Meta(description="the metric's unit")]
    critical: Annotated[bool, Meta(description="whether it can abort and promotion waits for it")]
    muted: Annotated[bool, Meta(description="whether it has no say")]
    group: Annotated[str, Meta(description="the group of the score")]
    view: Annotated[str | None, Meta(description="the statistic that contributes most evidence: mean, p95, share, ...")]
    process: Annotated[Literal["level", "restart"], Meta(description="since the start, or against the own past")]
    since: Annotated[int | None, Meta(description="restart: since when, milliseconds UTC")]
    effect: Annotated[float | None, Meta(description="canary over baseline: relative (0.26 is 26 % above) or absolute")]
    low: Annotated[float | None, Meta(description="lower end of its 95 % confidence sequence; null for unbounded")]
    high: Annotated[float | None, Meta(description="upper end; null for unbounded")]
    scale: Annotated[Literal["relative", "absolute"], Meta(description="what effect, low, high, tolerate, promote are")]
    evidence: Annotated[Log, Meta(description="that the canary is worse")]
    threshold: Annotated[float, Meta(description="the evidence that makes it worse")]
    evidence_safe: Annotated[Log, Meta(description="that the canary is less than `promote` worse")]
    threshold_safe: Annotated[float, Meta(description="the evidence that makes it safe")]
    tolerate: Annotated[float, Meta(ge=0, description="the tolerated effect in the harmful direction")]
    promote: Annotated[float, Meta(ge=0, description="the effect that promotion must exclude")]
    baseline: Annotated[Side, Meta(description="the baseline cohort")]
    canary: Annotated[Side, Meta(description="the canary cohort")]
    drivers: Annotated[Drivers | None, Meta(description="who drives the effect")]
    resolution: Annotated[float | None, Meta(description="the smallest effect that so many instances can show now")]
    short: Annotated[str, Meta(max_length=80, description="for lists and titles")]
    text: Annotated[str, Meta(description="the reason, one sentence")]


class Alert(Struct, frozen=True, tag="alert"):
    """Something a person should see now."""

    id: Id
    rollout: Annotated[str, Meta(description="the rollout's id")]
    at: At
    kind: Annotated[AlertKind, Meta(description="what it is about")]
    status: Annotated[Literal["firing", "resolved"], Meta(description="whether it begins or ends")]
    metric: Annotated[str | None, Meta(description="the metric, if it is about one")]
    instance: Annotated[str | None, Meta(description="the instance, if it is about one")]
    since: Annotated[int, Meta(ge=0, description="when it began to fire, milliseconds UTC")]
    text: Annotated[str, Meta(description="what happened, and what to do")]


class Score(Struct, frozen=True, tag="score"):
    """How the rollout stands, at one closed pane."""

    id: Id
    rollout: Annotated[str, Meta(description="the rollout's id")]
    at: At
    score: Annotated[float | None, Meta(description="0 to 100; null while half of the weight has no data")]
    confidence: Annotated[float, Meta(ge=0, le=1, description="how much is known about what decides")]
    state: Annotated[RolloutState, Meta(description="what the rollout is in")]
    groups: Annotated[dict[str, float], Meta(description="0 to 100 by group; groups without data are left out")]
    metrics: Annotated[dict[str, State], Meta(description="each metric's label")]
    counts: Annotated[dict[str, int], Meta(description="samples kept out so far, by reason")]
    text: Annotated[str, Meta(description="one sentence")]


class Verdict(Struct, frozen=True, tag="verdict"):
    """What to do with the rollout; a record whenever it changes."""

    id: Id
    rollout: Annotated[str, Meta(description="the rollout's id")]
    at: At
    app: Annotated[str, Meta(description="the app")]
    verdict: Annotated[VerdictWord, Meta(description="the verdict")]
    previous: Annotated[VerdictWord | None, Meta(description="the one before")]
    final: Annotated[bool, Meta(description="whether it is the last word")]
    rule: Annotated[str, Meta(description="the rule that decided, such as critical_metric or deadline")]
    metric: Annotated[str | None, Meta(description="the metric that decided, if one did")]
    score: Annotated[float | None, Meta(description="the score at that pane")]
    confidence: Annotated[float, Meta(ge=0, le=1, description="the confidence at that pane")]
    baseline: Annotated[Side, Meta(description="instances seen and samples taken of the baseline")]
    canary: Annotated[Side, Meta(description="the same of the canary")]
    started: Annotated[int, Meta(ge=0, description="start of the first pane, milliseconds UTC")]
    policy: Annotated[str, Meta(description="name@version of the policy")]
    fingerprint: Annotated[str, Meta(description="eight digits that change whenever the policy does")]
    text: Annotated[str, Meta(description="why, one sentence or two")]
    also: Annotated[list[str], Meta(description="the reasons of other metrics that are worse")]
    explanation: Annotated[str, Meta(description="the rule in words, with its numbers")]


class Action(Struct, frozen=True, tag="action"):
    """One attempt of a hook, for the audit."""

    id: Annotated[str, Meta(description="`verdict/hook/attempt`: a repeat has the same id")]
    rollout: Annotated[str, Meta(description="the rollout's id")]
    at: Annotated[int, Meta(ge=0, description="when it was tried, milliseconds UTC")]
    verdict: Annotated[str, Meta(description="id of the verdict record it acts on")]
    hook: Annotated[str, Meta(description="the hook's name")]
    target: Annotated[str, Meta(description="what was called, without secrets")]
    outcome: Annotated[Literal["succeeded", "failed", "refused", "dry_run"], Meta(description="how it ended")]
    attempt: Annotated[int, Meta(ge=1, description="1 for the first try")]
    status: Annotated[int | None, Meta(description="HTTP status or exit code")] = None
    duration_ms: Annotated[int, Meta(ge=0, description="how long it took")] = 0
    text: Annotated[str, Meta(description="what happened, one sentence")] = ""
    retry_at: Annotated[int | None, Meta(description="when it is tried again, milliseconds UTC")] = None
    escalates_to: Annotated[str | None, Meta(description="the hook that is called instead, as this one failed")] = None


class Switch(Struct, frozen=True, tag="switch"):
    """The kill switch of all hooks: the newest record, keyed `!switch`, holds."""

    stopped: Annotated[bool, Meta(description="whether no hook is called")]
    at: Annotated[int, Meta(ge=0, description="when it was thrown, milliseconds UTC")]
    by: Annotated[str, Meta(description="who threw it")]
    reason: Annotated[str, Meta(description="why, one sentence")] = ""


Output = Divergence | Alert | Score | Verdict


def rounded(value: float | None) -> float | None:
    """9 significant digits; None for what is not finite.

    >>> rounded(0.1 + 0.2), rounded(float("inf"))
    (0.3, None)
    """
    if value is None or not isfinite(value):
        return None
    return float(f"{value:.9g}")
