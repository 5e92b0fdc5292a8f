"""Times that are too far ahead to be believed, so that one wrong clock does not close every pane.

In a file, which has no arrival times, a time is believed once ten further lines agree. What is let through depends on
the order of the lines alone.
"""

import numpy as np

from stream.condense.ahead import Held, decoded_of, time_fault
from stream.formats.decoded import Decoded, Fault

HOUR_MS = 3_600_000
PANES = 10
CONFIRMATIONS = 10
"""Messages in a row after a jump that make it believed."""


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
        return decoded_of(passed, faults)

    def end(self) -> Decoded:
        """What the end of the file makes of the messages still held."""
        passed: list[Held] = []
        faults: list[Fault] = []
        if self._newest is None and self._held:
            self._believe(passed, faults)
        self._reject(faults)
        return decoded_of(passed, faults)

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
                faults.append(time_fault(one, "far_past", "far before the lines around it"))
            else:
                self._take(one, passed, faults)

    def _reject(self, faults: list[Fault]) -> None:
        faults += [time_fault(held, "far_future", "far after the lines around it") for held in self._held]
        self._held = []
