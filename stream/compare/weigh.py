"""From the accumulated state of distributions and gauges to evidence, all metrics at once."""

from dataclasses import dataclass
from math import exp, isfinite
from typing import Self

import numpy as np

from stream.arrays import Flags, Floats, Ints
from stream.compare.driver import find_drivers
from stream.compare.evidence import DISPLAY_ALPHA, SHOWN, Evidence
from stream.compare.location import Location
from stream.compare.mixture import Contrast, contrast, log_e, mix, radius
from stream.compare.outlier import find_outliers
from stream.compare.restart import restart_weights
from stream.compare.view import Look
from stream.compare.yardstick import Yardstick
from stream.plan import Plan

MEMORY = 6.0
"""Panes over which an instance's own noise is taken to last."""
_FLOOR = 1 / 15
"""Instances are never taken to agree better than this part of the prior spread."""
_LONE = "one {} instance cannot be told from its host: it takes two, or a stated `spread` between instances"
"""Of restarts too: on real fleets one host's changes against the others' look like a regression in half of the days."""


@dataclass(frozen=True, slots=True)
class Frame:
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
    def of(cls, location: Location, sticks: list[Yardstick]) -> Self:
        """Spread the metrics' settings over their views."""
        rows = [
            (s.sign, s.two_sided, s.spread**2, s.freedom, s.tuning**2, s.margin, s.promote, s.known) for s in sticks
        ]
        columns = np.array(rows).T[:, [view.metric for view in location.views]]
        sign, two_sided, spread, prior, tuning, margin, promote, known = columns
        return cls(sign, two_sided > 0, spread, prior, tuning, margin, promote, known > 0)

    def harm(self, difference: Floats, variance: Floats, freedom: Floats) -> Floats:
        """Log e-values for harm, [..., V]."""
        logs = log_e(self.sign * difference, variance, freedom, self.tuning, self.margin)
        if self.two_sided.any():
            other = log_e(-self.sign * difference, variance, freedom, self.tuning, self.margin)
            logs = np.where(self.two_sided, np.logaddexp(logs, other) - np.log(2), logs)
        return logs

    def reassuring(self, difference: Floats, variance: Floats, freedom: Floats) -> Floats:
        """Log e-values for being less than `promote` worse, and for being better, [2, V]."""
        margin = np.array([-self.promote, np.zeros(len(self.promote))])
        logs = log_e(-self.sign * difference, variance, freedom, self.tuning, margin)
        if self.two_sided.any():
            other = log_e(self.sign * difference, variance, freedom, self.tuning, -self.promote)
            logs[0] = np.where(self.two_sided, np.minimum(logs[0], other), logs[0])
            logs[1] = np.where(self.two_sided, 0.0, logs[1])
        return logs


@dataclass(frozen=True, slots=True)
class Processes:
    """The level (row 0) and each restart (rows 1..J) of each view. P = 1 + J."""

    values: Floats
    """[P, V, U] what each instance contributes: its statistic, or its change."""
    speaking: Flags
    """[P, V, U] whether it counts."""
    found: Contrast
    """[P, V]."""
    variance: Floats
    """[P, V]."""
    freedom: Floats
    """[P, V]; 0 where nothing can be said."""
    logs: Floats
    """[P, V] log e-values for harm."""
    weights: Floats
    """[P + 1], with that of what has not begun."""
    spread: Floats
    """[V] prior variance between healthy instances."""

    @property
    def harm(self) -> Floats:
        """[V] the mixture of all processes."""
        return mix(np.concatenate((self.logs, np.zeros((1, self.logs.shape[1])))), self.weights[:, None])

    def leading(self, views: Ints) -> Ints:
        """The process that contributes most to each of the views."""
        with np.errstate(divide="ignore"):
            return np.asarray((self.logs[:, views] + np.log(self.weights[:-1, None])).argmax(0))


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
    frame, look = Frame.of(location, sticks), location.look(plan)
    processes = _processes(location, look, plan, frame, canary)
    starts = np.array(location.starts)
    number = np.diff(np.append(starts, len(location.views)))
    level = processes.found.difference[0], processes.variance[0], np.maximum(processes.freedom[0], 1)
    enough = (processes.freedom[0] > 0) & (frame.known | (processes.speaking[0].sum(1) > 2))
    harm = processes.harm
    safe, better = np.where(enough, frame.reassuring(*level), 0.0)
    change = processes.logs[1:].max(0, initial=0.0)
    columns = (
        np.logaddexp.reduceat(harm, starts) - np.log(number),
        np.minimum.reduceat(safe, starts),
        np.logaddexp.reduceat(better, starts) - np.log(number),
        np.maximum.reduceat(change, starts),
    )
    rows = zip(location.rules, *(column.tolist() for column in columns), strict=True)
    out = [Evidence(*row) for row in rows]
    leading = np.array([s + int(harm[s : s + n].argmax()) for s, n in zip(starts, number, strict=True)])
    told = harm[leading] >= [SHOWN * plan.need[rule] for rule in location.rules]
    process = np.where(told, processes.leading(leading), 0)
    _describe(out, location, processes, leading, process)
    _reach(out, processes, frame, plan, leading, process, starts)
    _instances(out, processes, leading, process, canary)
    _alone(out, processes, sticks, starts, canary)
    for evidence, view, stick in zip(out, leading.tolist(), sticks, strict=True):
        shown = look.shown[view] if location.views[view].share else location.means(view, canary, log=stick.log)
        evidence.canary, evidence.baseline = (value if isfinite(value) else None for value in shown.tolist())
        evidence.samples = location.samples(location.views[view].metric, canary)
    return out


