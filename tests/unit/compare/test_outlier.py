"""One canary instance against the baseline's instances."""

import numpy as np
import pytest

from stream.arrays import Flags, Floats
from stream.compare.evidence import Outlier
from stream.compare.mixture import contrast, log_e
from stream.compare.outlier import find_outliers
from stream.compare.yardstick import Yardstick
from stream.policy import MetricRule
from tests.core_helpers import close_to, percent
from tests.judge_helpers import stick

RULE = MetricRule("latency")
CANARY = np.arange(8) < 4
SPREAD = np.full(3, 0.03**2)
"""The variance that is expected between healthy instances."""
USUAL = np.array([0.00, 0.02, -0.01, 0.01, 0.0, 0.01, -0.02, 0.02])


def found(
    values: Floats, settings: Yardstick | None = None, speaking: Flags | None = None, expected: float = 0.03**2
) -> Outlier | None:
    speaking = np.ones(len(values), dtype=bool) if speaking is None else speaking
    level = contrast(values[None], speaking[None].astype(np.float64), CANARY)
    (outlier,) = find_outliers(
        values[None], speaking[None], CANARY, level, [settings or stick(RULE)], np.array([expected])
    )
    return outlier


def changed(**values: float) -> Floats:
    out = USUAL.copy()
    for name, value in values.items():
        out[int(name[1:])] = value
    return out


def test_instances_that_agree_have_no_outlier() -> None:
    assert found(USUAL) is None


def test_the_furthest_instance_stands_out() -> None:
    outlier = found(changed(i2=0.7))
    assert outlier is not None
    assert outlier.instance == 2
    assert outlier.effect == pytest.approx(0.7 - USUAL[4:].mean())
    assert outlier.others == pytest.approx((0.0 - USUAL[4:].mean(), 0.02 - USUAL[4:].mean()))
    assert outlier.evidence > 5


def test_the_evidence_is_the_mean_of_the_instances_e_values() -> None:
    values = changed(i1=0.5, i3=0.3)
    outlier = found(values)
    assert outlier is not None
    base = values[4:]
    freedom = 3 + 4
    variance = (((base - base.mean()) ** 2).sum() + 4 * 0.03**2) / freedom * (1 + 1 / 4)
    margin = np.log(1.10)
    each = [
        log_e(np.array(value - base.mean()), np.array(variance), np.array(freedom), np.array(0.3**2), margin)
        for value in values[:4]
    ]
    assert close_to(outlier.evidence, np.log(np.mean(np.exp(each))), within=1e-4)


def test_nobody_within_10_percent_is_out_of_line() -> None:
    """However well the others agree, and however strict the policy."""
    strict = stick(MetricRule("latency", tolerate=percent(1), promote=percent(2), spread=percent(0.2)))
    for odd, found_out in ((0.09, False), (0.2, True)):
        values = np.where(np.arange(8) == 1, odd, 0.0)
        assert (found(values, strict, expected=0.002**2) is not None) == found_out


@pytest.mark.parametrize("position", [5, 7])
def test_an_odd_baseline_instance_is_no_outlier(position: int) -> None:
    assert found(changed(**{f"i{position}": 0.7})) is None


@pytest.mark.parametrize(
    ("worse", "value", "odd"),
    [
        ("higher", 0.7, True),
        ("higher", -0.7, False),
        ("lower", -0.7, True),
        ("lower", 0.7, False),
        ("either", 0.7, True),
        ("either", -0.7, True),
    ],
)
def test_only_the_direction_that_harms_counts(worse: str, value: float, odd: bool) -> None:
    settings = stick(MetricRule("latency", worse=worse))  # type: ignore[arg-type]
    assert (found(changed(i2=value), settings) is not None) == odd


@pytest.mark.parametrize("left_out", [(0, 1, 3), (4, 5, 6)])
def test_it_takes_two_instances_a_side(left_out: tuple[int, ...]) -> None:
    speaking = np.ones(8, dtype=bool)
    speaking[list(left_out)] = False
    assert found(changed(i2=0.7), speaking=speaking) is None


def test_who_does_not_speak_is_not_asked() -> None:
    speaking = np.ones(8, dtype=bool)
    speaking[2] = False
    assert found(changed(i2=0.7), speaking=speaking) is None
    assert found(changed(i2=np.nan, i1=0.7), speaking=speaking) is not None


def test_baseline_instances_that_differ_make_it_harder() -> None:
    calm, wild = found(changed(i2=0.7)), found(changed(i2=0.7, i4=0.5, i5=-0.5))
    assert calm is not None
    assert wild is None or wild.evidence < calm.evidence


def test_metrics_are_looked_at_one_by_one() -> None:
    values = np.stack([USUAL, changed(i2=0.7), changed(i0=0.4)])
    speaking = np.ones(values.shape, dtype=bool)
    level = contrast(values, speaking.astype(np.float64), CANARY)
    outliers = find_outliers(values, speaking, CANARY, level, [stick(RULE)] * 3, SPREAD)
    assert outliers[0] is None
    for number in (1, 2):
        together, alone = outliers[number], found(values[number])
        assert together is not None
        assert alone is not None
        assert together.instance == alone.instance
        assert together.evidence == pytest.approx(alone.evidence)
