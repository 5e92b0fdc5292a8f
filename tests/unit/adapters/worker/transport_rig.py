"""The transport with aiokafka's own fetcher and subscription, but without a broker: what Kafka says is scripted."""

import asyncio
import contextlib
import inspect
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any, cast

from aiokafka.consumer.fetcher import Fetcher
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.structs import TopicPartition
from faust.types import TP

from stream.adapters.worker.consumer_thread import ConsumerThread
from stream.adapters.worker.fetches import Fetches
from stream.adapters.worker.transport import App, BatchTransport

TOPIC = "t"
Held = asyncio.Future["Answer"]


class InlineThread(ConsumerThread):
    """The thread's methods, run where they are called."""

    crashes: list[BaseException]

    async def call_thread(self, fun: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        result = fun(*args, **kwargs)
        return await result if inspect.isawaitable(result) else result

    async def crash(self, exc: BaseException) -> None:
        self.crashes.append(exc)


class Answer:
    """Of one partition to one fetch."""

    API_VERSION = 4

    def __init__(self, *, end: int, stable: int | None = None, data: bytes = b"", error: int = 0, at: int = 0) -> None:
        partition: tuple[Any, ...] = (at, error, end, end if stable is None else stable, [], data)
        self.topics = [(TOPIC, [partition])]


class Rig:
    """An app's consumer that was assigned partitions of `TOPIC`."""

    def __init__(self, **conf: Any) -> None:
        self.app = App(
            "rig",
            broker="kafka://127.0.0.1:1",
            store="memory://",
            datadir="/nonexistent",
            **{"batched": frozenset({TOPIC}), "consumer_auto_offset_reset": "earliest", **conf},
        )
        self.consumer = self.app.consumer
        self.consumer._thread.thread_loop.close()
        self.thread = self.consumer._thread = InlineThread(self.consumer, loop=self.consumer.loop)
        self.thread.crashes = []
        self.kafka = self.thread._consumer = self.thread._create_worker_consumer(
            cast(BatchTransport, self.app.transport)
        )
        self.kafka.subscribe(topics={TOPIC, "stock"}, listener=self.thread._rebalance_listener)
        self.thread.time_started = 0.0
        self.answers: list[Answer | BaseException | Held] = []
        self.committed: dict[TopicPartition, int] = {}
        self.commits: list[dict[TopicPartition, Any]] = []
        self.kafka.committed = self._committed
        self.kafka._client.send = self._send
        self.kafka._coordinator = self
        self.kafka._fetcher = Fetcher(self.kafka._client, self.kafka._subscription, isolation_level="read_committed")
        Fetches(self.kafka._fetcher, self.consumer.clock, self.app.batched)

    def assign(self, *numbers: int, topic: str = TOPIC) -> None:
        """Give it partitions, as the group does."""
        self.kafka._subscription.assign_from_subscribed({TopicPartition(topic, number) for number in numbers})

    def state(self, number: int = 0) -> Any:
        """What aiokafka knows of a partition."""
        return self.kafka._subscription.subscription.assignment.state_value(TopicPartition(TOPIC, number))

    def hold(self) -> Held:
        """An answer that is still to come."""
        return asyncio.get_running_loop().create_future()

    async def fetch(self, answer: "Answer | BaseException | Held", at: int = 0) -> None:
        """One fetch of a partition, at its position."""
        self.answers.append(answer)
        assignment = self.kafka._subscription.subscription.assignment
        request = FetchRequest(20, 1, 1 << 20, 1, [(TOPIC, [(at, self.state(at).position, 1 << 20)])])
        await self.kafka._fetcher._proc_fetch_request(assignment, 0, request)

    async def drain(self, most: int | None = None) -> dict[TopicPartition, list[Any]]:
        """Let the records go that were fetched."""
        found: dict[TopicPartition, list[Any]] = await self.kafka._fetcher.fetched_records([], 0, most)
        return found

    async def commit_offsets(self, _: object, offsets: dict[TopicPartition, Any]) -> None:
        """The coordinator's part."""
        self.commits.append(offsets)

    async def _send(self, _node: int, _request: object) -> Answer:
        answer = self.answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return answer if isinstance(answer, Answer) else await answer

    async def _committed(self, tp: TopicPartition) -> int | None:
        return self.committed.get(tp)


@contextlib.asynccontextmanager
async def rig(**conf: Any) -> AsyncIterator[Rig]:
    """A rig, cleared away afterwards."""
    made = Rig(**conf)
    try:
        yield made
    finally:
        await made.kafka._fetcher.close()
        made.kafka._closed = True
        made.thread.thread_loop.close()


def log_of(values: Iterable[bytes], first: int = 0, codec: int = 0) -> bytes:
    """A batch as it lies in the log, as a broker sends it."""
    builder = DefaultRecordBatchBuilder(2, codec, 0, -1, -1, -1, 1 << 20)
    for number, value in enumerate(values):
        builder.append(number, 1000 + number, None, value, [])
    data = builder.build()
    data[0:8] = first.to_bytes(8, "big")
    return bytes(data)


def tp(number: int = 0, topic: str = TOPIC) -> TP:
    """A partition."""
    return TP(topic, number)
