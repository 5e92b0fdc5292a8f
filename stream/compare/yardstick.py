"""In which units a metric is compared, and with what in mind: scale, tolerances, prior spread.

Effects are signed so that harm is positive for `higher`; on the log scale 0.05 is about 5 %.

>>> stick = yardstick(MetricRule("latency"), "distribution", "ms")
>>> stick.log, round(stick.gate, 4), stick.spread, stick.freedom
(True, 0.0488, 0.03, 4.0)
>>> yardstick(MetricRule("cpu", kind="gauge"), "gauge", "1").promote
0.05
"""

from dataclasses import dataclass
from functools import lru_cache
from math import log1p

from stream.policy import ABSOLUTE_PROMOTE, RELATIVE_PROMOTE, Kind, MetricRule, usual_tolerance
from stream.quantity import Tolerance

LEARNED_FREEDOM = 20.0
PRIOR_FREEDOM = 4.0
_SHARE_UNITS = {"1": 1.0, "%": 100.0, "percent": 100.0}
"""Units of utilisations and what is the whole in them."""


@dataclass(frozen=True, slots=True)
class Yardstick:
    """The resolved settings of one metric, all on the scale that is compared."""

    log: bool
    """Whether logarithms are compared."""
    gate: float
    """The tolerated effect."""
    promote: float
    """The effect that promotion must exclude."""
    margin: float
    """The margin inside the test."""
    spread: float
    """Prior standard deviation between healthy instances."""
    freedom: float
    """Degrees of freedom the prior is worth."""
    tuning: float
    """Standard deviation of the effects looked for."""
    sign: int
    """1 where higher is worse, -1 where lower is."""
    two_sided: bool
    """Whether either direction is worse."""
    known: bool
    """Whether the spread is stated, so that one canary instance can be judged."""
    point: float = 0.01
    """One point (pp) in the metric's unit."""


@lru_cache(maxsize=4096)
def yardstick(rule: MetricRule, kind: Kind, unit: str) -> Yardstick | str:
    """Resolve a rule for what its messages turned out to be; a sentence where they do not fit together."""
    whole = _SHARE_UNITS.get(unit, 0.0)
    given = [t for t in (rule.tolerate, rule.promote, rule.margin, rule.spread) if t is not None]
    absolute = any(not t.relative for t in given)
    if kind != "gauge":
        if absolute:
            return f"{rule.name} is a {kind}: its tolerances are in % of baseline, not in points or units"
        return _relative(rule, kind)
    if rule.scale == "raw" or (rule.scale is None and (absolute or (whole and not given))):
        return _raw(rule, whole, given)
    if absolute:
        return f"{rule.name} is compared on the log scale: its tolerances are in % of baseline"
    return _relative(rule, kind)


def _relative(rule: MetricRule, kind: Kind) -> Yardstick:
    tolerate = (rule.tolerate or usual_tolerance(kind, "%")).amount
    promote = rule.promote.amount if rule.promote else RELATIVE_PROMOTE * tolerate
    scale = [_log(amount, rule) for amount in (tolerate, promote, rule.margin.amount if rule.margin else 0.0)]
    spread = log1p(rule.spread.amount) if rule.spread else 0.03
    return Yardstick(
        log=True,
        gate=scale[0],
        promote=scale[1],
        margin=scale[2],
        spread=spread,
        freedom=LEARNED_FREEDOM if rule.spread else PRIOR_FREEDOM,
        tuning=0.10,
        sign=-1 if rule.worse == "lower" else 1,
        two_sided=rule.worse == "either",
        known=rule.spread is not None,
    )


def _log(amount: float, rule: MetricRule) -> float:
    """The distance on the log scale of a change by `amount` in the harmful direction."""
    return -log1p(-min(amount, 0.99)) if rule.worse == "lower" else log1p(amount)


def _raw(rule: MetricRule, whole: float, given: list[Tolerance]) -> Yardstick | str:
    if any(t.relative for t in given):
        return f"{rule.name} is compared by its values: its tolerances are in pp or in its unit, not in %"
    if not whole and rule.spread is None:
        return f"{rule.name} is compared by its values, which needs a stated `spread` between healthy instances"
    if not whole and rule.tolerate is None:
        return f"{rule.name} is compared by its values, which needs a `tolerate` in its unit"
    point = (whole or 1.0) / 100

    def value(tolerance: Tolerance | None, usual: float) -> float:
        return usual if tolerance is None else tolerance.amount * (100 * point if tolerance.unit == "pp" else 1)

    gate = value(rule.tolerate or usual_tolerance("gauge", "pp"), 0.0)
    spread = value(rule.spread, 1.5 * point)
    return Yardstick(
        log=False,
        gate=gate,
        promote=value(rule.promote, ABSOLUTE_PROMOTE * gate),
        margin=value(rule.margin, 0.0),
        spread=spread,
        freedom=LEARNED_FREEDOM if rule.spread else PRIOR_FREEDOM,
        tuning=5 * point if whole else 2.5 * gate,
        sign=-1 if rule.worse == "lower" else 1,
        two_sided=rule.worse == "either",
        known=rule.spread is not None,
        point=point,
    )
