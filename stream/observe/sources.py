"""What a partition of the log says about the sources of telemetry, whichever rollouts they feed."""

from collections.abc import Iterable

import msgspec
from msgspec import Struct

from stream.partial import ChunkEnd, SourceTime
from stream.state import Source, State

REMEMBERED = 64
"""Numbers of registry offsets that are told apart; older ones are taken together."""
MOST_DROPPED = 1_000


class SourceClock(Struct):
    """One source, over all apps."""

    time: int = -1
    """It has delivered everything older than this, milliseconds UTC."""
    upto: int = -1
    """Offset after its newest finished chunk."""
    newest: int = -1
    """The newest event time of its finished chunks."""
    ends: dict[int, int] = {}
    """The newest event time of finished chunks, by the registry offset that was known when they were read."""


class Sources(Struct):
    """All sources, by name."""

    clocks: dict[str, SourceClock] = {}
    dropped: list[str] = []
    """Rollouts whose rows were dropped because nobody knew them, newest last."""

    def know(self, names: Iterable[str]) -> None:
        """Wait for these from now on."""
        for name in names:
            self.clocks.setdefault(name, SourceClock())

    def tell(self, event: SourceTime) -> int:
        """A source's time moves; return what it was."""
        clock = self.clocks.setdefault(event.source, SourceClock())
        before, clock.time = clock.time, max(clock.time, event.time)
        return before

    def end(self, event: ChunkEnd) -> None:
        """A source's chunk is over; a repeat changes nothing."""
        clock = self.clocks.setdefault(event.source, SourceClock())
        if event.upto <= clock.upto:
            return
        clock.upto, clock.newest = event.upto, max(clock.newest, event.newest)
        clock.ends[event.registry] = max(clock.ends.get(event.registry, -1), event.newest)
        if len(clock.ends) > REMEMBERED:
            first, second, *_ = sorted(clock.ends)
            clock.ends[second] = max(clock.ends[second], clock.ends.pop(first))

    def watermark(self, names: Iterable[str]) -> int:
        """These sources have delivered everything older than this; -1 while one has not spoken."""
        return min((self.clocks[name].time if name in self.clocks else -1 for name in names), default=-1)

    @property
    def newest(self) -> int:
        """The time of the source that is furthest."""
        return max((clock.time for clock in self.clocks.values()), default=-1)

    def missed(self, time: int, registry: int) -> str | None:
        """A source that was read past a time by chunks that did not know a record of the registry."""
        for name, clock in sorted(self.clocks.items()):
            if any(known < registry and newest >= time for known, newest in clock.ends.items()):
                return name
        return None

    def drop(self, name: str) -> None:
        """Remember that rows of a rollout were dropped."""
        self.dropped = [*self.dropped, name][-MOST_DROPPED:]

    def begin(self, state: State, names: Iterable[str]) -> None:
        """Let sources that are new to a state begin behind their finished chunks."""
        for name in names:
            clock = self.clocks.get(name, SourceClock())
            state.sources[name] = Source(newest=clock.newest, start=clock.upto, upto=clock.upto)

    def pass_on(self, state: State) -> None:
        """Tell a state the time of its sources."""
        for name, source in state.sources.items():
            source.time = max(source.time, self.clocks.get(name, SourceClock()).time)

    def copy(self) -> "Sources":
        """One that does not change with this one."""
        return msgspec.convert(msgspec.to_builtins(self, str_keys=False), Sources)
