"""The sentences, word by word. Spaces before units are no-break spaces, written here as plain ones."""

import re
from collections.abc import Iterator
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.compare.evidence import Driver, Evidence, Outlier
from stream.judge import sentence
from stream.outputs import State as Label
from stream.plan import Plan
from stream.policy import Kind, MetricRule
from stream.quantity import Tolerance
from stream.state import State
from stream.words import SPACE
from tests.core_helpers import PANE, percent, plan_of
from tests.judge_helpers import found, state_of, stick

LATENCY = MetricRule("http.server.request.duration")
EIGHT = 6 * 60 * 8
"""The pane that begins at 08:00:00 UTC."""


class Said:
    """One metric's sentences in a rollout of three instances a side."""

    def __init__(self, rule: MetricRule = LATENCY, kind: Kind = "distribution", unit: str = "ms") -> None:
        self.rule, self.stick = rule, stick(rule, kind, unit)
        self.plan: Plan = plan_of(rule, MetricRule("other"))
        self.state: State = state_of(self.plan, kind=kind, unit=unit)

    def reason(self, label: Label, evidence: Evidence | None) -> str:
        said = sentence.reason(self.plan, self.state, 0, label, evidence, self.stick)
        return said.replace(SPACE, " ")

    def short(self, evidence: Evidence | None) -> str:
        return sentence.short(self.plan, self.state, 0, evidence, self.stick).replace(SPACE, " ")


def worse(**fields: Any) -> Evidence:
    """26 % above, 10 % to 45 % for sure."""
    known = {"view": "p95", "effect": 0.2311, "low": 0.0953, "high": 0.3716, "canary": 404.0, "baseline": 320.0}
    return found(**{**known, "driver": Driver(3, 3, None), "resolution": 0.1, **fields})


HEAD = "p95 request latency of the canary is 26 % above baseline (404 ms vs 320 ms; 95 % interval +10 % to +45 %)"


@pytest.mark.parametrize(
    ("label", "fields", "end"),
    [
        ("worse", {}, ", more than the tolerated 5 %; driven by all 3 canary instances."),
        ("worse", {"driver": Driver(2, 3, None)}, ", more than the tolerated 5 %; driven by 2 of 3 canary instances."),
        ("worse", {"driver": Driver(1, 3, 2)}, ", more than the tolerated 5 %; driven by one instance, canary-1."),
        ("worse", {"driver": Driver(1, 1, None)}, ", more than the tolerated 5 %; driven by the one canary instance."),
        ("worse", {"driver": None}, ", more than the tolerated 5 %."),
        ("pass", {}, ": shown to stay within the 10 % limit for promotion."),
        ("better", {"driver": None}, ": shown to be better."),
        (
            "undecided",
            {},
            ": not yet enough evidence either way; 3 canary and 3 baseline instances can show about 11 % by now.",
        ),
        (
            "undecided",
            {"resolution": None},
            ": not yet enough evidence either way; 3 canary and 3 baseline instances differ too much among themselves "
            "to show anything yet: run more.",
        ),
        ("undecided", {"instances": (0, 3)}, ": not enough samples yet from both cohorts."),
        ("undecided", {"note": "it takes two"}, ": it takes two."),
    ],
)
def test_a_reason_is_what_how_much_how_sure_and_who(label: Label, fields: dict[str, object], end: str) -> None:
    assert Said().reason(label, worse(**fields)) == HEAD + end


@pytest.mark.parametrize(
    ("effect", "place"),
    [
        (0.0, "level with baseline"),
        (0.0049, "level with baseline"),
        (-0.0049, "level with baseline"),
        (0.0051, "0.5 % above baseline"),
        (-0.0834, "8 % below baseline"),
        (1.2, "230 % above baseline"),
        (-1.2, "70 % below baseline"),
        (3.0, "20.1-fold above baseline"),
    ],
)
def test_a_place_is_above_below_or_level(effect: float, place: str) -> None:
    assert f" of the canary is {place} (" in Said().reason("undecided", worse(effect=effect))


