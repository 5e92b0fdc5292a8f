"""Traffic that came too late for any monitor: then a run proves nothing, and says so.

Outputs are those of the source log as long as samples come within the lateness. Where a partition is quiet for that
long although its broker answers, its panes are closed by the clock; what comes later than that was not there in time.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from functools import cache
from itertools import accumulate
from math import inf

from benchmarks.chaos.fold import Log
from benchmarks.chaos.traffic import MEANT
from stream.condense.ahead import reject_ahead
from stream.formats.native import decode
from stream.partial import ChunkEnd, Message, Partial, SourceTime
from stream.wire import decoder
from tests.broker_helpers import Incoming

_message = decoder(Message).decode


def came_late(log: Log, allowed_ms: int) -> int:
    """How many samples came more than `allowed_ms` after their time, though they were not meant to."""
    return sum(one.timestamp - time > allowed_ms for records in log.values() for one, time in _unmeant(records))


def came_after_the_clock(log: Log, partials: Sequence[Incoming], pane_ms: int, lateness_ms: Collection[int]) -> int:
    """How many samples were read after the clock had closed their pane, and not their own partition's times.

    Args:
        log: the telemetry.
        partials: the log of partials.
        pane_ms: the length of the rollouts' panes.
        lateness_ms: those of the rollouts.
    """
    reading, telling = _read_and_told(partials)
    told = [_curve(telling[name]) for name in log]
    closed = cache(lambda due: max(_reached(curve, due) for curve in told))
    found = 0
    for name, records in log.items():
        read, newest = _curve(reading[name]), -1.0
        for one, time in _unmeant(records):
            over = (time // pane_ms + 1) * pane_ms
            dues = [due for due in (over + lateness for lateness in lateness_ms) if newest < due]
            found += any(closed(due) < _reached(read, one.offset + 1) for due in dues)
            newest = max(newest, time)
    return found


Steps = list[tuple[int, int]]
"""When something was reached, milliseconds UTC, and what."""


def _read_and_told(partials: Sequence[Incoming]) -> tuple[dict[str, Steps], dict[str, Steps]]:
    """By source, when its offsets were read, and when its times were told."""
    reading, telling = defaultdict[str, Steps](list), defaultdict[str, Steps](list)
    for one in partials:
        message = _message(one.value or b"")
        if isinstance(message, Partial | ChunkEnd):
            reading[message.source].append((one.timestamp, message.upto))
        elif isinstance(message, SourceTime):
            telling[message.source].append((one.timestamp, message.time))
    return reading, telling


def _curve(steps: Steps) -> tuple[list[int], list[int]]:
    """What was reached, ever more, and when."""
    steps.sort()
    return list(accumulate((what for _, what in steps), max)), [when for when, _ in steps]


def _reached(curve: tuple[list[int], list[int]], what: float) -> float:
    """When something was reached first; infinite for never."""
    at = bisect_left(curve[0], what)
    return curve[1][at] if at < len(curve[1]) else inf


def _unmeant(records: Sequence[Incoming]) -> Iterator[tuple[Incoming, float]]:
    """Records that can be used, with their times, without those that are late on purpose."""
    decoded = reject_ahead(decode([one.value or b"" for one in records]), [one.timestamp for one in records])
    for position, time in zip(decoded.positions, decoded.times.tolist(), strict=True):
        if MEANT.encode() not in (records[position].value or b""):
            yield records[position], time
