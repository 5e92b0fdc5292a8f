"""The likelihood of rate ratios against scipy's distributions, a closed form, and brute force."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special, stats

from stream.arrays import Flags, Floats
from stream.compare import rate_ratio
from stream.compare.rate_ratio import GRID, PRIOR, dispersion, estimate, flatten, interval, log_e_above, log_e_below
from tests.core_helpers import close_to

STEP = float(GRID[1] - GRID[0])
FEW_EVENTS = (0, 1, 2, 5, 9)


def floats(*values: float) -> Floats:
    return np.array(values, dtype=np.float64)


def likelihood(events: tuple[float, float], exposure: tuple[float, float]) -> Floats:
    return rate_ratio.log_likelihood(floats(*events), floats(*exposure))


def share(log_ratio: Floats, exposure: tuple[float, float]) -> Floats:
    """The canary's expected share of the events."""
    odds = exposure[0] * np.exp(log_ratio)
    return np.asarray(odds / (odds + exposure[1]))


def above(profile: Floats, margin: float) -> float:
    return float(log_e_above(profile[None], floats(margin))[0])


def below(profile: Floats, margin: float) -> float:
    return float(log_e_below(profile[None], floats(margin))[0])


def test_the_grid_and_its_weights() -> None:
    assert len(GRID) == 257
    assert GRID[rate_ratio.CENTER] == 0
    assert close_to(np.diff(GRID), STEP)
    assert np.exp(GRID[[0, -1]]) == pytest.approx([1 / 64, 64])
    assert PRIOR.sum() == pytest.approx(1)
    assert PRIOR[rate_ratio.CENTER] / PRIOR[-1] == pytest.approx(1 + (np.log(64) / 0.7) ** 2)


@given(st.integers(0, 400), st.integers(0, 400), st.floats(0.5, 1e6), st.floats(0.5, 1e6))
def test_a_panes_likelihood_is_binomial_given_the_total(mine: int, theirs: int, left: float, right: float) -> None:
    wanted = np.asarray(stats.binom.logpmf(mine, mine + theirs, share(GRID, (left, right))))
    found = likelihood((mine, theirs), (left, right))
    usable = np.isfinite(wanted) & (wanted > -1e4)
    reference = int(np.flatnonzero(usable)[wanted[usable].argmax()])
    difference = (found - found[reference]) - (wanted - wanted[reference])
    assert np.abs(difference[usable]).max() < 1e-5


def test_the_closed_form_of_a_constant_exposure_ratio() -> None:
    """Lindon and Malek: a Beta(50, 50) prior on the share, as our grid sees it, at 308 of 500."""
    panes = [(3, 2), (0, 0), (5, 1), (300, 189)]
    total = np.sum([likelihood(events, (10.0, 10.0)) for events in panes], axis=0)
    theta = special.expit(GRID)
    density = stats.beta.pdf(theta, 50, 50) * theta * (1 - theta)
    found = np.log((density * np.exp(total - total[rate_ratio.CENTER])).sum() * STEP)
    closed = special.betaln(50 + 308, 50 + 192) - special.betaln(50, 50) - 500 * np.log(0.5)
    assert closed == pytest.approx(10.405359731, abs=1e-9)
    assert found == pytest.approx(closed, abs=1e-6)


@given(st.integers(1, 30), st.floats(0.1, 50))
def test_only_the_ratio_of_exposures_counts(events: int, factor: float) -> None:
    one, other = likelihood((events, 3), (2.0, 5.0)), likelihood((events, 3), (2.0 * factor, 5.0 * factor))
    assert close_to(one, other, within=1e-7)


def test_shared_incidents_cancel() -> None:
    """Ten times as many events in both cohorts leave the most likely ratio where it was."""
    calm, incident = likelihood((10, 20), (100.0, 100.0)), likelihood((100, 200), (100.0, 100.0))
    assert float(estimate(calm)) == pytest.approx(float(estimate(calm + incident)), abs=1e-9)


def mixed(profile: Floats, at: int, *, over: bool) -> float:
    """The one-sided mixture, term by term."""
    points = range(at + 1, len(GRID)) if over else range(at)
    weight = sum(PRIOR[j] for j in points)
    return float(np.log(sum(PRIOR[j] / weight * np.exp(profile[j] - profile[at]) for j in points)))


