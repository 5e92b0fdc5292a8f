"""What a run must have said: its source log read back, folded without any broker."""

from collections.abc import Iterator, Mapping, Sequence

from benchmarks.chaos.spoken import Said, Spoken
from stream.condense.ahead import reject_ahead
from stream.formats.native import decode
from stream.monitor import advance
from stream.outputs import Output, Verdict
from stream.registry import Registration
from stream.replay.run import Replay
from stream.rollout import Rollout
from stream.wire import encode_json
from tests.broker_helpers import Incoming

BLOCK = 997
"""Messages in a block of a recording: no chunk of a worker ends where one of these does."""
Log = Mapping[str, Sequence[Incoming]]
"""By source, its records in order."""


class Stopped(Replay):
    """A replay in which someone stops the rollout once it has said something.

    Args:
        rollout: the rollout.
        sources: as of `Replay`.
        last: event time of the last pane that is judged before the stop, milliseconds UTC; -1 for none.
        reason: of the stop.
    """

    def __init__(self, rollout: Rollout, sources: Mapping[str, Iterator[list[bytes]]], last: int, reason: str) -> None:
        super().__init__(rollout, sources)
        self._stop, self._reason = last, reason

    def outputs(self) -> Iterator[Output]:
        """As of `Replay`."""
        for event in self._events():
            for outputs in advance(self.plan, self.state, event):
                yield from outputs
                if outputs[0].at >= self._stop:
                    self.state.stopped = self._reason
            if self.state.final:
                return


def source_log(records: Sequence[Incoming], topic: str) -> Log:
    """Records by the name that their partition has as a source."""
    log: dict[str, list[Incoming]] = {}
    for one in records:
        log.setdefault(f"{topic}-{one.partition}", []).append(one)
    return log


def fold(rollout: Rollout, log: Log, stop: tuple[int, str] | None = None) -> list[Said]:
    """What a rollout says, up to the last sample.

    Args:
        rollout: the rollout, with its `from`.
        log: the telemetry.
        stop: event time of the last pane before it was stopped, and the reason.
    """
    sources = {name: _blocks(records) for name, records in log.items()}
    replay = Replay(rollout, sources) if stop is None else Stopped(rollout, sources, *stop)
    return [
        Said(output.id, encode_json(output), isinstance(output, Verdict) and output.final)
        for output in replay.outputs()
    ]


def stopped_behind(outputs: Sequence[Spoken], registration: Registration) -> tuple[int, str] | None:
    """Behind which pane a rollout was stopped, by the final verdict that it gave; None if it gave none, or another.

    When the stop takes effect depends on when its record was read; nothing else does.
    """
    for one in outputs:
        if one.final and one.head.rollout == registration.rollout.id and one.head.verdict == "inconclusive":
            return one.head.at - registration.rollout.policy.pane.ms, registration.stopped or ""
    return None


def unusable(log: Log) -> set[tuple[int, int]]:
    """Partition and offset of the records that nobody can use."""
    found = set()
    for records in log.values():
        decoded = reject_ahead(decode([one.value or b"" for one in records]), [one.timestamp for one in records])
        found |= {(records[fault.position].partition, records[fault.position].offset) for fault in decoded.faults}
    return found


def _blocks(records: Sequence[Incoming]) -> Iterator[list[bytes]]:
    for at in range(0, len(records), BLOCK):
        yield [one.value or b"" for one in records[at : at + BLOCK]]
