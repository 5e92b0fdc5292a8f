"""Logs as condense writes them, by chance: telemetry cut into chunks and flushes, workers that crash or are stalled."""

import json
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from msgspec.structs import replace

from stream.condense.series import Index
from stream.condense.source_log import Block, Known, SourceLog
from stream.observe.checkpoint import Stored, epoch_after, freeze, freeze_sources, newest, split, thaw, thaw_sources
from stream.observe.effect import Effect, Ended, Forgotten
from stream.observe.observer import Observer
from stream.partial import Message, Partial, Registered, SourceTime
from stream.policy import MetricRule, Policy
from stream.quantity import Duration, Instant
from stream.registry import write_registration
from stream.replay.run import Replay
from stream.rollout import Rollout, Selector
from stream.wire import decoder, encode_json
from tests.core_helpers import SECOND, percent

T0 = 1_732_300_000_000
PANES = 14
BARRIER = T0 + 8 * SECOND
"""Here every source is read to the same time, so that what the registry says then comes at the same time always."""
END = T0 + 25 * SECOND
LATECOMER_BEGINS = T0 + 3 * SECOND
SOURCES = ("telemetry-0", "telemetry-1", "telemetry-2")
MOST_CRASHES = 5
SELECTORS: dict[str, Any] = {"baseline": Selector(version="1"), "canary": Selector(version="2")}
LATENCY, CPU, ORDERS = MetricRule("latency", views=("mean",)), MetricRule("cpu", kind="gauge"), MetricRule("orders")

_decode = decoder(Message).decode


def rollout_of(name: str, *rules: MetricRule, from_ms: int = T0, until_ms: int | None = None, **policy: Any) -> Rollout:
    """A rollout of the shop with panes of a second."""
    usual = {
        "pane": Duration(SECOND),
        "lateness": Duration(SECOND),
        "warmup": Duration(0),
        "n_min": 2,
        "deadline": None,
    }
    until = None if until_ms is None else Instant(until_ms)
    made = Policy(rules or (CPU,), **{**usual, **policy})
    return Rollout(name, "shop", made, from_=Instant(from_ms), until=until, **SELECTORS)


STRICT: dict[str, Any] = {"alpha": 1e-9, "alpha_promote": 1e-9}
ROLLOUTS = {
    rollout.id: rollout
    for rollout in (
        rollout_of("bad", LATENCY, MetricRule("cpu", kind="gauge", tolerate=percent(50))),
        rollout_of("tired", deadline=Duration(9 * SECOND), bake_time=Duration(0), **STRICT),
        rollout_of("halted", **STRICT),
        rollout_of("bounded", until_ms=T0 + 7 * SECOND, pane=Duration(2 * SECOND), **STRICT),
        rollout_of("latecomer", CPU, MetricRule("orders", kind="rate"), from_ms=LATECOMER_BEGINS, **STRICT),
    )
}
KNOWN_FIRST = [rollout for name, rollout in ROLLOUTS.items() if name != "latecomer"]
FIRST, ALL = Known(Index(KNOWN_FIRST), 3), Known(Index(list(ROLLOUTS.values())), 4)


class Line(NamedTuple):
    """One record of telemetry."""

    arrival: int
    time: int
    value: bytes


Telemetry = dict[str, list[Line]]


@lru_cache
def telemetry(seed: int = 7) -> Telemetry:
    """By source, what was sent, in order of arrival. A few come too late, others are wrong or nobody's business."""
    rng = np.random.default_rng(seed)
    found: Telemetry = {name: [] for name in SOURCES}
    for second in range(-2, PANES):
        for version in "12":
            for number in range(3):
                for message in _reported(rng, version, f"{version}-{number}", T0 + second * SECOND):
                    time = int(message.get("ts") or message["end"] - 1)
                    late = message["app"] == "shop" and rng.random() < (
                        0.15 if message.get("metric") == "cpu" else 0.05
                    )
                    delay = int(rng.integers(1_500, 5_000) if late else rng.integers(0, 900))
                    found[SOURCES[int(rng.integers(3))]].append(Line(time + delay, time, json.dumps(message).encode()))
        found[SOURCES[int(rng.integers(3))]].append(Line(T0 + second * SECOND, -1, b"oops"))
    return {name: sorted(lines) for name, lines in found.items()}


