"""Rollout files: what is read, what is relaxed, and one helpful line for every mistake."""

import re
from math import isclose, log1p
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.compare.yardstick import yardstick
from stream.document.doubts import doubts
from stream.document.effective import effective
from stream.document.parse import parse_document
from stream.document.rollout import read_rollout, write_rollout
from stream.document.rules import stated_kind
from stream.errors import PolicyError
from stream.policy import VIEWS, Kind, MetricRule, Policy, usual_tolerance
from stream.quantity import Duration, Instant, Tolerance, Unit
from stream.rollout import Rollout, Selector, fingerprint

EXAMPLE = """\
app: checkout
baseline: {version: 2.4.0}
canary: {version: 2.4.1}
metrics:
  - name: http.server.request.duration
    worse: higher
    tolerate: 5%
    critical: true
  - name: http.server.errors
    of: http.server.requests
    tolerate: 25%
    critical: true
  - name: process.cpu.utilization
    worse: higher
    tolerate: 2pp
    group: saturation
"""
TOP = (
    "id, app, env, baseline, canary, from, until, metrics, name, version, pane, lateness, warmup, bake_time, deadline,"
    " alpha, alpha_promote, pass, marginal, n_min, min_panes, restart_weight, groups, promote_without_harm"
)
METRIC = "name, title, kind, of, worse, tolerate, promote, margin, critical, muted, weight, group, views, scale, spread"
DURATION = "a duration is a number and a unit, such as 10s, 5m or 2h"
JARGON = re.compile(r"Expected `\w+|expected \w+, got \w|Invalid enum|Object (contains|missing)|- at `\$")
"""What msgspec says of mistakes, which nobody should have to read."""
QUOTES = 'must be in quotes: without them "1.1" and "1.10" are one number'


def top(**fields: object) -> dict[str, object]:
    return {"app": "shop", "metrics": ["latency"], **fields}


def metric(**fields: object) -> dict[str, object]:
    return top(metrics=[{"name": "latency", **fields}])


def cohorts(**fields: object) -> dict[str, object]:
    return top(**{"baseline": {"version": "1"}, "canary": {"version": "2"}} | fields)


def message(document: dict[str, object]) -> str:
    with pytest.raises(PolicyError) as caught:
        read_rollout(document)
    return str(caught.value)


def test_the_example() -> None:
    rollout = read_rollout(parse_document(EXAMPLE, "rollout.yaml"))
    assert rollout == Rollout(
        id="checkout-2.4.1",
        app="checkout",
        policy=Policy(
            (
                MetricRule("http.server.request.duration", tolerate=Tolerance(0.05, "%"), critical=True),
                MetricRule(
                    "http.server.errors", of="http.server.requests", tolerate=Tolerance(0.25, "%"), critical=True
                ),
                MetricRule("process.cpu.utilization", tolerate=Tolerance(0.02, "pp"), group="saturation"),
            )
        ),
        baseline=Selector(version="2.4.0"),
        canary=Selector(version="2.4.1"),
    )


def test_a_nested_policy_says_the_same() -> None:
    flat = top(env="prod", pane="5s", alpha=0.01)
    nested = {"app": "shop", "env": "prod", "policy": {"metrics": ["latency"], "pane": "5s", "alpha": 0.01}}
    assert read_rollout(flat) == read_rollout(nested)


def test_short_forms() -> None:
    rollout = read_rollout(
        {
            "app": "shop",
            "baseline": {"version": 1, "labels": {"stable": True, "wave": 0}},
            "canary": {"instances": "shop-canary-*"},
            "metrics": ["latency", {"name": "errors", "of": "requests"}],
        }
    )
    assert rollout.baseline == Selector(version="1", labels={"stable": "true", "wave": "0"})
    assert rollout.canary == Selector(instances=("shop-canary-*",))
    assert [rule.name for rule in rollout.policy.metrics] == ["latency", "errors"]


@pytest.mark.parametrize(
    ("document", "made"),
    [
        (top(), "shop"),
        (cohorts(), "shop-2"),
        (cohorts(app="my shop/eu"), "my-shop-eu-2"),
        (cohorts(app="x" * 256), "x" * 200),
        (cohorts(id="given"), "given"),
        (top(baseline={"version": "1"}, canary={"instances": "c-*"}), "shop"),
    ],
)
def test_ids(document: dict[str, object], made: str) -> None:
    assert read_rollout(document).id == made


