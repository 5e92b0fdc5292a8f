"""Recordings through the same fold as live telemetry: several files merge like partitions. No clock, no broker.

The file with the oldest news is read on, one block at a time, and each block is a chunk. A file that is read to its end
holds back nobody. At the end of all, time goes on until the pane of the newest sample is closed, and no further.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from stream.condense.chunk import Chunk
from stream.condense.series import Index, Series
from stream.errors import SourceError
from stream.formats import FORMATS, Decode
from stream.formats.decoded import Fault
from stream.monitor import start, step
from stream.outputs import Output
from stream.partial import Event, Partial, SourceTime
from stream.plan import Plan
from stream.replay.jump import Jumps
from stream.replay.unmatched import unmatched
from stream.rollout import Rollout
from stream.words import plural

EXAMPLES = 5
"""Wrong lines that are kept to be shown."""


@dataclass(slots=True)
class _Recording:
    """One file, as far as it was read."""

    name: str
    blocks: Iterator[list[bytes]]
    jumps: Jumps
    lines: int = 0
    newest: int = -1
    """The newest event time in it, or the time it was given since it is done."""
    done: bool = False


@dataclass(slots=True)
class Tally:
    """What was read, for the summary at the end."""

    lines: int = 0
    """Lines that are not blank."""
    matched: int = 0
    """Samples of the two cohorts in watched metrics."""
    faults: Counter[str] = field(default_factory=Counter)
    """Lines, and entries of batches, that cannot be used, by reason."""
    rejected: Counter[str] = field(default_factory=Counter)
    """The rollout's samples that were kept out, by reason."""
    examples: list[str] = field(default_factory=list)
    """The first faults: file, line, what is wrong and the remedy."""


class Replay:
    """Runs recordings through a rollout's monitor.

    Args:
        rollout: the rollout.
        sources: by name, the blocks of lines of each recording.
        decode: reads lines.
    """

    def __init__(
        self, rollout: Rollout, sources: Mapping[str, Iterable[list[bytes]]], decode: Decode = FORMATS["native"]
    ) -> None:
        self.tally = Tally()
        """What was read so far."""
        self.plan = Plan.of(rollout)
        """The rollout's plan."""
        self.state = start(self.plan, list(sources))
        """The monitor's state so far."""
        self._index = Index([rollout])
        self._decode = decode
        self._files = [_Recording(name, iter(blocks), Jumps(self.plan.pane_ms)) for name, blocks in sources.items()]
        self._last: int | None = None

    def outputs(self) -> Iterator[Output]:
        """Read on, and yield what comes out, until a final verdict or the end.

        Raises:
            SourceError: a file cannot be read, or nothing in them is of either cohort.
        """
        for event in self._events():
            yield from step(self.plan, self.state, event)
            if self.state.final:
                break
        if not self.tally.matched:
            raise SourceError(self._nothing())

    def _events(self) -> Iterator[Event]:
        while reading := [file for file in self._files if not file.done]:
            yield self._read(min(reading, key=lambda file: file.newest))
            slowest = min((file.newest for file in reading if not file.done), default=-1)
            yield from self._pass([file for file in self._files if file.done], slowest)
        if self._last is not None:
            end = (self._last + 1) * self.plan.pane_ms + self.plan.policy.lateness.ms
            yield from self._pass(self._files, end)

    def _pass(self, files: list[_Recording], time: int) -> Iterator[Event]:
        """Let time go on to `time` where it is not so far."""
        for file in files:
            if file.newest < time:
                file.newest = time
                yield SourceTime(file.name, time)

    def _read(self, file: _Recording) -> Partial:
        """The next block of a file as a chunk, empty or not: its time counts."""
        first, lines = file.lines, next(file.blocks, None)
        if lines is None:
            file.done = True
            decoded = file.jumps.end()
        else:
            file.lines += len(lines)
            self.tally.lines += len(lines)
            decoded = file.jumps.admit(self._decode(lines, first))
        chunk = Chunk(self._index, file.name, first)
        self._note(file, chunk.add(decoded, file.lines))
        file.newest = max(file.newest, chunk.newest)
        self.tally.matched += sum(chunk.accepted.values())
        for (_, _, reason), number in chunk.kept_out.items():
            self.tally.rejected[reason] += number
        partials = chunk.partials()
        if not partials:
            return Partial(self.plan.rollout.id, file.name, first, file.lines, chunk.newest, [])
        if partials[0].rows:
            self._last = max(partials[0].rows[-1].pane, -1 if self._last is None else self._last)
        return partials[0]

    def _note(self, file: _Recording, faults: list[Fault]) -> None:
        for position, error in faults:
            self.tally.faults[error.reason] += 1
            if len(self.tally.examples) < EXAMPLES:
                self.tally.examples.append(f"{file.name}, line {position + 1}: {error}")

    def _nothing(self) -> str:
        """Why there was nothing to judge."""
        names = ", ".join(file.name for file in self._files)
        read = plural(self.tally.lines, "line")
        if not self.tally.lines:
            return f"{names}: no telemetry; there is not one line in it"
        seen = [Series._make(key) for key in self._index.table().numbers]
        example = self.tally.examples[0] if self.tally.examples else ""
        if not seen:
            return f"{names}: none of {read} can be used; {example or 'no message has a metric'}"
        why = unmatched(self.plan.rollout, seen, self.tally.rejected, example)
        return f"{names}: none of {read} has a sample of either cohort: {why}"
