"""The numbers of `docs/judging.md` are the code's, and what it says of small cohorts is so."""

import re
from collections.abc import Callable
from math import exp, expm1, log
from typing import get_args

import numpy as np
import pytest

from stream.compare import evidence, outlier, rate_ratio, restart, weigh
from stream.compare.intake import PATIENCE
from stream.compare.location import SKIPPED_SHARE
from stream.compare.mixture import log_e
from stream.compare.yardstick import LEARNED_FREEDOM, PRIOR_FREEDOM, Yardstick, yardstick
from stream.judge.alerts import RELEASE
from stream.judge.classify import METRIC_PANES
from stream.judge.clean import ERROR_PANES, MOST_UNITS
from stream.judge.silence import FIRST_INTERVAL_MS, SILENT_PANES
from stream.judge.verdict import CHANGE, PASSING_PANES, RULES
from stream.outputs import Divergence, State
from stream.partial import Row
from stream.plan import BLOCK_MS, BLOCK_PANES, FIRST_RESTART, METRIC_SHARE
from stream.policy import BAKE_TIME, CRITICAL_WEIGHT, NORMAL_WEIGHT, MetricRule, Policy
from stream.quantity import Duration, Tolerance
from stream.rollout import Cohort
from stream.summary import Ratio, Summary
from tests.core_helpers import Drive, cohorts, latencies, plan_of
from tests.page_helpers import page, prose, table, word

JUDGING, FILE = "docs/judging.md", "docs/rollout-file.md"
LATENCY, CPU = (
    stick
    for stick in (
        yardstick(MetricRule("latency"), "distribution", "ms"),
        yardstick(MetricRule("cpu", kind="gauge"), "gauge", "1"),
    )
    if isinstance(stick, Yardstick)
)
DEFAULT = Policy((MetricRule("latency"),))
STARTED = plan_of(MetricRule("latency"))

NUMBERS = {
    "part of alpha for single metrics": f"{METRIC_SHARE:g}",
    "weight of a critical metric, of another": f"{CRITICAL_WEIGHT:g}, {NORMAL_WEIGHT:g}",
    "block": f"{BLOCK_MS // 60_000} min, {BLOCK_PANES} panes at least",
    "complete blocks before the first restart": f"{restart.FIRST_BLOCK}",
    "panes before and after a restart": f"{restart.LEAST}",
    "panes of an instance that joins later": f"{restart.LEAST}",
    "restarts kept": f"{restart.MOST}",
    "degrees of freedom of the block variance, at most": f"{restart.BLOCK_FREEDOM:g}",
    "weight of an instance with n panes": f"n / (n + {restart.CHURN:g})",
    "prior spread between instances, degrees of freedom": f"{100 * LATENCY.spread:g} %, {PRIOR_FREEDOM:g}",
    "the same of shares": f"{100 * CPU.spread:g} points, {PRIOR_FREEDOM:g}",
    "degrees of freedom of a stated spread": f"{LEARNED_FREEDOM:g}",
    "effects looked for": f"{LATENCY.tuning:g} on the log scale, {100 * CPU.tuning:g} points of shares",
    "prior spread between instances' rates, degrees of freedom": (
        f"{rate_ratio.HOST_SPREAD:g}, {rate_ratio.HOST_FREEDOM:g}"
    ),
    "rate ratios": f"1/{exp(rate_ratio.GRID[-1]):.0f} to {exp(rate_ratio.GRID[-1]):.0f}, {len(rate_ratio.GRID)} points",
    "an outlier is out by more than `promote`, and on the log scale by": f"{100 * expm1(outlier.LEAST):.0f} %",
    "an alert on evidence resolves under": f"{RELEASE:g} of what it takes",
    "level of shown intervals": f"{100 * (1 - evidence.DISPLAY_ALPHA):g} %",
    "evidence of a change that holds promotion back": f"{CHANGE:.1f}",
    "panes with a passing score before a promotion": f"{PASSING_PANES}",
    "a cohort is silent after": f"{SILENT_PANES} panes and twice its interval",
    "its interval before it is known": f"{FIRST_INTERVAL_MS // 1000} s",
    "a metric has no data after": f"{METRIC_PANES} panes",
    "an error shows for": f"{ERROR_PANES} panes",
    "panes that one cohort's samples wait for the other's": f"{PATIENCE}",
    "gauges on the log scale may skip": f"{100 * SKIPPED_SHARE:.0f} % of their panes",
    "lives of instances in a rollout": f"{MOST_UNITS}",
}


def flat(name: str) -> str:
    """A page on one line."""
    return " ".join(prose(page(name)).split())


