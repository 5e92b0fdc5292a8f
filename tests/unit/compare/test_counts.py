"""The accumulated comparison of ratios and rates against the whole history, after every pane."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
from scipy import special, stats

from stream.arrays import Floats
from stream.compare.rate_ratio import GRID, PRIOR, estimate, interval
from stream.compare.yardstick import Yardstick
from stream.outputs import Divergence
from stream.partial import Row
from stream.plan import Plan
from stream.policy import MetricRule
from stream.quantity import Duration
from stream.rollout import Cohort
from stream.summary import Count, Ratio, Summary
from tests.compare_reference import mixture
from tests.core_helpers import Drive, cohorts, latencies, percent, plan_of, row
from tests.judge_helpers import stick

PANES, BLOCK, FIRST, MINUTE = 44, 6, 1000, 60_000
CANARY = np.arange(6) < 3
NAMES: list[tuple[Cohort, str]] = [("canary" if side else "baseline", f"i{at}") for at, side in enumerate(CANARY)]
EXACT = 1e-7


def plan_for(*rules: MetricRule, **settings: Any) -> Plan:
    """Panes of a minute, so that a block has six; nothing is ever decided."""
    small = {"alpha": 1e-300, "alpha_promote": 1e-300, "deadline": Duration(3_600_000)}
    return plan_of(*rules, **{"pane": Duration(MINUTE), **small, **settings})


class History(NamedTuple):
    """Events and exposures of six instances, [panes, 6]; no exposure where one was silent."""

    events: Floats
    exposure: Floats

    @classmethod
    def of(cls, *, ratio: float = 1.0, since: int = 0, spread: float = 0.1, churn: bool = False) -> "History":
        rng = np.random.default_rng(7)
        exposure = rng.integers(200, 400, (PANES, 6)).astype(np.float64)
        exposure[:, CANARY] *= np.linspace(0.2, 2, PANES).round(1)[:, None]
        exposure = exposure.round()
        if churn:
            exposure[20:, 1] = exposure[:9, 4] = exposure[12:15, 0] = 0
        rates = 0.02 * np.exp(spread * rng.standard_normal(6)) * np.ones((PANES, 1))
        rates[since:, CANARY] *= ratio
        rates[15:17] *= 8
        return cls(rng.binomial(exposure.astype(int), rates).astype(np.float64), exposure)

    def ratios(self, pane: int) -> list[Row]:
        cells = zip(NAMES, self.events[pane - FIRST].tolist(), self.exposure[pane - FIRST].tolist(), strict=True)
        return [row(pane, *name, "m", Ratio(int(k), int(n))) for name, k, n in cells if n]

    def split(self, pane: int) -> list[Row]:
        """The same as hits of a metric and trials of another."""
        cells = zip(NAMES, self.events[pane - FIRST].tolist(), self.exposure[pane - FIRST].tolist(), strict=True)
        counted = [(name, int(k), int(n)) for name, k, n in cells if n]
        return [
            one
            for name, k, n in counted
            for one in (row(pane, *name, "m", Count(k)), row(pane, *name, "requests", Count(n)))
        ]

    def rates(self, pane: int) -> list[Row]:
        return [
            row(pane, *name, "m", Count(int(k)))
            for name, k in zip(NAMES, self.events[pane - FIRST].tolist(), strict=True)
        ]


def log_likelihood(events: Floats, exposure: Floats) -> Floats:
    """Over the grid, given the totals of each pane; by scipy's binomial."""
    mine, theirs = exposure[:, CANARY].sum(1, keepdims=True), exposure[:, ~CANARY].sum(1, keepdims=True)
    share = special.expit(np.log(mine / theirs) + GRID)
    hits, total = events[:, CANARY].sum(1, keepdims=True), events.sum(1, keepdims=True)
    return np.asarray(np.asarray(stats.binom.logpmf(hits, total, share)).sum(0))


def profile(events: Floats, exposure: Floats) -> Floats:
    """The same, flattened by the dispersion between instances, up to a constant."""
    e, n = events.sum(0), exposure.sum(0)
    chi2, freedom = 0.0, 0
    for side in (CANARY & (n > 0), ~CANARY & (n > 0)):
        expected = n[side] * e[side].sum() / n[side].sum()
        chi2 += float(((e[side] - expected) ** 2 / expected).sum()) if e[side].any() else 0.0
        freedom += int(side.sum()) - 1
    r = e.sum() / (n > 0).sum() * 0.04
    prior = min(4 * ((1 + r) / max(r, 1e-6)) ** 2, 1e4)
    phi, nu = max(1.0, (chi2 + prior * (1 + r)) / (freedom + prior)), freedom + prior
    found = log_likelihood(events, exposure)
    return np.asarray(stats.t.logpdf(np.sqrt(2 * (found.max() - found) / phi), nu))


def beyond(curve: Floats, at: float, *, over: bool) -> float:
    """Log e-value against all ratios up to `at`, or down to it; rounded to the grid so that it is never too large."""
    rounded = GRID[at - 1e-12 <= GRID].min() if over else GRID[at + 1e-12 >= GRID].max()
    null = int(np.flatnonzero(rounded == GRID)[0])
    points = np.arange(257) > null if over else np.arange(257) < null
    return float(special.logsumexp(curve[points], b=PRIOR[points] / PRIOR[points].sum()) - curve[null])


