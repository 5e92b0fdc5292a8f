"""The normal mixture against independent formulas, numerical integrals and published numbers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, optimize, stats

from stream.arrays import Flags, Floats
from stream.compare.mixture import contrast, log_e, mix, radius
from tests.core_helpers import close_to

KNOWN = 1e7
"""Degrees of freedom at which the variance is as good as known."""


def array(*values: float) -> Floats:
    return np.array(values, dtype=np.float64)


def evidence(difference: float, variance: float, freedom: float, tuning: float, margin: float = 0.0) -> float:
    return float(log_e(array(difference), array(variance), array(freedom), array(tuning), margin)[0])


def half_width(variance: float, freedom: float, tuning: float, alpha: float) -> float:
    return float(radius(array(variance), array(freedom), array(tuning), alpha)[0])


def tuned(v: float, alpha: float) -> float:
    """The mixture's precision at which a two-sided bound is tightest at intrinsic time `v`."""
    return float(v / (2 * np.log(1 / alpha) + np.log(1 + 2 * np.log(1 / alpha))))


@pytest.mark.parametrize(
    ("v", "bound"),
    [(10, 12.1907531463415), (100, 30.3520899037625), (1000, 102.512286831664), (1e5, 1223.62825548499)],
)
def test_the_radius_is_the_published_two_sided_bound(v: float, bound: float) -> None:
    """confseq, two-sided normal mixture, alpha 0.05, tuned for 100; its bound is on the sum, ours on the mean."""
    found = half_width(1 / v, KNOWN, 1 / tuned(100, 0.05), 0.05) * v
    assert found == pytest.approx(bound, rel=1e-5)


@pytest.mark.parametrize(("s", "log"), [(10, -1.19553480), (50, 2.05718991), (90, 8.79830908)])
def test_the_evidence_is_the_published_one_sided_mixture(s: float, log: float) -> None:
    """confseq, one-sided normal mixture at v = 400, alpha 0.05, tuned for 100."""
    assert evidence(s / 400, 1 / 400, KNOWN, 1 / tuned(100, 2 * 0.05)) == pytest.approx(log, abs=1e-5)


CASES = [
    (difference, freedom, k)
    for difference in (-3.0, -0.4, 0.0, 0.7, 2.5, 8.0)
    for freedom in (3.0, 8.0, 26.0)
    for k in (0.3, 4.0, 60.0)
]


@pytest.mark.parametrize(("t", "freedom", "k"), CASES)
def test_the_evidence_is_the_likelihood_ratio_of_the_t_statistic(t: float, freedom: float, k: float) -> None:
    """Half-normal mixture of non-central t densities over the central one, integrated numerically."""

    def integrand(effect: float) -> float:
        return float(2 * stats.norm.pdf(effect, scale=np.sqrt(k)) * stats.nct.pdf(t, freedom, effect))

    mixed, _ = integrate.quad(integrand, 1e-12, 12 * np.sqrt(k), limit=400)
    assert evidence(t, 1.0, freedom, k) == pytest.approx(np.log(mixed / stats.t.pdf(t, freedom)), abs=1e-5)


@pytest.mark.parametrize("freedom", [2.0, 8.0, 50.0])
@pytest.mark.parametrize("k", [0.2, 5.0, 100.0])
def test_the_mean_e_value_is_1_if_nothing_differs(freedom: float, k: float) -> None:
    def integrand(t: float) -> float:
        return float(np.exp(evidence(t, 1.0, freedom, k)) * stats.t.pdf(t, freedom))

    parts = [integrate.quad(integrand, low, high, limit=400)[0] for low, high in ((-np.inf, 0), (0, 30), (30, np.inf))]
    assert sum(parts) == pytest.approx(1, abs=2e-3)


@pytest.mark.parametrize("margin", [0.05, -0.1])
def test_a_margin_shifts_the_difference(margin: float) -> None:
    assert evidence(0.3, 0.01, 8, 0.02, margin) == evidence(0.3 - margin, 0.01, 8, 0.02)


