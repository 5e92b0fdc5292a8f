"""The entries of batches, laid out as columns."""

from collections.abc import Sequence
from itertools import chain

import numpy as np

from stream.condense.columns import Histogram, Lists, Plain, Wrong
from stream.condense.series import Table, label_values
from stream.formats.check import MAX_VALUES, entry_fault, fits
from stream.sample import Metric, Telemetry
from stream.summary.distribution import MAX_COUNT, Distribution
from stream.summary.gauge import LARGEST


class Entries:
    """Takes batch after batch, then gives the columns; wrong entries are told in `wrong`."""

    def __init__(self, table: Table, wrong: list[Wrong]) -> None:
        self.histograms: list[Histogram] = []
        """The entries that came as histograms."""
        self._table = table
        self._wrong = wrong
        self._numbers: list[tuple[int, int, int, float, float]] = []
        self._kinds: list[str] = []
        self._lists: list[tuple[int, int, int, int]] = []
        self._list_entries: list[int] = []
        self._values: list[list[float]] = []

    def add(self, message: Telemetry, place: int) -> None:
        """Take the entries of a batch."""
        names, known = self._table.index.labels, self._table.numbers.get
        m = message
        for at, entry in enumerate(message.metrics or ()):
            labels = label_values(m.labels, entry.attrs, names) if names else ()
            key = (m.app, m.instance, entry.name, m.version, m.cohort, entry.unit, entry.type, m.boot, m.env, True,
                   False, labels)  # fmt: skip
            series = known(key)
            self._add(m, entry, self._table.number(key) if series is None else series, place, at)

    def _add(self, m: Telemetry, entry: Metric, series: int, place: int, at: int) -> None:
        if entry.type == "samples":
            values = entry.values
            if values is None or len(values) > MAX_VALUES or len(values) * entry.weight > MAX_COUNT:
                self._fault(entry, series, place, at)
            elif values:
                self._lists.append((series, place, entry.weight, len(values)))
                self._list_entries.append(at)
                self._values.append(values)
        elif entry.type == "exphist":
            if entry_fault(entry, at) is not None:
                self._fault(entry, series, place, at)
            elif entry.zero or any(entry.counts or ()):
                summary = Distribution.of_histogram(entry.scale, entry.offset, entry.counts or [], entry.zero)
                self.histograms.append(Histogram(series, place, summary))
        elif entry.value is None or (entry.total is None) == (entry.type == "ratio"):
            self._fault(entry, series, place, at)
        else:
            total = np.nan if entry.total is None else entry.total
            if entry.type == "count":
                total = float(max((m.end or 0) - (m.start or 0), 0))
            self._numbers.append((series, place, at, entry.value, total))
            self._kinds.append(entry.type)

    def numbers(self, messages: Sequence[Telemetry]) -> Plain:
        """The counts, ratios and gauges."""
        plain = Plain.of(self._numbers)
        fine = np.ones(len(self._kinds), dtype=bool)
        kinds = np.array(self._kinds, dtype=str)
        for kind in np.unique(kinds).tolist():
            chosen = kinds == kind
            fine[chosen] = fits(kind, plain.value[chosen], plain.total[chosen])
        for number in np.flatnonzero(~fine).tolist():
            series, place, at, *_ = self._numbers[number]
            self._fault((messages[place].metrics or [])[at], series, place, at)
        return plain.take(fine)

    def lists(self, messages: Sequence[Telemetry]) -> Lists:
        """The raw values."""
        series, message, weight, length = np.array(self._lists, dtype=np.int64).reshape(-1, 4).T.copy()
        values = np.fromiter(chain.from_iterable(self._values), np.float64, int(length.sum()))
        lists = Lists(series, message, weight, length, values)
        unusable = ~((values >= 0) & (values <= LARGEST))
        if not unusable.any():
            return lists
        owner = np.repeat(np.arange(len(length)), length)
        wrong = np.unique(owner[unusable])
        for number in wrong.tolist():
            place, at = self._lists[number][1], self._list_entries[number]
            self._fault((messages[place].metrics or [])[at], self._lists[number][0], place, at)
        return lists.take(np.setdiff1d(np.arange(len(length)), wrong))

    def _fault(self, entry: Metric, series: int, place: int, at: int) -> None:
        error = entry_fault(entry, at)
        assert error is not None  # the caller has seen one
        self._wrong.append(Wrong(place, series, max(1, len(entry.values or ())), error))
