"""Traffic that came too late for any monitor: then a run proves nothing, and says so.

Outputs are those of the source log as long as samples come within the lateness. Where a partition is quiet for that
long although its broker answers, its panes are closed by the clock; what comes later than that was not there in time.
"""

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate

from benchmarks.chaos.traffic import MEANT
from stream.formats.native import decode
from stream.partial import Message, SourceTime
from stream.wire import decoder
from tests.broker_helpers import Incoming

_message = decoder(Message).decode


def came_late(log: Mapping[str, Sequence[Incoming]], allowed_ms: int) -> int:
    """How many samples came more than `allowed_ms` after their time, though they were not meant to."""
    return sum(one.timestamp - time > allowed_ms for records in log.values() for one, time in _unmeant(records))


def came_after_the_clock(
    log: Mapping[str, Sequence[Incoming]], partials: Sequence[Incoming], pane_ms: int, lateness_ms: int
) -> int:
    """How many samples came after the clock had closed their pane, and not their own partition's times.

    Args:
        log: the telemetry, by source.
        partials: the log of partials, of any partition.
        pane_ms: the length of the rollouts' panes.
        lateness_ms: the shortest lateness of the rollouts.
    """
    told = _told(partials)
    found = 0
    for name, records in log.items():
        times, when = told.get(name, ([], []))
        newest = -1.0
        for one, time in _unmeant(records):
            due = (time // pane_ms + 1) * pane_ms + lateness_ms
            at = bisect_left(times, due)  # the first announcement that closes its pane
            found += newest < due and at < len(times) and when[at] < one.timestamp
            newest = max(newest, time)
    return found


def _told(partials: Sequence[Incoming]) -> dict[str, tuple[list[int], list[int]]]:
    """By source, the times that were announced, ever newer, and when each was."""
    found: dict[str, list[tuple[int, int]]] = {}
    for one in partials:
        message = _message(one.value or b"")
        if isinstance(message, SourceTime):
            found.setdefault(message.source, []).append((message.time, one.timestamp))
    return {
        name: (list(accumulate((time for time, _ in one), max)), [at for _, at in one]) for name, one in found.items()
    }


def _unmeant(records: Sequence[Incoming]) -> Iterator[tuple[Incoming, float]]:
    """Records that can be used, with their times, without those that are late on purpose."""
    decoded = decode([one.value or b"" for one in records])
    for position, time in zip(decoded.positions, decoded.times.tolist(), strict=True):
        if MEANT.encode() not in (records[position].value or b""):
            yield records[position], time