MISTAKES: list[tuple[dict[str, object], str]] = [
    # missing and unknown fields
    ({}, "app: missing; the app whose telemetry is compared"),
    ({"app": "shop"}, "metrics: missing; what to compare"),
    (top(metrics=[{}]), "metrics[0].name: missing; its name in telemetry"),
    (metric(tolerat="5%"), f'metrics[0].tolerat: unknown field; did you mean "tolerate"? known: {METRIC}'),
    (metric(direction="higher"), f'metrics[0].direction: unknown field; here it is called "worse"; known: {METRIC}'),
    (metric(min_effect="5%"), f'metrics[0].min_effect: unknown field; here it is called "tolerate"; known: {METRIC}'),
    (metric(threshold="5%"), f'metrics[0].threshold: unknown field; here it is called "tolerate"; known: {METRIC}'),
    (metric(pane="10s"), f"metrics[0].pane: unknown field; it belongs at the top of the file; known: {METRIC}"),
    (metric(frobnicate=1), f"metrics[0].frobnicate: unknown field; known: {METRIC}"),
    (top(threshold=90), f'threshold: unknown field; here it is called "pass"; known: {TOP}'),
    (top(bake="5m"), f'bake: unknown field; here it is called "bake_time"; known: {TOP}'),
    (top(bakeTime="5m"), f'bakeTime: unknown field; did you mean "bake_time"? known: {TOP}'),
    (top(warm_up="5m"), f'warm_up: unknown field; did you mean "warmup"? known: {TOP}'),
    (top(interval="5s"), f'interval: unknown field; here it is called "pane"; known: {TOP}'),
    (top(selector={}), f'selector: unknown field; here it is called "baseline"; known: {TOP}'),
    (top(tolerate="5%"), f"tolerate: unknown field; it belongs in an entry of `metrics`; known: {TOP}"),
    (top(pods="a"), f'pods: unknown field; it belongs in `baseline` and `canary`, called "instances"; known: {TOP}'),
    (top(**{"bake time": 1}), f'["bake time"]: unknown field; did you mean "bake_time"? known: {TOP}'),
    (top(**{"a\nb": 1}), f'["a\\nb"]: unknown field; known: {TOP}'),
    (
        cohorts(canary={"pods": ["a"]}),
        'canary.pods: unknown field; here it is called "instances"; known: version, labels, instances',
    ),
    # types and ranges
    (top(alpha=7), "alpha: must be a number over 0 and at most 0.5; got 7"),
    (top(alpha="0.05"), 'alpha: must be a number over 0 and at most 0.5, without quotes; got "0.05"'),
    (top(alpha=True), "alpha: must be a number over 0 and at most 0.5; got true"),
    (top(alpha=None), "alpha: must be a number over 0 and at most 0.5; got null"),
    (top(alpha=float("nan")), "alpha: must be a number over 0 and at most 0.5; got NaN"),
    (top(restart_weight=1), "restart_weight: must be a number from 0 and under 1; got 1"),
    (top(n_min=1.5), "n_min: must be a whole number from 1 to 1000000; got 1.5"),
    (top(version="2.4"), 'version: must be a whole number from 1, without quotes; got "2.4"'),
    (top(**{"pass": 101}), "pass: must be a number from 0 to 100; got 101"),
    (top(pane=10), f"pane: {DURATION}; got 10"),
    (top(deadline=""), f'deadline: {DURATION}; got ""'),
    (
        top(**{"from": "2024-11-22"}),
        'from: a time is milliseconds since 1970 or ISO 8601 with a zone (2024-11-22T18:31:10Z); got "2024-11-22"',
    ),
    (top(metrics=[]), "metrics: must be a list of 1 to 200 entries; got []"),
    (top(metrics={"a": 1}), 'metrics: must be a list of 1 to 200 entries; got {"a": 1}'),
    (top(metrics=[3]), "metrics[0]: must be a mapping of fields such as `name`; got 3"),
    (top(metrics=[""]), 'metrics[0].name: must be text of 1 to 256 characters; got ""'),
    (metric(critical="yes"), 'metrics[0].critical: must be true or false, without quotes; got "yes"'),
    (metric(weight=0), "metrics[0].weight: must be a number over 0 and at most 1000; got 0"),
    (
        metric(worse="increase"),
        'metrics[0].worse: must be "either", "higher" or "lower" (did you mean "higher"?); got "increase"',
    ),
    (
        metric(kind="gage"),
        'metrics[0].kind: must be "distribution", "gauge", "rate" or "ratio" (did you mean "gauge"?); got "gage"',
    ),
    (metric(views=["p99", 5]), 'metrics[0].views[1]: must be "mean", "p50", "p95" or "p99"; got 5'),
    (metric(views=[]), "metrics[0].views: must be a list of 1 or more entries; got []"),
    (
        metric(tolerate="5pc"),
        'metrics[0].tolerate: a tolerance is 5% (of baseline), 2pp (points of a share) or a number from 0; got "5pc"',
    ),
    (top(groups={"a.b": "x"}), 'groups["a.b"]: must be a number over 0 and at most 1000, without quotes; got "x"'),
    (top(id="a b"), 'id: must be text without white space, `/` and `@`; got "a b"'),
    (top(id="a\n"), 'id: must be text without white space, `/` and `@`; got "a\\n"'),
    (top(id=None), "id: must be text of 1 to 200 characters; got null"),
    (top(app=3), "app: must be text of 1 to 256 characters, in quotes; got 3"),
    (top(baseline="2.4.0"), 'baseline: must be a mapping of fields such as `version`; got "2.4.0"'),
    (cohorts(canary={"version": 2.4}), f"canary.version: {QUOTES}; got 2.4"),
    (cohorts(canary={"version": True}), "canary.version: must be text of 1 to 256 characters, in quotes; got true"),
    (cohorts(canary={"labels": {"a": 1.5}}), f"canary.labels.a: {QUOTES}; got 1.5"),
    (cohorts(canary={"labels": {"a": None}}), "canary.labels.a: must be text; got null"),
    (cohorts(canary={"labels": ["a"]}), 'canary.labels: must be a mapping; got ["a"]'),
    (cohorts(canary={"instances": [1]}), "canary.instances[0]: must be text, in quotes; got 1"),
    # a nested policy
    ({"app": "shop", "policy": None}, "policy: must be a mapping of the policy's fields; got null"),
    ({"app": "shop", "policy": {}}, "metrics: missing; what to compare"),
    (
        top(policy={"metrics": ["a"]}),
        "metrics: stands beside `policy`; put it inside, or all of the policy's fields beside it",
    ),
    (
        {"policy": {"app": "shop", "metrics": ["a"]}},
        "policy.app: belongs to the rollout; put it beside `policy`",
    ),
    # cohorts
    (
        top(baseline={"version": "1"}),
        "canary: missing, though `baseline` is given; give both, or neither if messages name their cohort",
    ),
    (
        top(canary={"version": "1"}),
        "baseline: missing, though `canary` is given; give both, or neither if messages name their cohort",
    ),
    (cohorts(baseline={}), "baseline: selects every sample; give it a `version`, `labels` or `instances`"),
    (cohorts(canary={"version": 1}), "canary: baseline and canary select the same samples"),
    # times
    (top(pane="500ms"), "pane: must be 1s to 1h; got 500ms"),
    (top(pane="2h"), "pane: must be 1s to 1h; got 2h"),
    (top(lateness="2h"), "lateness: must be 0s to 1h; got 2h"),
    (top(warmup="2d"), "warmup: must be 0s to 1d; got 2d"),
    (
        top(deadline="5m", bake_time="6m"),
        "bake_time: must be at most the deadline (5m), or nothing is ever promoted; it is 6m",
    ),
    (top(deadline="5s", bake_time="0s"), "deadline: must be at least one pane (10s); it is 5s"),
    (
        top(**{"from": "2024-11-22T18:31:11Z"}),
        "from: must be the start of a 10s pane, such as 2024-11-22T18:31:10Z or 2024-11-22T18:31:20Z;"
        " got 2024-11-22T18:31:11Z",
    ),
    (
        top(**{"from": 1732300270000, "until": 1732300270000}),
        "until: must be after `from` (2024-11-22T18:31:10Z); got 2024-11-22T18:31:10Z",
    ),
    # metrics
    (top(metrics=["a", "b", "a"]), 'metrics[2].name: "a" is already the name of metrics[0]'),
    (metric(muted=True), "metrics: all are muted, so that nothing can abort or promote; unmute one"),
    (metric(muted=True, critical=True), "metrics[0].muted: a critical metric cannot be muted; drop one of the two"),
    (metric(of="latency"), "metrics[0].of: the metric that counts the trials must be another one"),
    (metric(of="all", kind="rate"), 'metrics[0].of: only a ratio has it; got kind "rate"'),
    (metric(of="all", views=["p50"]), "metrics[0].views: only a distribution has them; this is a ratio"),
    (metric(kind="gauge", views=["p50"]), "metrics[0].views: only a distribution has them; this is a gauge"),
    (metric(views=["p50", "p50"]), "metrics[0].views: each at most once; got p50, p50"),
    (metric(kind="rate", scale="log"), "metrics[0].scale: only a gauge has it; this is a rate"),
    (metric(of="all", scale="raw"), "metrics[0].scale: only a gauge has it; this is a ratio"),
    # tolerances
    (
        metric(scale="raw", tolerate="5%"),
        "metrics[0].tolerate: values are compared in pp or in the metric's unit, such as 2pp; got 5%",
    ),
    (
        metric(scale="log", spread="5pp"),
        "metrics[0].spread: logarithms are compared in % of the baseline, such as 5%; got 5pp",
    ),
    (
        metric(of="all", promote="5pp"),
        "metrics[0].promote: a ratio is compared in % of the baseline, such as 5%; got 5pp",
    ),
    (
        metric(kind="distribution", tolerate=5),
        "metrics[0].tolerate: a distribution is compared in % of the baseline, such as 5%; got 5",
    ),
    (
        metric(tolerate=5),
        "metrics[0].tolerate: needs % of the baseline or pp; for a number in the metric's unit add `kind: gauge`;"
        " got 5",
    ),
    (
        metric(kind="gauge", tolerate="5%", margin="1pp"),
        "metrics[0].tolerate: this metric has other tolerances in pp or in its unit; all need the same; got 5%",
    ),
    (
        metric(worse="lower", tolerate="100%"),
        "metrics[0].tolerate: nothing falls by 100% or more, so that everything is tolerated; must be under 100%;"
        " got 100%",
    ),
    (metric(spread="0%"), "metrics[0].spread: must be over 0; without one it is learned"),
    (metric(tolerate="5%", promote="4%"), "metrics[0].promote: must be at least `tolerate` (5%); got 4%"),
    (metric(promote="4%"), "metrics[0].promote: must be at least `tolerate` (5%, the default); got 4%"),
    (metric(promote="1pp"), "metrics[0].promote: must be at least `tolerate` (2pp, the default); got 1pp"),
    (metric(of="all", promote="20%"), "metrics[0].promote: must be at least `tolerate` (25%, the default); got 20%"),
    # the score
    (top(**{"pass": 70}), "marginal: must be at most `pass` (70); it is 75"),
    (top(groups={"cpu": 2}), 'groups: no metric is in group "cpu"; the groups are metrics'),
]


