"""Messages that cannot be used, with where they were and why: for the dead-letter topic."""

from bisect import bisect_left
from collections.abc import Sequence
from itertools import groupby
from operator import attrgetter

from faust.types import TP

from stream.adapters.worker.outbox import Record, headers_of
from stream.adapters.worker.records import Record as Received
from stream.formats.decoded import Fault

LARGEST = 900_000
"""Bytes of a message that are kept."""
MOST_REASONS = 5
"""Faults of one message that are told."""


def letters(topic: str, tp: TP, records: Sequence[Received], faults: Sequence[Fault]) -> list[Record]:
    """One letter for each message that is wrong, or wrong in part.

    Args:
        topic: of the dead letters.
        tp: where the messages are from.
        records: the messages, in order.
        faults: what is wrong, by offset.
    """
    offsets = [record.offset for record in records]
    ordered = sorted(faults, key=attrgetter("position"))
    return [
        _letter(topic, tp, records[bisect_left(offsets, offset)], list(found))
        for offset, found in groupby(ordered, key=attrgetter("position"))
    ]


def letter(topic: str, tp: TP, record: Received, reason: str, error: str) -> Record:
    """A letter about one message."""
    value = record.value or b""
    where = {"topic": tp.topic, "partition": str(tp.partition), "offset": str(record.offset)}
    cut = {"bytes": str(len(value))} if len(value) > LARGEST else {}
    return Record(
        topic, record.key, value[:LARGEST], None, headers_of({"reason": reason, "error": error, **where, **cut})
    )


def _letter(topic: str, tp: TP, record: Received, faults: list[Fault]) -> Record:
    told = "; ".join(str(fault.error) for fault in faults[:MOST_REASONS])
    more = f"; and {len(faults) - MOST_REASONS} more" if len(faults) > MOST_REASONS else ""
    return letter(topic, tp, record, faults[0].error.reason, told + more)
