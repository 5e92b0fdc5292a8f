"""The accumulated comparison of distributions and gauges against the whole history, after every pane."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

from stream.arrays import Flags, Floats
from stream.compare.yardstick import Yardstick
from stream.outputs import Divergence
from stream.partial import Row
from stream.plan import Plan
from stream.policy import MetricRule
from stream.quantity import Duration, Tolerance
from stream.rollout import Cohort
from stream.summary import Distribution, Gauge
from stream.words import clock
from tests.compare_reference import (
    Process,
    Track,
    interval,
    mixture,
    processes,
    safety,
    sampling_variance,
    shifted,
    track_of_means,
    track_of_quantiles,
)
from tests.core_helpers import Drive, cohorts, latencies, percent, plan_of, row
from tests.judge_helpers import stick

PANES, BLOCK, FIRST = 44, 6, 1000
CANARY = np.arange(8) < 4
NAMES: list[tuple[Cohort, str]] = [("canary" if side else "baseline", f"i{at}") for at, side in enumerate(CANARY)]
EXACT = 1e-7
Shape = Callable[[Floats], None]
"""Changes [panes, 8] noise: adds effects, and gaps."""


def plan_for(rule: MetricRule, **settings: Any) -> Plan:
    """Panes of a minute, so that a block has six; nothing is ever decided unless `settings` allow it."""
    return plan_of(
        rule,
        **{
            "pane": Duration(60_000),
            "alpha": 1e-300,
            "alpha_promote": 1e-300,
            "bake_time": Duration(2_100_000),
            "deadline": Duration(3_600_000),
            **settings,
        },
    )


def even(_values: Floats) -> None:
    """Nothing differs and nobody is silent."""


def worse(values: Floats) -> None:
    values[:, CANARY] += 0.1


def late(values: Floats) -> None:
    values[26:, CANARY] += 0.25


def better(values: Floats) -> None:
    values[:, CANARY] -= 0.1


def gaps(values: Floats) -> None:
    values[np.random.default_rng(3).random(values.shape) < 0.2] = np.nan
    values[:, [0, 7]] = np.nan_to_num(values[:, [0, 7]])


def churn(values: Floats) -> None:
    """A late joiner, one that leaves, one that comes and goes, and founders that pause at once."""
    values[:9, 1] = np.nan
    values[20:, 2] = np.nan
    values[:13, 5] = values[30:, 5] = np.nan
    values[1:4, 3] = np.nan


SHAPES = (even, worse, late, better, gaps, churn)


class History(NamedTuple):
    """Noise of each instance: a host effect, and more in each pane."""

    values: Floats

    @classmethod
    def of(cls, shape: Shape, seed: int = 1, spread: float = 0.02) -> "History":
        rng = np.random.default_rng(seed)
        values = (
            rng.normal(0, spread, 8) + rng.normal(0, spread, (PANES, 8)) + 0.2 * np.sin(np.arange(PANES) / 5)[:, None]
        )
        shape(values)
        return cls(values)

    def gauges(self, level: Callable[[Floats], Floats], unit: str) -> Callable[[int], list[Row]]:
        def rows(pane: int) -> list[Row]:
            found = level(self.values[pane - FIRST])
            return [
                row(pane, cohort, name, "m", Gauge.of_values(np.array([value])), unit=unit)
                for (cohort, name), value in zip(NAMES, found.tolist(), strict=True)
                if not np.isnan(value)
            ]

        return rows


def divergences(drive: Drive) -> list[Divergence]:
    found = drive.of(Divergence)
    assert len(found) == PANES
    return found


def check(found: Divergence, tracks: list[Track], canary: Flags, plan: Plan, settings: Yardstick) -> Process:
    """Compare one pane's record with the history; return the process that the record speaks of."""
    pane = found.at // plan.pane_ms - FIRST
    starts = list(range(3 * BLOCK, pane + 1, BLOCK))
    views = [processes(track, canary, settings, starts, BLOCK) for track in tracks]
    harms = [mixture([one.log for one in view], plan.planned) for view in views]
    assert found.evidence == pytest.approx(np.log(np.mean(np.exp(harms))), rel=EXACT, abs=EXACT)
    assert found.evidence_safe == pytest.approx(min(safety(v[0], settings) for v in views), rel=EXACT, abs=EXACT)
    leading = views[int(np.argmax(harms))]
    since = None if found.since is None else found.since // plan.pane_ms - FIRST
    (process,) = [one for one in leading if one.since == since]
    assert (found.process == "level") == (since is None)
    scale = np.expm1 if settings.log else np.asarray
    half = interval(process, settings)
    assert found.effect == pytest.approx(float(scale(process.difference)), rel=EXACT, abs=EXACT)
    for end, wanted in ((found.low, process.difference - half), (found.high, process.difference + half)):
        if np.isfinite(half):
            assert end == pytest.approx(float(scale(wanted)), rel=1e-6, abs=EXACT)
    return process


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("worse_is", ["higher", "lower"])
def test_a_gauge_by_its_values(shape: Shape, worse_is: str) -> None:
    rule = MetricRule("m", kind="gauge", worse=worse_is)  # type: ignore[arg-type]
    plan, history = plan_for(rule), History.of(shape)
    levels = np.rint((0.4 + history.values) * 2.0**32) / 2.0**32
    drive = Drive(plan).run(history.gauges(lambda values: 0.4 + values, "1"), range(FIRST, FIRST + PANES))
    for pane, found in enumerate(divergences(drive)):
        track = track_of_means(levels[: pane + 1], CANARY, BLOCK)
        check(found, [track], CANARY, plan, stick(rule, "gauge", "1"))
        assert found.baseline.instances + found.canary.instances > 0


