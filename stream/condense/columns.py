"""Messages as columns: what numpy can check, sort and sum at once.

A *plain* number is a single sample, or the number of a count, ratio or gauge of a batch; a *list* holds the raw values
of one entry of a batch.
"""

from dataclasses import dataclass, fields
from typing import NamedTuple, Self

import numpy as np

from stream.arrays import Flags, Floats, Ints
from stream.errors import TelemetryError
from stream.summary.distribution import Distribution


class Wrong(NamedTuple):
    """A message, or an entry of one, that cannot be used."""

    message: int
    """The place of the message in the block."""
    series: int
    """The series it would have been part of; -1 where that is unknown."""
    samples: int
    """How many samples are lost."""
    error: TelemetryError
    """What is wrong, and the remedy."""


class Histogram(NamedTuple):
    """An entry of a batch that came as a histogram."""

    series: int
    message: int
    summary: Distribution


@dataclass(frozen=True, slots=True, eq=False)
class Plain:
    """Plain numbers, finite and at most 1e200."""

    series: Ints
    """The series of each."""
    message: Ints
    """The place of its message in the block."""
    entry: Ints
    """Its place in its batch; -1 for a single sample."""
    value: Floats
    """The number."""
    total: Floats
    """The trials of k of n; of a batch's count, the milliseconds it covers; else NaN."""

    @classmethod
    def of(cls, rows: list[tuple[int, int, int, float, float]]) -> Self:
        """Turn rows of the fields into columns."""
        table = np.array(rows, dtype=np.float64).reshape(-1, 5)  # the integers are far below 2^53
        series, message, entry = (table[:, place].astype(np.int64) for place in range(3))
        return cls(series, message, entry, table[:, 3], table[:, 4])

    def take(self, chosen: Flags) -> Self:
        """The chosen ones."""
        return type(self)(*(getattr(self, field.name)[chosen] for field in fields(self)))

    def join(self, other: Self) -> Self:
        """Those of both."""
        parts = ((getattr(self, field.name), getattr(other, field.name)) for field in fields(self))
        return type(self)(*map(np.concatenate, parts))


@dataclass(frozen=True, slots=True, eq=False)
class Lists:
    """Lists of raw values, at least one each."""

    series: Ints
    """The series of each list."""
    message: Ints
    """The place of its message in the block."""
    weight: Ints
    """How many measurements each of its values stands for."""
    length: Ints
    """The number of its values."""
    values: Floats
    """[sum of lengths] all values, 0 to 1e200 each."""

    def take(self, places: Ints) -> Self:
        """The lists at these places, in that order."""
        start, length = np.cumsum(self.length) - self.length, self.length[places]
        within = np.repeat(start[places] - (np.cumsum(length) - length), length) + np.arange(int(length.sum()))
        series, message, weight = self.series[places], self.message[places], self.weight[places]
        return type(self)(series, message, weight, length, self.values[within])


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """A block of messages, laid out."""

    times: Ints
    """[messages] event times, milliseconds UTC; -1 for messages that cannot be used."""
    plain: Plain
    lists: Lists
    histograms: list[Histogram]
    wrong: list[Wrong]
    """What is in none of them."""
