"""Times that are ahead of their arrival, so that one wrong clock does not close every pane."""

from collections.abc import Sequence

import numpy as np

from stream.arrays import Flags
from stream.errors import TelemetryError
from stream.formats.decoded import Decoded, Fault
from stream.quantity import Instant
from stream.sample import Telemetry

AHEAD_MS = 60_000
"""How far a time may be ahead of its arrival."""

Held = tuple[Telemetry, int, float]
"""A message, its position and its time."""


def reject_ahead(decoded: Decoded, arrivals: Sequence[int]) -> Decoded:
    """Reject messages whose time is more than 60 s ahead of their arrival.

    Args:
        decoded: a block whose positions count from 0.
        arrivals: by position, when the broker took the record, milliseconds UTC.
    """
    if not (decoded.times > min(arrivals, default=0) + AHEAD_MS).any():
        return decoded
    arrival = np.array(arrivals, dtype=np.float64)[np.array(decoded.positions, dtype=np.int64)]
    ahead: Flags = decoded.times > arrival + AHEAD_MS
    if not ahead.any():
        return decoded
    held = list(zip(decoded.messages, decoded.positions, decoded.times.tolist(), strict=True))
    words = "more than 60 s after it arrived"
    faults = [time_fault(held[place], "far_future", words) for place in np.flatnonzero(ahead).tolist()]
    return decoded_of([held[place] for place in np.flatnonzero(~ahead).tolist()], decoded.faults + faults)


def time_fault(held: Held, reason: str, words: str) -> Fault:
    """A message whose time is not believed; `words` say how it relates to others."""
    message, position, time = held
    field = "ts" if message.metrics is None else "end"
    remedy = "set the clock of its producer right"
    return Fault(position, TelemetryError(reason, f"{field}: {Instant(int(time))} is {words}; {remedy}"))


def decoded_of(held: list[Held], faults: list[Fault]) -> Decoded:
    """The messages that are left."""
    return Decoded.of([message for message, _, _ in held], [position for _, position, _ in held], faults)