@pytest.mark.parametrize("at", [1, 60, 128, 140, 255])
def test_evidence_is_the_weighted_mean_of_likelihood_ratios_beyond_the_margin(at: int) -> None:
    profile = likelihood((9, 4), (10.0, 12.0)) - 3.0
    assert above(profile, float(GRID[at])) == pytest.approx(mixed(profile, at, over=True))
    assert below(profile, float(GRID[at])) == pytest.approx(mixed(profile, at, over=False))


def test_without_events_there_is_no_evidence() -> None:
    profile = likelihood((0, 0), (10.0, 12.0))
    assert above(profile, 0.0) == pytest.approx(0, abs=1e-12)
    assert below(profile, 0.4) == pytest.approx(0, abs=1e-12)
    assert float(estimate(profile)) == 0
    assert [float(end) for end in interval(profile, 0.05)] == [-np.inf, np.inf]


@pytest.mark.parametrize("total", FEW_EVENTS)
@pytest.mark.parametrize("exposure", [(10.0, 10.0), (3.0, 30.0)])
@pytest.mark.parametrize("margin", [128, 135, 90])
def test_the_mean_e_value_is_at_most_1_for_every_ratio_of_the_null(
    total: int, exposure: tuple[float, float], margin: int
) -> None:
    """Summed over all splits of the total; exactly 1 at the margin."""
    splits = np.arange(total + 1)
    profiles = np.array([likelihood((k, total - k), exposure) for k in range(total + 1)])
    for evidence, sign in ((log_e_above, -1), (log_e_below, 1)):
        values = np.exp(evidence(profiles, np.full(len(splits), GRID[margin])))
        for truth in (GRID[margin], GRID[margin] + sign * 0.1, GRID[margin] + sign * 1.0):
            chances = stats.binom.pmf(splits, total, share(floats(truth), exposure)[0])
            mean = float((chances * values).sum())
            assert mean <= 1 + 1e-9
            if truth == GRID[margin]:
                assert mean == pytest.approx(1)


@given(st.floats(-2, 2), st.integers(0, 60), st.integers(0, 60))
def test_margins_are_rounded_to_the_grid_so_that_evidence_is_never_too_large(
    margin: float, mine: int, theirs: int
) -> None:
    profile = likelihood((mine, theirs), (7.0, 9.0))
    over, under = GRID[margin - 1e-12 <= GRID].min(), GRID[margin + 1e-12 >= GRID].max()
    assert above(profile, margin) == above(profile, float(over))
    assert below(profile, margin) == below(profile, float(under))
    assert over - margin < STEP
    assert margin - under < STEP


@pytest.mark.parametrize("margin", [-99.0, 99.0])
def test_margins_beyond_the_grid_leave_a_point_on_both_sides(margin: float) -> None:
    profile = likelihood((50, 5), (7.0, 9.0))
    assert np.isfinite([above(profile, margin), below(profile, margin)]).all()


def cells(*, spread: float = 0.0, rate: float = 2.0, seed: int = 1) -> tuple[Floats, Floats, Flags]:
    rng = np.random.default_rng(seed)
    exposure = rng.uniform(20, 60, 8)
    exposure[5] = 0
    events = rng.poisson(rate * exposure * np.exp(spread * rng.standard_normal(8))).astype(np.float64)
    return events, exposure, np.arange(8) % 2 == 0


@pytest.mark.parametrize("spread", [0.0, 0.2, 1.0])
@pytest.mark.parametrize("rate", [0.001, 0.1, 30.0])
def test_dispersion_is_as_in_a_loop(spread: float, rate: float) -> None:
    events, exposure, canary = cells(spread=spread, rate=rate)
    chi2, freedom, used = 0.0, 0, []
    for side in (True, False):
        rows = [(e, n) for e, n, c in zip(events, exposure, canary, strict=True) if c == side and n > 0]
        common = sum(e for e, _ in rows) / sum(n for _, n in rows)
        chi2 += sum((e - common * n) ** 2 / (common * n) for e, n in rows if common > 0)
        freedom += len(rows) - 1
        used += [e for e, _ in rows]
    r = sum(used) / len(used) * 0.2**2
    prior = min(4 * ((1 + r) / max(r, 1e-6)) ** 2, 1e4)
    phi, nu = dispersion(events, exposure, canary)
    assert float(phi) == pytest.approx(max(1.0, (chi2 + prior * (1 + r)) / (freedom + prior)), rel=1e-6)
    assert float(nu) == pytest.approx(freedom + prior)


