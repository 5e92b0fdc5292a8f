"""Ratios and rates: each metric's likelihood over the grid of rate ratios, since the start and since restarts."""

from typing import Self

import numpy as np
from msgspec import Struct

from stream.arrays import Flags, Floats
from stream.compare import rate_ratio
from stream.compare.driver import find_drivers
from stream.compare.evidence import DISPLAY_ALPHA, SHOWN, Evidence
from stream.compare.intake import PATIENCE
from stream.compare.mixture import mix
from stream.compare.restart import FIRST_BLOCK, padded, restart_weights, thin
from stream.compare.yardstick import Yardstick
from stream.plan import Plan

_ARRAYS = ("events", "exposure", "waiting_events", "waiting_exposure", "reporting")


class Counts(Struct):
    """The accumulated state of every ratio and rate. M metrics, U instances, J restarts, 257 grid points."""

    rules: list[int]
    """Positions in the policy of the family's metrics."""
    kinds: list[str]
    """`ratio` or `rate`."""
    likelihood: Floats
    """[M, 257] log-likelihood since the start."""
    panes: Floats
    """[M] panes in it."""
    events: Floats
    """[M, U] events in it."""
    exposure: Floats
    """[M, U] trials, or instance-seconds, in it."""
    waiting_events: Floats
    """[M, U] what waits for the other cohort, or for its trials."""
    waiting_exposure: Floats
    """[M, U]."""
    reporting: Floats
    """[M, U] 1 for instances whose reports of events say what time they cover."""
    fed: list[list[int | None]]
    """By metric, the newest pane with exposure of the canary and of the baseline."""
    blocks: list[int]
    """[J] complete blocks before each restart."""
    starts: list[int]
    """[J] first pane of each."""
    old_likelihood: Floats
    """[J, M, 257] the likelihood at each."""
    old_events: Floats
    """[J, M, U]."""
    old_exposure: Floats
    """[J, M, U]."""

    @classmethod
    def empty(cls) -> Self:
        """No metrics, no instances."""
        flat, deep, grid = np.zeros((0, 0)), np.zeros((0, 0, 0)), len(rate_ratio.GRID)
        return cls(
            [], [], np.zeros((0, grid)), np.zeros(0), flat, flat, flat, flat, flat, [], [], [],
            np.zeros((0, 0, grid)), deep, deep,
        )  # fmt: skip

    def begin(self, rule: int, kind: str, instances: int) -> None:
        """Take up a metric, seen for the first time."""
        self.rules.append(rule)
        self.kinds.append(kind)
        self.fed.append([None, None])
        self.grow(instances)

    def grow(self, instances: int) -> None:
        """Make room for metrics and instances."""
        metrics, restarts, grid = len(self.rules), len(self.blocks), len(rate_ratio.GRID)
        self.likelihood = padded(self.likelihood, (metrics, grid))
        self.panes = padded(self.panes, (metrics,))
        for name in _ARRAYS:
            setattr(self, name, padded(getattr(self, name), (metrics, instances)))
        self.old_likelihood = padded(self.old_likelihood, (restarts, metrics, grid))
        self.old_events = padded(self.old_events, (restarts, metrics, instances))
        self.old_exposure = padded(self.old_exposure, (restarts, metrics, instances))

    def observe(
        self,
        pane: int,
        events: Floats,
        exposure: Floats,
        canary: Flags,
        patience: tuple[float, float] = (PATIENCE, PATIENCE),
    ) -> None:
        """Add a closed pane's events and exposures, [M, U] each. Events beyond their trials wait for these.

        `patience`: panes for which a cohort's counts wait while the canary, or the baseline, is silent.
        """
        sides = np.array([canary, ~canary], dtype=np.float64).T
        self.waiting_events += events
        self.waiting_exposure += exposure
        fresh = (exposure @ sides).tolist()
        for metric, fed in enumerate(self.fed):
            for side in (0, 1):
                newest = fed[side]
                if fresh[metric][side] > 0:
                    fed[side] = pane
                elif newest is not None and pane - newest > patience[side]:
                    other = canary if side else ~canary
                    self.waiting_events[metric, other] = self.waiting_exposure[metric, other] = 0
        ready: Flags = (self.waiting_exposure @ sides).min(1) > 0
        taken = np.where(ready[:, None], self.waiting_exposure, 0.0)
        ratio = np.array([kind == "ratio" for kind in self.kinds], dtype=bool)[:, None]
        hits = np.where(ratio, np.minimum(self.waiting_events, taken), self.waiting_events)
        hits = np.where(ready[:, None], hits, 0.0)
        self.likelihood[ready] += rate_ratio.log_likelihood((hits @ sides)[ready], (taken @ sides)[ready])
        self.events += hits
        self.exposure += taken
        self.panes += ready
        self.waiting_events -= hits
        self.waiting_exposure -= taken

    def close_block(self, blocks: int, pane: int) -> None:
        """From the third block on begin a restart at `pane`."""
        if blocks < FIRST_BLOCK:
            return
        self.blocks.append(blocks)
        self.starts.append(pane)
        for old, now in (
            ("old_likelihood", self.likelihood),
            ("old_events", self.events),
            ("old_exposure", self.exposure),
        ):
            setattr(self, old, np.concatenate((getattr(self, old), now[None])))
        drop = thin(self.blocks)
        if drop is not None:
            del self.blocks[drop], self.starts[drop]
            for name in ("old_likelihood", "old_events", "old_exposure"):
                setattr(self, name, np.delete(getattr(self, name), drop, axis=0))