@pytest.mark.parametrize(("document", "words"), MISTAKES, ids=range(len(MISTAKES)))
def test_mistakes(document: dict[str, object], words: str) -> None:
    assert message(document) == words


JSON_LIKE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["5%", "10s", "p99", "higher"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text() | st.sampled_from([*METRIC.split(", "), "version", "labels", "instances"]), inner)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.text() | st.sampled_from([*TOP.split(", "), "policy"]), JSON_LIKE))
def test_any_mapping_is_a_rollout_or_a_policy_error(document: dict[str, object]) -> None:
    check_anything(document)


@given(st.sampled_from(TOP.split(", ")), JSON_LIKE)
def test_any_value_of_a_field_is_taken_or_a_policy_error(name: str, value: object) -> None:
    check_anything(cohorts() | {name: value})


@given(st.sampled_from(METRIC.split(", ")), JSON_LIKE)
def test_any_value_of_a_metrics_field_is_taken_or_a_policy_error(name: str, value: object) -> None:
    check_anything(metric(**{name: value}))


def check_anything(document: dict[str, object]) -> None:
    words = ""
    try:
        rollout = read_rollout(document)
        assert read_rollout(write_rollout(rollout)) == rollout
    except PolicyError as error:
        words = str(error)
    assert words.isprintable()
    assert not words or ": " in words
    assert not JARGON.search(words)