@pytest.mark.parametrize("shape", SHAPES)
def test_a_gauge_by_its_logarithms_without_an_end(shape: Shape) -> None:
    rule = MetricRule("m", kind="gauge", margin=percent(1), spread=percent(4))
    plan, history = plan_for(rule, deadline=None), History.of(shape, seed=2)
    drive = Drive(plan).run(history.gauges(lambda values: 2e9 * np.exp(values), "By"), range(FIRST, FIRST + PANES))
    for pane, found in enumerate(divergences(drive)):
        track = track_of_means(history.values[: pane + 1], CANARY, BLOCK)
        check(found, [track], CANARY, plan, stick(rule, "gauge", "By"))


def test_a_pane_in_which_a_cohort_has_nothing_positive_does_not_count() -> None:
    rule = MetricRule("m", kind="gauge")
    plan, history = plan_for(rule), History.of(even, seed=5)
    history.values[[[5], [20], [21]], np.flatnonzero(CANARY)] = -np.inf
    history.values[:3, 6] = np.nan
    drive = Drive(plan).run(history.gauges(lambda values: 2e9 * np.exp(values), "By"), range(FIRST, FIRST + PANES))
    history.values[~np.isfinite(history.values)] = np.nan
    for pane, found in enumerate(divergences(drive)):
        track = track_of_means(history.values[: pane + 1], CANARY, BLOCK)
        check(found, [track], CANARY, plan, stick(rule, "gauge", "By"))


class Samples(NamedTuple):
    """Raw latencies by pane and instance; empty where an instance was silent."""

    panes: list[list[Floats]]
    logs: Floats
    """[panes, 8] their means of logarithms, as summaries have them."""
    bins: list[list[Floats]]
    """Their bins, cleared of each pane's level."""

    @classmethod
    def of(cls, shape: Shape, seed: int = 4) -> "Samples":
        rng, history = np.random.default_rng(seed), History.of(shape, seed)
        number = rng.integers(30, 60, history.values.shape)
        panes = [
            [
                100 * np.exp(level + rng.normal(0, 0.4, n)) if np.isfinite(level) else np.array([])
                for level, n in zip(levels, numbers, strict=True)
            ]
            for levels, numbers in zip(history.values.tolist(), number.tolist(), strict=True)
        ]
        summaries = [[Distribution.of_values(values) for values in pane] for pane in panes]
        logs = [[s.logs / s.count / 2**20 * np.log(2) if s.count else np.nan for s in pane] for pane in summaries]
        return cls(panes, np.array(logs), shifted(panes, CANARY))

    def rows(self, pane: int) -> list[Row]:
        return [
            row(pane, cohort, name, "m", Distribution.of_values(values))
            for (cohort, name), values in zip(NAMES, self.panes[pane - FIRST], strict=True)
            if len(values)
        ]

    def track(self, pane: int, view: str) -> Track:
        """One view's, up to and with a pane."""
        if view == "mean":
            noise = sampling_variance(self.bins[: pane + 1], None)
            return track_of_means(self.logs[: pane + 1], CANARY, BLOCK, noise)
        return track_of_quantiles(self.bins[: pane + 1], BLOCK, float(view[1:]) / 100)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("views", [("mean",), ("p50", "p95", "mean")], ids=str)