def _reported(rng: np.random.Generator, version: str, instance: str, second: int) -> Iterator[dict[str, Any]]:
    def about(**fields: Any) -> dict[str, Any]:
        return {"app": "shop", "instance": instance, "version": version, **fields}

    def moment() -> int:
        return second + int(rng.integers(SECOND))

    factor = 4.0 if version == "2" else 1.0
    for _ in range(2):
        values = (factor * np.exp(rng.normal(4, 0.3, 5))).tolist()
        yield about(start=second, end=moment() + 1, metrics=[{"name": "latency", "type": "samples", "values": values}])
    yield about(metric="cpu", value=float(rng.normal(0.5, 0.01)), ts=moment())
    yield about(metric="orders", value=int(rng.poisson(3)), ts=moment())
    if rng.random() < 0.3:
        yield about(metric="disk", value=1.0, ts=moment())
        yield about(metric="orders", value=0.5, ts=moment())
        yield about(app="cart", metric="latency", value=1.0, ts=moment())


class Cut(NamedTuple):
    """How telemetry becomes a log."""

    seed: int = 0
    chunk: int = 1_000_000
    flush: int = 1_000_000
    """Mean number of records between flushes."""
    pieces: float = 0.0
    """How often a partial comes in several messages."""
    crash: float = 0.0
    """How often a worker dies after a message, and another one begins at the last commit."""


class Feed:
    """Condense's work on one source."""

    def __init__(self, name: str, how: Cut, rng: np.random.Generator) -> None:
        self.name = name
        self._lines, self._how, self._rng = telemetry()[name], how, rng
        newest = np.maximum.accumulate([line.time for line in self._lines])
        before = int(np.searchsorted(newest, LATECOMER_BEGINS))
        self._known_at = int(rng.integers(before + 1))
        self._commit = self._read = 0
        self._crashes = MOST_CRASHES
        self._aware = False
        self._ghosts: list[bytes] = []
        self._log, self._newest = SourceLog(name, FIRST, how.chunk), -1

    def run(self, arrival: int) -> Iterator[bytes]:
        """Read what arrived before a time, and send all of it."""
        upto = sum(line.arrival < arrival for line in self._lines)
        while self._read < upto or not (yield from self._flush(last=True)):
            self._add(min(1 + int(self._rng.poisson(self._how.flush)), upto - self._read))
            yield from self._flush()
        yield from self._ghosts
        self._ghosts = []

    def _begin(self) -> None:
        """Another worker begins at the commit; it knows all of the registry."""
        self._log, self._newest, self._read = SourceLog(self.name, FIRST, self._how.chunk), -1, self._commit
        if self._aware:
            self._learn()

    def _learn(self) -> None:
        self._aware = True
        assert self._log.use(ALL, [ROLLOUTS["latecomer"]]) == []

    def _add(self, number: int) -> None:
        while number:
            if self._read == self._known_at:
                self._learn()
            step = min(number, 1 + int(self._rng.integers(9)))
            if self._read < self._known_at:
                step = min(step, self._known_at - self._read)
            lines, at = self._lines[self._read : self._read + step], self._read
            self._log.add(Block(range(at, at + step), [one.value for one in lines], [one.arrival for one in lines]))
            self._read += step
            number -= step

    def _flush(self, *, last: bool = False) -> Generator[bytes, None, bool]:
        """Send what is there, each thing once all before is acknowledged; false if the worker dies meanwhile."""
        while self._log.chunks:
            chunk, over, time = self._log.chunks[0], self._log.over, self._time()
            rows = [encode_json(piece) for partial in chunk.partials() for piece in self._pieces(partial)]
            if not (yield from self._deliver(rows)):
                return False
            if over:
                end = self._log.end()
                if not (yield from self._deliver([encode_json(end)])):
                    return False
                self._commit, self._newest = end.upto, max(self._newest, end.newest)
                self._log.pop()
            tick = [encode_json(SourceTime(self.name, time))] if last or self._rng.random() < 0.5 else []
            if not (yield from self._deliver(tick)):
                return False
            if not over:
                break
        return True

    def _time(self) -> int:
        return max(self._newest, self._log.chunks[0].newest) if self._log.chunks else self._newest

    def _pieces(self, partial: Partial) -> Iterator[Partial]:
        rows = partial.rows
        while len(rows) > 1 and self._rng.random() < self._how.pieces:
            number = int(self._rng.integers(1, len(rows)))
            yield replace(partial, rows=rows[:number], kept_out={}, more=True)
            rows = rows[number:]
        yield replace(partial, rows=rows)

    def _deliver(self, messages: list[bytes]) -> Generator[bytes, None, bool]:
        """Send; false if the worker dies meanwhile. One that was only stalled sends the rest some time later."""
        for number, message in enumerate(messages):
            while self._ghosts and self._rng.random() < 0.3:
                yield self._ghosts.pop(0)
            if self._crashes and self._rng.random() < self._how.crash:
                self._crashes -= 1
                self._ghosts += messages[number:] if self._rng.random() < 0.5 else []
                self._begin()
                return False
            yield message
        return True


