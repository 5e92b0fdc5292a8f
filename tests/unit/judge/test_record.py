"""The records: fields, rounding, and what a verdict and a score say."""

import re
from typing import Any

import msgspec
import pytest

from stream.compare.evidence import Driver, Evidence
from stream.judge.alerts import Notice
from stream.judge.record import Scribe
from stream.judge.score import Standing
from stream.judge.verdict import RULES, Situation
from stream.outputs import Alert, Divergence, Drivers, Score, Side, Verdict
from stream.outputs import State as Label
from stream.plan import Plan
from stream.policy import MetricRule
from stream.quantity import Duration
from stream.state import Firing, State, Unit
from stream.words import SPACE
from tests.core_helpers import PANE, percent, plan_of
from tests.judge_helpers import found, situation, state_of

CRITICAL = MetricRule("latency", critical=True)
OTHER = MetricRule("cpu")
BY_NAME = {rule.name: rule for rule in RULES}
HARM = found(
    0,
    harm=5.0,
    effect=0.2311,
    low=0.0953,
    high=0.3716,
    canary=404.0,
    baseline=320.0,
    samples=(1234, 1230),
    driver=Driver(2, 3, 2),
    resolution=0.0953,
)
REASON = (
    "Mean latency of the canary is 26 % above baseline (404 ms vs 320 ms; 95 % interval +10 % to +45 %), "
    "more than the tolerated 5 %; driven by one instance, canary-1."
)


def scribe(
    *evidence: Evidence,
    labels: tuple[Label, ...] = ("worse", "undecided"),
    pane: int = 20,
    kind: Any = "distribution",
    **settings: Any,
) -> Scribe:
    plan = plan_of(CRITICAL, OTHER, **settings)
    return Scribe(made(plan, state_of(plan, kind=kind), labels, evidence or (HARM, found(1)), pane))


def made(plan: Plan, state: State, labels: tuple[Label, ...], evidence: tuple[Evidence, ...], pane: int) -> Situation:
    for feed in state.feeds:
        feed.last = pane
    standing = Standing(51.23456789012, 0.4, {"metrics": 51.23456789012})
    return situation(plan, state, labels, {one.rule: one for one in evidence}, pane=pane, standing=standing)


def verdict(name: str, writer: Scribe) -> Verdict:
    return writer.verdict(BY_NAME[name])


def said(text: str) -> str:
    return text.replace(SPACE, " ")


def test_a_divergence_has_what_was_found() -> None:
    record = scribe().divergence(0)
    assert msgspec.structs.replace(record, short="", text="") == Divergence(
        id="shop-1/1",
        rollout="shop-1",
        at=21 * PANE,
        metric="latency",
        title="latency",
        state="worse",
        kind="distribution",
        unit="ms",
        critical=True,
        muted=False,
        group="metrics",
        view="mean",
        process="level",
        since=None,
        effect=0.259985232,
        low=0.0999888023,
        high=0.450052844,
        scale="relative",
        evidence=5.0,
        threshold=3.21887582,
        evidence_safe=0.0,
        threshold_safe=2.99573227,
        tolerate=0.05,
        promote=0.1,
        baseline=Side(320.0, 3, 1230),
        canary=Side(404.0, 3, 1234),
        drivers=Drivers(2, 3, "canary-1"),
        resolution=0.0999888023,
        short="",
        text="",
    )
    assert said(record.text) == REASON
    assert said(record.short) == "latency +26 % (limit 5 %)"


def test_an_unbounded_interval_is_null() -> None:
    record = scribe(found(0, low=float("-inf"), high=float("inf"), resolution=None), found(1)).divergence(0)
    assert (record.low, record.high, record.resolution) == (None, None, None)
    wide = scribe(found(0, high=1e9, resolution=1e9), found(1), labels=("undecided", "undecided")).divergence(0)
    assert wide.high is None
    assert "95 % interval unbounded" in said(wide.text)


