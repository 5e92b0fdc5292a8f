"""The thread in which aiokafka runs, with what Faust's lacks."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from aiokafka.consumer.fetcher import OffsetResetStrategy
from aiokafka.structs import TopicPartition
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from stream.adapters.worker.fetches import Fetches
from stream.adapters.worker.patience import make_patient

if TYPE_CHECKING:
    from stream.adapters.worker.batch_consumer import BatchConsumer


class ConsumerThread(driver.AIOKafkaConsumerThread):
    """The thread of aiokafka's consumer."""

    consumer: "BatchConsumer"

    def _create_worker_consumer(self, transport: driver.Transport) -> Any:
        consumer: Any = super()._create_worker_consumer(transport)
        fetch = self.consumer.app.fetch
        consumer._fetch_max_wait_ms, consumer._fetch_min_bytes = fetch.wait_ms, fetch.min_bytes
        consumer._isolation_level = "read_committed" if fetch.committed_only else "read_uncommitted"
        make_patient(consumer._client)
        return consumer

    async def on_start(self) -> None:
        """Start the consumer, and watch its fetches."""
        await super().on_start()
        app = self.consumer.app
        Fetches(self._ensure_consumer()._fetcher, self.consumer.clock, app.batched)

    async def reset(self, tps: set[TP]) -> None:
        """Let partitions be read from their beginning. Asks for the offset and does not wait for it.

        Nothing is fetched until the offset is known. To wait would fail while a leader is down, within Faust's
        recovery, which does not come back from that: the worker would hold what it never reads.
        """
        await self.call_thread(self._reset, tps)

    async def _reset(self, tps: set[TP]) -> None:
        owned = [TopicPartition(*tp) for tp in tps & self.assignment()]
        if owned:
            self._ensure_consumer()._fetcher.request_offset_reset(owned, OffsetResetStrategy.EARLIEST)

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Look for a partition that hangs.

        Faust asserts that every partition has a position; one whose leader is down may have none yet, and is left out.
        """
        assignment = self._ensure_consumer()._subscription.subscription.assignment
        state = assignment and assignment.state_value(TopicPartition(*tp))
        if state and state.has_valid_position:
            super().verify_event_path(now, tp)

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        """Commit what is still owned. aiokafka refuses an empty commit, and Faust dies of it."""
        owned = {tp: offset for tp, offset in offsets.items() if tp in self.assignment()}
        return await super()._commit(owned) if owned else False