def registered(name: str, **fields: Any) -> bytes:
    """The copy of a rollout's record."""
    number = list(ROLLOUTS).index(name)
    return encode_json(Registered(ROLLOUTS[name], number, list(SOURCES), **fields))


def log_of(how: Cut) -> list[bytes]:
    """The log of partials, one partition."""
    rng = np.random.default_rng(how.seed)
    feeds = [Feed(name, how, rng) for name in SOURCES]
    log = [registered(rollout.id) for rollout in KNOWN_FIRST]
    log += _interleaved([feed.run(BARRIER) for feed in feeds], rng)
    log.append(registered("halted", stopped="the deployment was rolled back."))
    second = _interleaved([feed.run(END) for feed in feeds], rng)
    second.insert(int(rng.integers(len(second))), registered("latecomer"))
    return log + second + [encode_json(SourceTime(name, END)) for name in SOURCES]


def _interleaved(streams: list[Iterator[bytes]], rng: np.random.Generator) -> list[bytes]:
    found = []
    while streams:
        number = int(rng.integers(len(streams)))
        for _ in range(int(rng.integers(1, 20))):
            message = next(streams[number], None)
            if message is None:
                del streams[number]
                break
            found.append(message)
    return found


def decoded(message: bytes) -> Message:
    """As a worker reads it."""
    message_: Message = _decode(message)
    return message_


class Said:
    """What observers said, by rollout, as it is sent; a repeat must be equal."""

    def __init__(self) -> None:
        self.outputs: dict[str, list[bytes]] = {}
        self.ended: dict[str, bytes] = {}
        self.forgotten: list[str] = []

    def add(self, effect: Effect) -> None:
        match effect:
            case Ended(registration):
                said = write_registration(registration)
                assert self.ended.setdefault(registration.rollout.id, said) == said
            case Forgotten(rollout):
                self.forgotten.append(rollout)
            case _:
                lines, number = self.outputs.setdefault(effect.rollout, []), int(effect.id.rpartition("/")[2])
                assert number <= len(lines) + 1, f"{effect.id} came after {len(lines)} outputs"
                line = encode_json(effect)
                if number <= len(lines):
                    assert lines[number - 1] == line, f"{effect.id} was said again in other words"
                else:
                    lines.append(line)


class Reader:
    """An observer that gets one message after the other."""

    def __init__(self, observer: Observer | None = None) -> None:
        self.observer = observer or Observer()
        self.offset = self.observer.offset + 1
        self.said: list[Effect] = []

    def take(self, *messages: Message) -> list[Effect]:
        """Take messages; return what they bring about."""
        found: list[Effect] = []
        for message in messages:
            found += self.observer.take(self.offset, decoded(encode_json(message)))
            self.offset += 1
        self.said += found
        return found


