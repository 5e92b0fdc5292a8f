"""What to watch, how strict, and when to decide. Every field has a default but a metric's name.

>>> policy = Policy(metrics=(MetricRule("latency", critical=True), MetricRule("cpu", kind="gauge")))
>>> [rule.name for rule in policy.deciding]
['latency']
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from stream.quantity import Duration, Tolerance

Kind = Literal["distribution", "ratio", "rate", "gauge"]
View = Literal["mean", "p50", "p95", "p99"]
VIEWS: tuple[View, ...] = ("mean", "p50", "p95", "p99")
Share = Annotated[float, Meta(gt=0, lt=1)]
Points = Annotated[float, Meta(ge=0, le=100)]
Weight = Annotated[float, Meta(gt=0, le=1000)]
Name = Annotated[str, Meta(min_length=1, max_length=256)]
Views = Annotated[tuple[View, ...], Meta(min_length=1)]

BAKE_TIME = Duration(600_000)
"""The usual bake time."""
CRITICAL_WEIGHT, NORMAL_WEIGHT = 5.0, 2.0


RELATIVE_PROMOTE, ABSOLUTE_PROMOTE = 2.0, 2.5
"""The usual limit for promotion in multiples of what is tolerated, in % of baseline and else."""
_USUAL: dict[Kind, Tolerance] = {
    "distribution": Tolerance(0.05, "%"),
    "ratio": Tolerance(0.25, "%"),
    "rate": Tolerance(0.25, "%"),
    "gauge": Tolerance(0.05, "%"),
}
_USUAL_POINTS = Tolerance(0.02, "pp")


def usual_tolerance(kind: Kind | None, unit: str) -> Tolerance:
    """What is tolerated where the file does not say; of an unknown kind, what holds for a distribution."""
    return _USUAL_POINTS if unit == "pp" else _USUAL[kind or "distribution"]


class MetricRule(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One metric: what it is, which way is worse, how much is tolerated."""

    name: Annotated[Name, Meta(description="its name in telemetry; of a ratio, the name of what is counted on top")]
    title: Annotated[
        str | None, Meta(description="the noun in sentences, such as `request latency`; else made from the name")
    ] = None
    kind: Annotated[
        Kind | None, Meta(description="what it is; else as messages say, else ratio with `of`, else distribution")
    ] = None
    of: Annotated[Name | None, Meta(description="ratio: the metric that counts the trials")] = None
    worse: Annotated[Literal["higher", "lower", "either"], Meta(description="the direction that harms")] = "higher"
    tolerate: Annotated[
        Tolerance | None,
        Meta(description="a smaller estimate never aborts; else 5%, 25% (ratio, rate) or 2pp (gauge of unit 1)"),
    ] = None
    promote: Annotated[
        Tolerance | None,
        Meta(description="promotion needs evidence of less harm; else twice `tolerate`, 2.5 times if not relative"),
    ] = None
    margin: Annotated[
        Tolerance | None, Meta(description="a margin inside the test: evidence is for more than this; else 0")
    ] = None
    critical: Annotated[
        bool, Meta(description="whether it can abort; where no metric is critical, every unmuted one can")
    ] = False
    muted: Annotated[bool, Meta(description="compared and shown, but without a say")] = False
    weight: Annotated[
        Weight | None,
        Meta(description="share of alpha and of its group's score, relative to others; else 5 if critical, else 2"),
    ] = None
    group: Annotated[Name, Meta(description="the group of the score it belongs to")] = "metrics"
    views: Annotated[
        Views | None,
        Meta(description="the statistics of a distribution that are compared; else mean, p50, p95 and p99"),
    ] = None
    scale: Annotated[
        Literal["log", "raw"] | None,
        Meta(description="gauge: compare logarithms or values; else raw for unit 1 or tolerances in pp, else log"),
    ] = None
    spread: Annotated[
        Tolerance | None,
        Meta(description="a known standard deviation between healthy instances, worth 20 degrees of freedom"),
    ] = None

    @property
    def share(self) -> float:
        """The weight in force."""
        return self.weight if self.weight is not None else CRITICAL_WEIGHT if self.critical else NORMAL_WEIGHT


class Policy(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How a rollout is judged."""

    metrics: Annotated[tuple[MetricRule, ...], Meta(min_length=1, max_length=200, description="what to compare")]
    name: Annotated[Name, Meta(description="the policy's name, shown in verdicts")] = "default"
    version: Annotated[int, Meta(ge=1, description="the policy's version, shown in verdicts")] = 1
    pane: Annotated[Duration, Meta(description="length of an event-time pane, 1s to 1h")] = Duration(10_000)
    lateness: Annotated[Duration, Meta(description="how long a pane waits after its end, 0s to 1h")] = Duration(5_000)
    warmup: Annotated[
        Duration, Meta(description="what an instance reports this soon after it is first seen does not count, 0s to 1d")
    ] = Duration(120_000)
    bake_time: Annotated[
        Duration | None,
        Meta(description="no promotion earlier than this after `from`; null for 10m, or half of a shorter deadline"),
    ] = None
    deadline: Annotated[
        Duration | None,
        Meta(description="after this long undecided the rollout ends inconclusive, from one pane on; null for never"),
    ] = Duration(3_600_000)
    alpha: Annotated[
        float,
        Meta(gt=0, le=0.5, description="bound on the probability that a healthy canary is ever aborted on evidence"),
    ] = 0.05
    alpha_promote: Annotated[
        float,
        Meta(gt=0, le=0.5, description="the same for promoting a canary that is worse than `promote` allows"),
    ] = 0.05
    pass_: Annotated[Points, Meta(description="the score that promotion needs")] = field(default=95.0, name="pass")
    marginal: Annotated[Points, Meta(description="a score under this raises an alert, 0 to `pass`")] = 75.0
    n_min: Annotated[
        int,
        Meta(ge=1, le=1_000_000, description="samples of a distribution an instance needs in a pane; else they wait"),
    ] = 20
    min_panes: Annotated[int, Meta(ge=1, le=1000, description="panes before the comparison speaks")] = 1
    restart_weight: Annotated[
        float, Meta(ge=0, lt=1, description="the share of the evidence that watches for changes after the start")
    ] = 0.5
    groups: Annotated[dict[str, Weight], Meta(description="weights of the score's groups; 1 where not given")] = {}
    promote_without_harm: Annotated[
        bool, Meta(description="at the deadline promote on a passing score and half of the evidence")
    ] = False

    @property
    def bake(self) -> Duration:
        """The bake time in force.

        >>> str(Policy((MetricRule("latency"),), deadline=Duration(300_000)).bake)
        '150s'
        """
        if self.bake_time is not None:
            return self.bake_time
        return BAKE_TIME if self.deadline is None else Duration(min(BAKE_TIME.ms, self.deadline.ms // 2))

    @property
    def deciding(self) -> tuple[MetricRule, ...]:
        """The metrics that can abort and that promotion waits for."""
        heard = tuple(rule for rule in self.metrics if not rule.muted)
        return tuple(rule for rule in heard if rule.critical) or heard
