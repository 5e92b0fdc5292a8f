"""From the accumulated state of distributions and gauges to evidence, all metrics at once."""

from dataclasses import dataclass

import numpy as np

from stream.array import Flags, Floats, Ints
from stream.compare.evidence import Driver, Evidence
from stream.compare.location import Location
from stream.compare.mixture import Contrast, contrast, log_e, mix, radius
from stream.compare.outlier import find_outlier
from stream.compare.restart import LEAST, restart_weights
from stream.compare.yardstick import Yardstick
from stream.plan import Plan

DISPLAY_ALPHA = 0.05
"""Intervals that are shown are two-sided 95 % confidence sequences."""
_FLOOR = 1 / 15
"""Instances are never taken to agree better than this part of the prior spread."""
_LONE = "one canary instance cannot be told from its host"
_LONE_BASELINE = "one baseline instance cannot be told from its host"


@dataclass(frozen=True, slots=True)
class _Frame:
    """The settings of every view, [V] each."""

    sign: Floats
    two_sided: Flags
    spread: Floats
    prior: Floats
    tuning: Floats
    margin: Floats
    promote: Floats
    known: Flags

    @classmethod
    def of(cls, location: Location, sticks: list[Yardstick]) -> "_Frame":
        found = [sticks[view.metric] for view in location.views]
        column = np.array([(s.sign, s.spread**2, s.freedom, s.tuning**2, s.margin, s.promote) for s in found]).T
        flags = np.array([(s.two_sided, s.known) for s in found]).T
        return cls(column[0], flags[0], column[1], column[2], column[3], column[4], column[5], flags[1])

    def harm(self, found: Contrast, variance: Floats, freedom: Floats) -> Floats:
        """Log e-values for harm, [..., V]."""
        logs = log_e(self.sign * found.difference, variance, freedom, self.tuning, self.margin)
        if self.two_sided.any():
            other = log_e(-self.sign * found.difference, variance, freedom, self.tuning, self.margin)
            logs = np.where(self.two_sided, np.logaddexp(logs, other) - np.log(2), logs)
        return logs

    def safe(self, found: Contrast, variance: Floats, freedom: Floats) -> Floats:
        """Log e-values for being less than `promote` worse, [V]."""
        logs = log_e(-self.sign * found.difference, variance, freedom, self.tuning, -self.promote)
        if self.two_sided.any():
            other = log_e(self.sign * found.difference, variance, freedom, self.tuning, -self.promote)
            logs = np.where(self.two_sided, np.minimum(logs, other), logs)
        return logs


@dataclass(frozen=True, slots=True)
class _Processes:
    """Contrasts of the level (row 0) and of each restart (rows 1..J), [1 + J, V] each."""

    values: Floats
    """[V, U] level statistics."""
    speaking: Flags
    """[V, U]."""
    level: Contrast
    difference: Floats
    variance: Floats
    freedom: Floats
    logs: Floats
    weights: Floats
    """[2 + J], with that of what has not begun."""

    @property
    def harm(self) -> Floats:
        """[V] the mixture of all processes."""
        return mix(np.concatenate((self.logs, np.zeros((1, self.logs.shape[1])))), self.weights[:, None])

    def leading(self, view: int) -> int:
        """The process that contributes most."""
        with np.errstate(divide="ignore"):
            return int((self.logs[:, view] + np.log(self.weights[:-1])).argmax())


def weigh(location: Location, plan: Plan, sticks: list[Yardstick], canary: Flags) -> list[Evidence]:
    """The evidence on each metric of the family, in its order. O(restarts * views * instances).

    Args:
        location: the state.
        plan: the rollout's plan.
        sticks: by metric of the family.
        canary: [U].
    """
    if not location.views:
        return []
    frame = _Frame.of(location, sticks)
    found = _processes(location, plan, frame, canary)
    starts = [next(i for i, view in enumerate(location.views) if view.metric == m) for m in range(len(location.rules))]
    views = np.diff([*starts, len(location.views)])
    first = (found.level, found.variance[0], np.maximum(found.freedom[0], 1))
    speaks = found.freedom[0] > 0
    harm = np.logaddexp.reduceat(found.harm, starts) - np.log(views)
    enough = speaks & (found.speaking.sum(1) > 2)
    safe = np.minimum.reduceat(np.where(enough, frame.safe(*first), 0.0), starts)
    better = log_e(-frame.sign * found.level.difference, *first[1:], frame.tuning)
    better = np.logaddexp.reduceat(np.where(enough & ~frame.two_sided, better, 0.0), starts) - np.log(views)
    change = np.maximum.reduceat(found.logs[1:].max(0, initial=0.0), starts)
    out = []
    for metric, (start, count) in enumerate(zip(starts, views.tolist(), strict=True)):
        evidence = Evidence(location.rules[metric], float(harm[metric]), float(safe[metric]))
        evidence.better, evidence.change = float(better[metric]), float(change[metric])
        view = start + int(found.harm[start : start + count].argmax())
        _describe(evidence, location, found, frame, view, sticks[metric], canary)
        _alone(evidence, found, start, sticks[metric], canary, plan.need[location.rules[metric]], frame)
        out.append(evidence)
    return out


