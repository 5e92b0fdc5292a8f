"""CONDENSE: partitions of telemetry become rows of partials, and the time up to which they were read.

The agent only adds up. What changed is sent when a pane falls due or a chunk is over, one flush of a partition at a
time: rows are sent once, so that a later flush must not get through where an earlier one is lost. A chunk's end is told
after its rows are acknowledged, and nothing of the next chunk is sent before that; then its offset may be committed.
"""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from operator import attrgetter
from time import monotonic
from time import time as clock
from typing import Any

from faust.types import TP

from stream.adapters.worker.dead_letter import letters
from stream.adapters.worker.layout import Layout, source
from stream.adapters.worker.metrics import Metrics
from stream.adapters.worker.outbox import Outbox, Record
from stream.adapters.worker.registry_follower import Change, RegistryFollower
from stream.condense.pieces import pieces
from stream.condense.source_log import Block, SourceLog
from stream.partial import Failure, SourceTime
from stream.wire import encode_json

TICK = 0.01
"""Seconds between two looks at what is due."""
MANY = 2_000
"""Records of a batch that has more behind it: the worker catches up, and rows that are sent now change again soon."""
PATIENCE = 0.1
"""Seconds that a due time waits after such a batch, unless the chunk is over."""
MOST_CHUNKS = 8
"""Chunks of a partition that wait for the broker before the partition waits for them."""
_value, _timestamp = attrgetter("value"), attrgetter("timestamp")


@dataclass(eq=False)
class _Feed:
    """One partition, in one generation of the group."""

    log: SourceLog
    letters: list[Record] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    newest: int = -1
    """The newest event time of chunks that are done with."""
    told: int = -1
    """The time that was told last."""
    flushing: bool = False
    catching_up: float = 0.0
    """Monotonic seconds until which what falls due waits for the end of the chunk."""
    room: asyncio.Event = field(default_factory=asyncio.Event)