def test_what_does_not_speak_has_no_effect() -> None:
    record = scribe(found(0, effect=0.3, instances=(0, 3)), found(1), labels=("undecided", "undecided")).divergence(0)
    assert (record.effect, record.low, record.high) == (None, None, None)


def test_a_metric_that_was_never_seen_is_told_too() -> None:
    plan = plan_of(CRITICAL)
    state = state_of(plan)
    state.metrics[0].kind, state.metrics[0].unit, state.metrics[0].fed = None, "", [None, None]
    record = Scribe(made(plan, state, ("no_data",), (), 3)).divergence(0)
    assert (record.kind, record.unit, record.view, record.effect, record.evidence) == (None, "", None, None, 0.0)
    assert record.text == "No samples of latency from the canary and the baseline yet."
    assert record.short == "latency"


def test_a_restart_says_since_when() -> None:
    record = scribe(found(0, process="restart", since=17), found(1)).divergence(0)
    assert (record.process, record.since) == ("restart", 17 * PANE)


@pytest.mark.parametrize(
    ("rule", "tolerate", "promote"),
    [
        (MetricRule("latency", critical=True), 0.05, 0.1),
        (MetricRule("latency", critical=True, worse="lower", tolerate=percent(20), promote=percent(35)), 0.2, 0.35),
        (MetricRule("latency", critical=True, worse="either", tolerate=percent(20)), 0.2, 0.4),
    ],
)
def test_limits_are_those_of_the_policy(rule: MetricRule, tolerate: float, promote: float) -> None:
    plan = plan_of(rule)
    record = Scribe(made(plan, state_of(plan), ("undecided",), (found(0),), 3)).divergence(0)
    assert (record.tolerate, record.promote) == (tolerate, promote)


def test_an_absolute_scale_keeps_its_numbers() -> None:
    plan = plan_of(MetricRule("cpu", kind="gauge"))
    state = state_of(plan, kind="gauge", unit="1")
    record = Scribe(made(plan, state, ("undecided",), (found(0, effect=0.03, low=-0.5),), 3)).divergence(0)
    assert (record.scale, record.effect, record.low, record.tolerate, record.promote) == (
        "absolute",
        0.03,
        -0.5,
        0.02,
        0.05,
    )


def test_an_alert_repeats_its_notice() -> None:
    notice = Notice("instance_outlier:0", "instance_outlier", False, 7 * PANE, "latency", "canary-1", "Resolved: x.")
    assert scribe().alert(notice) == Alert(
        "shop-1/1", "shop-1", 21 * PANE, "instance_outlier", "resolved", "latency", "canary-1", 7 * PANE, "Resolved: x."
    )


def test_a_score_tells_how_the_rollout_stands() -> None:
    writer = scribe()
    writer.state.kept_out = {"warming_up": 9, "late": 3}
    assert writer.score(BY_NAME["undecided"]) == Score(
        id="shop-1/1",
        rollout="shop-1",
        at=21 * PANE,
        score=51.2345679,
        confidence=0.4,
        state="continue",
        groups={"metrics": 51.2345679},
        metrics={"latency": "worse", "cpu": "undecided"},
        counts={"late": 3, "warming_up": 9},
        text="0 of 2 metrics shown safe, latency worse.",
    )


@pytest.mark.parametrize(
    ("firing", "rule", "state"),
    [
        ((), "undecided", "continue"),
        (("no_data",), "undecided", "no_data"),
        (("no_data", "judge_error:0"), "undecided", "judge_error"),
        (("judge_error",), "undecided", "judge_error"),
        (("divergence:0", "cohort_mismatch"), "undecided", "continue"),
        (("no_data", "judge_error"), "critical_metric", "abort"),
        ((), "all_safe", "promote"),
        (("no_data",), "deadline", "inconclusive"),
    ],
)
def test_the_first_state_that_matches_wins(firing: tuple[str, ...], rule: str, state: str) -> None:
    writer = scribe()
    writer.state.firing = {key: Firing(0) for key in firing}
    assert writer.score(BY_NAME[rule]).state == state


