"""The score keeps Kayenta's end points and moves smoothly between them; the confidence is that of what decides."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.compare.evidence import Evidence
from stream.judge.score import Standing, grade, harm_share
from stream.outputs import State as Label
from stream.plan import Plan
from stream.policy import MetricRule
from stream.quantity import Tolerance
from tests.core_helpers import close_to, plan_of
from tests.judge_helpers import found, stick

A, B, C = MetricRule("a"), MetricRule("b"), MetricRule("c")


def graded(plan: Plan, labels: list[Label], *evidence: Evidence) -> Standing:
    sticks = {i: stick(rule) for i, rule in enumerate(plan.rules)}
    return grade(plan, labels, {one.rule: one for one in evidence}, sticks)


def harmed(plan: Plan, rule: int, share: float) -> Evidence:
    """A metric that is this far on its way to worse, by evidence; its size is beyond the gate."""
    return found(rule, harm=share * plan.need[rule], effect=10.0)


def test_metrics_without_harm_score_100() -> None:
    plan = plan_of(A, B)
    standing = graded(plan, ["pass", "undecided"], found(0), found(1, harm=-3.0, effect=-1.0))
    assert (standing.score, standing.groups) == (100.0, {"metrics": 100.0})


def test_a_deciding_metric_that_is_worse_makes_the_score_0() -> None:
    plan = plan_of(MetricRule("a", critical=True), B, C)
    standing = graded(plan, ["worse", "pass", "pass"], harmed(plan, 0, 1), found(1), found(2))
    assert standing.score == 0
    assert standing.groups == {"metrics": pytest.approx(100 * (1 - 5 / 9))}


def test_another_metric_that_is_worse_counts_0_in_its_group() -> None:
    plan = plan_of(MetricRule("a", critical=True), B, C)
    standing = graded(plan, ["pass", "worse", "pass"], found(0), harmed(plan, 1, 5), found(2))
    assert standing.score == pytest.approx(100 * (1 - 2 / 9))


def test_the_score_moves_with_the_evidence_between_the_end_points() -> None:
    plan = plan_of(MetricRule("a", critical=True), B)
    scores = [
        graded(plan, ["undecided", "pass"], harmed(plan, 0, share), found(1)).score for share in (0.0, 0.25, 0.5, 0.99)
    ]
    assert scores == [pytest.approx(100 * (1 - 5 / 7 * share)) for share in (0.0, 0.25, 0.5, 0.99)]


@pytest.mark.parametrize(
    ("effect", "harm", "share"),
    [
        (1.0, 1.0, 1.0),
        (9.0, 9.0, 1.0),
        (0.5, 1.0, 0.5),
        (0.5, 100.0, 0.5),
        (1.0, 0.25, 0.25),
        (0.9, 0.25, 0.25),
        (0.0, 100.0, 0.0),
        (-1.0, 100.0, 0.0),
        (1.0, -1.0, 0.0),
    ],
)
def test_harm_is_the_lesser_of_evidence_and_size(effect: float, harm: float, share: float) -> None:
    """A certain difference that is tolerated never counts whole."""
    plan, gate = plan_of(A), stick(A).gate
    evidence = found(0, effect=effect * gate, harm=harm * plan.need[0])
    assert harm_share(plan, 0, evidence, stick(A)) == pytest.approx(share)


@given(st.floats(0, 0.999), st.floats(0, 1e6))
def test_a_tolerated_difference_never_makes_the_score_0(size: float, harm: float) -> None:
    plan = plan_of(A)
    score = graded(plan, ["undecided"], found(0, effect=size * stick(A).gate, harm=harm)).score
    assert score is not None
    assert score >= 100 * (1 - size) - 1e-9


def test_without_a_tolerance_any_harmful_estimate_has_its_full_size() -> None:
    rule = MetricRule("a", tolerate=Tolerance(0.0, "%"), promote=Tolerance(0.1, "%"))
    plan = plan_of(rule)
    shares = [
        harm_share(plan, 0, found(0, effect=effect, harm=plan.need[0]), stick(rule)) for effect in (0.01, 0.0, -0.01)
    ]
    assert shares == [1.0, 1.0, 0.0]


def test_groups_weigh_as_the_policy_says_and_metrics_inside_them_too() -> None:
    rules = (
        MetricRule("a", group="latency", weight=3, critical=True),
        MetricRule("b", group="latency", weight=1),
        MetricRule("c", group="load", weight=7),
        MetricRule("d", group="load", weight=7),
    )
    plan = plan_of(*rules, groups={"latency": 2.0})
    standing = graded(
        plan,
        ["undecided", "undecided", "undecided", "pass"],
        harmed(plan, 0, 0.5),
        harmed(plan, 1, 0.9),
        harmed(plan, 2, 0.2),
        found(3),
    )
    latency, load = 100 * (1 - (3 * 0.5 + 0.9) / 4), 100 * (1 - 0.2 / 2)
    assert close_to(standing.groups["latency"], latency)
    assert close_to(standing.groups["load"], load)
    assert close_to(standing.score or 0, (2 * latency + load) / 3)


def test_a_muted_metric_has_no_say() -> None:
    plan = plan_of(A, MetricRule("b", muted=True))
    standing = graded(plan, ["pass", "worse"], found(0, safe=9.0), harmed(plan, 1, 9))
    assert (standing.score, standing.confidence, standing.groups) == (100.0, 1.0, {"metrics": 100.0})


@pytest.mark.parametrize("label", ["no_data", "error"])
def test_a_metric_without_data_leaves_the_mean(label: Label) -> None:
    plan = plan_of(MetricRule("a", critical=True), B, C)
    standing = graded(plan, ["pass", label, "undecided"], found(0), harmed(plan, 1, 9), harmed(plan, 2, 0.5))
    assert standing.score == pytest.approx(100 * (1 - 2 / 7 * 0.5))


@pytest.mark.parametrize(("weight", "defined"), [(2, False), (2.1, True), (1, False)])
def test_the_score_is_undefined_while_half_of_the_weight_has_no_data(weight: float, defined: bool) -> None:
    plan = plan_of(MetricRule("a", weight=weight), MetricRule("b", weight=1), MetricRule("c", weight=1))
    standing = graded(plan, ["pass", "no_data", "error"], found(0), found(1))
    assert (standing.score is not None) == defined
    assert standing.groups == {"metrics": 100.0}


def test_without_any_data_there_is_no_score() -> None:
    standing = graded(plan_of(A, B), ["no_data", "no_data"])
    assert standing == Standing(None, 0.0, {})


@pytest.mark.parametrize(
    ("harm", "safe", "confidence"),
    [(0.0, 0.0, 0.0), (0.5, 0.2, 0.5), (0.2, 0.5, 0.5), (3.0, 0.0, 1.0), (0.0, 3.0, 1.0), (-2.0, -3.0, 0.0)],
)
def test_confidence_is_how_much_is_known_either_way(harm: float, safe: float, confidence: float) -> None:
    plan = plan_of(A)
    evidence = found(0, harm=harm * plan.need[0], safe=safe * plan.need_safe)
    assert graded(plan, ["undecided"], evidence).confidence == pytest.approx(confidence)


def test_confidence_is_the_least_over_the_metrics_that_decide() -> None:
    plan = plan_of(MetricRule("a", critical=True), MetricRule("b", critical=True), C)
    known = found(0, safe=0.8 * plan.need_safe), found(1, safe=0.3 * plan.need_safe), found(2)
    assert graded(plan, ["undecided"] * 3, *known).confidence == pytest.approx(0.3)


@pytest.mark.parametrize("label", ["no_data", "error"])
def test_confidence_is_0_while_a_deciding_metric_has_no_data(label: Label) -> None:
    plan = plan_of(MetricRule("a", critical=True), MetricRule("b", critical=True), C)
    known = found(0, safe=9.0), found(1, safe=9.0), found(2, safe=9.0)
    assert graded(plan, ["pass", label, "pass"], *known).confidence == 0
    assert graded(plan, ["pass", "pass", label], *known).confidence == 1


def test_what_is_certain_but_tolerated_takes_nothing() -> None:
    plan, evidence = plan_of(MetricRule("m")), Evidence(0, harm=50.0, safe=50.0, effect=0.04)
    assert grade(plan, ["pass"], {0: evidence}, {0: stick(MetricRule("m"))}).score == 100
    assert grade(plan, ["undecided"], {0: evidence}, {0: stick(MetricRule("m"))}).score == pytest.approx(18, abs=1)