class Condenser:
    """The first stage.

    Args:
        app: the Faust app.
        outbox: where to send.
        layout: the topics.
        registry: what is fed.
        metrics: what there is to say.
    """

    def __init__(self, app: Any, outbox: Outbox, layout: Layout, registry: RegistryFollower, metrics: Metrics) -> None:
        self._app, self._outbox, self._layout, self._metrics = app, outbox, layout, metrics
        self._registry = registry
        self._topics = frozenset(layout.telemetry)
        self._generation = -1
        self._feeds: dict[TP, _Feed] = {}
        registry.on_change = self._use

    @property
    def assigned(self) -> bool:
        """Whether the group has given this worker its share, and the worker has begun with it."""
        return self._generation >= 0 and self._generation == self._app.consumer_generation_id

    async def process(self, stream: Any) -> None:
        """Take batches of telemetry."""
        await self._registry.ready.wait()
        async for event in stream.events():
            message = event.message
            if message.generation_id != self._app.consumer_generation_id:
                continue  # it will be read again from the commit
            self._renew()
            feed = self._feed(message.tp)
            self._add(message.tp, feed, event.value)
            self._flush_if_due(message.tp, feed)
            while len(feed.log.chunks) > MOST_CHUNKS and self._feeds.get(message.tp) is feed:
                feed.room.clear()
                await feed.room.wait()

    async def run(self) -> None:
        """Send what falls due while nothing is read, and what fell due during a flush, for ever."""
        await self._registry.ready.wait()
        while True:
            await asyncio.sleep(TICK)
            self._renew()
            if self._app.rebalancing:
                continue
            for tp in self._app.consumer.assignment():
                if tp.topic in self._topics:
                    self._flush_if_due(tp, self._feed(tp))

    def _flush_if_due(self, tp: TP, feed: _Feed) -> None:
        """Begin a flush, if there is none and something is due; not during a rebalance."""
        if not self._app.rebalancing and not feed.flushing and self._is_due(tp, feed):
            feed.flushing = True
            self._app.add_future(self._flush(tp, feed))

    def _renew(self) -> None:
        """After any rebalance, everything is read again from the commits."""
        if self._generation != self._app.consumer_generation_id:
            self._generation = self._app.consumer_generation_id
            self._metrics.assigned(Counter(tp.topic for tp in self._app.consumer.assignment()))
            feeds, self._feeds = self._feeds, {}
            for feed in feeds.values():
                feed.room.set()

    def _feed(self, tp: TP) -> _Feed:
        if tp not in self._feeds:
            known = self._registry.change.known
            self._feeds[tp] = _Feed(SourceLog(source(tp), known, self._layout.settings.chunk))
        return self._feeds[tp]

    def _use(self, change: Change) -> None:
        for feed in self._feeds.values():
            feed.failures += feed.log.use(change.known, change.new)

    def _add(self, tp: TP, feed: _Feed, records: list[Any]) -> None:
        now = int(clock() * 1000)
        block = _block(records, now)
        faults = feed.log.add(block)
        feed.catching_up = monotonic() + PATIENCE if len(records) >= MANY else 0.0
        if faults:
            found = letters(self._layout.dead_letter, tp, records, faults)
            feed.letters += found
            self._metrics.dead_letters(tp.topic, len(found))
        reasons, faulty = Counter(fault.error.reason for fault in faults), len({fault.position for fault in faults})
        self._metrics.read(tp.topic, len(records), reasons, faulty)
        self._metrics.lag(tp.topic, tp.partition, max(0.0, (now - block.arrivals[-1]) / 1000))

    def _is_due(self, tp: TP, feed: _Feed) -> bool:
        if feed.letters or feed.failures or feed.log.over:
            return True
        if monotonic() < feed.catching_up:
            return False
        return self._registry.change.due.between(feed.told, self._time(tp, feed))

    def _time(self, tp: TP, feed: _Feed) -> int:
        """Up to when the oldest chunk has everything, milliseconds UTC."""
        log = feed.log
        newest = max(feed.newest, log.chunks[0].newest) if log.chunks else feed.newest
        quiet: int | None = self._app.consumer.quiet(tp, log.upto) if len(log.chunks) <= 1 else None
        if quiet is None:
            return newest
        self._metrics.lag(tp.topic, tp.partition, 0.0)
        return max(newest, quiet)

    async def _flush(self, tp: TP, feed: _Feed) -> None:
        try:
            await self._send(tp, feed)
        except Exception as error:  # the rows are lost: nothing may follow them, also while the worker ends
            await self._app.crash(error)
        else:
            feed.flushing = False

    async def _send(self, tp: TP, feed: _Feed) -> None:
        log, generation = feed.log, self._generation
        over, time, records = log.over, self._time(tp, feed), self._changed(feed)  # one instant
        await self._outbox.deliver(records)
        if generation != self._app.consumer_generation_id:
            return
        if over:
            end = log.end()
            await self._outbox.deliver(self._layout.to_all(log.name, encode_json(end)))
            if generation != self._app.consumer_generation_id:
                return
            self._app.consumer.release(tp, end.upto)
            feed.newest = max(feed.newest, end.newest)
            self._count(feed)
            log.pop()
            feed.room.set()
        if self._registry.change.due.between(feed.told, time):
            feed.told = time
            await self._outbox.deliver(self._layout.to_all(log.name, encode_json(SourceTime(log.name, time))))

    def _changed(self, feed: _Feed) -> list[Record]:
        records, feed.letters = feed.letters, []
        failures, feed.failures = feed.failures, []
        records += [self._layout.to_rollout(failure.rollout, encode_json(failure)) for failure in failures]
        for partial in feed.log.chunks[0].partials() if feed.log.chunks else ():
            records += [self._layout.to_rollout(partial.rollout, piece) for piece in pieces(partial)]
        return records

    def _count(self, feed: _Feed) -> None:
        """A chunk's samples, once it is done with."""
        chunk = feed.log.chunks[0]
        kept_out: Counter[str] = Counter()
        for (_, _, reason), number in chunk.kept_out.items():
            kept_out[reason] += number
        self._metrics.routed(chunk.accepted.total(), kept_out)


def _block(records: list[Any], now: int) -> Block:
    """Records as columns; a tombstone is an empty message, and where no time is given it is `now`."""
    first, last = records[0].offset, records[-1].offset
    without_holes = last - first + 1 == len(records)
    offsets = range(first, last + 1) if without_holes else [record.offset for record in records]
    values, times = list(map(_value, records)), list(map(_timestamp, records))
    if None in values:
        values = [value or b"" for value in values]
    if None in times:
        times = [now if time is None else time for time in times]
    return Block(offsets, values, times)
