"""The second and third step: put a pane into the accumulated comparisons and weigh what they say."""

import numpy as np

from stream.arrays import Flags, Floats
from stream.compare.counts import Counts, weigh_counts
from stream.compare.evidence import Evidence
from stream.compare.intake import PATIENCE
from stream.compare.weigh import weigh
from stream.compare.yardstick import Yardstick, yardstick
from stream.judge.clean import Cells
from stream.judge.silence import silence
from stream.plan import Plan
from stream.policy import MetricRule
from stream.state import SIDES, Metric, State


def observe(plan: Plan, state: State, pane: int, cells: Cells) -> tuple[dict[int, Evidence], dict[int, Yardstick]]:
    """Add a closed pane.

    Returns:
        By position of the metric, the evidence (metrics never seen are left out) and the settings it is judged with.
    """
    _take_up(plan, state, cells)
    canary = state.units.canary
    _add(plan, state, pane, cells, canary)
    sticks = {rule: stick_of(plan, state, rule) for rule in range(len(plan.rules))}
    location, counts = state.location, state.counts
    if state.origin is None and (location.counts.any() or location.open.any() or counts.panes.any()):
        state.origin = pane
    if state.origin is not None and (pane - state.origin + 1) % plan.block == 0:
        blocks = (pane - state.origin + 1) // plan.block
        location.close_block(plan, canary, blocks, pane + 1)
        counts.close_block(blocks, pane + 1)
    found = weigh(location, plan, [sticks[rule] for rule in location.rules], canary)
    found += weigh_counts(counts, plan, [sticks[rule] for rule in counts.rules], canary)
    return {evidence.rule: evidence for evidence in found}, sticks


def stick_of(plan: Plan, state: State, rule: int) -> Yardstick:
    """The settings a metric is compared with; the usual ones of its kind where its own do not fit."""
    metric = state.metrics[rule]
    found = _resolve(plan.rules[rule], metric)
    if isinstance(found, Yardstick):
        return found
    usual = yardstick(MetricRule(plan.rules[rule].name), "distribution", "")
    assert isinstance(usual, Yardstick)
    return usual


def _resolve(rule: MetricRule, metric: Metric) -> Yardstick | str:
    if metric.kind is not None:
        return yardstick(rule, metric.kind, metric.unit)
    pointed = any(t is not None and t.unit == "pp" for t in (rule.tolerate, rule.promote, rule.margin, rule.spread))
    likely = "ratio" if rule.of else "gauge" if pointed or rule.scale else "distribution"
    return yardstick(rule, rule.kind or likely, "1" if pointed else "")


def _take_up(plan: Plan, state: State, cells: Cells) -> None:
    """Begin the state of metrics seen for the first time; note policies that do not fit; make room for new units."""
    number = len(state.units.names)
    for rule in sorted({*cells.rows, *cells.events, *cells.trials}):
        metric = state.metrics[rule]
        if metric.kind is None:
            metric.kind = plan.rules[rule].kind or "ratio"
        if metric.place >= 0:
            continue
        found = _resolve(plan.rules[rule], metric)
        if isinstance(found, str):
            metric.error, metric.error_pane = found, 2**62
        if metric.kind in ("distribution", "gauge"):
            metric.place = len(state.location.rules)
            state.location.begin(plan, rule, metric.kind, number)
        else:
            metric.place = len(state.counts.rules)
            state.counts.begin(rule, metric.kind, number)
    if number > state.location.sums.shape[1]:
        state.location.grow(number)
    if number > state.counts.events.shape[1]:
        state.counts.grow(number)


def _add(plan: Plan, state: State, pane: int, cells: Cells, canary: Flags) -> None:
    location, counts = state.location, state.counts
    mine, theirs = (max(PATIENCE, silence(plan, feed)) for feed in state.feeds)
    if location.rules:
        fit = [_resolve(plan.rules[rule], state.metrics[rule]) for rule in location.rules]
        sticks = [stick if isinstance(stick, Yardstick) else None for stick in fit]
        rows = {place: cells.rows[rule] for place, rule in enumerate(location.rules) if rule in cells.rows}
        location.observe(plan, pane, rows, canary, sticks, (mine, theirs))
    if counts.rules:
        shape = counts.events.shape
        events, exposure = np.zeros(shape), np.zeros(shape)
        exposed = _exposed(plan, state, pane)
        for place, rule in enumerate(counts.rules):
            _fill(events[place], cells.events.get(rule, {}))
            if counts.kinds[place] == "rate":
                exposure[place, exposed] = plan.pane_ms / 1000
                _cover(counts, exposure[place], place, cells.covered.get(rule, {}))
            else:
                _fill(exposure[place], cells.trials.get(rule, {}))
        counts.observe(pane, events, exposure, canary, (mine, theirs))


def _exposed(plan: Plan, state: State, pane: int) -> list[int]:
    """Units past their warm-up that are not silent: those on which events could have been seen."""
    units, warmup = state.units, plan.policy.warmup.ms
    patience = {cohort: silence(plan, feed) for cohort, feed in zip(SIDES, state.feeds, strict=True)}
    return [
        unit
        for unit, (name, first, last) in enumerate(zip(units.names, units.first, units.last, strict=True))
        if pane - last < patience[name.cohort] and (pane - first) * plan.pane_ms >= warmup
    ]


def _cover(counts: Counts, exposure: Floats, place: int, covered: dict[int, int]) -> None:
    """Units that say what their reports cover are exposed for that long, and for nothing in between."""
    counts.reporting[place, list(covered)] = 1.0
    exposure[counts.reporting[place] > 0] = 0.0
    for unit, ms in covered.items():
        exposure[unit] = ms / 1000


def _fill(row: Floats, found: dict[int, int]) -> None:
    for unit, number in found.items():
        row[unit] = number
