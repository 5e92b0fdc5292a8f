"""One source's log, cut into chunks at offsets that depend on the log alone.

A chunk is known by the offset of its first record and ends before the next multiple of a fixed number. A worker that
reads a part of the log again, from where a chunk began, makes the same chunks with the same rows.
"""

from bisect import bisect_left
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from stream.condense.ahead import reject_ahead
from stream.condense.chunk import Chunk
from stream.condense.series import Index
from stream.formats import FORMATS, Decode
from stream.formats.decoded import Fault
from stream.partial import ChunkEnd, Failure, late_start
from stream.rollout import Rollout

CHUNK = 16_384
"""Offsets in a chunk."""
BLOCK = 1 << 19
"""Bytes of records that are read at once: what becomes of them fits the processor's cache."""


@dataclass(frozen=True, slots=True)
class Known:
    """What condense knows of the registry."""

    index: Index
    """The rollouts that are fed."""
    registry: int
    """Offset of the newest record of the registry."""


class Block(NamedTuple):
    """Records of the log, in order."""

    offsets: Sequence[int]
    values: Sequence[bytes]
    arrivals: Sequence[int]
    """When the broker took each, milliseconds UTC."""


class SourceLog:
    """Reads one source.

    >>> log = SourceLog("telemetry-0", Known(Index([]), -1), size=10)
    >>> log.add(Block([7, 8, 12], [b"{}", b"{}", b"oops"], [0, 0, 0]))[-1].position
    12
    >>> [(chunk.start, chunk.upto) for chunk in log.chunks], log.over
    ([(7, 9), (12, 13)], True)
    """

    def __init__(self, name: str, known: Known, size: int = CHUNK, decode: Decode = FORMATS["native"]) -> None:
        self.name = name
        """The source's name."""
        self.chunks: deque[Chunk] = deque()
        """Those that are not done with, oldest first; all but the newest are over."""
        self.upto = -1
        """Offset after the newest record; -1 for none."""
        self._known = known
        self._size = size
        self._decode = decode
        self._registry: dict[int, int] = {}  # by start of the chunk, what was known at its end

    @property
    def over(self) -> bool:
        """Whether the oldest chunk will not change any more."""
        return len(self.chunks) > 1 or (bool(self.chunks) and self.chunks[0].upto >= self._end(self.chunks[0].start))

    def add(self, block: Block) -> list[Fault]:
        """Take the next records; return those that cannot be used, by offset. Records that were taken are skipped."""
        faults: list[Fault] = []
        at, end = bisect_left(block.offsets, self.upto), len(block.offsets)
        step = max(1, end * BLOCK // max(1, sum(map(len, block.values))))
        while at < end:
            chunk = self._chunk_for(block.offsets[at])
            to = bisect_left(block.offsets, self._end(chunk.start), at, min(at + step, end))
            faults += self._add(chunk, block, at, to)
            at = to
        return faults

    def use(self, known: Known, new: Sequence[Rollout]) -> list[Failure]:
        """Feed by another index from the next record on.

        Args:
            known: the registry from now on.
            new: rollouts that begin to be fed.

        Returns:
            Failures of those of them that the open chunk has been read past.
        """
        self._known = known
        if not self.chunks or self._done(self.chunks[-1]):
            return []
        chunk = self.chunks[-1]
        chunk.use(known.index)
        self._registry[chunk.start] = known.registry
        missed = [rollout for rollout in new if rollout.from_ is not None and chunk.newest >= rollout.from_.ms]
        return [late_start(rollout.id, self.name) for rollout in missed]

    def end(self) -> ChunkEnd:
        """What to tell of the oldest chunk, which is over."""
        chunk = self.chunks[0]
        return ChunkEnd(self.name, chunk.start, chunk.upto, chunk.newest, self._registry[chunk.start])

    def pop(self) -> None:
        """Forget the oldest chunk, which is over and acknowledged."""
        self._registry.pop(self.chunks.popleft().start)

    def _chunk_for(self, offset: int) -> Chunk:
        if not self.chunks or self._done(self.chunks[-1]) or offset >= self._end(self.chunks[-1].start):
            self.chunks.append(Chunk(self._known.index, self.name, offset))
            self._registry[offset] = self._known.registry
        return self.chunks[-1]

    def _add(self, chunk: Chunk, block: Block, at: int, to: int) -> list[Fault]:
        decoded = reject_ahead(self._decode(block.values[at:to]), block.arrivals[at:to])
        self.upto = block.offsets[to - 1] + 1
        return [Fault(block.offsets[at + fault.position], fault.error) for fault in chunk.add(decoded, self.upto)]

    def _done(self, chunk: Chunk) -> bool:
        return chunk.upto >= self._end(chunk.start)

    def _end(self, start: int) -> int:
        return (start // self._size + 1) * self._size