def test_few_events_are_exactly_poisson() -> None:
    events, exposure = floats(1, 0, 1, 0, 0, 1), np.full(6, 100.0)
    phi, nu = dispersion(events, exposure, np.arange(6) < 3)
    assert float(phi) == pytest.approx(1, abs=0.03)
    profile = likelihood((2, 1), (300.0, 300.0))
    flat = flatten(profile, phi, nu)
    assert np.abs(flat - (profile - profile.max())).max() < 0.15


def test_a_profile_with_known_dispersion_1_is_the_likelihood() -> None:
    profile = likelihood((20, 9), (300.0, 300.0))
    flat = flatten(profile, floats(1.0)[0], floats(1e9)[0])
    assert np.abs(flat - (profile - profile.max())).max() < 1e-4


def test_a_profile_is_students() -> None:
    profile = likelihood((200, 90), (300.0, 300.0))
    flat = flatten(profile, floats(3.0)[0], floats(7.0)[0])
    t = np.sqrt(2 * (profile.max() - profile) / 3)
    wanted = stats.t.logpdf(t, 7) - stats.t.logpdf(0, 7)
    assert close_to(flat, wanted, within=1e-7)


def test_evidence_saturates_at_what_the_instances_carry() -> None:
    """More of the same events says nothing new once instances differ for good."""

    def evidence(factor: float) -> float:
        rates = np.exp(0.2 * np.array([-1, 0, 1, -1, 0, 1])) * np.array([1.2] * 3 + [1.0] * 3)
        events, exposure, canary = np.round(rates * 100 * factor), np.full(6, 100 * factor), np.arange(6) < 3
        sides = np.array([canary, ~canary], dtype=np.float64).T
        total = rate_ratio.log_likelihood(events @ sides, exposure @ sides)
        return above(flatten(total, *dispersion(events, exposure, canary)), 0.0)

    few, many, most = (evidence(factor) for factor in (1, 100, 10_000))
    assert few < 1
    assert many < 2
    assert most == pytest.approx(many, abs=0.1)


@pytest.mark.parametrize(("mine", "theirs"), [(30, 20), (3, 40), (500, 510)])
def test_the_estimate_is_the_ratio_of_rates(mine: int, theirs: int) -> None:
    found = float(estimate(likelihood((mine, theirs), (10.0, 25.0))))
    assert found == pytest.approx(np.log(mine / 10) - np.log(theirs / 25), abs=2e-3)


@pytest.mark.parametrize(("events", "end"), [((5, 0), 1), ((0, 5), -1)])
def test_the_estimate_stays_on_the_grid_where_one_cohort_has_no_events(events: tuple[int, int], end: int) -> None:
    found = float(estimate(likelihood(events, (10.0, 10.0)))) * end
    assert np.log(64) - 2 * STEP <= found <= np.log(64) + 1e-9


def test_the_interval_is_where_the_mixture_stays_under_its_level() -> None:
    profile = likelihood((300, 200), (10.0, 10.0))
    mixture = special.logsumexp(profile, b=PRIOR)
    inside = [at for at in range(257) if mixture - profile[at] < np.log(1 / 0.05)]
    low, high = interval(profile, 0.05)
    assert (float(low), float(high)) == (GRID[inside[0] - 1], GRID[inside[-1] + 1])
    assert float(low) < float(estimate(profile)) < float(high)


@pytest.mark.parametrize(("events", "bounded"), [((40, 0), (True, False)), ((0, 40), (False, True))])
def test_the_interval_is_open_where_nothing_bounds_it(events: tuple[int, int], bounded: tuple[bool, bool]) -> None:
    low, high = interval(likelihood(events, (10.0, 10.0)), 0.05)
    assert (bool(np.isfinite(low)), bool(np.isfinite(high))) == bounded


@pytest.mark.parametrize("ratio", [0.5, 1.0, 3.0])
def test_the_interval_covers_the_true_ratio_at_every_look(ratio: float) -> None:
    rng, runs, panes = np.random.default_rng(11), 300, 120
    exposure = rng.uniform(5, 15, (runs, panes, 2))
    events = rng.poisson(exposure * [0.2 * ratio, 0.2])
    total = np.cumsum(rate_ratio.log_likelihood(events.astype(np.float64), exposure), axis=1)
    low, high = interval(total, 0.05)
    missed = ((low > np.log(ratio)) | (high < np.log(ratio))).any(axis=1)
    assert missed.mean() <= 0.05
    assert (np.isfinite(low[:, -1]) & np.isfinite(high[:, -1])).all()