def test_a_restart_says_since_when_and_against_what() -> None:
    evidence = worse(process="restart", since=EIGHT)
    assert Said().reason("worse", evidence) == (
        "p95 request latency of the canary is 26 % higher than it was before 08:00:00 UTC, relative to baseline "
        "(since the start 404 ms vs 320 ms; 95 % interval +10 % to +45 %), more than the tolerated 5 %; "
        "driven by all 3 canary instances."
    )
    assert "8 % lower than it was" in Said().reason("undecided", worse(process="restart", since=EIGHT, effect=-0.0834))


@pytest.mark.parametrize(
    ("fields", "span"),
    [
        ({"low": float("-inf")}, "unbounded"),
        ({"high": float("inf")}, "unbounded"),
        ({"low": -0.0001, "high": 0.02}, "0 % to +2 %"),
        ({"low": -0.2, "high": -0.02}, "−18 % to −2 %"),
    ],
)
def test_an_interval_carries_signs(fields: dict[str, float], span: str) -> None:
    assert f"; 95 % interval {span})" in Said().reason("undecided", worse(**fields))


@pytest.mark.parametrize(
    ("rule", "kind", "unit", "fields", "said"),
    [
        (
            MetricRule("latency", title="time to first byte", views=("mean",)),
            "distribution",
            "s",
            {"view": "mean", "canary": 1.0, "baseline": 0.5},
            "Mean time to first byte of the canary is 26 % above baseline (1.00 s vs 0.500 s; ",
        ),
        (
            MetricRule("http.server.errors"),
            "ratio",
            "",
            {"view": "share", "canary": 0.0213, "baseline": 0.4},
            "Share of request errors of the canary is 26 % above baseline (2.13 % vs 40.0 %; ",
        ),
        (
            MetricRule("orders.placed"),
            "rate",
            "",
            {"view": "rate", "canary": 12.0, "baseline": 0.5},
            "Rate of orders.placed of the canary is 26 % above baseline (12.0/s vs 0.500/s; ",
        ),
        (
            MetricRule("process.memory.usage"),
            "gauge",
            "By",
            {"view": "mean", "canary": 2.5e8, "baseline": 2e8},
            "Memory of the canary is 26 % above baseline (250 000 000 By vs 200 000 000 By; ",
        ),
        (
            MetricRule("process.cpu.utilization"),
            "gauge",
            "1",
            {"view": "mean", "canary": 0.463, "baseline": 0.09, "effect": 0.034, "low": -0.011, "high": 0.123},
            "CPU utilisation of the canary is 3.4 points above baseline (46.3 % vs 9.00 %; "
            "95 % interval −1.1 points to +12 points)",
        ),
        (
            MetricRule("cpu.percent"),
            "gauge",
            "%",
            {"view": "mean", "canary": 46.3, "baseline": 9.0, "effect": 3.4, "low": 0.0, "high": 12.3},
            "cpu.percent of the canary is 3.4 points above baseline (46.3 % vs 9.00 %; "
            "95 % interval 0 points to +12 points)",
        ),
        (
            MetricRule("threads", tolerate=Tolerance(8.0, ""), spread=Tolerance(3.0, "")),
            "gauge",
            "thread",
            {"view": "mean", "canary": 64.0, "baseline": 48.0, "effect": 16.0, "low": 0.0, "high": 30.0},
            "Threads of the canary is 16.0 thread above baseline (64.0 thread vs 48.0 thread; "
            "95 % interval 0 thread to +30.0 thread)",
        ),
    ],
    ids=["title", "ratio", "rate", "log gauge", "share", "percent", "raw gauge"],
)
def test_each_kind_has_its_units(rule: MetricRule, kind: Kind, unit: str, fields: dict[str, object], said: str) -> None:
    assert Said(rule, kind, unit).reason("undecided", worse(**fields)).replace("\u202f", " ").startswith(said)


def test_a_limit_is_as_the_policy_has_it() -> None:
    lower = MetricRule("orders", worse="lower", tolerate=percent(20), promote=percent(35))
    said = Said(lower, "rate", "")
    assert said.reason("worse", worse(view="rate", effect=-0.5)).count("more than the tolerated 20 %") == 1
    assert said.reason("pass", worse(view="rate", effect=0.0)).endswith("within the 35 % limit for promotion.")
    points = MetricRule("cpu", kind="gauge", tolerate=Tolerance(0.03, "pp"))
    said = Said(points, "gauge", "1")
    assert "more than the tolerated 3 points" in said.reason("worse", worse(view="mean", effect=0.1))


