"""Quantities survive being written and read, and refuse what is not one."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.quantity import (
    LATEST_MS,
    LONGEST_MS,
    Duration,
    Instant,
    Tolerance,
    decode_quantity,
    encode_quantity,
    parse_duration,
    parse_instant,
    parse_tolerance,
)

VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.integers())


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("0s", 0),
        ("0.4ms", 0),
        ("500ms", 500),
        ("1.5s", 1500),
        (" 10 s ", 10_000),
        ("5m", 300_000),
        ("5min", 300_000),
        ("2h", 7_200_000),
        ("1d", 86_400_000),
        ("366d", LONGEST_MS),
    ],
)
def test_durations(text: str, ms: int) -> None:
    assert parse_duration(text) == Duration(ms)


@pytest.mark.parametrize(
    "value",
    ["10", "", "s", "-1s", "1h30m", "1e3s", "1S", "\u0661s", "1" * 400 + "s", 10, 1.5, True, None, ["10s"], "1s\n2s"],
)
def test_what_is_no_duration(value: object) -> None:
    with pytest.raises(ValueError, match=r"^a duration is a number and a unit, such as 10s, 5m or 2h; got "):
        parse_duration(value)


def test_a_duration_is_at_most_a_leap_year() -> None:
    with pytest.raises(ValueError, match=r'^a duration is at most 366d; got "367d"$'):
        parse_duration("367d")


@pytest.mark.parametrize(
    ("ms", "text"),
    [(0, "0s"), (1, "1ms"), (1000, "1s"), (60_000, "1m"), (90_000, "90s"), (3_600_000, "1h"), (172_800_000, "2d")],
)
def test_durations_are_written_in_the_largest_whole_unit(ms: int, text: str) -> None:
    assert str(Duration(ms)) == text


@given(st.integers(0, LONGEST_MS))
def test_a_written_duration_is_read_back(ms: int) -> None:
    assert parse_duration(str(Duration(ms))) == Duration(ms)


@pytest.mark.parametrize(
    ("value", "ms"),
    [
        (0, 0),
        (1_732_300_270_123, 1_732_300_270_123),
        ("2024-11-22T18:31:10Z", 1_732_300_270_000),
        ("2024-11-22 18:31:10.123+00:00", 1_732_300_270_123),
        ("2024-11-22T19:31:10+01:00", 1_732_300_270_000),
        (datetime(2024, 11, 22, 18, 31, 10, tzinfo=UTC), 1_732_300_270_000),
        (datetime(2024, 11, 22, 19, 31, 10, tzinfo=timezone(timedelta(hours=1))), 1_732_300_270_000),
        ("9999-12-31T23:59:59.999Z", LATEST_MS - 1),
    ],
)
def test_instants(value: object, ms: int) -> None:
    assert parse_instant(value) == Instant(ms)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "now",
        "2024-11-22",
        "2024-11-22T18:31:10",
        "0001-01-01T00:00:00+23:59",
        "1969-12-31T23:59:59Z",
        "9999-12-31T23:59:59.9999Z",
        datetime(2024, 11, 22, tzinfo=UTC).replace(tzinfo=None),
        -1,
        LATEST_MS,
        1.5,
        True,
        None,
    ],
)
def test_what_is_no_instant(value: object) -> None:
    with pytest.raises(ValueError, match=r"^a time is milliseconds since 1970 or ISO 8601 with a zone .*; got "):
        parse_instant(value)


@given(st.integers(0, LATEST_MS - 1))
def test_a_written_instant_is_read_back(ms: int) -> None:
    assert parse_instant(str(Instant(ms))) == Instant(ms)


@pytest.mark.parametrize(
    ("value", "tolerance"),
    [
        ("5%", Tolerance(0.05, "%")),
        ("0.1 %", Tolerance(0.001, "%")),
        ("2pp", Tolerance(0.02, "pp")),
        ("3", Tolerance(3.0, "")),
        (3, Tolerance(3.0, "")),
        (1e-7, Tolerance(1e-7, "")),
        ("1e-3%", Tolerance(1e-5, "%")),
        ("10000%", Tolerance(100.0, "%")),
        (0, Tolerance(0.0, "")),
    ],
)
def test_tolerances(value: object, tolerance: Tolerance) -> None:
    assert parse_tolerance(value) == tolerance


@pytest.mark.parametrize(
    "value", ["", "%", "5pc", "-5%", "5 %%", "\u0665%", True, None, -1, float("nan"), float("inf"), [5]]
)
def test_what_is_no_tolerance(value: object) -> None:
    with pytest.raises(ValueError, match=r"^a tolerance is 5% \(of baseline\), 2pp \(points of a share\) or a number"):
        parse_tolerance(value)


@pytest.mark.parametrize(
    ("value", "limit"),
    [("10001%", "10000%"), ("101pp", "100pp"), (1e16, "1000000000000000"), ("1e999", "1000000000000000")],
)
def test_a_tolerance_of_everything_is_refused(value: object, limit: str) -> None:
    with pytest.raises(ValueError, match=f"^a tolerance of more than {limit} tolerates everything; got "):
        parse_tolerance(value)


@given(st.floats(0, 100), st.sampled_from(["%", "pp", ""]))
def test_a_written_tolerance_is_read_back_to_the_last_bit(amount: float, unit: str) -> None:
    tolerance = Tolerance(min(amount, 1.0) if unit == "pp" else amount, unit)  # type: ignore[arg-type]
    assert parse_tolerance(str(tolerance)) == tolerance


@given(st.sampled_from([Duration, Instant, Tolerance]), VALUES)
def test_anything_else_is_a_value_error_on_one_line(kind: type, value: object) -> None:
    words = ""
    try:
        found = decode_quantity(kind, value)
        assert decode_quantity(kind, encode_quantity(found)) == found
    except ValueError as error:
        words = str(error)
    assert words.isprintable()


def test_quantities_are_values() -> None:
    assert {Duration(5), Duration(5)} == {Duration(5)}
    assert Duration(5) != Instant(5)
    assert repr(Tolerance(0.5, "pp")) == "Tolerance(amount=0.5, unit='pp')"
    assert [Tolerance(0.1, unit).relative for unit in ("%", "pp", "")] == [True, False, False]


def test_only_quantities_are_encoded() -> None:
    with pytest.raises(NotImplementedError, match="cannot encode object"):
        encode_quantity(object())
