"""One partition of the partials log: its rollouts begin, are judged, end and are forgotten.

What comes out is a function of the log. So a worker that reads a part of it again, from any stored point, says the same
again, bit for bit.
"""

from collections.abc import Iterator

from msgspec.structs import replace

from stream.errors import StateError
from stream.judge.broken import broken
from stream.monitor import advance, start
from stream.observe.effect import Effect, Ended, Forgotten
from stream.observe.held import Held, retired
from stream.observe.sources import Sources
from stream.observe.waiting import Waiting
from stream.pane import goes_on
from stream.partial import ChunkEnd, Event, Failure, Message, Partial, Registered, SourceTime, Stop, late_start
from stream.plan import Plan
from stream.quantity import Instant
from stream.registry import Registration
from stream.state import Source

DAY_MS = 86_400_000
KEPT_MS = 7 * DAY_MS
"""How long an ended rollout is remembered."""
PATIENCE = 100_000
"""Messages of the log for which rows wait for the record of their rollout."""
LOST = (
    "Messages of the monitor's own log were deleted before they were read: it stood still for longer than the topic "
    "keeps them. Start the rollout anew."
)
UNKNOWN = (
    "Samples were dropped, because this rollout was unknown for too long after they came: the copy of its record was "
    "late. Start it anew."
)


