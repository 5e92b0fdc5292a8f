"""What is wrong with a JSON message, in words for the people who wrote its producer."""

import re

import msgspec

from stream.errors import TelemetryError

TEXT = "a text of 1 to 256 characters is needed"
WORD = "a text of at most 256 characters is needed"
NUMBER = "a number is needed"
TIME = "whole milliseconds since 1970 are needed"
NEEDS = {
    "app": TEXT,
    "instance": TEXT,
    "v": "the whole number 1 is needed",
    "env": WORD,
    "version": WORD,
    "cohort": "baseline or canary is needed",
    "boot": WORD,
    "labels": "an object of texts is needed",
    "ts": TIME,
    "metric": TEXT,
    "value": NUMBER,
    "total": NUMBER,
    "kind": "one of distribution, ratio, rate, count and gauge is needed",
    "unit": WORD,
    "attrs": "an object of texts is needed",
    "start": TIME,
    "end": TIME,
    "seq": "a whole number is needed",
    "metrics": "a list of objects with name and type is needed",
    "name": TEXT,
    "type": "one of samples, exphist, count, ratio and gauge is needed",
    "values": "a list of numbers is needed",
    "weight": "a whole number from 1 to 2^32 is needed",
    "scale": "a whole number from -10 to 20 is needed",
    "offset": "a whole number from -2^31 to 2^31 is needed",
    "counts": "a list of whole numbers, 0 or more each, is needed",
    "zero": "a whole number, 0 or more, is needed",
    "message": "one JSON object a message is needed",
}
"""By field, what it takes."""
GOT = {
    "str": "a text",
    "int": "a whole number",
    "float": "a number with a fraction",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "null",
}
_WHERE = re.compile(r"(.*?)(?: - at `(?:key` in `)?\$(.*)`)?", re.DOTALL)
_NOT_FINITE = re.compile(
    rb'"([^"\\]{1,64})"\s*:\s*(?:\[[-+.\w\s,]*?)?(?<![\w.])([-+]?(?:nan|inf(?:inity)?))\b', re.IGNORECASE
)
_TIMES = ("ts", "start", "end")
_COUNTS = ("counts", "zero")


def explain(record: bytes, error: Exception) -> TelemetryError:
    """Say what msgspec's error means; `record` raised it.

    >>> try:
    ...     msgspec.json.decode(b'{"value": NaN}')
    ... except msgspec.DecodeError as error:
    ...     str(explain(b'{"value": NaN}', error))
    'value: NaN is not a measurement, nor JSON; leave the sample out'
    """
    if isinstance(error, RecursionError):
        return too_deep()
    if isinstance(error, msgspec.ValidationError):
        return wrong_field(str(error))
    try:
        record.decode()
    except UnicodeDecodeError as wrong:
        return TelemetryError("not_utf8", f"message: byte {wrong.start} is not UTF-8; encode messages as UTF-8")
    if not record.strip():
        return TelemetryError("not_json", "message: empty; one JSON object a message is needed")
    return _not_finite(record) or TelemetryError("not_json", f"message: {_malformed(str(error))}")


def wrong_field(text: str, prefix: str = "") -> TelemetryError:
    """The fault that a text of msgspec's ValidationError tells of; `prefix` is the path of what was decoded."""
    match = _WHERE.fullmatch(text)
    assert match is not None  # every text matches: both parts may be anything
    what = match[1]
    path = (prefix + (match[2] or "")).replace("[...]", "").removeprefix(".") or "message"
    if missing := re.search(r"missing required field `(\w+)`", what):
        path = missing[1] if path == "message" else f"{path}.{missing[1]}"
        return TelemetryError("missing_field", f"{path}: missing; {_needs(path)}")
    return TelemetryError(*_classified(path, what))


def too_deep() -> TelemetryError:
    """For a message that nests too deep."""
    return TelemetryError("too_deep", "message: nests too deep; no field takes more than lists in objects")


def _classified(path: str, what: str) -> tuple[str, str]:
    """Reason and text for a field that is there but wrong."""
    needs = _needs(path)
    field = _field(path)
    if word := re.match(r"Invalid enum value (.*)", what, re.DOTALL):
        return "wrong_word", f"{path}: {word[1][:40]}; {needs}"
    if "of length" in what:
        return "wrong_length", f"{path}: {'empty' if '>= 1' in what else 'too long'}; {needs}"
    if what.startswith("Number out of range"):
        return "out_of_range", f"{path}: too large for a number; magnitudes up to 1e200 are taken"
    if got := re.search(r"got `(\w+)`", what):
        return "wrong_type", f"{path}: {GOT.get(got[1], 'something else')}; {needs}"
    if field in _TIMES:
        return "bad_time", f"{path}: not between 2000 and 2200; {needs}"
    if field in _COUNTS and ">= 0" in what:
        return "negative", f"{path}: negative; {needs}"
    return "out_of_range", f"{path}: too large or too small; {needs}"


def _needs(path: str) -> str:
    return NEEDS.get(_field(path), NEEDS["message"])


def _field(path: str) -> str:
    """The last name in a path; for an entry of `metrics` that name."""
    return re.sub(r"\[\d*\]$", "", path).rpartition(".")[2]


def _not_finite(record: bytes) -> TelemetryError | None:
    """NaN and infinities, which JSON does not know, by name."""
    match = _NOT_FINITE.search(record)
    if match is None:
        return None
    path, token = match[1].decode(errors="replace"), match[2].decode()
    return TelemetryError("not_finite", f"{path}: {token} is not a measurement, nor JSON; leave the sample out")


def _malformed(text: str) -> str:
    """Where the JSON breaks."""
    if "truncated" in text:
        return "the JSON ends too early; send whole messages, one a line in files"
    byte = re.search(r"\(byte (\d+)\)", text)
    place = f" at byte {byte[1]}" if byte else ""
    trailing = ", more follows the first value" if "trailing characters" in text else ""
    return f"not JSON{place}{trailing}; one JSON object a message is needed"
