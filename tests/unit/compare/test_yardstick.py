"""How rules become settings on the compared scale, and the sentences where they do not fit their messages."""

from math import log

import pytest

from stream.compare.yardstick import Yardstick, yardstick
from stream.policy import Kind, MetricRule
from stream.quantity import Tolerance, parse_tolerance

FIELDS = ("log", "gate", "promote", "margin", "spread", "freedom", "tuning")
COMMON = (0.0, 0.03, 4.0, 0.10)
"""Margin, spread, freedom and tuning on the log scale."""


def rule(**settings: str) -> MetricRule:
    """A rule, with tolerances as people write them."""
    words = {"worse", "scale"}
    return MetricRule("m", **{k: v if k in words else parse_tolerance(v) for k, v in settings.items()})  # type: ignore[arg-type]


TABLE: list[tuple[MetricRule, Kind, str, tuple[float, ...]]] = [
    (rule(), "distribution", "ms", (True, log(1.05), log(1.10), *COMMON)),
    (rule(), "ratio", "", (True, log(1.25), log(1.5), *COMMON)),
    (rule(), "rate", "", (True, log(1.25), log(1.5), *COMMON)),
    (rule(tolerate="10%"), "distribution", "ms", (True, log(1.10), log(1.20), *COMMON)),
    (rule(tolerate="10%", promote="15%"), "distribution", "ms", (True, log(1.10), log(1.15), *COMMON)),
    (rule(promote="15%"), "rate", "", (True, log(1.25), log(1.15), *COMMON)),
    (rule(margin="2%"), "distribution", "ms", (True, log(1.05), log(1.10), log(1.02), 0.03, 4.0, 0.10)),
    (rule(spread="8%"), "distribution", "ms", (True, log(1.05), log(1.10), 0.0, log(1.08), 20.0, 0.10)),
    (rule(worse="lower"), "rate", "", (True, -log(0.75), -log(0.5), *COMMON)),
    (rule(worse="lower", tolerate="60%"), "rate", "", (True, -log(0.4), -log(0.01), *COMMON)),
    (rule(worse="either"), "distribution", "ms", (True, log(1.05), log(1.10), *COMMON)),
    (rule(), "gauge", "By", (True, log(1.05), log(1.10), *COMMON)),
    (rule(tolerate="20%"), "gauge", "1", (True, log(1.2), log(1.4), *COMMON)),
    (rule(scale="log"), "gauge", "1", (True, log(1.05), log(1.10), *COMMON)),
    (rule(), "gauge", "1", (False, 0.02, 0.05, 0.0, 0.015, 4.0, 0.05)),
    (rule(), "gauge", "%", (False, 2.0, 5.0, 0.0, 1.5, 4.0, 5.0)),
    (rule(), "gauge", "percent", (False, 2.0, 5.0, 0.0, 1.5, 4.0, 5.0)),
    (rule(tolerate="4pp"), "gauge", "1", (False, 0.04, 0.10, 0.0, 0.015, 4.0, 0.05)),
    (rule(tolerate="4pp", margin="1pp"), "gauge", "%", (False, 4.0, 10.0, 1.0, 1.5, 4.0, 5.0)),
    (rule(tolerate="0.04"), "gauge", "1", (False, 0.04, 0.10, 0.0, 0.015, 4.0, 0.05)),
    (rule(tolerate="8", spread="3"), "gauge", "threads", (False, 8.0, 20.0, 0.0, 3.0, 20.0, 20.0)),
    (rule(scale="raw", tolerate="8", spread="3"), "gauge", "By", (False, 8.0, 20.0, 0.0, 3.0, 20.0, 20.0)),
    (rule(scale="raw"), "gauge", "1", (False, 0.02, 0.05, 0.0, 0.015, 4.0, 0.05)),
]


@pytest.mark.parametrize(("given", "kind", "unit", "wanted"), TABLE)
def test_a_rule_that_fits_is_resolved(given: MetricRule, kind: Kind, unit: str, wanted: tuple[float, ...]) -> None:
    found = yardstick(given, kind, unit)
    assert isinstance(found, Yardstick)
    assert {name: getattr(found, name) for name in FIELDS} == pytest.approx(dict(zip(FIELDS, wanted, strict=True)))


@pytest.mark.parametrize(
    ("worse", "sign", "two_sided"), [("higher", 1, False), ("lower", -1, False), ("either", 1, True)]
)
@pytest.mark.parametrize(("kind", "unit"), [("distribution", "ms"), ("gauge", "1")])
def test_the_direction(worse: str, sign: int, two_sided: bool, kind: Kind, unit: str) -> None:
    found = yardstick(rule(worse=worse), kind, unit)
    assert isinstance(found, Yardstick)
    assert (found.sign, found.two_sided) == (sign, two_sided)


@pytest.mark.parametrize(("given", "known"), [(rule(), False), (rule(spread="3%"), True)])
def test_a_stated_spread_is_known(given: MetricRule, known: bool) -> None:
    found = yardstick(given, "distribution", "ms")
    assert isinstance(found, Yardstick)
    assert found.known == known


def test_a_drop_that_leaves_nothing_is_taken_for_99_percent() -> None:
    found = yardstick(MetricRule("m", worse="lower", tolerate=Tolerance(1.0, "%")), "rate", "")
    assert isinstance(found, Yardstick)
    assert found.gate == pytest.approx(-log(0.01))


TABLE_OF_MISFITS: list[tuple[MetricRule, Kind, str, str]] = [
    (
        rule(tolerate="2pp"),
        "distribution",
        "ms",
        "m is a distribution: its tolerances are in % of baseline, not in points or units",
    ),
    (
        rule(promote="5"),
        "rate",
        "",
        "m is a rate: its tolerances are in % of baseline, not in points or units",
    ),
    (
        rule(spread="1pp"),
        "ratio",
        "",
        "m is a ratio: its tolerances are in % of baseline, not in points or units",
    ),
    (
        rule(scale="log", tolerate="2pp"),
        "gauge",
        "1",
        "m is compared on the log scale: its tolerances are in % of baseline",
    ),
    (
        rule(scale="raw", tolerate="5%"),
        "gauge",
        "1",
        "m is compared by its values: its tolerances are in pp or in its unit, not in %",
    ),
    (
        rule(tolerate="2pp", promote="10%"),
        "gauge",
        "1",
        "m is compared by its values: its tolerances are in pp or in its unit, not in %",
    ),
    (
        rule(tolerate="8"),
        "gauge",
        "By",
        "m is compared by its values, which needs a stated `spread` between healthy instances",
    ),
    (
        rule(scale="raw"),
        "gauge",
        "By",
        "m is compared by its values, which needs a stated `spread` between healthy instances",
    ),
    (
        rule(scale="raw", spread="3"),
        "gauge",
        "By",
        "m is compared by its values, which needs a `tolerate` in its unit",
    ),
]


@pytest.mark.parametrize(("given", "kind", "unit", "sentence"), TABLE_OF_MISFITS)
def test_a_rule_that_does_not_fit_says_why(given: MetricRule, kind: Kind, unit: str, sentence: str) -> None:
    assert yardstick(given, kind, unit) == sentence
