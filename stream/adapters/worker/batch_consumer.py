"""The consumer: fetches batches, and commits what the application releases."""

from collections.abc import AsyncIterator, Iterator, Mapping
from typing import TYPE_CHECKING, Any, cast

from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage, Message
from faust.types.transports import TPorTopicSet

from stream.adapters.worker.consumer_thread import ConsumerThread
from stream.adapters.worker.fetch_clock import FetchClock
from stream.adapters.worker.records import Record

if TYPE_CHECKING:
    from stream.adapters.worker.transport import App


class BatchConsumer(driver.Consumer):
    """Fetches batches, and commits what is released."""

    app: "App"
    _thread: ConsumerThread

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._released: dict[TP, int] = {}
        super().__init__(*args, **kwargs)
        self.clock = FetchClock(wait=self.app.fetch.wait_ms / 1000)

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    def release(self, tp: TP, offset: int) -> None:
        """Let the commit of `tp` move up to `offset`, the next one to read."""
        if offset > self._released.get(tp, -1):
            self._released[tp] = offset

    def quiet(self, tp: TP, processed: int) -> int | None:
        """The idle clock: when the newest fetch that found `tp` read to its end was sent.

        Args:
            tp: the partition.
            processed: the application's next offset, the last processed one + 1; -1 if nothing was handed out in this
                assignment. The log may end in holes or in marks of transactions, so that no position says the same.

        Returns:
            Milliseconds UTC. None if records are under way, if the newest fetch was not answered, if it ends at an open
            transaction, or if fetches have been answered without a break for less than 5 s since the assignment or the
            last one that was not.
        """
        return self.clock.quiet(tp, processed)

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, Message]]:
        """Fetch once: a message a batch, and stock ones."""
        generation = self.app.consumer_generation_id
        fetched, active = await self._wait_next_records(timeout)
        if not fetched or self.should_stop:
            return
        if self._is_past(generation) or self.app.rebalancing:
            await self._drop()
            return
        for tp, message in self._messages(fetched):
            if self._is_past(generation):
                return
            # Back-pressure takes a partition out of `active` while its records are in our hands: they count too.
            if active is None or tp in active or tp in self._buffered_partitions:
                self.app.monitor.track_tp_end_offset(tp, self.highwater(tp))
                yield tp, message

    def _is_past(self, generation: int) -> bool:
        return not self.flow_active or self.app.consumer_generation_id != generation

    async def _drop(self) -> None:
        """A rebalance began or ended during the fetch, or is not over: forget it and start again at the commits.

        Faust goes on to fetch before the last act of its recovery, which clears all queues.
        """
        try:
            await self.perform_seek()
        except Exception as error:
            if self.flow_active:  # nobody else will seek: better to die than to skip
                raise
            self.log.warning("seek while the flow is stopped: %r", error)

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Go to the commits, and to the beginning where there is none.

        Neither Faust nor aiokafka moves a partition without a commit; what was dropped of it would be lost.
        """
        committed = await super().seek_to_committed()
        fresh = {TP(*tp) for tp, offset in committed.items() if not offset}
        if fresh and self.app.conf.consumer_auto_offset_reset == "earliest":
            await self._thread.reset(fresh)
        return committed

    def _messages(self, fetched: Mapping[TP, list[Any]]) -> Iterator[tuple[TP, Message]]:
        stock = {}
        for tp, records in fetched.items():
            if tp.topic not in self.app.batched:
                stock[tp] = records
            elif records:
                yield tp, self._batch(tp, records)
        for tp, record in self.scheduler.iterate(stock):
            yield tp, self._to_message(tp, record)

    def _batch(self, tp: TP, records: list[Record]) -> ConsumerMessage:
        """A message at the last record's offset, so that Faust's read offset stays right."""
        last = records[-1]
        return ConsumerMessage(
            topic=tp.topic,
            partition=tp.partition,
            offset=last.offset,
            timestamp=(last.timestamp or 0) / 1000,
            timestamp_type=0,
            headers=None,
            key=None,
            value=cast(Any, records),
            checksum=None,
            serialized_value_size=len(records),
            tp=tp,
            generation_id=self.app.consumer_generation_id,
        )

    def ack(self, message: Message) -> bool:
        """A stream is done with a message."""
        if message.topic not in self.app.batched:
            return super().ack(message)
        message.acked = True
        self._unacked_messages.discard(message)
        if self._waiting_for_ack is not None and not self._waiting_for_ack.done():
            self._waiting_for_ack.set_result(None)
        return True

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """A batch is no gap. Faust would note down each of its offsets."""
        if tp.topic not in self.app.batched:
            await super()._add_gap(tp, offset_from, offset_to)

    def _filter_tps_with_pending_acks(self, topics: TPorTopicSet | None = None) -> Iterator[TP]:
        yield from (tp for tp in super()._filter_tps_with_pending_acks(topics) if tp.topic not in self.app.batched)
        yield from (tp for tp in list(self._released) if topics is None or tp in topics or tp.topic in topics)

    def _new_offset(self, tp: TP) -> int | None:
        return self._released.get(tp) if tp.topic in self.app.batched else super()._new_offset(tp)

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Commit what is released, then forget it. Faust forgets first, and the next owner reads an interval again."""
        await self.commit()
        for tp in revoked:
            self._released.pop(tp, None)
        await super().on_partitions_revoked(revoked)