def _processes(location: Location, plan: Plan, frame: _Frame, canary: Flags) -> _Processes:
    values, weights = location.level(plan)
    level = contrast(values, weights, canary)
    speaking = weights > 0
    freedom = level.canary + level.baseline - 2 + frame.prior
    speaks = (level.canary > 0) & (level.baseline > 0)
    with np.errstate(invalid="ignore"):
        variance = (level.scatter + frame.prior * frame.spread) / np.maximum(freedom, 1) * level.factor
    variance, freedom = np.where(speaks, variance, 1.0), np.where(speaks, freedom, 0.0)
    heard = speaks & (frame.known | ((speaking & canary).sum(1) > 1) & ((speaking & ~canary).sum(1) > 1))
    restarts = location.restarts
    floor = frame.spread * _FLOOR**2
    changed, change_variance, change_freedom = restarts.compare(*location.running(), canary, floor)
    logs = np.where(heard, frame.harm(level, variance, np.maximum(freedom, 1)), 0.0)
    change_logs = frame.harm(changed, change_variance, np.maximum(change_freedom, 1))
    share = plan.policy.restart_weight
    parts, rest = restart_weights(restarts.blocks, plan.planned)
    return _Processes(
        values=values,
        speaking=speaking,
        level=level,
        difference=np.concatenate((level.difference[None], changed.difference)),
        variance=np.concatenate((variance[None], change_variance)),
        freedom=np.concatenate((freedom[None], change_freedom)),
        logs=np.concatenate((logs[None], np.where(change_freedom > 0, change_logs, 0.0))),
        weights=np.concatenate(([1 - share], share * parts, [share * rest])),
    )


def _describe(
    evidence: Evidence,
    location: Location,
    found: _Processes,
    frame: _Frame,
    view: int,
    stick: Yardstick,
    canary: Flags,
) -> None:
    """The view and process that contribute most: effect, interval, values, counts, who drives it."""
    process = found.leading(view)
    evidence.view = location.views[view].name
    freedom = found.freedom[process, view]
    if freedom > 0:
        half = radius(found.variance[process, view], freedom, frame.tuning[view], DISPLAY_ALPHA)
        evidence.effect = float(found.difference[process, view])
        evidence.low, evidence.high = evidence.effect - float(half), evidence.effect + float(half)
    values, speaking = found.values[view], found.speaking[view]
    if process:
        evidence.process, evidence.since = "restart", location.restarts.panes[process - 1]
        values, speaking = _changes(location, process - 1, view)
    evidence.instances = int((speaking & canary).sum()), int((speaking & ~canary).sum())
    evidence.driver = _driver(values, speaking, canary, evidence.effect)
    evidence.canary, evidence.baseline = location.values(view, canary, log=stick.log)
    evidence.samples = location.samples(location.views[view].metric, canary)


def _changes(location: Location, restart: int, view: int) -> tuple[Floats, Flags]:
    """Each instance's change since a restart, and whether it counts."""
    sums, counts = location.running()
    before, after = location.restarts.counts[restart, view], counts[view] - location.restarts.counts[restart, view]
    speaking = (before >= LEAST) & (after >= LEAST)
    old = location.restarts.sums[restart, view]
    return (sums[view] - old) / np.maximum(after, 1) - old / np.maximum(before, 1), speaking


def _driver(values: Floats, speaking: Flags, canary: Flags, effect: float) -> Driver | None:
    mine: Ints = np.flatnonzero(speaking & canary)
    theirs = speaking & ~canary
    if not len(mine) or not theirs.any() or effect == 0:
        return None
    excess = (values[mine] - values[theirs].mean()) * np.sign(effect)
    total = float(np.maximum(excess, 0).sum())
    top = int(excess.argmax())
    alone = len(mine) > 1 and total > 0 and excess[top] >= 0.6 * total
    return Driver(int((excess >= abs(effect) / 2).sum()), len(mine), int(mine[top]) if alone else None)


def _alone(
    evidence: Evidence, found: _Processes, view: int, stick: Yardstick, canary: Flags, need: float, frame: _Frame
) -> None:
    """What the number of instances allows: outliers, the resolution, and why a level may not speak."""
    speaking = found.speaking[view]
    mine, theirs = int((speaking & canary).sum()), int((speaking & ~canary).sum())
    if not mine or not theirs:
        return
    level = Contrast(*(part[view] for part in found.level))
    evidence.outlier = find_outlier(found.values[view], speaking, canary, level, stick)
    if not stick.known and (mine == 1 or theirs == 1):
        remedy = "it takes two, or a stated `spread` between instances"
        evidence.note = f"{_LONE if mine == 1 else _LONE_BASELINE}: {remedy}"
    half = radius(found.variance[0, view], found.freedom[0, view], frame.tuning[view], 2 * float(np.exp(-need)))
    evidence.resolution = float(half) if np.isfinite(half) else None