class Observer:
    """Folds one partition of the log.

    >>> from stream.partial import SourceTime
    >>> observer = Observer()
    >>> list(observer.take(0, SourceTime("telemetry-0", 1_732_300_000_000)))
    []
    >>> observer.sources.newest
    1732300000000
    """

    def __init__(self) -> None:
        self.offset = -1
        """The newest message that was taken."""
        self.rollouts: dict[str, Held] = {}
        """By id."""
        self.sources = Sources()
        """What is known of all sources."""
        self.moved: set[str] = set()
        """Rollouts whose state changed since someone cleared this set."""
        self.dropped = 0
        """Messages of rollouts that were never registered."""
        self._waiting: dict[str, Waiting] = {}

    def take(self, offset: int, message: Message) -> Iterator[Effect]:
        """Take the next message; what it brings about comes pane by pane and must be read to its end.

        Messages that were taken before are skipped. Where messages are missing, running rollouts end as failures.
        """
        if offset <= self.offset:
            return
        if self.offset < offset - 1:
            yield from self._fail_all(offset)
        self.offset = offset
        match message:
            case Registered():
                yield from self._register(offset, message)
            case SourceTime():
                before = self.sources.tell(message)
                yield from self._pass_time(offset, message, before)
            case ChunkEnd():
                self.sources.end(message)
                yield from self._end_chunk(offset, message)
            case _:
                yield from self._deliver(offset, message)

    def skip(self, offset: int) -> None:
        """Pass over a message that is none of ours."""
        if offset == self.offset + 1:
            self.offset = offset

    @property
    def held_back(self) -> int:
        """Messages that wait for the record of their rollout."""
        return sum(len(waiting.events) for waiting in self._waiting.values())

    def safe_point(self) -> tuple[int, Sources]:
        """Where to read on after a restart, at the latest: the next offset, and what is known of the sources there."""
        first = min(self._waiting.values(), key=lambda waiting: waiting.offset, default=None)
        return (self.offset + 1, self.sources.copy()) if first is None else (first.offset, first.sources)

    def _register(self, offset: int, record: Registered) -> Iterator[Effect]:
        self.sources.know(record.sources)
        rollout = record.rollout
        held = self.rollouts.get(rollout.id)
        if held is not None:
            yield from self._amend(offset, held, record)
            return
        waiting = self._waiting.pop(rollout.id, None)
        if record.verdict is not None:
            return
        if waiting is None:
            waiting = Waiting(offset, self.sources)
        plan = Plan.of(rollout)
        held = self.rollouts[rollout.id] = Held(plan, start(plan, record.sources), offset, record.offset)
        waiting.sources.begin(held.state, dict.fromkeys((*record.sources, *waiting.names())))
        self.moved.add(rollout.id)
        missed = None if rollout.from_ is None else waiting.sources.missed(rollout.from_.ms, record.offset)
        if missed is not None:
            yield from self._step(offset, held, late_start(rollout.id, missed))
        if rollout.id in self.sources.dropped:
            yield from self._step(offset, held, Failure(rollout.id, UNKNOWN))
        for at, event in waiting.events:
            yield from self._see(at, held, event)
        if record.stopped is not None:
            yield from self._step(offset, held, Stop(rollout.id, record.stopped))
        held.offset = offset
        yield from self._catch_up(offset, held)

    def _amend(self, offset: int, held: Held, record: Registered) -> Iterator[Effect]:
        """The registry says something new of a known rollout: its end. All else of it is settled."""
        if held.state.final or offset <= held.offset:
            return
        held.offset = offset
        if record.stopped is not None:
            yield from self._step(offset, held, Stop(record.rollout.id, record.stopped))
        until = record.rollout.until
        if until != held.plan.rollout.until and not held.state.final:
            held.plan = Plan.of(replace(held.plan.rollout, until=until))
            self.moved.add(record.rollout.id)

    def _deliver(self, offset: int, event: Partial | Stop | Failure) -> Iterator[Effect]:
        held = self.rollouts.get(event.rollout)
        if held is not None:
            if offset > held.offset:
                yield from self._step(offset, held, event)
            return
        if event.rollout not in self._waiting:
            self._waiting[event.rollout] = Waiting(offset, self.sources.copy())
        self._waiting[event.rollout].events.append((offset, event))

    def _end_chunk(self, offset: int, event: ChunkEnd) -> Iterator[Effect]:
        for waiting in self._waiting.values():
            waiting.events.append((offset, event))
        for held in list(self.rollouts.values()):
            if offset > held.offset and not held.state.final:
                yield from self._see(offset, held, event)

    def _see(self, offset: int, held: Held, event: Event) -> Iterator[Effect]:
        """Take an event; a chunk that went past `from` without knowing the rollout is its failure."""
        begins, sources = held.plan.rollout.from_, held.state.sources
        if isinstance(event, ChunkEnd) and begins is not None and not held.state.final:
            unaware = event.registry < held.registered and event.newest >= begins.ms
            if unaware and goes_on(sources.get(event.source, Source()), event):
                yield from self._step(offset, held, late_start(held.plan.rollout.id, event.source))
        yield from self._step(offset, held, event)

    def _pass_time(self, offset: int, event: SourceTime, before: int) -> Iterator[Effect]:
        """A source's time went on from `before`: only what falls due in between can be closed by that."""
        self._give_up()
        newest = self.sources.newest
        for held in list(self.rollouts.values()):
            if offset <= held.offset:
                continue
            if held.ended is not None:
                if newest >= held.ended + KEPT_MS:
                    yield self._forget(held.plan.rollout.id)
            elif event.source not in held.state.sources:
                yield from self._step(offset, held, event)
            elif before < held.due <= event.time or not held.due:
                yield from self._close(offset, held)

    def _forget(self, name: str) -> Forgotten:
        del self.rollouts[name]
        self.moved.add(name)
        return Forgotten(name)

    def _close(self, offset: int, held: Held) -> Iterator[Effect]:
        if self.sources.watermark(held.state.sources) >= held.due:
            yield from self._catch_up(offset, held)

    def _catch_up(self, offset: int, held: Held) -> Iterator[Effect]:
        """Let a rollout know the time of all its sources."""
        self.sources.pass_on(held.state)
        for name in list(held.state.sources)[:1]:
            yield from self._step(offset, held, SourceTime(name, -1))

    def _fail_all(self, offset: int) -> Iterator[Effect]:
        """Messages before this one are missing."""
        for name, waiting in self._waiting.items():
            waiting.events.append((offset - 1, Failure(name, LOST)))
        for held in list(self.rollouts.values()):
            if offset > held.offset + 1 and held.ended is None:
                yield from self._step(offset - 1, held, Failure(held.plan.rollout.id, LOST))

    def _step(self, offset: int, held: Held, event: Event) -> Iterator[Effect]:
        held.offset, state = offset, held.state
        if state.final:
            return
        self.moved.add(held.plan.rollout.id)
        if not isinstance(event, Stop | Failure) and event.source not in state.sources:
            self.sources.begin(state, [event.source])
        written, firing = state.sequence, dict(state.firing)
        try:
            for outputs in advance(held.plan, state, event):
                written, firing = state.sequence, dict(state.firing)
                yield from outputs
        except MemoryError:
            raise
        except Exception as error:  # one rollout's trouble must not end the watch over the others
            state.sequence, state.firing = written, firing
            yield from broken(held.plan, state, _reason(error))
        held.look_ahead()
        if state.final:
            yield self._finish(held)

    def _finish(self, held: Held) -> Ended:
        state, rollout = held.state, held.plan.rollout
        held.ended = (state.next or 0) * held.plan.pane_ms
        held.state = retired(state)
        until = rollout.until if rollout.until is not None and rollout.until.ms <= held.ended else Instant(held.ended)
        return Ended(Registration(replace(rollout, until=until), state.stopped, state.verdict))

    def _give_up(self) -> None:
        """Drop rows of rollouts whose record never came."""
        for name in [name for name, found in self._waiting.items() if self.offset - found.offset > PATIENCE]:
            self.sources.drop(name)
            self.dropped += len(self._waiting.pop(name).events)


def _reason(error: Exception) -> str:
    if isinstance(error, StateError):
        return f"The state cannot be used: {error}."
    what = " ".join(f"{type(error).__name__}: {error}".split())
    return f"The judge broke with {what}. Please report it, and start the rollout anew."