def check(found: Divergence, history: History, plan: Plan, settings: Yardstick) -> None:
    """Compare one pane's record with the history up to it."""
    pane = found.at // MINUTE - FIRST
    parts = {start: (history.events[start:pane], history.exposure[start:pane]) for start in range(18, pane, BLOCK)}
    level = history.events[:pane], history.exposure[:pane]
    begun = [profile(*part) for part in (level, *parts.values())]
    if pane % BLOCK == 0 and pane >= 18:
        begun.append(np.zeros(257))
    up = settings.sign > 0
    harms = [beyond(curve, settings.sign * settings.margin, over=up) for curve in begun]
    assert found.evidence == pytest.approx(mixture(harms, plan.planned), rel=EXACT, abs=EXACT)
    safe = beyond(begun[0], settings.sign * settings.promote, over=not up)
    assert found.evidence_safe == pytest.approx(safe, rel=EXACT, abs=EXACT)
    chosen = level if found.since is None else parts[found.since // MINUTE - FIRST]
    assert found.effect == pytest.approx(float(np.expm1(estimate(log_likelihood(*chosen)))), rel=1e-6, abs=EXACT)
    low, high = (float(np.expm1(end)) if np.isfinite(end) else None for end in interval(profile(*chosen), 0.05))
    assert found.low == (None if low is None else pytest.approx(low, rel=1e-6))
    assert found.high == (None if high is None else pytest.approx(high, rel=1e-6))


def divergences(drive: Drive) -> list[Divergence]:
    found = [one for one in drive.of(Divergence) if one.metric == "m"]
    assert len(found) == PANES
    return found


HISTORIES = {
    "even": History.of(),
    "worse": History.of(ratio=2.0),
    "late": History.of(ratio=3.0, since=26),
    "better": History.of(ratio=0.5),
    "hosts": History.of(spread=0.8),
    "churn": History.of(churn=True),
}


@pytest.mark.parametrize("history", HISTORIES.values(), ids=list(HISTORIES))
@pytest.mark.parametrize("worse", ["higher", "lower"])
def test_a_ratio(history: History, worse: str) -> None:
    rule = MetricRule("m", kind="ratio", worse=worse, margin=percent(3))  # type: ignore[arg-type]
    plan = plan_for(rule)
    drive = Drive(plan).run(history.ratios, range(FIRST, FIRST + PANES))
    for found in divergences(drive):
        check(found, history, plan, stick(rule, "ratio", ""))


@pytest.mark.parametrize("name", ["late", "churn"])
def test_hits_and_trials_apart_are_the_same_ratio(name: str) -> None:
    history, rule = HISTORIES[name], MetricRule("m", of="requests")
    plan = plan_for(rule, deadline=None)
    drive = Drive(plan).run(history.split, range(FIRST, FIRST + PANES))
    for found in divergences(drive):
        check(found, history, plan, stick(rule, "ratio", ""))


def test_a_rate_is_of_events_by_instance_and_second() -> None:
    history, rule = HISTORIES["worse"], MetricRule("m", kind="rate")
    plan = plan_for(rule)
    drive = Drive(plan).run(history.rates, range(FIRST, FIRST + PANES))
    for found in divergences(drive):
        check(found, history._replace(exposure=np.full((PANES, 6), 60.0)), plan, stick(rule, "rate", ""))
    last = divergences(drive)[-1]
    assert last.canary.value == pytest.approx(history.events[:, CANARY].sum() / (3 * 60 * PANES))
    assert last.canary.samples == history.events[:, CANARY].sum()


def test_healthy_cohorts_that_report_at_different_intervals_have_the_same_rate() -> None:
    def rows(pane: int) -> list[Row]:
        def reported(cohort: Cohort, _number: int) -> list[tuple[str, Summary]]:
            every = 6 if cohort == "canary" else 1
            return [("m", Count(100 * every, every * MINUTE))] if (pane - FIRST) % every == every - 1 else []

        return cohorts(reported, pane)

    drive = Drive(plan_for(MetricRule("m", kind="rate"), warmup=Duration(2 * MINUTE)))
    found = drive.run(rows, range(FIRST, FIRST + 60)).of(Divergence)
    assert found[-1].canary.value == pytest.approx(found[-1].baseline.value, rel=0.15)
    assert max(one.evidence for one in found) < 1


def test_an_instance_is_exposed_for_three_panes_after_it_reported_anything() -> None:
    """Counters that nothing happened on are often not sent at all."""

    def rows(pane: int) -> list[Row]:
        def reported(_cohort: Cohort, number: int) -> list[tuple[str, Summary]]:
            events = [("m", Count(6))] if (pane + number) % 3 == 0 else []
            return [*events, ("other", latencies(100))] if number or pane < FIRST + 5 else []

        return cohorts(reported, pane)

    drive = Drive(plan_for(MetricRule("m", kind="rate"))).run(rows, range(FIRST, FIRST + 12))
    last = drive.of(Divergence)[-1]
    seconds = 60 * (12 + 12 + 7)
    assert last.canary.value == pytest.approx(last.canary.samples / seconds)


def waiting(panes: Callable[[int], tuple[list[int], list[int]]], number: int) -> list[Divergence]:
    """Hits and trials by pane, of one instance a side; the canary's may come in another pane than the baseline's."""

    def rows(pane: int) -> list[Row]:
        at = pane - FIRST
        hits, trials = panes(at)
        out = []
        for name, k, n in zip(NAMES[2:4], hits, trials, strict=True):
            out += [row(pane, *name, "m", Count(k))] if k else []
            out += [row(pane, *name, "requests", Count(n))] if n else []
        return out

    drive = Drive(plan_for(MetricRule("m", of="requests"))).run(rows, range(FIRST, FIRST + number))
    return drive.of(Divergence)


def test_hits_wait_for_their_trials() -> None:
    found = waiting(lambda at: ([0, 0], [100, 100]) if at != 1 else ([7, 5], [0, 0]), 3)
    assert [one.canary.value for one in found] == [0, 0, 7 / 200]
    assert [one.baseline.value for one in found] == [0, 0, 5 / 200]


def test_hits_beyond_their_trials_wait() -> None:
    found = waiting(lambda at: ([30, 1], [20, 100]) if at == 0 else ([0, 0], [20, 100]), 2)
    assert [(one.canary.value, one.canary.samples) for one in found] == [(1.0, 20), (30 / 40, 40)]


def test_a_cohort_waits_for_the_other() -> None:
    found = waiting(lambda at: ([1, 2], [10, 0 if at < 3 else 100]), 4)
    assert [one.canary.samples for one in found] == [0, 0, 0, 40]
    assert found[-1].baseline.value == pytest.approx(8 / 100)


def test_what_waits_longer_than_the_silence_of_the_other_is_dropped() -> None:
    """The canary's trials of a long outage of the baseline are not compared with its first pane after."""
    found = waiting(lambda at: ([1, 1], [10, 10 if at < 2 or at >= 14 else 0]), 15)
    assert found[1].canary.samples == 20
    assert found[-1].canary.samples == 30


@pytest.mark.parametrize("kind", ["ratio", "rate"])
def test_the_comparison_speaks_from_min_panes_on(kind: str) -> None:
    history = HISTORIES["worse"]
    plan = plan_for(MetricRule("m", kind=kind), min_panes=3)  # type: ignore[arg-type]
    drive = Drive(plan).run(history.ratios if kind == "ratio" else history.rates, range(FIRST, FIRST + 4))
    assert [one.evidence == 0 for one in drive.of(Divergence)] == [True, True, False, False]


@pytest.mark.parametrize(
    ("since", "bake", "verdict"), [(0, 15, "promote"), (20, 35, "inconclusive"), (0, 35, "promote")]
)
def test_harm_since_a_restart_holds_a_promotion_back(since: int, bake: int, verdict: str) -> None:
    """Not so what is tolerated and was there from the start: it is no change."""

    def rows(pane: int) -> list[Row]:
        worse = 236 if pane - FIRST >= since else 200
        return cohorts(
            lambda cohort, _at: [("m", Ratio(worse if cohort == "canary" else 200, 1000))], pane, canary=30, baseline=30
        )

    minutes = {"bake_time": Duration(bake * MINUTE), "deadline": Duration(40 * MINUTE)}
    usual = {"alpha": 0.05, "alpha_promote": 0.05, "pass_": 0.0, "marginal": 0.0}
    drive = Drive(plan_for(MetricRule("m", kind="ratio"), **minutes, **usual))
    last = drive.run(rows, range(FIRST, FIRST + 60)).of(Divergence)[-1]
    assert last.state == "pass"
    assert last.evidence > np.log(10)
    assert drive.verdict.verdict == verdict


def test_drivers_are_those_with_half_of_the_effect() -> None:
    def rows(pane: int) -> list[Row]:
        hits = {"canary-0": 40, "canary-1": 36, "canary-2": 10}
        return cohorts(lambda cohort, at: [("m", Ratio(hits.get(f"{cohort}-{at}", 10), 1000))], pane)

    last = Drive(plan_for(MetricRule("m", kind="ratio"))).run(rows, range(FIRST, FIRST + 9)).of(Divergence)[-1]
    assert last.drivers is not None
    assert (last.drivers.count, last.drivers.of, last.drivers.instance) == (2, 3, None)


def test_a_driver_with_most_of_the_excess_is_named() -> None:
    def rows(pane: int) -> list[Row]:
        return cohorts(lambda cohort, at: [("m", Ratio(90 if (cohort, at) == ("canary", 1) else 10 + at, 1000))], pane)

    last = Drive(plan_for(MetricRule("m", kind="ratio"))).run(rows, range(FIRST, FIRST + 9)).of(Divergence)[-1]
    assert last.drivers is not None
    assert (last.drivers.count, last.drivers.of, last.drivers.instance) == (1, 3, "canary-1")
