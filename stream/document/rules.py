"""What a rollout must satisfy beyond its types. Each rule yields its mistakes, each one line: path, what, remedy.

A rule that is not listed in `RULES` does not hold; to add one, write a function and list it.
"""

from collections.abc import Callable, Iterator

from stream.policy import Kind, MetricRule, usual_tolerance
from stream.quantity import Duration, Instant, Tolerance
from stream.rollout import COHORTS, Rollout, Selector

_SECOND, _HOUR, _DAY = 1_000, 3_600_000, 86_400_000

Rule = Callable[[Rollout], Iterator[str]]


def stated_kind(rule: MetricRule) -> Kind | None:
    """The kind as far as the file says it; the messages may say the rest."""
    return rule.kind or ("ratio" if rule.of else "distribution" if rule.views else "gauge" if rule.scale else None)


def stated_tolerances(rule: MetricRule) -> list[tuple[str, Tolerance]]:
    """The tolerances that the file gives, by field."""
    named = (("tolerate", rule.tolerate), ("promote", rule.promote), ("margin", rule.margin), ("spread", rule.spread))
    return [(name, tolerance) for name, tolerance in named if tolerance is not None]


def _cohorts(rollout: Rollout) -> Iterator[str]:
    for cohort in COHORTS:
        other = COHORTS[1 - COHORTS.index(cohort)]
        selector: Selector | None = getattr(rollout, cohort)
        if selector == Selector():
            yield f"{cohort}: selects every sample; give it a `version`, `labels` or `instances`"
        if selector is None and getattr(rollout, other) is not None:
            yield f"{cohort}: missing, though `{other}` is given; give both, or neither if messages name their cohort"
    if rollout.baseline is not None and rollout.baseline == rollout.canary:
        yield "canary: baseline and canary select the same samples"


def _times(rollout: Rollout) -> Iterator[str]:
    policy = rollout.policy
    yield from _between("pane", policy.pane, _SECOND, _HOUR)
    yield from _between("lateness", policy.lateness, 0, _HOUR)
    yield from _between("warmup", policy.warmup, 0, _DAY)
    if policy.deadline is None:
        return
    if policy.deadline.ms < policy.pane.ms:
        yield f"deadline: must be at least one pane ({policy.pane}); it is {policy.deadline}"
    if policy.bake.ms > policy.deadline.ms:
        yield (
            f"bake_time: must be at most the deadline ({policy.deadline}), or nothing is ever promoted;"
            f" it is {policy.bake}"
        )


def _between(path: str, value: Duration, least: int, most: int) -> Iterator[str]:
    if not least <= value.ms <= most:
        yield f"{path}: must be {Duration(least)} to {Duration(most)}; got {value}"


def _interval(rollout: Rollout) -> Iterator[str]:
    start, until, pane = rollout.from_, rollout.until, rollout.policy.pane
    if start is not None and start.ms % pane.ms:
        before = start.ms - start.ms % pane.ms
        near = f"{Instant(before)} or {Instant(before + pane.ms)}"
        yield f"from: must be the start of a {pane} pane, such as {near}; got {start}"
    if start is not None and until is not None and until.ms <= start.ms:
        yield f"until: must be after `from` ({start}); got {until}"


def _names(rollout: Rollout) -> Iterator[str]:
    first: dict[str, int] = {}
    for i, rule in enumerate(rollout.policy.metrics):
        if rule.name in first:
            yield f'metrics[{i}].name: "{rule.name}" is already the name of metrics[{first[rule.name]}]'
        first.setdefault(rule.name, i)


def _voices(rollout: Rollout) -> Iterator[str]:
    rules = rollout.policy.metrics
    for i, rule in enumerate(rules):
        if rule.muted and rule.critical:
            yield f"metrics[{i}].muted: a critical metric cannot be muted; drop one of the two"
    if all(rule.muted for rule in rules):
        yield "metrics: all are muted, so that nothing can abort or promote; unmute one"


def _kinds(rollout: Rollout) -> Iterator[str]:
    for i, rule in enumerate(rollout.policy.metrics):
        kind = stated_kind(rule)
        if rule.of and kind != "ratio":
            yield f'metrics[{i}].of: only a ratio has it; got kind "{kind}"'
        if rule.of == rule.name:
            yield f"metrics[{i}].of: the metric that counts the trials must be another one"
        if rule.views and kind != "distribution":
            yield f"metrics[{i}].views: only a distribution has them; this is a {kind}"
        if rule.views and len(set(rule.views)) < len(rule.views):
            yield f"metrics[{i}].views: each at most once; got {', '.join(rule.views)}"
        if rule.scale and kind != "gauge":
            yield f"metrics[{i}].scale: only a gauge has it; this is a {kind}"


def _tolerances(rollout: Rollout) -> Iterator[str]:
    for i, rule in enumerate(rollout.policy.metrics):
        for name, tolerance in stated_tolerances(rule):
            fault = _misfit(rule, tolerance)
            if fault:
                yield f"metrics[{i}].{name}: {fault}; got {tolerance}"
        if rule.spread is not None and not rule.spread.amount:
            yield f"metrics[{i}].spread: must be over 0; without one it is learned"


def _misfit(rule: MetricRule, tolerance: Tolerance) -> str | None:
    """Why a tolerance does not fit the scale on which the metric is compared."""
    kind = stated_kind(rule)
    if kind in ("distribution", "ratio", "rate") and not tolerance.relative:
        return f"a {kind} is compared in % of the baseline, such as 5%"
    if rule.scale == "log" and not tolerance.relative:
        return "logarithms are compared in % of the baseline, such as 5%"
    if rule.scale == "raw" and tolerance.relative:
        return "values are compared in pp or in the metric's unit, such as 2pp"
    if not tolerance.unit and kind is None:
        return "needs % of the baseline or pp; for a number in the metric's unit add `kind: gauge`"
    if tolerance.relative and any(not other.relative for _, other in stated_tolerances(rule)):
        return "this metric has other tolerances in pp or in its unit; all need the same"
    if tolerance.relative and rule.worse == "lower" and tolerance.amount >= 1:
        return "nothing falls by 100% or more, so that everything is tolerated; must be under 100%"
    return None


def _limits(rollout: Rollout) -> Iterator[str]:
    for i, rule in enumerate(rollout.policy.metrics):
        promote = rule.promote
        if promote is None:
            continue
        tolerate = rule.tolerate or usual_tolerance(stated_kind(rule), promote.unit)
        if tolerate.unit == promote.unit and promote.amount < tolerate.amount:
            default = "" if rule.tolerate else ", the default"
            yield f"metrics[{i}].promote: must be at least `tolerate` ({tolerate}{default}); got {promote}"


def _score(rollout: Rollout) -> Iterator[str]:
    policy = rollout.policy
    if policy.marginal > policy.pass_:
        yield f"marginal: must be at most `pass` ({policy.pass_:g}); it is {policy.marginal:g}"
    known = dict.fromkeys(rule.group for rule in policy.metrics)
    for name in policy.groups:
        if name not in known:
            yield f'groups: no metric is in group "{name}"; the groups are {", ".join(known)}'


RULES: tuple[Rule, ...] = (_cohorts, _times, _interval, _names, _voices, _kinds, _tolerances, _limits, _score)