def test_the_rules_are_those_of_the_code() -> None:
    assert [(word(row[0]), word(row[1])) for row in table(JUDGING, "rule")] == [(r.name, r.verdict) for r in RULES]


def test_the_labels_are_those_of_the_code() -> None:
    assert sorted(word(row[0]) for row in table(JUDGING, "label")) == sorted(get_args(State))


def test_the_numbers_are_those_of_the_code() -> None:
    assert dict(table(JUDGING, "number")) == NUMBERS


@pytest.mark.parametrize(
    "words",
    [
        f"{DEFAULT.alpha:g} unless you say otherwise",
        f"Every pane ({DEFAULT.pane})".replace("10s", "10 s"),
        f"first {DEFAULT.warmup.ms // 60_000} minutes are dropped",
        f"So {100 * METRIC_SHARE:.0f} % of alpha is divided",
        f"The other {100 * (1 - METRIC_SHARE):.0f} % belong",
        f"one of four views only needs {log(4):.1f} more",
        f"worse has reached {-log(DEFAULT.alpha_promote):.2f}, in all",
        f"at least `pass` ({DEFAULT.pass_:g}) for {PASSING_PANES} panes",
        f"over: {BAKE_TIME.ms // 60_000} minutes, or half",
        f"recent change with more than {CHANGE:.1f} of evidence",
        f"every block of {BLOCK_MS // 60_000} minutes (or {BLOCK_PANES} panes",
        f"with {restart.LEAST} panes before and after",
        f"there are {STARTED.planned} restarts, the first after {FIRST_RESTART * BLOCK_MS // 60_000} minutes",
        f"counts as {restart.BLOCK_FREEDOM:g} degrees of freedom at most",
        f"guess that hosts differ by {100 * rate_ratio.HOST_SPREAD:.0f} %",
        f"under `marginal` ({DEFAULT.marginal:g})",
        f"after {SILENT_PANES} panes without a sample, and after twice its reporting interval, "
        f"which is taken for {FIRST_INTERVAL_MS // 1000} s",
        f"`no_data` after {METRIC_PANES} panes",
        f"first three blocks**, {restart.FIRST_BLOCK * BLOCK_MS // 60_000} minutes",
        f"`w = n / (n + {restart.CHURN:g})`",
        f"`s0` = {LATENCY.spread:g} and `nu0` = {PRIOR_FREEDOM:g}",
        f"`spread` has `nu0` = {LEARNED_FREEDOM:g}), `g` = {LATENCY.tuning:.2f}",
        f"`s0` is {100 * CPU.spread:g} points and `g` is {100 * CPU.tuning:g} points",
        f"instances that join later need {restart.LEAST} panes",
        f"a grid of {len(rate_ratio.GRID)} rate ratios",
        f"differ by {rate_ratio.HOST_SPREAD:g}, with {rate_ratio.HOST_FREEDOM:g} degrees of freedom",
        f"worth at most {restart.BLOCK_FREEDOM:g} degrees of freedom",
        f"At most {restart.MOST} restarts",
        "`1/2` level + `1/2` the mean over restarts" if DEFAULT.restart_weight == 0.5 else "",
        f"`alpha_m = {METRIC_SHARE:g} alpha w_m`",
        f"`log(1 / ({1 - METRIC_SHARE:.1g} alpha))`",
        f"(at least {100 * expm1(outlier.LEAST):.0f} % on the log scale)",
    ],
)
def test_numbers_in_sentences_are_those_of_the_code(words: str) -> None:
    assert words
    assert words in flat(JUDGING)


def test_the_floor_of_the_spread_and_the_prior_of_rates() -> None:
    assert weigh._FLOOR == 1 / 15
    assert "a fifteenth of `s0`" in flat(JUDGING)
    prior = 1 / (1 + (rate_ratio.GRID / 0.7) ** 2)
    assert np.allclose(rate_ratio.PRIOR, prior / prior.sum())
    assert "`1 / (1 + (d / 0.7)^2)`" in flat(JUDGING)


@pytest.mark.parametrize(("who", "share", "needs"), table(JUDGING, "has of alpha"))
def test_shares_of_alpha(who: str, share: str, needs: str) -> None:
    number = {"one": 1, "two": 2, "four": 4}.get(who.replace("each of ", "").split()[0], 0)
    plan = plan_of(*(MetricRule(f"m{i}", critical=True) for i in range(number or 1)))
    need = plan.need[0] if number else plan.need_mean
    assert (f"{exp(-need) / plan.policy.alpha:.2g}", f"{need:.2f}") == (share, needs)