def test_counts_do_not_say_what_they_could_show() -> None:
    said = Said(MetricRule("errors"), "ratio", "").reason("undecided", worse(view="share"))
    assert said.endswith(": not yet enough evidence either way.")


@pytest.mark.parametrize(
    ("fed", "said"),
    [
        ([None, None], "No samples of http.server.request.duration from the canary and the baseline yet."),
        ([None, 5], "No samples of http.server.request.duration from the canary yet."),
        ([EIGHT - 1, EIGHT + 40], "No samples of http.server.request.duration from the canary since 08:00:00 UTC."),
        ([EIGHT + 40, EIGHT - 1], "No samples of http.server.request.duration from the baseline since 08:00:00 UTC."),
        (
            [EIGHT - 1, EIGHT],
            "No samples of http.server.request.duration from the canary and the baseline since 08:00:00 UTC.",
        ),
    ],
)
def test_no_data_says_whose_and_since_when(fed: list[int | None], said: str) -> None:
    talk = Said()
    talk.state.metrics[0].fed = fed
    assert talk.reason("no_data", worse()) == said
    assert talk.reason("undecided", None) == said


def test_a_judge_error_says_what_goes_on_and_what_is_blocked() -> None:
    talk = Said()
    talk.state.metrics[0].error = "the canary reports it in s, others in ms"
    assert talk.reason("error", worse()) == (
        "The judge cannot compare http.server.request.duration: the canary reports it in s, others in ms. "
        "The other 1 metric is still judged and can still abort; promotion is blocked until this is fixed or the "
        "metric is muted in the policy."
    )
    talk.plan = plan_of(LATENCY)
    assert talk.reason("error", worse()) == (
        "The judge cannot compare http.server.request.duration: the canary reports it in s, others in ms. "
        "Promotion is blocked until this is fixed or the metric is muted in the policy."
    )


def test_a_gauge_that_is_zero_too_often_says_what_to_set() -> None:
    talk = Said(MetricRule("queue"), "gauge", "By")
    talk.state.location.skipped[0] = [50, 100]
    assert talk.reason("undecided", worse()) == (
        "queue is zero or negative too often to be compared as a ratio: set `scale: raw` and state its `spread`"
    )


def odd(effect: float, others: tuple[float, float], rule: MetricRule = LATENCY) -> str:
    talk = Said(rule)
    outlier = Outlier(9.0, 2, effect, others)
    return sentence.outlier(talk.plan, talk.state, 0, outlier, "mean", talk.stick).replace(SPACE, " ")


END = " One instance alone does not abort a rollout: look at this host, or replace it."


@pytest.mark.parametrize(
    ("others", "span"),
    [
        ((-0.02, 0.01), "within 2 % of it"),
        ((0.02, 0.05), "2 % to 5.1 % above it"),
        ((-0.2, -0.1), "9.5 % to 18 % below it"),
    ],
)
def test_an_outlier_is_told_with_the_others(others: tuple[float, float], span: str) -> None:
    assert odd(0.5, others) == (
        "Instance canary-1 is 65 % above the baseline's mean request latency; "
        f"the other 2 canary instances are {span}.{END}"
    )


def test_what_a_rollout_waits_for() -> None:
    plan = plan_of(MetricRule("a", critical=True), MetricRule("b", critical=True), MetricRule("c"))
    cases: dict[tuple[Label, Label, Label], str] = {
        (
            "undecided",
            "pass",
            "no_data",
        ): "1 of 3 metrics shown safe, none is worse. Promotion needs every deciding metric shown safe; "
        "a is not there yet.",
        (
            "undecided",
            "error",
            "pass",
        ): "1 of 3 metrics shown safe, none is worse. Promotion needs every deciding metric shown safe; "
        "a and b are not there yet.",
        (
            "pass",
            "better",
            "worse",
        ): "2 of 3 metrics shown safe, c worse without being critical. Promotion waits for the bake time, the score "
        "and quiet.",
        (
            "pass",
            "pass",
            "pass",
        ): "3 of 3 metrics shown safe, none is worse. Promotion waits for the bake time, the score and quiet.",
        ("worse", "pass", "worse"): "1 of 3 metrics shown safe, a and c worse.",
    }
    assert {labels: sentence.waiting(plan, list(labels)) for labels in cases} == cases