@given(st.floats(-5, 5), st.floats(1e-4, 10), st.floats(2, 100), st.floats(1e-3, 10), st.floats(1e-3, 1e3))
def test_the_evidence_does_not_depend_on_the_unit(
    d: float, variance: float, nu: float, tuning: float, u: float
) -> None:
    assert evidence(u * d, u * u * variance, nu, u * u * tuning) == pytest.approx(
        evidence(d, variance, nu, tuning), abs=1e-6
    )


@given(st.floats(-5, 5), st.floats(0.001, 5), st.floats(2, 100))
def test_the_evidence_grows_with_the_difference(d: float, more: float, nu: float) -> None:
    assert evidence(d + more, 0.3, nu, 0.5) > evidence(d, 0.3, nu, 0.5)


def test_extreme_differences_stay_finite() -> None:
    found = log_e(array(-1e6, 1e6, 0.0), array(1e-6, 1e-6, 1e9), array(6, 6, 6), array(0.01, 0.01, 0.01))
    assert np.isfinite(found).all()
    assert found[0] < -5 < 10 < found[1]


@pytest.mark.parametrize("freedom", [4.0, 10.0, 60.0, KNOWN])
@pytest.mark.parametrize("variance", [1e-5, 1e-3, 0.02])
@pytest.mark.parametrize("alpha", [0.05, 0.001])
def test_the_radius_is_where_the_two_sided_mixture_reaches_its_level(
    freedom: float, variance: float, alpha: float
) -> None:
    tuning = 0.01
    k = tuning / variance

    def excess(distance: float) -> float:
        t2 = distance**2 / variance
        body = np.log1p(t2 / freedom) - np.log1p(t2 / (freedom * (1 + k)))
        return float((freedom + 1) / 2 * body - 0.5 * np.log1p(k) - np.log(1 / alpha))

    found = half_width(variance, freedom, tuning, alpha)
    if excess(1e9) < 0:
        assert found == np.inf
    else:
        assert found == pytest.approx(optimize.brentq(excess, 0, 1e9, xtol=1e-13), rel=1e-6)


@pytest.mark.parametrize("freedom", [6.0, 10.0, 26.0, KNOWN])
@pytest.mark.parametrize("variance", [1e-5, 1e-4, 4e-4])
@pytest.mark.parametrize("alpha", [0.05, 0.01, 0.001])
def test_the_radius_at_twice_alpha_inverts_the_evidence(freedom: float, variance: float, alpha: float) -> None:
    """One side of the two-sided bound holds alpha, but for the chance to cross both sides."""
    distance = half_width(variance, freedom, 0.01, 2 * alpha)
    assert np.isfinite(distance)
    found = evidence(distance, variance, freedom, 0.01)
    assert np.log(1 / alpha) - 0.03 <= found <= np.log(1 / alpha) + 1e-9


def test_a_radius_is_infinite_while_nothing_can_be_said() -> None:
    assert half_width(1.0, 1.0, 0.01, 0.05) == np.inf
    assert half_width(1e-4, 4.0, 0.01, 0.05) < np.inf


@given(
    st.lists(st.tuples(st.booleans(), st.floats(-100, 100)), min_size=4, max_size=12).filter(
        lambda rows: {side for side, _ in rows} == {True, False}
    )
)
def test_equal_weights_give_the_textbook_pooled_form(rows: list[tuple[bool, float]]) -> None:
    canary, values = np.array([side for side, _ in rows]), np.array([value for _, value in rows])
    mine, theirs = values[canary], values[~canary]
    found = contrast(values, np.full(len(values), 0.7), canary)
    wanted = (
        mine.mean() - theirs.mean(),
        ((mine - mine.mean()) ** 2).sum() + ((theirs - theirs.mean()) ** 2).sum(),
        len(mine),
        len(theirs),
        theirs.mean(),
        ((theirs - theirs.mean()) ** 2).sum(),
    )
    assert close_to(np.array(found), np.array(wanted), within=1e-7)
    assert close_to(found.factor, 1 / len(mine) + 1 / len(theirs))
    if len(values) > 2 and len(mine) > 1 and len(theirs) > 1 and found.scatter > 1e-6:
        pooled = found.difference / np.sqrt(found.scatter / (len(values) - 2) * found.factor)
        (a, sa, na), (b, sb, nb) = ((side.mean(), side.std(ddof=1), len(side)) for side in (mine, theirs))
        textbook = stats.ttest_ind_from_stats(a, sa, na, b, sb, nb).statistic
        assert pooled == pytest.approx(textbook, rel=1e-6, abs=1e-6)