class Owner:
    """One ownership of a partition of the log: an observer, and the keys of a compacted topic that it alone writes."""

    def __init__(self, topic: dict[bytes, bytes], chance: str) -> None:
        self.observer = restored(topic)
        self.pending: list[Effect] = []
        """What was said since the last checkpoint."""
        self._epoch, self._former = epoch_after(topic, chance), list(topic)
        self._numbers: dict[str, int] = {}
        self._keys: dict[str, set[bytes]] = {}

    def checkpoint(self) -> list[tuple[bytes, bytes | None]]:
        """The records to write, in order: states, the partition's own, and what they replace."""
        observer = self.observer
        offset, sources = observer.safe_point()
        names, observer.moved = sorted(observer.moved), set()
        records: list[tuple[bytes, bytes | None]] = []
        for name in names:
            if name in observer.rollouts:
                held = observer.rollouts[name]
                records += self._parts(name, held.offset, freeze(held))
        records += self._parts("", offset, freeze_sources(sources))
        former, self._former = self._former, []
        former += [key for name in names if name not in observer.rollouts for key in self._keys.pop(name, ())]
        return records + [(key, None) for key in former]

    def _parts(self, name: str, offset: int, data: bytes) -> list[tuple[bytes, bytes]]:
        self._numbers[name] = number = self._numbers.get(name, -1) + 1
        records = split(name, self._epoch, Stored(offset, number, data))
        self._keys.setdefault(name, set()).update(key for key, _ in records)
        return records


def restored(topic: Mapping[bytes, bytes]) -> Observer:
    """An observer as it was stored last; all states count as moved."""
    observer = Observer()
    for name, stored in newest(topic.items()).items():
        if name:
            observer.rollouts[name] = thaw(stored.data)
            observer.moved.add(name)
        else:
            observer.offset, observer.sources = stored.offset - 1, thaw_sources(stored.data)
    return observer


def write(topic: dict[bytes, bytes], records: Iterable[tuple[bytes, bytes | None]]) -> None:
    """Append to a compacted topic."""
    for key, value in records:
        if value is None:
            topic.pop(key, None)
        else:
            topic[key] = value


def observe(log: Iterable[bytes], observer: Observer | None = None) -> Said:
    """An observer that reads a log from its beginning to its end."""
    observer, said = observer or Observer(), Said()
    for offset, message in enumerate(log):
        for effect in observer.take(offset, decoded(message)):
            said.add(effect)
    return said


def observe_with_crashes(log: Sequence[bytes], rng: np.random.Generator, crashes: int) -> Said:
    """Owners of the partition that crash or stall one after the other, and one that reads to the end."""
    said, topic = Said(), dict[bytes, bytes]()
    ghosts: list[tuple[bytes, bytes | None]] = []
    for number in range(crashes + 1):
        owner = Owner(topic, f"{rng.integers(2**32):08x}")
        safe = owner.observer.offset + 1
        first = int(rng.integers(safe + 1)) if rng.random() < 0.3 else safe
        last = len(log) if number == crashes else min(len(log), safe + int(rng.integers(len(log) * 2 // (crashes + 1))))
        for offset in range(first, last):
            owner.pending += owner.observer.take(offset, decoded(log[offset]))
            if rng.random() < 0.05:
                _say(said, owner.pending)
                write(topic, owner.checkpoint())
            while ghosts and rng.random() < 0.1:
                write(topic, [ghosts.pop(0)])
        match "end" if number == crashes else str(rng.choice(["killed", "torn", "stalled"])):
            case "killed":
                _say(said, owner.pending[: int(rng.integers(len(owner.pending) + 1))])
            case "torn":
                _say(said, owner.pending)
                records = owner.checkpoint()
                write(topic, records[: int(rng.integers(len(records)))])
            case "stalled":
                _say(said, owner.pending)
                ghosts += owner.checkpoint()
            case _:
                _say(said, owner.pending)
    return said


def _say(said: Said, effects: list[Effect]) -> None:
    for effect in effects:
        said.add(effect)
    effects.clear()


@lru_cache
def replayed(name: str) -> list[bytes]:
    """What `canary replay` says of a rollout, one file a source."""
    files = {name: [[line.value for line in lines]] for name, lines in telemetry().items()}
    return [encode_json(output) for output in Replay(ROLLOUTS[name], files).outputs()]