@pytest.mark.parametrize(
    ("resolved", "said"),
    [
        (
            0.1,
            "3 canary and 3 baseline instances can only resolve about 11 % of request latency. "
            "Run more canary instances.",
        ),
        (
            None,
            "3 canary and 3 baseline instances cannot resolve request latency: run more a side, or state a `spread` "
            "between instances.",
        ),
    ],
)
def test_the_resolution_says_what_to_do(resolved: float | None, said: str) -> None:
    talk = Said()
    found = sentence.resolution(talk.plan, talk.state, 0, worse(resolution=resolved), talk.stick)
    assert found.replace(SPACE, " ") == said


@pytest.mark.parametrize(
    ("rule", "kind", "unit", "fields", "said"),
    [
        (LATENCY, "distribution", "ms", {}, "request latency p95 +26 % (limit 5 %)"),
        (LATENCY, "distribution", "ms", {"view": "mean"}, "request latency +26 % (limit 5 %)"),
        (MetricRule("errors"), "ratio", "", {"view": "share"}, "errors +26 % (limit 25 %)"),
        (
            MetricRule("cpu", kind="gauge"),
            "gauge",
            "1",
            {"view": "mean", "effect": -0.03},
            "cpu −3 points (limit 2 points)",
        ),
        (
            MetricRule("m", title="the time it takes to answer a question of a customer"),
            "distribution",
            "ms",
            {},
            "the time it takes to answer a… p95 +26 % (limit 5 %)",
        ),
    ],
)
def test_the_short_form(rule: MetricRule, kind: Kind, unit: str, fields: dict[str, object], said: str) -> None:
    assert Said(rule, kind, unit).short(worse(**fields)) == said


def test_the_short_form_of_a_metric_without_evidence_is_its_title() -> None:
    assert Said().short(None) == "request latency"
    assert len(Said(MetricRule("m", title="x" * 90)).short(None)) == 52


@given(
    st.text(min_size=1, max_size=100),
    st.text(alphabet="abc/%", max_size=80),
    st.floats(-800, 800),
    st.sampled_from(("distribution", "ratio", "gauge")),
)
def test_the_short_form_has_at_most_52_characters(title: str, unit: str, effect: float, kind: Kind) -> None:
    tolerances = {"tolerate": Tolerance(8.0, ""), "spread": Tolerance(3.0, "")} if kind == "gauge" else {}
    talk = Said(MetricRule("m", title=title, **tolerances), kind, unit)  # type: ignore[arg-type]
    assert len(talk.short(worse(effect=effect))) <= 52


BANNED = re.compile(r"p-value|e-value|significan|anomal|healthy|100 % sure|!", re.IGNORECASE)


def everything() -> Iterator[str]:
    """What can be said of metrics of all kinds."""
    kinds: tuple[tuple[Kind, str], ...] = (("distribution", "ms"), ("ratio", ""), ("rate", ""), ("gauge", "1"))
    for kind, unit in kinds:
        talk = Said(MetricRule("latency"), kind, unit)
        talk.state.metrics[0].error = "why"
        for label in get_args(Label):
            for fields in ({}, {"process": "restart", "since": 5}, {"resolution": None}, {"effect": -0.3}):
                yield sentence.reason(talk.plan, talk.state, 0, label, worse(**fields), talk.stick)
        yield sentence.short(talk.plan, talk.state, 0, worse(), talk.stick)
        for resolved in (None, 0.1):
            yield sentence.resolution(talk.plan, talk.state, 0, worse(resolution=resolved), talk.stick)
        yield sentence.outlier(talk.plan, talk.state, 0, Outlier(9.0, 2, 0.5, (0.0, 0.1)), "mean", talk.stick)


def test_no_sentence_uses_a_word_of_statisticians_or_alarmists() -> None:
    assert [said for said in everything() if BANNED.search(said)] == []


def test_a_no_break_space_stands_before_every_unit() -> None:
    loose = re.compile(r"\d (?:%|ms|points)")
    assert [said for said in everything() if loose.search(said)] == []
    assert PANE == 10_000
