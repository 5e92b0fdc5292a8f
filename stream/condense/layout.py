"""Messages laid out as columns; what cannot be used is told."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from stream.arrays import Floats, Ints
from stream.condense.columns import Columns, Lists, Plain, Wrong
from stream.condense.entries import Entries
from stream.condense.series import Table, label_values
from stream.formats.check import VERSION, message_fault
from stream.formats.decoded import Decoded
from stream.sample import Telemetry
from stream.summary.gauge import LARGEST


def lay_out(decoded: Decoded, table: Table) -> Columns:
    """Lay out a block of messages; what cannot be used is left out and told."""
    times = np.where(np.isnan(decoded.times), -1, decoded.times).astype(np.int64)
    batches = [place for place, message in enumerate(decoded.messages) if message.metrics is not None]
    plain, wrong = _singles(decoded.messages, times, table, bool(batches))
    if not batches:
        return Columns(times, plain, _NO_LISTS, [], wrong)
    entries = Entries(table, wrong)
    for place in batches:
        error = message_fault(decoded.messages[place])
        if error is None:
            entries.add(decoded.messages[place], place)
        else:
            times[place] = -1
            wrong.append(Wrong(place, -1, 1, error))
    numbers = entries.numbers(decoded.messages)
    return Columns(times, plain.join(numbers), entries.lists(decoded.messages), entries.histograms, wrong)


def _singles(messages: Sequence[Telemetry], times: Ints, table: Table, mixed: bool) -> tuple[Plain, list[Wrong]]:
    """The single samples; `times` of wrong ones become -1."""
    place = np.arange(len(messages))
    if mixed:
        place = np.array([at for at, message in enumerate(messages) if message.metrics is None], dtype=np.int64)
        messages = [messages[at] for at in place.tolist()]
    series = _series(messages, table)
    value = np.array([message.value for message in messages], dtype=np.float64)
    total = _floats([message.total for message in messages])
    fine = (table.sound(series) == 1) & (times[place] >= 0) & (np.abs(value) <= LARGEST)
    plain = Plain(series, place, np.full(len(place), -1), value, total)
    if fine.all():
        return plain, []
    wrong = []
    for at in np.flatnonzero(~fine).tolist():
        error = message_fault(messages[at])
        assert error is not None  # `message_fault` tells all that is not fine here
        wrong.append(Wrong(int(place[at]), int(series[at]), 1, error))
    times[place[~fine]] = -1
    return plain.take(fine), wrong


def _series(messages: Sequence[Telemetry], table: Table) -> Ints:
    """The series of single samples."""
    numbers = _look_up(messages, table.index.labels, table.numbers.get)
    if None in numbers:
        numbers = _look_up(messages, table.index.labels, table.number)
    return np.array(numbers, dtype=np.int64)


def _look_up(
    messages: Sequence[Telemetry], names: Sequence[str], known: Callable[[tuple[Any, ...]], int | None]
) -> list[int | None]:
    """What is known of each message's series. This is the dearest line for a sample: one tuple, one look-up."""
    return [
        known(
            (m.app, m.instance, m.metric, m.version, m.cohort, m.unit, m.kind, m.boot, m.env,
             m.v == VERSION and m.start is None is m.end, m.total is not None,
             label_values(m.labels, m.attrs, names) if names else ())
        )
        for m in messages
    ]  # fmt: skip


def _floats(values: Sequence[float | None]) -> Floats:
    """Numbers as an array, NaN for None; usually all are None."""
    return np.full(len(values), np.nan) if values.count(None) == len(values) else np.array(values, dtype=np.float64)


_NOTHING = np.zeros(0, dtype=np.int64)
_NO_LISTS = Lists(_NOTHING, _NOTHING, _NOTHING, _NOTHING, np.zeros(0))