def test_a_distribution(shape: Shape, views: tuple[str, ...]) -> None:
    rule = MetricRule("m", views=views)  # type: ignore[arg-type]
    plan, samples = plan_for(rule), Samples.of(shape)
    drive = Drive(plan).run(samples.rows, range(FIRST, FIRST + PANES))
    for pane, found in enumerate(divergences(drive)):
        ordered = sorted(views, key=lambda view: 0.0 if view == "mean" else float(view[1:]))
        check(found, [samples.track(pane, view) for view in ordered], CANARY, plan, stick(rule))
        assert found.view in views


@pytest.mark.parametrize(("alpha", "since"), [(1e-2, 18), (1e-8, 24)])
def test_a_late_change_is_found_by_a_restart(alpha: float, since: int) -> None:
    """The change is in pane 26. A restart amid good history speaks first, the one just before the change loudest."""
    plan, history = plan_for(MetricRule("m", kind="gauge"), alpha=alpha), History.of(late)
    drive = Drive(plan).run(history.gauges(lambda values: 0.4 + values, "1"), range(FIRST, FIRST + PANES))
    last = drive.of(Divergence)[-1]
    assert drive.verdict.verdict == "abort"
    assert drive.verdict.at < (FIRST + 31) * 60_000
    assert (last.process, last.since) == ("restart", (FIRST + since) * 60_000)
    assert f"than it was before {clock((FIRST + since) * 60_000)} UTC" in last.text
    assert last.low is not None
    assert last.low > 0


def test_the_shown_values_are_those_of_the_cohorts() -> None:
    samples = Samples.of(worse)
    drive = Drive(plan_for(MetricRule("m", views=("p95",)))).run(samples.rows, range(FIRST, FIRST + PANES))
    last = drive.of(Divergence)[-1]
    for side, shown in ((True, last.canary), (False, last.baseline)):
        pooled = np.concatenate([v for pane in samples.panes for v, c in zip(pane, CANARY, strict=True) if c == side])
        assert shown.value == pytest.approx(np.quantile(pooled, 0.95), rel=0.005)
        assert shown.samples == len(pooled)
        assert shown.instances == 4


def test_a_mean_is_shown_as_the_geometric_mean_of_panes() -> None:
    history = History.of(even)
    plan = plan_for(MetricRule("m", kind="gauge"))
    drive = Drive(plan).run(history.gauges(lambda values: 2e9 * np.exp(values), "By"), range(FIRST, FIRST + PANES))
    last = drive.of(Divergence)[-1]
    assert last.canary.value == pytest.approx(2e9 * np.exp(history.values[:, CANARY].mean()), rel=1e-6)
    assert last.canary.samples == PANES * 4


def few(panes: int, number: int, **settings: Any) -> list[Divergence]:
    """A distribution of a few samples a pane."""
    drive = Drive(plan_for(MetricRule("m", views=("mean",)), **settings))
    rows = lambda pane: cohorts(lambda _c, at: [("m", latencies(100 + at, number=number))], pane)  # noqa: E731
    return drive.run(rows, range(FIRST, FIRST + panes)).of(Divergence)


def test_samples_wait_until_an_instance_has_enough() -> None:
    found = few(9, 7)
    assert [one.canary.samples for one in found] == [0, 0, 63, 63, 63, 126, 126, 126, 189]
    assert [one.canary.instances for one in found] == [0, 0, *[3] * 7]
    assert {one.effect for one in found[:2]} == {None}


def test_the_comparison_speaks_from_min_panes_on() -> None:
    assert [one.canary.instances for one in few(5, 30, min_panes=3)] == [0, 0, 3, 3, 3]