NAMES = st.text(min_size=1, max_size=20)
SOME_MS = st.integers(0, 86_400_000).map(Duration)


@st.composite
def rules(draw: st.DrawFn, name: str) -> MetricRule:
    kind: Kind | None = draw(st.sampled_from([None, "distribution", "ratio", "rate", "gauge"]))
    scale: Literal["log", "raw"] | None = draw(st.sampled_from([None, "log", "raw"])) if kind == "gauge" else None
    units: list[Unit] = (
        ["pp", ""] if scale == "raw" else ["%"] if scale == "log" or kind != "gauge" else ["%", "pp", ""]
    )
    unit: Unit = draw(st.sampled_from(units))
    amounts = st.floats(0.001, 0.9).map(lambda amount: Tolerance(amount, unit))
    tolerate = draw(st.none() | amounts)
    muted = draw(st.booleans()) and name != "first"
    return MetricRule(
        name=name,
        title=draw(st.none() | st.text()),
        kind=kind,
        of=draw(st.none() | st.just("all")) if kind in (None, "ratio") else None,
        worse=draw(st.sampled_from(["higher", "lower", "either"])),
        tolerate=tolerate,
        promote=tolerate and Tolerance(draw(st.floats(tolerate.amount, 0.95)), unit),
        margin=draw(st.none() | amounts),
        critical=draw(st.booleans()) and not muted,
        muted=muted,
        weight=draw(st.none() | st.floats(0.1, 1000)),
        group=draw(st.sampled_from(["metrics", "saturation"])),
        views=tuple(draw(st.sets(st.sampled_from(VIEWS), min_size=1))) if kind == "distribution" else None,
        scale=scale,
        spread=draw(st.none() | amounts),
    )


