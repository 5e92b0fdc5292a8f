"""Synthetic traffic, request by request, condensed to the rows that the monitor gets.

A rollout is two cohorts of instances in parallel. The assumptions: log-normal latency with a slow tail; Poisson
arrivals; a load swing that all share and that moves latency; AR(1) noise that all share and AR(1) noise of each
instance; hosts that differ in latency, error rate and CPU; incidents in which both cohorts fail; noisy neighbours that
slow one instance for five minutes. What may be wrong with the canary is set beside it.

Everything follows from the random generator. Latencies are drawn a few panes at a time, when they are asked for.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from stream.arrays import Floats, Ints
from stream.condense.groups import distributions
from stream.partial import Row, RowKey
from stream.rollout import Cohort
from stream.summary import Summary
from stream.summary.distribution import Distribution
from stream.summary.gauge import Gauge
from stream.summary.grid import SCALE
from stream.summary.ratio import Ratio

LATENCY, ERRORS, CPU = "latency", "errors", "cpu"
CHUNK = 20
"""Panes whose latencies are drawn at once."""
MEDIAN_MS, TAIL_SHIFT = 40.0, 1.2
INCIDENT_RATE, INCIDENT_PANES, INCIDENT_FACTOR = 1 / 400, 12, 20.0
NEIGHBOUR_PANES, NEIGHBOUR_SHIFT = 30, 0.14
CPU_LEVEL, CPU_PER_LOAD = 0.45, 0.8


@dataclass(frozen=True, slots=True)
class Setting:
    """What the traffic is like and what is wrong with the canary. Spreads are standard deviations of logarithms."""

    canary: int = 10
    """Instances."""
    baseline: int = 10
    """Instances."""
    panes: int = 1080
    """Length of the rollout in panes of 10 s."""
    requests: float = 100.0
    """Mean requests of an instance in a pane."""
    load_swing: float = 0.4
    """Amplitude of the load's six-hour swing."""
    load_latency: float = 0.3
    """Latency is the load to this power."""
    shared_noise: float = 0.05
    """AR(1) noise in latency that all instances share."""
    traffic_spread: float = 0.05
    """Between instances' shares of the traffic."""
    ramp: bool = False
    """Whether the canary's share of the traffic goes from 5 % to 50 %."""
    host_latency: float = 0.03
    """Between hosts' latency."""
    own_noise: float = 0.03
    """AR(1) noise in each instance's latency."""
    noisy_neighbours: float = 0.0
    """Twice the rate, a pane and an instance, at which five slow minutes begin."""
    body: float = 0.6
    """Of one instance's latencies."""
    slow: float = 0.02
    """Share of requests that take 3.3 times as long."""
    error_rate: float = 0.001
    """Share of requests that fail."""
    host_errors: float = 0.15
    """Between hosts' error rates."""
    incidents: bool = True
    """Whether both cohorts fail 20 times as often for two minutes, now and then."""
    host_cpu: float = 0.015
    """Between hosts' CPU, as a share of one."""
    own_cpu: float = 0.02
    """AR(1) noise in each instance's CPU."""
    onset: int = 0
    """The pane in which `latency` and `errors` begin."""
    latency: float = 1.0
    """Factor on the canary's latency."""
    only_first: bool = False
    """Whether only one canary instance gets it."""
    more_slow: float = 0.0
    """Added to the canary's share of slow requests."""
    errors: float = 1.0
    """Factor on the canary's error rate."""
    cpu: float = 0.0
    """Added to the canary's CPU."""
    leak: float = 0.0
    """Growth of the canary's CPU over the rollout, relative to its level."""


class Pane(NamedTuple):
    """One pane of every instance; the canary's come first."""

    number: int
    """Counted from 0."""
    instances: list[tuple[Cohort, str]]
    """Cohort and name."""
    errors: Ints
    """[K] failed requests."""
    cpu: Floats
    """[K] utilisation."""
    latencies: list[Distribution]
    """Summaries of the requests, by instance; to be copied by whoever merges them."""

    def rows(self, metrics: Collection[str]) -> list[Row]:
        """Rows of the metrics named, all summaries new; nothing of an instance without requests but its CPU."""
        rows = []
        for (cohort, name), latency, failed, cpu in zip(
            self.instances, self.latencies, self.errors.tolist(), self.cpu.tolist(), strict=True
        ):
            found: list[tuple[str, str, str, Summary]] = []
            if LATENCY in metrics and latency.count:
                fresh = Distribution(latency.count, 0, latency.logs, SCALE, latency.bins, latency.counts)
                found.append((LATENCY, "ms", "distribution", fresh))
            if ERRORS in metrics and latency.count:
                found.append((ERRORS, "", "ratio", Ratio(failed, latency.count)))
            if CPU in metrics:
                found.append((CPU, "1", "gauge", Gauge.of_values(np.array([cpu]))))
            rows += [Row(self.number, RowKey(cohort, name, "", m, u, "", kind), s) for m, u, kind, s in found]
        return rows


