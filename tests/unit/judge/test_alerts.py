"""Alerts fire, hold by hysteresis, and resolve; each is keyed by what it is about."""

from collections.abc import Sequence

import pytest

from stream.compare.evidence import Evidence, Outlier
from stream.judge.alerts import Notice, notices, resolve_all
from stream.judge.clean import Cells
from stream.judge.score import Standing
from stream.judge.verdict import Situation
from stream.outputs import State as Label
from stream.plan import Plan
from stream.policy import MetricRule
from stream.state import Firing, State
from tests.core_helpers import PANE, plan_of
from tests.judge_helpers import found, situation, state_of, stick

RULE, OTHER = MetricRule("latency"), MetricRule("cpu", muted=True)
GATE = stick(RULE).gate


class Watch:
    """A state whose alerts are watched over panes."""

    def __init__(self, *rules: MetricRule) -> None:
        self.plan: Plan = plan_of(*(rules or (RULE,)))
        self.state: State = state_of(self.plan)
        self.pane = 0

    def see(
        self,
        *evidence: Evidence,
        labels: Sequence[Label] = ("undecided",),
        score: float | None = 100.0,
        cells: Cells | None = None,
        alive: bool = True,
    ) -> list[Notice]:
        """What begins and ends in the next pane."""
        self.pane += 1
        if alive:
            self.state.feeds[0].last = self.state.feeds[1].last = self.pane
        return notices(self.situation(*evidence, labels=labels, score=score), cells or Cells(), self.pane)

    def situation(
        self, *evidence: Evidence, labels: Sequence[Label] = ("undecided",), score: float | None = 100.0
    ) -> Situation:
        standing = Standing(score, 1.0, {})
        known = {one.rule: one for one in evidence}
        return situation(self.plan, self.state, labels, known, pane=self.pane, standing=standing)


def told(found: list[Notice]) -> list[tuple[str, bool]]:
    return [(notice.key, notice.firing) for notice in found]


def evidence(watch: Watch, harm: float, size: float) -> Evidence:
    """Harm as a share of its need, effect as one of the gate."""
    return found(harm=harm * watch.plan.need[0], effect=size * GATE)


def test_nothing_fires_while_nothing_happens() -> None:
    watch = Watch()
    assert all(watch.see(found(safe=9.0), labels=["pass"]) == [] for _ in range(20))
    assert watch.state.firing == {}


def test_a_divergence_fires_once_and_holds_while_half_of_it_is_there() -> None:
    watch = Watch()
    first = watch.see(evidence(watch, 1.0, 1.0), labels=["worse"])
    assert told(first) == [("divergence:0", True)]
    assert first[0].since == 2 * PANE
    assert first[0].metric == "latency"
    assert watch.see(evidence(watch, 2.0, 2.0), labels=["worse"]) == []
    assert watch.see(evidence(watch, 0.5, 0.5)) == []
    last = watch.see(evidence(watch, 0.49, 0.5))
    assert told(last) == [("divergence:0", False)]
    assert last[0].since == first[0].since
    assert watch.state.firing == {}


@pytest.mark.parametrize(("harm", "size", "holds"), [(0.5, 0.5, True), (0.49, 9.0, False), (9.0, 0.49, False)])
def test_a_divergence_holds_by_evidence_and_size(harm: float, size: float, holds: bool) -> None:
    watch = Watch()
    watch.see(evidence(watch, 1.0, 1.0), labels=["worse"])
    assert (watch.see(evidence(watch, harm, size)) == []) == holds


def test_a_divergence_does_not_fire_on_what_would_hold_it() -> None:
    watch = Watch()
    assert watch.see(evidence(watch, 0.99, 9.0)) == []


def test_a_divergence_gives_way_to_an_error() -> None:
    watch = Watch()
    watch.see(evidence(watch, 1.0, 1.0), labels=["worse"])
    watch.state.metrics[0].error = "the canary reports it in s, others in ms"
    found = watch.see(evidence(watch, 1.0, 1.0), labels=["error"])
    assert sorted(told(found)) == [("divergence:0", False), ("judge_error:0", True)]
    assert told(watch.see(evidence(watch, 0.0, 0.0))) == [("judge_error:0", False)]