@pytest.mark.parametrize(("canary", "baseline"), [(1, 3), (3, 1), (1, 1)])
def test_a_lone_instance_is_not_judged_by_its_level(canary: int, baseline: int) -> None:
    def rows(pane: int, rule_spread: float = 1.0) -> list[Row]:
        return cohorts(
            lambda cohort, at: [("m", latencies((200 if cohort == "canary" else 100) + at * rule_spread))],
            pane,
            canary=canary,
            baseline=baseline,
        )

    unknown = Drive(plan_for(MetricRule("m", views=("mean",)))).run(rows, range(FIRST, FIRST + 10))
    stated = Drive(plan_for(MetricRule("m", views=("mean",), spread=percent(3)))).run(rows, range(FIRST, FIRST + 10))
    assert {one.evidence for one in unknown.of(Divergence)} == {0.0}
    side = "canary" if canary == 1 else "baseline"
    assert f"one {side} instance cannot be told from its host" in unknown.of(Divergence)[-1].text
    assert stated.of(Divergence)[-1].evidence > 5


@pytest.mark.parametrize(
    ("slower", "count", "alone"),
    [((30, 30, 30), 3, None), ((31, 5, 5), 1, "canary-0"), ((28, 10, 10), 3, None), ((0, 0, 40), 1, "canary-2")],
)
def test_who_drives_an_effect_is_told(slower: tuple[int, int, int], count: int, alone: str | None) -> None:
    """Instances with half of the effect; one by name if it has three fifths of the excess."""

    def rows(pane: int) -> list[Row]:
        return cohorts(
            lambda cohort, at: [("m", Gauge.of_values(np.array([100.0 + (slower[at] if cohort == "canary" else 0)])))],
            pane,
        )

    rule = MetricRule("m", kind="gauge", scale="raw", tolerate=Tolerance(1.0, ""), spread=Tolerance(1.0, ""))
    last = Drive(plan_for(rule)).run(rows, range(FIRST, FIRST + 3)).of(Divergence)[-1]
    assert last.drivers is not None
    assert (last.drivers.count, last.drivers.of, last.drivers.instance) == (count, 3, alone)


@pytest.mark.parametrize(("since", "verdict"), [(0, "promote"), (20, "inconclusive")])
def test_only_a_change_on_the_way_holds_a_promotion_back(since: int, verdict: str) -> None:
    """A tolerated difference from the start on is known for what it is; one that came lately may go on growing."""

    def rows(pane: int) -> list[Row]:
        worse = 0.04 if pane - FIRST >= since else 0.0
        return cohorts(
            lambda cohort, at: [
                ("m", Gauge.of_values(np.array([2e9 * (1 + (cohort == "canary") * worse + at / 1e3)])))
            ],
            pane,
        )

    rule = MetricRule("m", kind="gauge", spread=percent(0.4))
    plan = plan_for(rule, alpha=0.05, alpha_promote=0.05, deadline=Duration(2_400_000), pass_=0.0, marginal=0.0)
    drive = Drive(plan).run(rows, range(FIRST, FIRST + 60))
    last = drive.of(Divergence)[-1]
    assert last.state == "pass"
    assert last.evidence > np.log(10)
    assert drive.verdict.verdict == verdict


def test_a_gauge_that_is_zero_too_often_is_told() -> None:
    def rows(pane: int) -> list[Row]:
        return cohorts(lambda _c, at: [("m", Gauge.of_values(np.array([float((pane + at) % 5)])))], pane)

    drive = Drive(plan_for(MetricRule("m", kind="gauge", scale="log"))).run(rows, range(FIRST, FIRST + 12))
    last = drive.of(Divergence)[-1]
    assert last.state == "undecided"
    assert "zero or negative too often" in last.text


def test_a_tail_that_blocks_are_too_short_for_is_compared_all_the_same() -> None:
    """150 samples a block do not carry a p99; those since the start do, in every pane."""

    def rows(pane: int) -> list[Row]:
        return cohorts(
            lambda cohort, at: [("m", latencies((120 if cohort == "canary" else 100) + at, number=25))], pane
        )

    drive = Drive(plan_for(MetricRule("m", views=("p99",)))).run(rows, range(FIRST, FIRST + 30))
    found = drive.of(Divergence)
    assert [one.canary.instances for one in found] == [0] * 7 + [3] * 23
    assert min(one.evidence for one in found[7:]) > 5