def expected_spread(frame: Frame, look: Look) -> Floats:
    """The prior variance between healthy instances' statistics as old as they are, [V].

    To the spread between hosts comes what few samples bring; and where the spread is stated, hence trusted, noise of
    its own size with a memory of about six panes.
    """
    young = np.where(frame.known, 1 + MEMORY / (MEMORY - 1 + np.maximum(look.age, 1)), 1.0)
    return np.asarray(frame.spread * young + look.sampling)


def _processes(location: Location, look: Look, plan: Plan, frame: Frame, canary: Flags) -> Processes:
    restarts = location.restarts
    change, change_weights, inverse = restarts.changes(look.sums, look.counts)
    values = np.concatenate((look.values[None], change))
    weights = np.concatenate((look.weights[None], change_weights))
    speaking = weights > 0
    found = contrast(values, weights, canary)
    prior = np.concatenate((frame.prior[None], restarts.freedom))
    spread = expected_spread(frame, look)
    scatter = np.concatenate((spread[None], restarts.noise * inverse)) * prior
    freedom = np.maximum(found.canary + found.baseline - 2, 0) + prior
    speaks = (found.canary > 0) & (found.baseline > 0) & (freedom >= 2)
    with np.errstate(invalid="ignore"):
        pooled = np.maximum((found.scatter + scatter) / np.maximum(freedom, 1), frame.spread * _FLOOR**2)
        variance = np.where(speaks, pooled * found.factor, 1.0)
    found = found._replace(difference=np.where(speaks, found.difference, 0.0))
    several = ((speaking & canary).sum(-1) > 1) & ((speaking & ~canary).sum(-1) > 1)
    several[0] |= frame.known
    heard = speaks & several
    logs = np.where(heard, frame.harm(found.difference, variance, np.maximum(freedom, 1)), 0.0)
    share = plan.policy.restart_weight
    parts, rest = restart_weights(restarts.blocks, plan.planned)
    shares = np.concatenate(([1 - share], share * parts, [share * rest]))
    return Processes(values, speaking, found, variance, np.where(speaks, freedom, 0.0), logs, shares, spread)


def _describe(out: list[Evidence], location: Location, processes: Processes, views: Ints, leading: Ints) -> None:
    """Which statistic and process contribute most, and the effect they see."""
    effects = processes.found.difference[leading, views].tolist()
    for evidence, view, process, effect in zip(out, views.tolist(), leading.tolist(), effects, strict=True):
        evidence.view, evidence.effect = location.views[view].name, effect
        if process:
            evidence.process, evidence.since = "restart", location.restarts.panes[process - 1]


def _reach(
    out: list[Evidence],
    processes: Processes,
    frame: Frame,
    plan: Plan,
    views: Ints,
    leading: Ints,
    first: Ints,
) -> None:
    """The interval of each effect, and what the level could resolve."""
    rows, columns = np.concatenate((leading, np.zeros_like(first))), np.concatenate((views, first))
    freedom = processes.freedom[rows, columns]
    heard = 1 - plan.policy.restart_weight
    resolve = [2 * heard * exp(-plan.need[evidence.rule]) for evidence in out]
    alphas = np.array([DISPLAY_ALPHA] * len(out) + resolve)
    half = radius(processes.variance[rows, columns], np.maximum(freedom, 1), frame.tuning[columns], alphas)
    half = np.where(freedom > 0, half, np.inf).tolist()
    for evidence, width, least in zip(out, half, half[len(out) :], strict=False):
        evidence.low, evidence.high = evidence.effect - width, evidence.effect + width
        evidence.resolution = least if isfinite(least) else None


def _instances(out: list[Evidence], processes: Processes, views: Ints, leading: Ints, canary: Flags) -> None:
    """Who speaks, and which canary instances drive the effect."""
    values, speaking = processes.values[leading, views], processes.speaking[leading, views]
    mine, theirs = speaking & canary, speaking & ~canary
    number, others = mine.sum(1), theirs.sum(1)
    center = np.where(theirs, values, 0.0).sum(1) / np.maximum(others, 1)
    effect = processes.found.difference[leading, views]
    excess = np.where(mine, (values - center[:, None]) * np.sign(effect)[:, None], -np.inf)
    for i, (evidence, driver) in enumerate(zip(out, find_drivers(excess, np.abs(effect)), strict=True)):
        evidence.instances = int(number[i]), int(others[i])
        if number[i] and others[i] and effect[i]:
            evidence.driver = driver


def _alone(out: list[Evidence], processes: Processes, sticks: list[Yardstick], first: Ints, canary: Flags) -> None:
    """Instances that stand out, and why a level may not speak."""
    speaking = processes.speaking[0, first]
    mine, theirs = (speaking & canary).sum(1).tolist(), (speaking & ~canary).sum(1).tolist()
    level = Contrast(*(part[0, first] for part in processes.found))
    outliers = find_outliers(processes.values[0, first], speaking, canary, level, sticks, processes.spread[first])
    for evidence, stick, outlier, here, there in zip(out, sticks, outliers, mine, theirs, strict=True):
        evidence.outlier = outlier
        if here and there and not stick.known and 1 in (here, there):
            evidence.note = _LONE.format("canary" if here == 1 else "baseline")
