"""Numbers, times and names as sentences have them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.words import (
    MINUS,
    SPACE,
    THIN,
    clock,
    duration,
    figures,
    listed,
    magnitude,
    moment,
    percent,
    plain,
    plural,
    points,
    value,
)


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.0, "0 %"),
        (0.0004, "0 %"),
        (0.0006, "0.1 %"),
        (0.005, "0.5 %"),
        (0.02, "2 %"),
        (-0.0234, "2.3 %"),
        (0.0994, "9.9 %"),
        (0.0996, "10 %"),
        (0.257, "26 %"),
        (-0.5, "50 %"),
        (1.0, "100 %"),
        (2.346, "230 %"),
        (9.0, "900 %"),
        (10.0, "11.0-fold"),
        (123.0, "124-fold"),
        (float("inf"), "unbounded"),
    ],
)
def test_a_magnitude_has_two_figures_from_10_percent_on_and_one_decimal_under_it(share: float, text: str) -> None:
    assert magnitude(share) == text.replace(" ", SPACE)


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.257, "+26 %"), (-0.0042, f"{MINUS}0.4 %"), (0.0, "0 %"), (-0.0001, "0 %"), (float("-inf"), "unbounded")],
)
def test_an_effect_carries_its_sign(share: float, text: str) -> None:
    assert percent(share) == text.replace(" ", SPACE)


@pytest.mark.parametrize(("amount", "text"), [(0.02, "2 points"), (-0.034, "3.4 points"), (0.123, "12 points")])
def test_points(amount: float, text: str) -> None:
    assert points(amount) == text.replace(" ", SPACE)


@pytest.mark.parametrize(
    ("amount", "unit", "text"),
    [
        (404.2, "ms", "404 ms"),
        (97.86, "ms", "97.9 ms"),
        (0.01234, "s", "0.0123 s"),
        (0.0234, "1", "2.34 %"),
        (0.0999, "1", "9.99 %"),
        (0.463, "1", "46.3 %"),
        (1.0, "1", "100 %"),
        (1.2, "/s", "1.20/s"),
        (12345.6, "By", f"12{THIN}300 By"),
        (1234.5, "", "1230"),
        (99.96, "ms", "100 ms"),
        (2e9, "By", "2.00e+09 By"),
        (0.0, "ms", "0 ms"),
        (-3.0, "C", f"{MINUS}3.00 C"),
        (1.5e-9, "s", f"1.50e{MINUS}09 s"),
        (None, "ms", "nothing"),
    ],
)
def test_a_value_has_three_figures_and_a_no_break_space_before_its_unit(
    amount: float | None, unit: str, text: str
) -> None:
    assert value(amount, unit) == text.replace(" ", SPACE)


@given(st.floats(1e-6, 1e8), st.integers(1, 6))
def test_figures_keep_the_number_to_so_many_digits(number: float, digits: int) -> None:
    read = float(figures(number, digits).replace(THIN, "").replace(MINUS, "-"))
    assert read == pytest.approx(number, rel=0.6 * 10.0 ** (1 - digits))


@given(st.floats(-1e300, 1e300), st.text(alphabet="ms%By/1", max_size=4))
def test_any_number_can_be_said(number: float, unit: str) -> None:
    for said in (value(number, unit), percent(number), points(number), figures(number)):
        assert said
        assert "-" not in said.replace("-fold", "")
        assert "e-" not in said


@pytest.mark.parametrize(("number", "text"), [(0, "0"), (999, "999"), (1000, f"1{THIN}000"), (-1234567, None)])
def test_whole_numbers_have_thin_spaces(number: int, text: str | None) -> None:
    assert plain(number) == (text or f"-1{THIN}234{THIN}567")


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (0, "0 s"),
        (500, "0.5 s"),
        (10_000, "10 s"),
        (60_000, "1 min"),
        (116_000, "1 min 56 s"),
        (3_600_000, "1 h"),
        (7_325_000, "2 h 2 min 5 s"),
    ],
)
def test_durations(ms: int, text: str) -> None:
    assert duration(ms) == text


def test_times_are_utc() -> None:
    assert clock(1732300270999) == "18:31:10"
    assert moment(1732300270999) == "2024-11-22 18:31:10"


@pytest.mark.parametrize(
    ("names", "text"),
    [
        ([], "none"),
        (["a"], "a"),
        (["a", "b"], "a and b"),
        (["a", "b", "c"], "a, b and c"),
        (["a", "b", "c", "d"], "a, b, c and 1 more"),
    ],
)
def test_names_in_a_row(names: list[str], text: str) -> None:
    assert listed(names, 3) == text


@pytest.mark.parametrize(("number", "text"), [(0, "0 metrics"), (1, "1 metric"), (1234, f"1{THIN}234 metrics")])
def test_plurals(number: int, text: str) -> None:
    assert plural(number, "metric") == text
