"""EARLY ABORT: verdicts fire hooks.

A verdict's offset is released when all hooks of all verdicts before it have come to their end: whoever reads it again,
after a crash or a rebalance, goes on where the record ends. So a call may be repeated, with the same id, and none is
lost; one whose success is on record is not repeated.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import msgspec
from faust.types import TP

from stream.adapters.hooks.chains import Chains, now_ms
from stream.adapters.hooks.follower import Follower
from stream.adapters.hooks.ledger import Ledger
from stream.adapters.hooks.metrics import HookMetrics
from stream.adapters.hooks.progress import Progress
from stream.adapters.worker.records import Record as Received
from stream.outputs import Verdict
from stream.wire import decoder

logger = logging.getLogger(__name__)
MOST = 1000
"""Verdicts under way at the same time."""
LEAVING_SECONDS = 8.0
"""How long calls under way may take when the runner ends: less than a worker has in all."""
LOOK_SECONDS = 600.0
RENEWAL_MS = 86_400_000
"""After so long a stop is written anew: the topic forgets what is old, and a stop must hold until it is taken back."""

Work = asyncio.Future[None]
_decode = decoder(Verdict).decode


class Runner:
    """The stage.

    Args:
        app: the Faust app.
        chains: what fires.
        follower: what is on record.
        ledger: where to write.
        metrics: what there is to say.
    """

    def __init__(self, app: Any, chains: Chains, follower: Follower, ledger: Ledger, metrics: HookMetrics) -> None:
        self._app, self._chains, self._follower = app, chains, follower
        self._ledger, self._metrics = ledger, metrics
        self._generation = -1
        self._leaving = False
        self._progress: dict[TP, Progress] = {}
        self._under_way: dict[str, Work] = {}
        """The newest work on each verdict, by its id."""
        self._works: set[Work] = set()
        self.assigned = False
        """Whether the group has given this runner its partitions, were it none."""
        follower.on_switch = chains.wake

    async def process(self, stream: Any) -> None:
        """Take batches of verdicts."""
        async for event in stream.events():
            tp, generation = event.message.tp, event.message.generation_id
            if generation != self._generation and not self._is_past(generation):
                await self._follower.ready.wait()
                await self._follower.catch_up()
                self._generation, self._progress = generation, {}
            if self._is_past(generation):
                continue  # it will be read again from the commit
            for record in event.value:
                await self._begin(tp, generation, record)

    async def on_assigned(self, *_: object, **__: object) -> None:
        """The group has rebalanced."""
        self.assigned = True

    async def on_revoked(self, *_: object, **__: object) -> None:
        """A rebalance begins: no further try, until it is known whose the verdicts are.

        Those under way may end, so that the next owner finds them on record.
        """
        self._chains.wake()
        await self._chains.settle(self._app.conf.broker_rebalance_timeout / 2)

    async def leave(self, *_: object, **__: object) -> None:
        """The runner ends: no further try, and those under way go on record if they end soon."""
        self._leaving = True
        self._chains.wake()
        if not await self._chains.settle(LEAVING_SECONDS):
            logger.warning("calls are under way that take too long to wait for: they will be repeated")
        await self._chains.close()

    async def keep_stopped(self) -> None:
        """Write a stop anew before the topic forgets it, for ever."""
        await self._follower.ready.wait()
        while True:
            thrown = self._follower.book.thrown
            if thrown is not None and thrown.switch.stopped and now_ms() - thrown.written > RENEWAL_MS:
                await self._ledger.throw(thrown.switch)
            await asyncio.sleep(LOOK_SECONDS)

    async def _begin(self, tp: TP, generation: int, record: Received) -> None:
        progress = self._progress.setdefault(tp, Progress())
        progress.begin(record.offset)

        def finish() -> None:
            done = progress.end(record.offset)
            if not self._is_past(generation):
                self._app.consumer.release(tp, done)

        verdict = _verdict(record)
        if verdict is None:
            if record.value is not None:
                self._metrics.skipped()
                logger.warning("record %d/%d of the verdicts is none; skipped", tp.partition, record.offset)
            finish()
            return
        while len(self._works) >= MOST:
            await asyncio.wait(self._works, return_when=asyncio.FIRST_COMPLETED)
        before = self._under_way.get(verdict.id)
        work = self._app.add_future(self._see_to(verdict, record.timestamp, generation, before, finish))
        self._under_way[verdict.id] = work
        self._works.add(work)
        work.add_done_callback(lambda _: self._end(verdict.id, work))
        self._metrics.pending(len(self._works))

    def _end(self, verdict: str, work: Work) -> None:
        self._works.discard(work)
        if self._under_way.get(verdict) is work:
            del self._under_way[verdict]
        self._metrics.pending(len(self._works))

    async def _see_to(
        self,
        verdict: Verdict,
        written: int | None,
        generation: int,
        before: Work | None,
        finish: Callable[[], None],
    ) -> None:
        """Let a verdict's hooks come to their end, after what is under way already for a repeat of it."""
        if before is not None:
            await asyncio.wait([before])
        if await self._chains.fire(verdict, lambda: self._leaving or self._is_past(generation), written):
            finish()

    def _is_past(self, generation: int) -> bool:
        return generation != self._app.consumer_generation_id or bool(self._app.rebalancing)


def _verdict(record: Received) -> Verdict | None:
    try:
        found: Verdict = _decode(record.value or b"")
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    return found
