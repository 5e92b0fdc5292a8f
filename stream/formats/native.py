"""Native telemetry: one JSON object a record, a single sample or a batch (`stream/sample.py`).

Unknown fields are ignored. A wrong record is a fault with a reason and a remedy; a wrong entry of a batch is one too,
and the other entries count.
"""

import re
from collections.abc import Iterator, Sequence

import msgspec
import numpy as np
from msgspec import Raw

from stream.errors import TelemetryError
from stream.formats.check import entry_fault
from stream.formats.decoded import Decoded, Fault
from stream.formats.explain import explain, too_deep, wrong_field
from stream.sample import Metric, Telemetry

LIMIT = 1 << 20
"""Bytes a record may have."""
DEPTH = 200
"""Levels a record may nest; more would depend on how much stack is left."""

SHORT = 400
"""A record of so many bytes cannot nest too deep, nor be too large."""

_decode = msgspec.json.Decoder(Telemetry).decode
_decode_entry = msgspec.json.Decoder(Metric).decode
_Loose = msgspec.defstruct("_Loose", [("metrics", list[Raw] | None, None)], bases=(Telemetry,), frozen=True)
_decode_loose = msgspec.json.Decoder(_Loose).decode
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+"?', re.DOTALL)
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_WRONG = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def decode(records: Sequence[bytes], first: int = 0, limit: int = LIMIT) -> Decoded:
    """Read a block of records.

    Args:
        records: one message each.
        first: the number of the first record; positions count from it.
        limit: bytes a record may have; at least `SHORT`.

    >>> decoded = decode([b'{"app": "shop", "instance": "a", "ts": 1732300000123, "metric": "m", "value": 1}', b"{"])
    >>> len(decoded.messages), [(fault.position, fault.error.reason) for fault in decoded.faults]
    (1, [(1, 'not_json')])
    """
    barred = _barred_of(records, limit) if max(map(len, records), default=0) > SHORT else {}
    numbers = [number for number in range(len(records)) if number not in barred] if barred else range(len(records))
    messages: list[Telemetry] = []
    faults = [Fault(first + number, error) for number, error in barred.items()]
    lost: set[int] = set()
    rest = iter([records[number] for number in numbers] if barred else records)
    while (error := _extend(messages, rest)) is not None:
        number = numbers[len(messages) + len(lost)]
        message, errors = _salvage(records[number], error)
        faults += [Fault(first + number, error) for error in errors]
        if message is None:
            lost.add(number)
        else:
            messages.append(message)
    kept = numbers if not lost else [number for number in numbers if number not in lost]
    positions = [first + number for number in kept] if faults else range(first, first + len(records))
    return Decoded.of(messages, positions, faults)


def _extend(messages: list[Telemetry], rest: Iterator[bytes]) -> Exception | None:
    """Decode on to the end, or to the first wrong record, which is then taken from `rest`; return its error."""
    try:
        messages.extend(map(_decode, rest))
    except _WRONG as error:
        return error
    return None


def _barred_of(records: Sequence[bytes], limit: int) -> dict[int, TelemetryError]:
    """By number, why records are not to be decoded at all."""
    long = (number for number, record in enumerate(records) if len(record) > SHORT)
    return {number: fault for number in long if (fault := _barred(records[number], limit))}


def _barred(record: bytes, limit: int) -> TelemetryError | None:
    """Why a record is not to be decoded at all."""
    if len(record) > limit:
        return TelemetryError("too_large", f"message: longer than the limit of {limit} bytes; send several")
    if record.count(b"[") + record.count(b"{") > DEPTH and _depth(record) > DEPTH:
        return too_deep()
    return None


def _depth(record: bytes) -> int:
    """How deep JSON nests; brackets in texts do not count. O(n)."""
    brackets = np.frombuffer(_STRING.sub(b"", record).translate(None, _NOT_BRACKETS), dtype=np.uint8)
    steps = (brackets & 2).astype(np.int64) - 1  # bit 1 is set in [ and { only
    return int(np.cumsum(steps).max(initial=0))


def _salvage(record: bytes, error: Exception) -> tuple[Telemetry | None, list[TelemetryError]]:
    """What can be used of a wrong record: a batch without its wrong entries, else nothing."""
    if not isinstance(error, msgspec.ValidationError) or "$.metrics[" not in str(error):
        return None, [explain(record, error)]
    try:
        loose = _decode_loose(record)
    except _WRONG as worse:
        return None, [explain(record, worse)]
    fields = {name: getattr(loose, name) for name in Telemetry.__struct_fields__}
    entries = [_entry(raw, number) for number, raw in enumerate(fields["metrics"])]
    fields["metrics"] = [entry for entry in entries if isinstance(entry, Metric)]
    return Telemetry(**fields), [entry for entry in entries if isinstance(entry, TelemetryError)]


def _entry(raw: Raw, number: int) -> Metric | TelemetryError:
    """An entry of a batch, or what is wrong with it; `number` is its place, which others lose when it goes."""
    try:
        entry = _decode_entry(raw)
    except msgspec.ValidationError as error:
        return wrong_field(str(error), f".metrics[{number}]")
    except _WRONG as error:
        return explain(bytes(raw), error)
    return entry_fault(entry, number) or entry