def test_a_rollout_warms_up_until_something_was_compared() -> None:
    writer = scribe(warmup=Duration(150_000))
    writer.state.origin = None
    score = writer.score(None)
    assert score.state == "warming_up"
    assert score.text == "Nothing is compared yet: what an instance reports in its first 2 min 30 s does not count."
    writer.state.firing = {"no_data": Firing(0)}
    assert writer.score(None).state == "no_data"


def test_a_verdict_has_what_was_compared() -> None:
    writer = scribe(HARM, found(1, samples=(99, 98)), name="strict", version=7)
    writer.state.begun, writer.state.verdict = 3, "continue"
    writer.state.units.names.append(Unit("canary", "canary-1", "second"))
    record = verdict("critical_metric", writer)
    assert msgspec.structs.replace(record, text="", explanation="") == Verdict(
        id="shop-1/1",
        rollout="shop-1",
        at=21 * PANE,
        app="shop",
        verdict="abort",
        previous="continue",
        final=True,
        rule="critical_metric",
        metric="latency",
        score=51.2345679,
        confidence=0.4,
        baseline=Side(None, 3, 1230),
        canary=Side(None, 4, 1234),
        started=3 * PANE,
        policy="strict@7",
        fingerprint=writer.plan.fingerprint,
        text="",
        also=[],
        explanation="",
    )


def test_ids_count_on() -> None:
    writer = scribe()
    writer.state.sequence = 41
    assert [writer.divergence(0).id, writer.score(None).id] == ["shop-1/42", "shop-1/43"]


def test_an_abort_says_which_metric_and_which_limit() -> None:
    record = verdict("critical_metric", scribe())
    assert said(record.text) == REASON
    assert record.explanation == (
        "Evidence that latency is worse reached 5.0; the policy aborts a critical metric at 3.2."
    )


def test_other_metrics_that_are_worse_are_told_beside() -> None:
    record = verdict("critical_metric", scribe(HARM, found(1, effect=0.2), labels=("worse", "worse")))
    assert [text.split(" of ")[0] for text in record.also] == ["Mean cpu"]
    assert [text.split(" of ")[0] for text in verdict("deadline", scribe()).also] == ["Mean latency"]


def test_an_abort_on_the_mean_names_the_metric_with_most_evidence() -> None:
    record = verdict("all_metrics", scribe(HARM, found(1, harm=9.0, effect=0.3)))
    assert record.text.startswith("All metrics together show harm, cpu most. Mean cpu of the canary is 35")
    assert record.metric is None
    assert re.fullmatch(
        r"The mean evidence of all metrics reached \d+\.\d; the policy aborts at 4\.6\.", record.explanation
    )


def test_a_promotion_says_what_was_shown() -> None:
    record = verdict("all_safe", scribe(found(0, safe=4.0, resolution=0.1), labels=("pass", "undecided")))
    assert said(record.text).startswith(
        "The deciding metric is shown no worse than promotion allows. Mean latency of the canary is level with baseline"
    )
    assert record.explanation == (
        "Every deciding metric's evidence of safety passed 3.0, the score is at least 95 and the 10 min bake time is "
        "over."
    )


def test_a_promotion_of_several_metrics_speaks_of_the_one_shown_best() -> None:
    plan = plan_of(MetricRule("a"), MetricRule("b"))
    writer = Scribe(made(plan, state_of(plan), ("pass", "pass"), (found(0, safe=4.0), found(1, safe=5.0)), 20))
    assert verdict("all_safe", writer).text.startswith(
        "All 2 deciding metrics are shown no worse than promotion allows. Mean b of the canary is"
    )


def test_a_promotion_without_evidence_does_not_claim_any() -> None:
    writer = scribe(found(0, safe=1.0, resolution=0.1), found(1), labels=("undecided", "undecided"))
    record = verdict("no_harm_at_deadline", writer)
    assert record.text.startswith("The deadline passed without evidence of harm, which this policy promotes on. Mean")
    assert "shown" not in record.text
    assert said(record.explanation) == (
        "The score is at least 95 and 40 % of the evidence is there; `promote_without_harm` is set."
    )