def weigh_counts(counts: Counts, plan: Plan, sticks: list[Yardstick], canary: Flags) -> list[Evidence]:
    """The evidence on each ratio and rate, in the family's order. O(restarts * metrics * 257)."""
    if not counts.rules:
        return []
    zero = np.zeros((1, *counts.events.shape))
    events = counts.events - np.concatenate((zero, counts.old_events))
    exposure = counts.exposure - np.concatenate((zero, counts.old_exposure))
    likelihood = counts.likelihood - np.concatenate((np.zeros((1, *counts.likelihood.shape)), counts.old_likelihood))
    profile = rate_ratio.flatten(likelihood, *rate_ratio.dispersion(events, exposure, canary))
    logs = _harm(profile, sticks)
    speaks = counts.panes >= plan.policy.min_panes
    logs[0] = np.where(speaks, logs[0], 0.0)
    share = plan.policy.restart_weight
    parts, rest = restart_weights(counts.blocks, plan.planned)
    weights = np.concatenate(([1 - share], share * parts, [share * rest]))
    harm = mix(np.concatenate((logs, np.zeros((1, logs.shape[1])))), weights[:, None])
    safe, better = (np.where(speaks, found, 0.0) for found in _safe(profile[0], sticks))
    out = []
    for metric, stick in enumerate(sticks):
        evidence = Evidence(counts.rules[metric], float(harm[metric]), float(safe[metric]), float(better[metric]))
        evidence.change = max(0.0, float(logs[1:, metric].max(initial=0.0)) - max(0.0, float(logs[0, metric])))
        with np.errstate(divide="ignore"):
            process = int((logs[:, metric] + np.log(weights[:-1])).argmax())
        process = process if evidence.harm >= SHOWN * plan.need[evidence.rule] else 0
        low, high = rate_ratio.interval(profile[process, metric], DISPLAY_ALPHA)
        evidence.effect = float(rate_ratio.estimate(likelihood[process, metric]))
        evidence.low, evidence.high = float(low), float(high)
        evidence.view = "share" if counts.kinds[metric] == "ratio" else "rate"
        if process:
            evidence.process, evidence.since = "restart", counts.starts[process - 1]
        _describe(evidence, events[process, metric], exposure[process, metric], canary, stick)
        _totals(evidence, counts, metric, canary)
        out.append(evidence)
    return out


def _harm(profile: Floats, sticks: list[Yardstick]) -> Floats:
    """[1 + J, M] log e-values for harm."""
    margin = np.array([stick.margin for stick in sticks])
    up, down = rate_ratio.log_e_above(profile, margin), rate_ratio.log_e_below(profile, -margin)
    either = np.logaddexp(up, down) - np.log(2)
    signs = np.array([0 if stick.two_sided else stick.sign for stick in sticks])
    return np.where(signs == 0, either, np.where(signs > 0, up, down))


def _safe(profile: Floats, sticks: list[Yardstick]) -> tuple[Floats, Floats]:
    """[M] log e-values for safety, and for being better."""
    promote, zero = np.array([stick.promote for stick in sticks]), np.zeros(len(sticks))
    under, over = rate_ratio.log_e_below(profile, promote), rate_ratio.log_e_above(profile, -promote)
    up, down = rate_ratio.log_e_above(profile, zero), rate_ratio.log_e_below(profile, zero)
    signs = np.array([0 if stick.two_sided else stick.sign for stick in sticks])
    safe = np.where(signs == 0, np.minimum(under, over), np.where(signs > 0, under, over))
    return safe, np.where(signs == 0, 0.0, np.where(signs > 0, down, up))


def _describe(evidence: Evidence, events: Floats, exposure: Floats, canary: Flags, stick: Yardstick) -> None:
    """Who speaks, and who drives the effect."""
    speaking = exposure > 0
    mine, theirs = np.flatnonzero(speaking & canary), speaking & ~canary
    evidence.instances = len(mine), int(theirs.sum())
    if not len(mine) or not theirs.any():
        return
    base = events[theirs].sum() / exposure[theirs].sum()
    excess = (events[mine] / exposure[mine] - base) * (np.sign(evidence.effect) or stick.sign)
    whole = abs(float(events[mine].sum() / exposure[mine].sum() - base))
    (driver,) = find_drivers(excess[None], np.array([whole]))
    driver.alone = None if driver.alone is None else int(mine[driver.alone])
    evidence.driver = driver


def _totals(evidence: Evidence, counts: Counts, metric: int, canary: Flags) -> None:
    """The cohorts' values and samples since the start."""
    events, exposure = counts.events[metric], counts.exposure[metric]
    for side, name in ((canary, "canary"), (~canary, "baseline")):
        seen = float(exposure[side].sum())
        setattr(evidence, name, float(events[side].sum()) / seen if seen else None)
    amount = exposure if counts.kinds[metric] == "ratio" else events
    evidence.samples = int(amount[canary].sum()), int(amount[~canary].sum())