@st.composite
def rollouts(draw: st.DrawFn) -> Rollout:
    pane = Duration(draw(st.integers(1000, 3_600_000)))
    deadline = draw(st.none() | st.integers(pane.ms, 366 * 86_400_000).map(Duration))
    start = draw(st.none() | st.integers(0, 10**9 // pane.ms).map(lambda i: Instant(i * pane.ms)))
    metrics = (draw(rules("first")), *(draw(rules(f"metric {i}")) for i in range(draw(st.integers(0, 3)))))
    marginal = draw(st.floats(0, 100))
    selectors = draw(st.booleans())
    return Rollout(
        id=draw(st.from_regex(r"[^/\s@]{1,20}", fullmatch=True)),
        app=draw(NAMES),
        policy=Policy(
            metrics=metrics,
            name=draw(NAMES),
            version=draw(st.integers(1, 10**9)),
            pane=pane,
            lateness=Duration(draw(st.integers(0, 3_600_000))),
            warmup=draw(SOME_MS),
            bake_time=Duration(draw(st.integers(0, deadline.ms if deadline else 10**9))),
            deadline=deadline,
            alpha=draw(st.floats(1e-9, 0.5)),
            alpha_promote=draw(st.floats(1e-9, 0.5)),
            pass_=draw(st.floats(marginal, 100)),
            marginal=marginal,
            n_min=draw(st.integers(1, 10**6)),
            min_panes=draw(st.integers(1, 1000)),
            restart_weight=draw(st.floats(0, 0.99)),
            groups=draw(st.dictionaries(st.sampled_from([rule.group for rule in metrics]), st.floats(0.1, 1000))),
            promote_without_harm=draw(st.booleans()),
        ),
        env=draw(st.none() | st.text()),
        baseline=Selector(version=draw(NAMES)) if selectors else None,
        canary=Selector(labels={draw(NAMES): draw(st.text())}, instances=("a", "b-*")) if selectors else None,
        from_=start,
        until=draw(st.none() | st.integers(1, 10**9).map(lambda ms: Instant((start.ms if start else 0) + ms))),
    )


@given(rollouts(), st.booleans())
def test_a_written_rollout_is_read_back(rollout: Rollout, defaults: bool) -> None:
    again = read_rollout(write_rollout(rollout, defaults=defaults))
    assert again == rollout
    assert fingerprint(again.policy) == fingerprint(rollout.policy)


@given(rollouts())
def test_what_is_read_can_be_judged_if_its_messages_are_of_its_kind(rollout: Rollout) -> None:
    for rule in rollout.policy.metrics:
        kind = stated_kind(rule) or ("distribution" if rule.tolerate is None or rule.tolerate.relative else "gauge")
        assert not isinstance(yardstick(rule, kind, "1" if kind == "gauge" else "ms"), str)


@given(rollouts())
def test_the_effective_policy_of_any_rollout(rollout: Rollout) -> None:
    found = effective(rollout)
    shares = [metric.share for metric in found.metrics if metric.share is not None]
    assert isclose(sum(shares), 1.0, rel_tol=1e-6)
    assert [metric.name for metric in found.metrics if metric.deciding] == [r.name for r in rollout.policy.deciding]
    assert all(text.isprintable() for text in found.doubts)


@pytest.mark.parametrize("kind", ["distribution", "ratio", "rate", "gauge"])
def test_defaults_are_those_of_the_judge(kind: Kind) -> None:
    shown = effective(read_rollout(top(metrics=[{"name": "x", "kind": kind}]))).metrics[0]
    stick = yardstick(MetricRule("x", kind=kind), kind, "By" if kind == "gauge" else "ms")
    assert not isinstance(stick, str)
    tolerate = usual_tolerance(kind, "%")
    assert isclose(stick.gate, log1p(tolerate.amount))
    assert isclose(stick.promote, log1p(2 * tolerate.amount))
    assert shown.tolerate.split(" or ")[0] == str(tolerate)
    assert shown.promote.split(" or ")[0] == str(Tolerance(round(2 * tolerate.amount, 12), "%"))


def test_defaults_of_utilisations_are_those_of_the_judge() -> None:
    shown = effective(read_rollout(top(metrics=[{"name": "x", "kind": "gauge"}]))).metrics[0]
    stick = yardstick(MetricRule("x", kind="gauge"), "gauge", "1")
    assert not isinstance(stick, str)
    assert (stick.gate, stick.promote) == (0.02, 0.05)
    assert (shown.tolerate, shown.promote) == ("5% or 2pp", "10% or 5pp")


def test_a_fingerprint_tells_policies_apart_not_spellings() -> None:
    plain = read_rollout(top()).policy
    spelled = read_rollout(
        top(pane="10000ms", alpha=0.05, deadline="60m", metrics=[{"name": "latency", "views": None}])
    )
    assert fingerprint(plain) == fingerprint(spelled.policy)
    assert fingerprint(plain) != fingerprint(read_rollout(top(alpha=0.04)).policy)
    assert fingerprint(plain) != fingerprint(read_rollout(metric(critical=True)).policy)


def test_an_ordinary_rollout_is_not_doubted() -> None:
    assert doubts(read_rollout(parse_document(EXAMPLE, "rollout.yaml"))) == []


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (top(), "baseline, canary: neither is given, so only messages that name their `cohort` count"),
        (cohorts(pane="1s"), "n_min: 20 samples an instance in 1s is a lot"),
        (cohorts(lateness="0s"), "lateness: 0s drops every sample that arrives after a newer pane has begun"),
        (cohorts(deadline=None), "deadline: without it and without `until`"),
        (cohorts(warmup="1h"), "warmup: 1h of every instance do not count, and the deadline is 1h"),
        (cohorts(min_panes=1000), "min_panes: 1000 panes of 10s reach the deadline (1h)"),
        (cohorts(alpha=0.2), "alpha: up to 20% of healthy canaries may be aborted"),
        (cohorts(alpha_promote=0.2), "alpha_promote: up to 20% of canaries that are too bad may be promoted"),
        (cohorts(promote_without_harm=True), "promote_without_harm: at the deadline"),
        (cohorts(metrics=["orders.placed"]), 'metrics[0].worse: "orders.placed" sounds as if lower were worse'),
        (cohorts(metrics=[{"name": "x", "tolerate": "0%"}]), "metrics[0].tolerate: 0% makes any difference"),
        (cohorts(metrics=[{"name": "x", "scale": "raw"}]), "metrics[0].scale: without `tolerate` and `spread`"),
    ],
)
def test_doubts(document: dict[str, object], words: str) -> None:
    (doubt,) = doubts(read_rollout(document))
    assert doubt.startswith(words)


@pytest.mark.parametrize(
    ("baseline", "canary", "overlap"),
    [
        ({"version": "1"}, {"version": "2"}, False),
        ({"version": "1"}, {"labels": {"track": "canary"}}, True),
        ({"labels": {"track": "stable"}}, {"labels": {"track": "canary"}}, False),
        ({"labels": {"a": "1"}}, {"labels": {"b": "1"}}, True),
        ({"instances": ["a", "b"]}, {"instances": ["c"]}, False),
        ({"instances": ["a-*"]}, {"instances": ["a-canary-1"]}, True),
        ({"instances": ["stable-*"]}, {"instances": ["canary-*"]}, False),
        ({"instances": ["*-stable"]}, {"instances": ["*-canary"]}, False),
        ({"instances": ["shop-*"]}, {"instances": ["shop-canary-*"]}, True),
    ],
)
def test_cohorts_that_overlap_are_doubted(
    baseline: dict[str, object], canary: dict[str, object], overlap: bool
) -> None:
    found = doubts(read_rollout(top(baseline=baseline, canary=canary)))
    assert any("one sample can match both" in doubt for doubt in found) is overlap
