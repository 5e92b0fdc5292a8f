r"""Numbers, times and names as sentences have them.

>>> percent(0.257), percent(-0.0042), plain(1231200), clock(1732300270000)
('+26\xa0%', '−0.4\xa0%', '1\u202f231\u202f200', '18:31:10')
"""

from datetime import UTC, datetime
from math import floor, isfinite, log10

SPACE = "\u00a0"
"""A no-break space, before units."""
THIN = "\u202f"
"""A narrow no-break space, between thousands."""
MINUS = "\u2212"


def figures(value: float, digits: int = 3) -> str:
    """A magnitude to so many significant figures, without an exponent where that is short."""
    if value == 0:
        return "0"
    number = float(f"{value:.{digits - 1}e}")
    place = digits - 1 - floor(log10(abs(number)))
    if abs(number) >= 1e9 or abs(number) < 1e-6:
        return f"{number:.{digits - 1}e}".replace("-", MINUS)
    whole, _, part = f"{number:.{max(place, 0)}f}".partition(".")
    sign, whole = (MINUS, whole[1:]) if whole.startswith("-") else ("", whole)
    grouped = plain(int(whole)) if len(whole) > 4 else whole
    return sign + grouped + (f".{part}" if part else "")


def plain(number: int) -> str:
    """A whole number with thin spaces between thousands."""
    return f"{number:,}".replace(",", THIN)


def magnitude(share: float) -> str:
    """A share in per cent without a sign: two figures from 10 % on, one decimal under it."""
    if not isfinite(share):
        return "unbounded"
    size = abs(share) * 100
    if size >= 999.5:
        return f"{figures(size / 100 + 1, 3)}-fold"
    return f"{figures(size, 2) if size >= 9.95 else f'{size:.1f}'.removesuffix('.0')}{SPACE}%"


def percent(share: float) -> str:
    """A share in per cent with its sign."""
    size = magnitude(share)
    if not isfinite(share) or size.startswith(f"0{SPACE}"):
        return size
    return ("+" if share > 0 else MINUS) + size


def points(amount: float) -> str:
    """A difference of shares in points, without a sign."""
    size = abs(amount) * 100
    return f"{figures(size, 2) if size >= 9.95 else f'{size:.1f}'.removesuffix('.0')}{SPACE}points"


def value(amount: float | None, unit: str) -> str:
    """A value in its unit to three figures; shares of 1 in per cent."""
    if amount is None:
        return "nothing"
    if unit in ("1", "share"):
        return f"{amount * 100:.2f}{SPACE}%" if abs(amount) < 0.1 else f"{figures(amount * 100)}{SPACE}%"
    gap = "" if unit.startswith("/") else SPACE
    return figures(amount) + (f"{gap}{unit}" if unit else "")


def clock(ms: int) -> str:
    """The time of day, UTC."""
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%H:%M:%S")


def moment(ms: int) -> str:
    """Date and time, UTC."""
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")


def duration(ms: int) -> str:
    """A length of time, such as `1 min 56 s`.

    >>> duration(116_000), duration(7_200_000), duration(500)
    ('1 min 56 s', '2 h', '0.5 s')
    """
    seconds = ms / 1000
    if seconds < 60:
        return f"{seconds:g} s"
    hours, rest = divmod(round(seconds), 3600)
    parts = ((hours, "h"), (rest // 60, "min"), (rest % 60, "s"))
    return " ".join(f"{amount} {unit}" for amount, unit in parts if amount)


def listed(names: list[str], most: int = 5) -> str:
    """Names in a row, cut after a few.

    >>> listed(["a", "b", "c"]), listed(list("abcdefg"), 3)
    ('a, b and c', 'a, b, c and 4 more')
    """
    if len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most} more"
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1]))) if names else "none"


def plural(number: int, noun: str) -> str:
    """A number with its noun.

    >>> plural(1, "canary instance"), plural(2, "canary instance")
    ('1 canary instance', '2 canary instances')
    """
    return f"{plain(number)} {noun}{'' if number == 1 else 's'}"
