"""OBSERVE: partials become outputs, and states that outlive the worker.

The agent folds a partition of the log and sends what comes out. Every few seconds a checkpoint follows, in the order
outputs, states, the partition's record, commit: what a state counts as said has been said. Nothing in the agent waits
for the broker; after a crash at most one interval is read again, and says the same again.
"""

import asyncio
import logging
from dataclasses import dataclass, field
from time import monotonic
from time import time as clock
from typing import Any

import msgspec
from faust.types import TP

from stream.adapters.worker.announce import records_of
from stream.adapters.worker.layout import Layout
from stream.adapters.worker.metrics import Metrics
from stream.adapters.worker.outbox import Future, Outbox
from stream.adapters.worker.records import Record as Received
from stream.adapters.worker.state_store import Frozen, StateStore
from stream.observe.checkpoint import freeze, freeze_sources
from stream.observe.effect import Effect, Ended, Forgotten
from stream.observe.observer import Observer
from stream.outputs import Score
from stream.partial import Message
from stream.wire import decoder

logger = logging.getLogger(__name__)
BYTES_A_SECOND = 5_000_000
"""Checkpoints of a worker take at most so much of the network ..."""
SHARE = 10
"""... and a tenth of its time."""

_decode = decoder(Message).decode


@dataclass(eq=False)
class _Share:
    """One partition of the log, in one generation of the group."""

    observer: Observer
    sent: list[Future] = field(default_factory=list)
    """Outputs that no checkpoint counts yet."""
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    """A checkpoint must not see a state whose outputs are not in `sent` yet."""
    whole: bool = True
    """Whether `sent` has all that the state counts as said; not so any more where the agent broke off in a batch."""
    stored: int = -1
    """The newest message at the last checkpoint."""


class ObserverStage:
    """The second stage.

    Args:
        app: the Faust app.
        outbox: where to send.
        layout: the topics.
        metrics: what there is to say.
    """

    def __init__(self, app: Any, outbox: Outbox, layout: Layout, metrics: Metrics) -> None:
        self._app, self._outbox, self._layout, self._metrics = app, outbox, layout, metrics
        self._store = StateStore(outbox, layout)
        self._generation = -1
        self._shares: dict[TP, _Share] = {}
        self._freezing = 0.0  # seconds of this round's checkpoints in which nothing else could run

    async def process(self, stream: Any) -> None:
        """Take batches of the log."""
        async for event in stream.events():
            tp, generation = event.message.tp, event.message.generation_id
            if generation != self._app.consumer_generation_id:
                continue  # it will be read again from the commit
            if generation != self._generation:
                self._generation, self._shares = generation, {}
            if tp not in self._shares:
                observer = await self._store.restore(tp.partition)
                if generation != self._app.consumer_generation_id:
                    continue
                self._shares[tp] = _Share(observer, stored=observer.offset)
                self._metrics.restored(len(observer.rollouts), self._store.seconds)
            share = self._shares[tp]
            async with share.lock:
                share.whole = False
                for record in event.value:
                    await self._take(share, record)
                share.whole = True

    async def report(self) -> None:
        """Say every second how things stand, for ever."""
        dropped = 0
        while True:
            await asyncio.sleep(1)
            observers = [share.observer for share in self._shares.values()]
            running = [held for one in observers for held in one.rollouts.values() if held.ended is None]
            self._metrics.holds(len(running))
            self._metrics.waiting(sum(one.held_back for one in observers))
            known, dropped = dropped, sum(one.dropped for one in observers)
            self._metrics.dropped(max(0, dropped - known))
            behind = [one.sources.watermark(one.sources.clocks) for one in observers]
            self._metrics.watermark(clock() - min(behind) / 1000 if running and min(behind) >= 0 else None)

    async def run(self) -> None:
        """Store checkpoints, for ever."""
        wait = self._layout.settings.checkpoint
        while True:
            await asyncio.sleep(wait)
            began, size, self._freezing = monotonic(), 0, 0.0
            for tp, share in list(self._shares.items()):
                if share.observer.offset > share.stored:
                    size += await self._checkpoint(tp, share)
            if size:
                self._metrics.checkpointed(size, monotonic() - began)
            wait = max(self._layout.settings.checkpoint, size / BYTES_A_SECOND, SHARE * self._freezing)

    async def _take(self, share: _Share, record: Received) -> None:
        try:
            message: Message = _decode(record.value or b"")
        except (msgspec.MsgspecError, UnicodeDecodeError, ValueError) as error:
            logger.error("message %d of %s is none of ours: %s", record.offset, self._layout.partials, error)
            share.observer.skip(record.offset)
            return
        began, judging = monotonic(), 0.0
        for effect in share.observer.take(record.offset, message):
            judging += monotonic() - began
            for sending in records_of(effect, self._layout.prefix):
                share.sent.append(await self._outbox.send(sending))
            self._note(share.observer, effect)
            if isinstance(effect, Score):
                self._metrics.judged(judging)
                judging = 0.0
            began = monotonic()

    async def _checkpoint(self, tp: TP, share: _Share) -> int:
        """Store what moved; return the bytes."""
        generation = self._generation
        async with share.lock:
            if not share.whole:
                return 0
            observer, reached = share.observer, share.observer.offset
            offset, sources = observer.safe_point()
            names, observer.moved = observer.moved, set()
            states: dict[str, tuple[int, bytes] | None] = {}
            for name in sorted(names):
                began, held = monotonic(), observer.rollouts.get(name)
                states[name] = None if held is None else (held.offset, freeze(held))
                self._freezing += monotonic() - began
                await asyncio.sleep(0)  # freezing takes time; let others work in between
            sent, share.sent = share.sent, []
        await asyncio.gather(*sent)
        if self._is_past(generation, tp, share):
            return 0
        frozen = Frozen(offset, freeze_sources(sources), states)
        await self._store.save(tp.partition, frozen)
        if self._is_past(generation, tp, share):
            return 0
        share.stored = reached
        self._app.consumer.release(tp, offset)
        return frozen.size

    def _is_past(self, generation: int, tp: TP, share: _Share) -> bool:
        return generation != self._app.consumer_generation_id or self._shares.get(tp) is not share

    def _note(self, observer: Observer, effect: Effect) -> None:
        match effect:
            case Ended(registration):
                self._metrics.over(registration.rollout)
            case Forgotten():
                pass
            case _:
                plan = observer.rollouts[effect.rollout].plan
                due = effect.at + plan.policy.lateness.ms
                self._metrics.said(effect, plan.rollout, clock() - due / 1000)
