"""The first step: from a pane's rows to what each metric gets, with units numbered, warm-up dropped, oddities noted."""

from dataclasses import dataclass, field
from itertools import groupby

from stream.pane import Rows, count, size
from stream.partial import RowKey
from stream.plan import Plan
from stream.policy import Kind
from stream.state import SIDES, Feed, Metric, State, Unit
from stream.summary import Count, Distribution, Gauge, Ratio, Summary

MOST_UNITS = 1_000
"""Units of one rollout; more are kept out and reported."""
ERROR_PANES = 6
"""An error shows for so many panes after its last cause."""


@dataclass(slots=True)
class Cells:
    """One pane's samples by metric and unit."""

    rows: dict[int, dict[int, Distribution | Gauge]] = field(default_factory=dict)
    """Distributions and gauges, by position of the metric."""
    events: dict[int, dict[int, int]] = field(default_factory=dict)
    """Hits of ratios, events of rates."""
    trials: dict[int, dict[int, int]] = field(default_factory=dict)
    """Trials of ratios."""
    covered: dict[int, dict[int, int]] = field(default_factory=dict)
    """Milliseconds that reports of events say they cover."""
    both: list[str] = field(default_factory=list)
    """Instances that reported as both cohorts; they are kept out."""
    crowded: bool = False
    """Whether there were too many units."""


def clean(plan: Plan, state: State, pane: int, rows: Rows) -> Cells:
    """Sort a pane's rows out. Their order does not matter."""
    cells = Cells()
    claimed: dict[tuple[str, ...], set[str]] = {}
    for key in rows:
        claimed.setdefault(key[1:3], set()).add(key.cohort)
    cells.both = sorted({name[0] for name, cohorts in claimed.items() if len(cohorts) > 1})
    for name, keys in groupby(sorted(rows), lambda key: key[:3]):
        number, reason = _admit(plan, state, pane, Unit(*name), mixed=len(claimed[name[1:]]) > 1)
        cells.crowded |= reason == "too_many_instances"
        for key in keys:
            if reason is None:
                _place(plan, state, pane, key, rows[key], number, cells)
            else:
                count(state.kept_out, {reason: size(rows[key])})
    for cohort, feed in zip(SIDES, state.feeds, strict=True):
        if any(cohort in cohorts for cohorts in claimed.values()):
            _feed(feed, pane)
    return cells


def _admit(plan: Plan, state: State, pane: int, name: Unit, *, mixed: bool) -> tuple[int, str | None]:
    """The number of a unit that reports in this pane, and why its samples do not count, if they do not."""
    if mixed:
        return -1, "both_cohorts"
    units, number = state.units, state.units.index.get(name)
    if number is None:
        if len(units.names) >= MOST_UNITS:
            return -1, "too_many_instances"
        number = units.index[name] = len(units.names)
        units.names.append(name)
        units.first.append(pane)
        units.last.append(pane)
    units.last[number] = pane
    young = (pane - units.first[number]) * plan.pane_ms < plan.policy.warmup.ms
    return number, "warming_up" if young else None


def _feed(feed: Feed, pane: int) -> None:
    if feed.last is not None:
        feed.number += 1
        feed.gaps = sorted((*feed.gaps, pane - feed.last), reverse=True)[:2]
    feed.last = pane


def _place(plan: Plan, state: State, pane: int, key: RowKey, summary: Summary, unit: int, cells: Cells) -> None:
    """Give a row to the metrics that it belongs to: by its name, and as the trials of ratios."""
    for rule in plan.trials.get(key.metric, ()):
        found = cells.trials.setdefault(rule, {})
        found[unit] = found.get(unit, 0) + size(summary)
    if key.metric not in plan.names:
        return
    rule = plan.names[key.metric]
    metric = state.metrics[rule]
    if metric.kind is None:
        metric.kind = plan.rules[rule].kind or ("ratio" if plan.rules[rule].of else _KINDS[key.kind])
        metric.unit = key.unit
    cause = _conflict(metric, key, of=plan.rules[rule].of is not None)
    if cause:
        metric.error, metric.error_pane = cause, pane
        count(state.kept_out, {"conflicting": size(summary)})
        return
    metric.fed[SIDES.index(key.cohort)] = pane
    if isinstance(summary, (Distribution, Gauge)) and metric.kind in ("distribution", "gauge"):
        mine = cells.rows.setdefault(rule, {})
        if unit in mine:
            mine[unit].merge(summary)  # type: ignore[arg-type]  # a metric has one kind
        else:
            mine[unit] = summary
        return
    hits = cells.events.setdefault(rule, {})
    hits[unit] = hits.get(unit, 0) + (summary.hits if isinstance(summary, Ratio) else size(summary))
    if isinstance(summary, Count) and summary.covered:
        spans = cells.covered.setdefault(rule, {})
        spans[unit] = spans.get(unit, 0) + summary.covered
    if isinstance(summary, Ratio):
        found = cells.trials.setdefault(rule, {})
        found[unit] = found.get(unit, 0) + summary.trials


_KINDS: dict[str, Kind] = {"distribution": "distribution", "gauge": "gauge", "count": "rate", "ratio": "ratio"}


def _conflict(metric: Metric, key: RowKey, *, of: bool) -> str | None:
    """Why a row cannot count for its metric, in words; None where it can."""
    fitting = {"distribution": ("distribution",), "gauge": ("gauge",), "rate": ("count",)}
    kinds = fitting.get(metric.kind or "", ("count",) if of else ("ratio",))
    if key.kind not in kinds:
        return f"the {key.cohort} reports a {key.kind} where a {' or '.join(kinds)} is needed"
    if key.unit != metric.unit:
        return f"the {key.cohort} reports it in {key.unit or 'no unit'}, others in {metric.unit or 'no unit'}"
    return None


def instance_name(state: State, unit: int) -> str:
    """How people call a unit."""
    return state.units.names[unit].instance
