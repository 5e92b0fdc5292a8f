"""What is legal in a rollout but seldom meant. Each doubt is one line, as a mistake is, and nothing depends on it."""

import re
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase

from stream.document.rules import stated_kind
from stream.policy import MetricRule
from stream.rollout import Rollout, Selector

Doubt = Callable[[Rollout], Iterator[str]]

_MANY_A_SECOND = 10.0
_LOWER_IS_WORSE = re.compile(
    r"(?<![a-z])(availability|completed|conversions?|hits|orders|placed|revenue|succe(ss|sses|eded)|throughput)(?![a-z])"
)
_HIGHER_IS_WORSE = re.compile(
    r"(?<![a-z])(duration|errors?|failed|failures?|latency|lost|missed|rejected|time)(?![a-z])"
)
_PATTERN = re.compile(r"[*?\[]")


def doubts(rollout: Rollout) -> list[str]:
    """Everything doubtful, in the order of the file's fields."""
    return [text for doubt in DOUBTS for text in doubt(rollout)]


def _cohorts(rollout: Rollout) -> Iterator[str]:
    baseline, canary = rollout.baseline, rollout.canary
    if baseline is None or canary is None:
        yield "baseline, canary: neither is given, so only messages that name their `cohort` count"
    elif not _apart(baseline, canary):
        yield "baseline, canary: one sample can match both; samples that do are left out"


def _apart(one: Selector, other: Selector) -> bool:
    """Whether no sample can match both, as far as the selectors show."""
    if one.version and other.version and one.version != other.version:
        return True
    if any(other.labels.get(name, value) != value for name, value in one.labels.items()):
        return True
    return bool(one.instances and other.instances) and not any(
        _overlap(a, b) for a in one.instances for b in other.instances
    )


def _overlap(one: str, other: str) -> bool:
    """Whether an instance may match both patterns; two patterns are told apart by how they begin and end."""
    if not _PATTERN.search(one):
        return fnmatchcase(one, other)
    if not _PATTERN.search(other):
        return fnmatchcase(other, one)
    ends = [(_PATTERN.split(pattern)[0], re.split(r"[*?\]]", pattern)[-1]) for pattern in (one, other)]
    (start, end), (begin, finish) = ends
    return (start.startswith(begin) or begin.startswith(start)) and (end.endswith(finish) or finish.endswith(end))


def _metrics(rollout: Rollout) -> Iterator[str]:
    for i, rule in enumerate(rollout.policy.metrics):
        name = rule.name.lower()
        if rule.worse == "higher" and _LOWER_IS_WORSE.search(name) and not _HIGHER_IS_WORSE.search(name):
            yield f'metrics[{i}].worse: "{rule.name}" sounds as if lower were worse; it is higher'
        if rule.tolerate is not None and not rule.tolerate.amount:
            limit = "" if rule.promote else ", and promotion needs a canary that is shown better"
            yield f"metrics[{i}].tolerate: {rule.tolerate} makes any difference that is shown count{limit}"
        if _by_value(rule) and (rule.spread is None or rule.tolerate is None):
            yield f"metrics[{i}].scale: without `tolerate` and `spread`, values are judged only if the unit is 1 or %"


def _by_value(rule: MetricRule) -> bool:
    return rule.scale == "raw" or (
        stated_kind(rule) == "gauge" and rule.tolerate is not None and not rule.tolerate.unit
    )


def _times(rollout: Rollout) -> Iterator[str]:
    policy = rollout.policy
    distributions = any(stated_kind(rule) in (None, "distribution") for rule in policy.metrics)
    if distributions and policy.n_min * 1000 / policy.pane.ms >= _MANY_A_SECOND:
        yield (
            f"n_min: {policy.n_min} samples an instance in {policy.pane} is a lot;"
            " slower instances wait for later panes, so lower it or lengthen `pane`"
        )
    if not policy.lateness.ms:
        yield "lateness: 0s drops every sample that arrives after a newer pane has begun"
    if policy.deadline is None:
        if rollout.until is None:
            yield "deadline: without it and without `until`, an undecided rollout stays open until it is stopped"
        return
    if policy.warmup.ms >= policy.deadline.ms:
        yield f"warmup: {policy.warmup} of every instance do not count, and the deadline is {policy.deadline}"
    if policy.min_panes * policy.pane.ms >= policy.deadline.ms:
        yield f"min_panes: {policy.min_panes} panes of {policy.pane} reach the deadline ({policy.deadline})"


def _strictness(rollout: Rollout) -> Iterator[str]:
    policy = rollout.policy
    if policy.alpha > 0.1:
        yield f"alpha: up to {policy.alpha:.0%} of healthy canaries may be aborted"
    if policy.alpha_promote > 0.1:
        yield f"alpha_promote: up to {policy.alpha_promote:.0%} of canaries that are too bad may be promoted"
    if policy.promote_without_harm:
        yield "promote_without_harm: at the deadline a canary is promoted on half of the evidence"


DOUBTS: tuple[Doubt, ...] = (_cohorts, _metrics, _times, _strictness)
