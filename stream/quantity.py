"""Durations, instants and tolerances as people write them.

>>> parse_duration("2h")
Duration(ms=7200000)
>>> str(Duration(90_000))
'90s'
>>> parse_tolerance("5%")
Tolerance(amount=0.05, unit='%')
>>> parse_instant("2024-11-22T18:31:10Z")
Instant(ms=1732300270000)
"""

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Literal, cast

from stream.excerpt import excerpt

_MS = {"ms": 1, "s": 1_000, "m": 60_000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}
_DURATION = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,12})?)\s*(ms|s|min|m|h|d)")
_TOLERANCE = re.compile(r"([0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]{1,3})?)\s*(%|pp|)")
LONGEST_MS = 366 * _MS["d"]
LATEST_MS = 253_402_300_800_000  # the year 10000

Unit = Literal["%", "pp", ""]
_LARGEST: dict[Unit, int] = {"%": 10_000, "pp": 100, "": 10**15}


class _Quantity:
    """An immutable value: equal, hashed and shown by its slots; a plain class, so that msgspec asks our hooks."""

    __slots__: tuple[str, ...] = ()

    def _parts(self) -> tuple[object, ...]:
        return tuple(getattr(self, name) for name in self.__slots__)

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self._parts() == other._parts()

    def __hash__(self) -> int:
        return hash(self._parts())

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in zip(self.__slots__, self._parts(), strict=True))
        return f"{type(self).__name__}({shown})"


class Duration(_Quantity):
    """A length of time in whole milliseconds, 0 or more."""

    __slots__ = ("ms",)

    def __init__(self, ms: int) -> None:
        self.ms = ms

    def __str__(self) -> str:
        for unit in ("d", "h", "m", "s"):
            if self.ms % _MS[unit] == 0 and (self.ms or unit == "s"):
                return f"{self.ms // _MS[unit]}{unit}"
        return f"{self.ms}ms"


class Instant(_Quantity):
    """A point in time: milliseconds since the epoch, UTC."""

    __slots__ = ("ms",)

    def __init__(self, ms: int) -> None:
        self.ms = ms

    def __str__(self) -> str:
        seconds, ms = divmod(self.ms, 1000)
        moment = datetime.fromtimestamp(seconds, UTC).replace(microsecond=ms * 1000)
        return moment.isoformat(timespec="milliseconds" if ms else "seconds").replace("+00:00", "Z")


class Tolerance(_Quantity):
    """How much difference counts: `%` relative to baseline, `pp` points of a share (0.01), none: the metric's own unit.

    `amount` is a fraction for `%` and `pp` (5 % is 0.05), else the number itself; 0 or more.
    """

    __slots__ = ("amount", "unit")

    def __init__(self, amount: float, unit: Unit) -> None:
        self.amount = amount
        self.unit = unit

    def __str__(self) -> str:
        number = Decimal(repr(self.amount)) * (100 if self.unit else 1)
        return f"{number.normalize():f}{self.unit}"

    @property
    def relative(self) -> bool:
        """Whether it is a fraction of the baseline, so that logarithms are compared."""
        return self.unit == "%"


def parse_duration(value: object) -> Duration:
    """Read `10s`, `500ms`, `5m`, `2h`, `1d`, or a bare 0.

    Raises:
        ValueError: it is not a number with a unit, or longer than a leap year.
    """
    if value == 0 and not isinstance(value, bool):
        return Duration(0)
    match = _DURATION.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"a duration is a number and a unit, such as 10s, 5m or 2h; got {excerpt(value)}")
    ms = round(float(match[1]) * _MS[match[2]])
    if ms > LONGEST_MS:
        raise ValueError(f"a duration is at most 366d; got {excerpt(value)}")
    return Duration(ms)


def parse_instant(value: object) -> Instant:
    """Read integer milliseconds since the epoch, or an ISO 8601 time with its zone.

    Raises:
        ValueError: it is neither, or it has no zone, or it lies outside the years 1970 to 9999.
    """
    remedy = f"a time is milliseconds since 1970 or ISO 8601 with a zone (2024-11-22T18:31:10Z); got {excerpt(value)}"
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise ValueError(remedy) from None
    if isinstance(value, datetime) and value.tzinfo is not None:
        value = round(value.timestamp() * 1000)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < LATEST_MS:
        raise ValueError(remedy)
    return Instant(value)


def parse_tolerance(value: object) -> Tolerance:
    """Read `5%` (of baseline), `2pp` (points of a share) or a plain number (the metric's unit).

    Raises:
        ValueError: it is none of these, or negative, or so large that it tolerates everything.
    """
    text = repr(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else value
    match = _TOLERANCE.fullmatch(text.strip()) if isinstance(text, str) else None
    if match is None:
        remedy = "a tolerance is 5% (of baseline), 2pp (points of a share) or a number from 0"
        raise ValueError(f"{remedy}; got {excerpt(value)}")
    unit = cast(Unit, match[2])
    number = Decimal(match[1])
    if number > _LARGEST[unit]:
        raise ValueError(f"a tolerance of more than {_LARGEST[unit]}{unit} tolerates everything; got {excerpt(value)}")
    return Tolerance(float(number / (100 if unit else 1)), unit)


_PARSERS = {Duration: parse_duration, Instant: parse_instant, Tolerance: parse_tolerance}


def decode_quantity(kind: type, value: object) -> object:
    """`dec_hook` for msgspec.

    Raises:
        ValueError: `value` is not one; msgspec adds the path of the field.
    """
    return _PARSERS[kind](value)


def encode_quantity(value: object) -> str | int:
    """`enc_hook` for msgspec: durations and tolerances as people write them, instants as milliseconds."""
    if isinstance(value, Instant):
        return value.ms
    if isinstance(value, (Duration, Tolerance)):
        return str(value)
    raise NotImplementedError(f"cannot encode {type(value).__name__}")