def test_a_rollout_that_goes_on_says_what_it_waits_for() -> None:
    record = verdict("undecided", scribe(found(0), found(1), labels=("undecided", "pass")))
    assert record.text == (
        "1 of 2 metrics shown safe, none is worse. Promotion needs every deciding metric shown safe; latency is not "
        "there yet."
    )
    assert record.explanation == "No rule for an end holds yet."
    assert record.final is False


QUIET: tuple[Label, ...] = ("undecided", "undecided")


@pytest.mark.parametrize(
    ("rule", "start"),
    [
        ("deadline", "The deadline of 3 min 30 s passed without enough evidence. "),
        ("until", "The rollout's end (`until`) came without enough evidence. "),
        ("stopped", "Stopped: the deploy was rolled back. "),
    ],
)
def test_an_end_without_evidence_says_why_and_what_to_do(rule: str, start: str) -> None:
    writer = scribe(found(0, resolution=0.1, safe=1.5), found(1), labels=QUIET)
    writer.state.stopped = "the deploy was rolled back."
    assert said(verdict(rule, writer).text) == start + (
        "3 canary and 3 baseline instances can only resolve about 11 % of latency. Run more canary instances."
    )


def test_the_shortfall_is_a_share_of_the_evidence() -> None:
    record = verdict("deadline", scribe(found(0, safe=1.5), found(1), labels=QUIET))
    assert said(record.explanation) == (
        "Promotion needs every deciding metric shown safe; at the end latency had 50 % of the evidence it needs."
    )
    shown = verdict("deadline", scribe(found(0, safe=9.0), found(1), labels=("pass", "undecided")))
    assert shown.explanation == (
        "Promotion needs every deciding metric shown safe; an alert or the bake time stood against it."
    )


def test_a_ratio_that_is_undecided_at_the_end_speaks_for_itself() -> None:
    """What instances resolve is not known of counts."""
    writer = scribe(found(0, view="share", safe=1.5), found(1), labels=QUIET, kind="ratio")
    for metric in writer.state.metrics:
        metric.unit = ""
    text = verdict("deadline", writer).text
    assert "Share of latency of the canary is" in text
    assert "resolve" not in text


def test_an_end_in_silence_says_who_is_silent() -> None:
    writer = scribe(found(0, safe=9.0), found(1), labels=("pass", "undecided"))
    writer.state.feeds[0].last = 11
    assert verdict("deadline", writer).text == (
        "The deadline of 3 min 30 s passed without enough evidence. No samples from the canary since 00:02:00 UTC. "
        "The other cohort still reports. Silence is never taken as health: the rollout cannot be promoted. "
        "Check that the instances run and that their telemetry arrives."
    )


def test_an_end_without_data_says_so() -> None:
    writer = scribe(labels=("no_data", "undecided"))
    writer.state.metrics[0].fed = [None, 3]
    assert verdict("deadline", writer).text.endswith(" No samples of latency from the canary yet.")


def test_an_end_that_only_the_bake_time_stood_against_says_so() -> None:
    writer = scribe(found(0, safe=9.0), found(1), labels=("pass", "undecided"))
    assert verdict("deadline", writer).text.endswith(
        "1 of 2 metrics shown safe, none is worse. Promotion waits for the bake time, the score and quiet."
    )


@pytest.mark.parametrize("name", BY_NAME)
def test_no_verdict_uses_a_word_of_statisticians_or_alarmists(name: str) -> None:
    writer = scribe(labels=("worse" if name == "critical_metric" else "undecided", "undecided"))
    writer.state.stopped = "why."
    record = verdict(name, writer)
    assert not re.search(r"p-value|e-value|significan|anomal|healthy|!", f"{record.text} {record.explanation}")