def example(seed: int) -> tuple[Floats, Floats, Flags]:
    rng = np.random.default_rng(seed)
    canary = np.array([True, False, True, False, False, True, True])
    return rng.normal(size=7), rng.uniform(0.1, 1, 7), canary


def test_weights_count_as_in_a_loop() -> None:
    values, weights, canary = example(3)
    found, scatter, numbers, means = contrast(values, weights, canary), [], [], []
    for side in (True, False):
        w, v = weights[canary == side], values[canary == side]
        means.append(float(sum(w * v) / sum(w)))
        numbers.append(float(sum(w) ** 2 / sum(w**2)))
        scatter.append(float(sum(w**2 * (v - means[-1]) ** 2) / sum(w**2) * numbers[-1]))
    assert close_to(found.difference, means[0] - means[1])
    assert close_to(np.array([found.canary, found.baseline]), np.array(numbers))
    assert close_to(found.scatter, sum(scatter))
    assert close_to(found.center, means[1])
    assert close_to(found.spread, scatter[1])


def test_only_the_proportions_of_weights_count() -> None:
    values, weights, canary = example(4)
    assert close_to(np.array(contrast(values, 5 * weights, canary)), np.array(contrast(values, weights, canary)))


def test_a_weight_of_0_takes_an_instance_out_whatever_its_value() -> None:
    values, weights, canary = example(5)
    weights[2] = weights[4] = 0
    values[2] = values[4] = np.nan
    kept = weights > 0
    assert close_to(
        np.array(contrast(values, weights, canary)), np.array(contrast(values[kept], weights[kept], canary[kept]))
    )


def test_swapping_the_cohorts_turns_the_sign() -> None:
    values, weights, canary = example(6)
    one, other = contrast(values, weights, canary), contrast(values, weights, ~canary)
    assert close_to(one.difference, -other.difference)
    assert close_to(one.scatter, other.scatter)
    assert close_to(one.factor, other.factor)
    assert (one.canary, one.baseline) == (other.baseline, other.canary)


def test_many_contrasts_at_once_are_the_same_as_one_by_one() -> None:
    values, weights, canary = example(7)
    stack = np.stack([values, 2 * values, values + 1]).reshape(3, 1, 7)
    found = contrast(stack, np.broadcast_to(weights, stack.shape), canary)
    for at in range(3):
        alone = contrast(stack[at, 0], weights, canary)
        assert all(close_to(many[at, 0], one) for many, one in zip(found, alone, strict=True))


def test_a_cohort_without_instances_leaves_nothing_to_say() -> None:
    values, weights, canary = example(8)
    weights[canary] = 0
    found = contrast(values, weights, canary)
    assert np.isnan(found.difference)
    assert found.canary == 0
    assert found.factor == np.inf


def test_a_mixture_is_the_log_of_the_weighted_sum() -> None:
    logs, weights = array(1.0, -2.0, 700.0, 5.0), array(0.1, 0.2, 0.3, 0.0)
    assert float(mix(logs, weights)) == pytest.approx(700 + np.log(0.3))
    assert float(mix(logs[:2], weights[:2])) == pytest.approx(np.log(0.1 * np.exp(1) + 0.2 * np.exp(-2)))
    assert float(mix(array(np.inf, 1.0)[1:], array(0.5))) == pytest.approx(1 + np.log(0.5))


def test_a_weight_of_0_drops_even_certainty_from_a_mixture() -> None:
    assert float(mix(array(1e9, 2.0), array(0.0, 1.0))) == 2.0


def test_mixtures_are_taken_along_an_axis() -> None:
    logs = np.arange(6.0).reshape(2, 3)
    weights = np.array([[0.25], [0.75]])
    assert close_to(mix(logs, weights), np.log(0.25 * np.exp(logs[0]) + 0.75 * np.exp(logs[1])))