@pytest.mark.parametrize(("instances", "effect"), table(JUDGING, "instances a side"))
def test_what_so_many_instances_can_show(instances: str, effect: str) -> None:
    number, plan = int(instances), plan_of(MetricRule("latency"))
    freedom = np.array(2.0 * number - 2 + PRIOR_FREEDOM)
    variance, tuning = np.array(LATENCY.spread**2 * 2 / number), np.array(LATENCY.tuning**2)
    need = plan.need[0] - log(1 - plan.policy.restart_weight)
    sizes = np.arange(0, 0.5, 0.0005)
    found = sizes[log_e(sizes, variance, freedom, tuning) >= need][0]
    shown = f"{100 * expm1(found):.2g}"
    assert (f"{shown}.0 %" if len(shown) == 1 else f"{shown} %") == effect


def test_samples_that_a_quantile_needs() -> None:
    said = re.findall(r"p50 from (\d+) samples on, about p95 from (\d+), about p99 from (\d+)", flat(FILE))[0]
    for share, number in zip((0.5, 0.95, 0.99), map(int, said), strict=True):
        assert [speaks(share, number - 1), speaks(share, number)] == [False, True]


def speaks(share: float, number: int) -> bool:
    """Whether a quantile of so many samples an instance is compared."""
    rule = MetricRule("latency", views=(f"p{100 * share:g}",))  # type: ignore[arg-type]  # the words are right
    drive = Drive(plan_of(rule, n_min=1))
    drive.close(0, cohorts(lambda *_: [("latency", latencies(100.0, number=number))], 0))
    return drive.of(Divergence)[-1].effect is not None


# Small cohorts


def judged(rule: MetricRule, make: Callable[[Cohort], Summary], canary: int, baseline: int, panes: int) -> Drive:
    """A rollout whose instances are all alike within their cohort."""

    def rows(pane: int) -> list[Row]:
        return cohorts(lambda side, _: [(rule.name, make(side))], pane, canary=canary, baseline=baseline)

    return Drive(plan_of(rule)).run(rows, range(panes))


def three_times(side: Cohort) -> Summary:
    return latencies(300.0 if side == "canary" else 100.0, number=400)


def same(_: Cohort) -> Summary:
    return latencies(100.0, number=400)


@pytest.mark.parametrize(("canary", "baseline"), [(1, 1), (1, 4), (4, 1)])
def test_one_instance_a_side_shows_no_harm_since_the_start(canary: int, baseline: int) -> None:
    found = judged(MetricRule("latency"), three_times, canary, baseline, 100).of(Divergence)[-1]
    assert found.state == "undecided"
    assert "cannot be told from its host" in found.text


def test_one_instance_each_is_never_promoted() -> None:
    drive = judged(MetricRule("latency"), same, 1, 1, 100)
    assert drive.of(Divergence)[-1].evidence_safe == 0
    assert drive.of(Divergence)[-1].evidence == pytest.approx(0)
    assert drive.verdict.verdict == "continue"


def test_one_canary_instance_can_be_promoted_beside_many() -> None:
    assert judged(MetricRule("latency"), same, 1, 10, 100).verdict.verdict == "promote"


@pytest.mark.parametrize(("canary", "verdict"), [(1, "continue"), (2, "abort")])
def test_restarts_take_two_instances_a_side(canary: int, verdict: str) -> None:
    def rows(pane: int) -> list[Row]:
        def make(side: Cohort, number: int) -> list[tuple[str, Summary]]:
            late = 1.5 if side == "canary" and pane >= 150 else 1.0
            return [("latency", latencies(100 * late * (1 + 0.01 * ((7 * number + pane) % 3))))]

        return cohorts(make, pane, canary=canary, baseline=4)

    drive = Drive(plan_of(MetricRule("latency", views=("mean",)), bake_time=Duration(3_600_000))).run(rows, range(180))
    assert drive.verdict.verdict == verdict
    assert drive.of(Divergence)[-1].process == ("restart" if verdict == "abort" else "level")


def test_one_instance_is_judged_by_a_stated_spread() -> None:
    rule = MetricRule("latency", spread=Tolerance(0.03, "%"))
    assert judged(rule, three_times, 1, 1, 3).verdict.verdict == "abort"


def test_ratios_are_judged_with_one_instance() -> None:
    rule = MetricRule("errors", kind="ratio")
    drive = judged(rule, lambda side: Ratio(30 if side == "canary" else 3, 1000), 1, 1, 20)
    assert drive.verdict.verdict == "abort"