@pytest.mark.parametrize(
    ("scores", "firing"),
    [
        ((100.0, 74.9), [True]),
        ((75.0,), []),
        ((74.9, 94.9, 80.0), [True]),
        ((74.9, 95.0), [True, False]),
        ((74.9, None), [True, False]),
        ((None,), []),
    ],
)
def test_a_low_score_alerts_until_it_passes(scores: tuple[float | None, ...], firing: list[bool]) -> None:
    watch = Watch()
    seen = [notice for score in scores for notice in watch.see(found(), score=score)]
    assert [notice.firing for notice in seen] == firing
    assert {notice.key for notice in seen} <= {"divergence"}
    assert all(notice.kind == "divergence" and notice.metric is None for notice in seen)


def outlying(watch: Watch, share: float, instance: int = 2) -> Evidence:
    return found(outlier=Outlier(share * watch.plan.need[0], instance, 0.7, (-0.01, 0.02)))


def test_an_outlier_fires_holds_and_resolves() -> None:
    watch = Watch()
    first = watch.see(outlying(watch, 1.0))
    assert told(first) == [("instance_outlier:0", True)]
    assert (first[0].kind, first[0].metric, first[0].instance) == ("instance_outlier", "latency", "canary-1")
    assert watch.see(outlying(watch, 0.5)) == []
    last = watch.see(outlying(watch, 0.49))
    assert (last[0].firing, last[0].instance) == (False, "canary-1")


def test_an_outlier_that_is_gone_resolves() -> None:
    watch = Watch()
    watch.see(outlying(watch, 1.0))
    assert told(watch.see(found())) == [("instance_outlier:0", False)]


def test_silence_fires_and_resolves_without_hysteresis() -> None:
    watch = Watch()
    watch.see(found())
    seen = [told(watch.see(found(), alive=False)) for _ in range(4)]
    assert seen == [[], [], [("no_data", True)], []]
    assert told(watch.see(found())) == [("no_data", False)]


def test_instances_in_both_cohorts_and_too_many_are_told() -> None:
    watch = Watch()
    cells = Cells()
    cells.both, cells.crowded = ["a", "b", "c", "d"], True
    seen = watch.see(found(), cells=cells)
    assert told(seen) == [("cohort_mismatch", True), ("judge_error", True)]
    assert seen[0].text == (
        "a, b, c and 1 more reported as baseline and as canary at once; these samples are kept out. Mend the selectors."
    )
    assert seen[1].text.startswith("More than 1000 instances report for this rollout;")
    assert told(watch.see(found())) == [("cohort_mismatch", False), ("judge_error", False)]


def test_the_names_of_instances_are_told_as_they_are() -> None:
    cells = Cells()
    cells.both = ["100%s{}"]
    assert Watch().see(found(), cells=cells)[0].text.startswith("100%s{} reported as baseline")


def test_a_muted_metric_raises_no_alert() -> None:
    watch = Watch(RULE, OTHER)
    one = found(1, harm=99.0, effect=9.0, outlier=Outlier(99.0, 1, 0.7, (0.0, 0.0)))
    assert watch.see(found(), one, labels=["pass", "worse"]) == []
    assert watch.see(found(), one, labels=["pass", "error"]) == []


def test_metrics_alert_by_themselves() -> None:
    watch = Watch(RULE, MetricRule("memory"))
    bad = found(1, harm=99.0, effect=9.0)
    assert told(watch.see(found(0), bad, labels=["pass", "worse"])) == [("divergence:1", True)]
    both = [found(0, harm=99.0, effect=9.0), bad]
    assert told(watch.see(*both, labels=["worse", "worse"])) == [("divergence:0", True)]


def test_all_that_fires_is_resolved_in_the_order_of_keys() -> None:
    watch = Watch()
    watch.state.firing = {
        "no_data": Firing(3),
        "divergence:0": Firing(1, "latency"),
        "instance_outlier:0": Firing(2, "latency", "canary-1"),
    }
    found = resolve_all(watch.situation())
    assert told(found) == [("divergence:0", False), ("instance_outlier:0", False), ("no_data", False)]
    assert [(notice.since, notice.metric, notice.instance) for notice in found] == [
        (1, "latency", None),
        (2, "latency", "canary-1"),
        (3, None, None),
    ]
    assert [notice.text for notice in found] == [
        "Resolved: divergence of latency.",
        "Resolved: instance outlier of canary-1.",
        "Resolved: no data.",
    ]
    assert watch.state.firing == {}
