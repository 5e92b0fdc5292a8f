"""What a decoder made of a block of records: messages in order, their times, and what was wrong with the rest."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np

from stream.arrays import Floats
from stream.errors import TelemetryError
from stream.sample import Telemetry

EARLIEST = 946_684_800_000
"""The first time that is taken: the start of 2000, milliseconds UTC."""
LATEST = 7_258_118_400_000
"""The first time that is not: the start of 2200."""


class Fault(NamedTuple):
    """A record, or an entry of a batch, that cannot be used."""

    position: int
    """The number of the record."""
    error: TelemetryError
    """What is wrong, and the remedy."""


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """A block of records, read."""

    messages: list[Telemetry]
    """What could be read, in the order of the records."""
    positions: Sequence[int]
    """The number of each message's record."""
    faults: list[Fault]
    """What could not."""
    times: Floats
    """[messages] event times in milliseconds UTC; NaN where a message names none between 2000 and 2200."""

    @classmethod
    def of(cls, messages: list[Telemetry], positions: Sequence[int], faults: list[Fault]) -> Self:
        """Add the times."""
        return cls(messages, positions, faults, event_times(messages))


def event_times(messages: Sequence[Telemetry]) -> Floats:
    """The time of each message: `ts` of a single sample, 1 ms before `end` of a batch; NaN for none that is taken.

    >>> single, batch = Telemetry("shop", "a", ts=1732300000123), Telemetry("shop", "a", end=1732300010000, metrics=[])
    >>> event_times([single, batch, Telemetry("shop", "a", ts=17)]).tolist()
    [1732300000123.0, 1732300009999.0, nan]
    """
    times = np.array([message.ts for message in messages], dtype=np.float64)
    for index in np.flatnonzero(np.isnan(times)).tolist():
        end = messages[index].end
        if end is not None and messages[index].metrics is not None:
            times[index] = max(end - 1, min(end, EARLIEST))
    times[~((times >= EARLIEST) & (times < LATEST))] = np.nan
    return times