class _Paths(NamedTuple):
    """What is drawn before the requests, [panes, K] each."""

    requests: Ints
    level: Floats
    """Of log latency."""
    errors: Ints
    cpu: Floats


def traffic(setting: Setting, rng: np.random.Generator) -> Iterator[Pane]:
    """The panes of one rollout, in order."""
    paths = _paths(setting, rng)
    names: list[tuple[Cohort, str]] = [("canary", f"canary-{i:02}") for i in range(setting.canary)]
    names += [("baseline", f"baseline-{i:02}") for i in range(setting.baseline)]
    slow = np.full(len(names), setting.slow)
    slow[: setting.canary] += setting.more_slow
    for first in range(0, setting.panes, CHUNK):
        requests = paths.requests[first : first + CHUNK]
        owners = np.repeat(np.arange(requests.size), requests.ravel())
        log = setting.body * rng.standard_normal(len(owners), dtype=np.float32).astype(np.float64)
        log += TAIL_SHIFT * (rng.random(len(owners), dtype=np.float32) < np.tile(slow, len(requests))[owners])
        log += paths.level[first : first + CHUNK].ravel()[owners]
        summaries = summarise(np.exp(log), requests.ravel())
        for offset in range(len(requests)):
            at, pane = offset * len(names), first + offset
            yield Pane(pane, names, paths.errors[pane], paths.cpu[pane], summaries[at : at + len(names)])


def summarise(values: Floats, lengths: Ints) -> list[Distribution]:
    """`Distribution.of_values` of consecutive groups of positive values, of the given lengths, all at once."""
    return distributions(np.repeat(np.arange(len(lengths)), lengths), len(lengths), values)


def _paths(s: Setting, rng: np.random.Generator) -> _Paths:
    time, number = np.arange(s.panes), s.canary + s.baseline
    swing = 1 + s.load_swing * np.sin(2 * np.pi * (time / 2160 + rng.random()))
    load = swing[:, None] * np.exp(_ar1(rng, (s.panes, 1), 0.95, 0.05))
    share = np.exp(s.traffic_spread * rng.standard_normal(number)) * np.ones((s.panes, 1))
    if s.ramp:
        part = np.linspace(0.05, 0.5, s.panes)[:, None]
        share[:, : s.canary] *= 2 * part
        share[:, s.canary :] *= 2 * (1 - part)
    requests = rng.poisson(s.requests * load * share)
    level = _level(s, rng, load)
    rates = s.error_rate * np.exp(s.host_errors * rng.standard_normal(number)) * np.ones((s.panes, 1))
    if s.incidents:
        for start in np.flatnonzero(rng.random(s.panes) < INCIDENT_RATE):
            rates[start : start + INCIDENT_PANES] *= INCIDENT_FACTOR
    rates[s.onset :, : s.canary] *= s.errors
    errors = rng.binomial(requests, np.minimum(rates, 1.0))
    cpu = CPU_LEVEL * load**CPU_PER_LOAD + s.host_cpu * rng.standard_normal(number)
    cpu = cpu + _ar1(rng, (s.panes, number), 0.9, s.own_cpu)
    cpu[:, : s.canary] += s.cpu + s.leak * CPU_LEVEL * (time / s.panes)[:, None]
    return _Paths(requests, level, errors, np.clip(cpu, 0.0, 1.0))


def _level(s: Setting, rng: np.random.Generator, load: Floats) -> Floats:
    """[panes, K] centre of log latency."""
    number = s.canary + s.baseline
    shared = np.log(MEDIAN_MS) + s.load_latency * np.log(load) + _ar1(rng, (s.panes, 1), 0.9, s.shared_noise)
    hosts = s.host_latency * rng.standard_normal(number)
    level = shared + hosts + _ar1(rng, (s.panes, number), 0.9, s.own_noise)
    if s.noisy_neighbours:
        busy = np.zeros_like(level)
        for pane, instance in np.argwhere(rng.random(level.shape) < s.noisy_neighbours / 2).tolist():
            busy[pane : pane + NEIGHBOUR_PANES, instance] = NEIGHBOUR_SHIFT
        level = level + busy
    level[s.onset :, : 1 if s.only_first else s.canary] += np.log(s.latency)
    return np.asarray(level)


def _ar1(rng: np.random.Generator, shape: tuple[int, int], memory: float, spread: float) -> Floats:
    """Stationary AR(1) noise along the first axis."""
    if spread == 0:
        return np.zeros(shape)
    steps = rng.standard_normal(shape) * spread * np.sqrt(1 - memory * memory)
    steps[0] = rng.standard_normal(shape[1]) * spread
    for now in range(1, len(steps)):
        steps[now] += memory * steps[now - 1]
    return np.asarray(steps)
