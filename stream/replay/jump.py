"""Times that are too far ahead to be believed, so that one wrong clock does not close every pane.

In a file, a time is believed once ten further lines agree (`Jumps`); in a log with arrival times, as far as 60 s after
its arrival (`reject_ahead`). Both are pure, and what they let through depends on the order of the messages alone.
"""

from collections.abc import Sequence

import numpy as np

from stream.arrays import Flags
from stream.errors import TelemetryError
from stream.formats.decoded import Decoded, Fault
from stream.quantity import Instant
from stream.sample import Telemetry

HOUR_MS = 3_600_000
PANES = 10
CONFIRMATIONS = 10
"""Messages in a row after a jump that make it believed."""
AHEAD_MS = 60_000
"""How far a time may be ahead of its arrival."""

Held = tuple[Telemetry, int, float]
"""A message, its position and its time."""


class Jumps:
    """Holds back messages of one file whose time jumps an hour and ten panes ahead of all before.

    Ten further messages in a row beyond that bar confirm the jump; one that is not, or the end of the file, rejects it.
    What is before the first time is unknown: the first eleven messages are held too, and their median is believed.
    """

    def __init__(self, pane_ms: int) -> None:
        self._bar = HOUR_MS + PANES * pane_ms
        self._newest: float | None = None
        self._held: list[Held] = []

    def admit(self, decoded: Decoded) -> Decoded:
        """Let through what can be believed by now; what is rejected becomes a fault."""
        if self._newest is not None and not self._held:
            times = np.where(np.isnan(decoded.times), self._newest, decoded.times)
            newest = np.maximum.accumulate(np.concatenate(([self._newest], times)))
            if (times <= newest[:-1] + self._bar).all():
                self._newest = float(newest[-1])
                return decoded
        passed: list[Held] = []
        faults = list(decoded.faults)
        for message, position, time in zip(decoded.messages, decoded.positions, decoded.times.tolist(), strict=True):
            self._take((message, position, time), passed, faults)
        return _decoded(passed, faults)

    def end(self) -> Decoded:
        """What the end of the file makes of the messages still held."""
        passed: list[Held] = []
        faults: list[Fault] = []
        if self._newest is None and self._held:
            self._believe(passed, faults)
        self._reject(faults)
        return _decoded(passed, faults)

    def _take(self, held: Held, passed: list[Held], faults: list[Fault]) -> None:
        time = held[2]
        if np.isnan(time):  # it has no usable time, and is rejected further on
            passed.append(held)
        elif self._newest is None or time > self._newest + self._bar:
            self._held.append(held)
            if len(self._held) > CONFIRMATIONS:
                self._believe(passed, faults)
        else:
            self._reject(faults)
            self._newest = max(self._newest, time)
            passed.append(held)

    def _believe(self, passed: list[Held], faults: list[Fault]) -> None:
        """Take the median of the held times for the present, and what is held again."""
        held, self._held = self._held, []
        first = self._newest is None
        self._newest = present = sorted(time for _, _, time in held)[(len(held) - 1) // 2]
        for one in held:
            if first and one[2] < present - self._bar:
                faults.append(_fault(one, "far_past", "far before the lines around it"))
            else:
                self._take(one, passed, faults)

    def _reject(self, faults: list[Fault]) -> None:
        faults += [_fault(held, "far_future", "far after the lines around it") for held in self._held]
        self._held = []


def reject_ahead(decoded: Decoded, arrivals: Sequence[int]) -> Decoded:
    """Reject messages whose time is more than 60 s ahead of their arrival.

    Args:
        decoded: a block whose positions count from 0.
        arrivals: by position, when the broker took the record, milliseconds UTC.
    """
    arrival = np.array(arrivals, dtype=np.float64)[np.array(decoded.positions, dtype=np.int64)]
    ahead: Flags = decoded.times > arrival + AHEAD_MS
    if not ahead.any():
        return decoded
    held = list(zip(decoded.messages, decoded.positions, decoded.times.tolist(), strict=True))
    words = "more than 60 s after it arrived"
    faults = [_fault(held[place], "far_future", words) for place in np.flatnonzero(ahead).tolist()]
    return _decoded([held[place] for place in np.flatnonzero(~ahead).tolist()], decoded.faults + faults)


def _fault(held: Held, reason: str, words: str) -> Fault:
    message, position, time = held
    field = "ts" if message.metrics is None else "end"
    remedy = "set the clock of its producer right"
    return Fault(position, TelemetryError(reason, f"{field}: {Instant(int(time))} is {words}; {remedy}"))


def _decoded(held: list[Held], faults: list[Fault]) -> Decoded:
    return Decoded.of([message for message, _, _ in held], [position for _, position, _ in held], faults)
