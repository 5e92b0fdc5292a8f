"""A worker's stages without Faust and a broker: topics in memory that acknowledge when they are told."""

import asyncio
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from types import SimpleNamespace
from typing import Any, NamedTuple, Self

import msgspec
import pytest
from faust.types import TP

from stream.adapters.settings import Settings
from stream.adapters.worker import condenser, state_store
from stream.adapters.worker.layout import Layout, source
from stream.adapters.worker.outbox import Outbox, Record
from stream.condense.due import DueTimes
from stream.condense.series import Index
from stream.condense.source_log import Block, Known, SourceLog
from stream.document.rollout import read_rollout
from stream.partial import Message, Registered, SourceTime
from stream.rollout import Rollout
from stream.wire import decoder, encode_json

SOURCE = TP("canary.telemetry", 0)
PARTIALS, STATES = "canary.partials", "canary.states"
BEGIN = 1_767_607_200_000
"""`from` of the rollout, milliseconds UTC."""
ROLLOUT: Rollout = read_rollout(
    {"id": "shop-1", "app": "shop", "metrics": ["latency"], "from": BEGIN}
    | {"pane": "1s", "lateness": "1s", "warmup": "0s"}
)
read_message: Callable[[bytes], Message] = decoder(Message).decode


class Received(NamedTuple):
    """A record as a stage gets it."""

    offset: int
    value: bytes | None
    key: bytes | None = None
    timestamp: int | None = BEGIN + 3_600_000
    headers: Sequence[tuple[str, bytes | None]] = ()


class Producer:
    """Keeps what is sent, and puts it into the topics when it is told to acknowledge it: at once by default."""

    def __init__(self) -> None:
        self.sent: list[Record] = []
        self.topics: dict[tuple[str, int], list[tuple[bytes | None, bytes | None]]] = defaultdict(list)
        """Keys and values, by topic and partition."""
        self.at_once = True
        self.full: set[str] = set()
        """Topics for whose records the buffer has no room."""
        self.note: Callable[[Record], None] = lambda _: None
        """Called with each send and each acknowledgement, before anybody hears of it."""
        self.at_read: Callable[[], None] = lambda: None
        """Called when a topic is read."""
        self._waiting: deque[tuple[Record, asyncio.Future[None]]] = deque()

    async def send(
        self, topic: str, key: bytes | None, value: bytes | None, partition: int | None, _: None, headers: Any
    ) -> asyncio.Future[None]:
        while topic in self.full:
            await asyncio.sleep(0)
        record = Record(topic, key, value, partition, tuple(headers or ()))
        self.sent.append(record)
        self.note(record)
        future = asyncio.get_running_loop().create_future()
        self._waiting.append((record, future))
        if self.at_once:
            self.acknowledge()
        return future

    def acknowledge(self, number: int | None = None) -> int:
        """Acknowledge all that was sent, or the oldest: how many there were."""
        chosen = [self._waiting.popleft() for _ in range(len(self._waiting) if number is None else number)]
        for record, future in chosen:
            self.note(record)
            self.topics[record.topic, record.partition or 0].append((record.key, record.value))
            future.set_result(None)
        return len(chosen)

    def refuse(self, number: int = 1) -> None:
        """Lose the oldest that were sent."""
        for _ in range(number):
            self._waiting.popleft()[1].set_exception(ConnectionError("not acknowledged"))

    @property
    def pending(self) -> list[Record]:
        """What is not acknowledged."""
        return [record for record, _ in self._waiting]

    def messages(self, partition: int = 0) -> list[Message]:
        """The acknowledged messages of a partition of the partials log."""
        return [read_message(value or b"") for _, value in self.topics[PARTIALS, partition]]


class Consumer:
    """The group's assignment, what was released, and the idle clock."""

    def __init__(self, *owned: TP) -> None:
        self.owned, self.released = set(owned), dict[TP, list[int]]()
        self.idle: int | None = None

    def assignment(self) -> set[TP]:
        return self.owned

    def release(self, tp: TP, offset: int) -> None:
        self.released.setdefault(tp, []).append(offset)

    def quiet(self, _tp: TP, _processed: int) -> int | None:
        return self.idle


class App:
    """What the stages use of Faust's app."""

    def __init__(self, *owned: TP) -> None:
        self.consumer_generation_id, self.rebalancing, self.should_stop = 1, False, False
        self.producer, self.consumer = Producer(), Consumer(*owned)
        self.crashes: list[BaseException] = []
        self._tasks: list[tuple[asyncio.Task[None], Coroutine[Any, Any, None]]] = []

    def rebalance(self) -> None:
        self.consumer_generation_id += 1

    def add_future(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.append((asyncio.create_task(self._watch(work)), work))

    async def crash(self, error: BaseException) -> None:
        self.crashes.append(error)

    async def _watch(self, work: Awaitable[None]) -> None:
        try:
            await work
        except Exception as error:  # as Faust does
            await self.crash(error)

    async def close(self) -> None:
        while self._tasks:
            task, work = self._tasks.pop()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            work.close()  # if it had not begun


class Stream:
    """What an agent reads."""

    def __init__(self, app: App, tp: TP) -> None:
        self._app, self._tp = app, tp
        self._queue: asyncio.Queue[Any] = asyncio.Queue()

    def put(self, records: Iterable[Received], generation: int | None = None) -> None:
        """A batch arrives; by default it was fetched in the present generation."""
        now = self._app.consumer_generation_id if generation is None else generation
        self._queue.put_nowait(
            SimpleNamespace(message=SimpleNamespace(tp=self._tp, generation_id=now), value=list(records))
        )

    async def events(self) -> Any:
        while True:
            yield await self._queue.get()

    @property
    def taken(self) -> bool:
        """Whether every batch has left the queue."""
        return self._queue.empty()


class Rig:
    """An app with the parts that all stages need; ended with its block."""

    def __init__(self, *owned: TP, partitions: int = 1, chunk: int = 10) -> None:
        self.app = App(*owned)
        self.producer, self.consumer = self.app.producer, self.app.consumer
        self.layout = Layout(
            Settings(brokers=("127.0.0.1:1",), chunk=chunk, checkpoint=0.0),
            {SOURCE.topic: 1, PARTIALS: partitions},
        )
        self.outbox = Outbox(self.app)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.app.close()


async def until(holds: Callable[[], object], seconds: float = 10) -> None:
    """Let the stages run until it holds."""
    async with asyncio.timeout(seconds):
        while not holds():
            await asyncio.sleep(0)


async def settle() -> None:
    """Let the stages run until nothing is left to do, as long as `quick` holds."""
    for _ in range(300):
        await asyncio.sleep(0)


def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let condense look what is due in every turn of the loop."""
    monkeypatch.setattr(condenser, "TICK", 0)


def serve_topics(monkeypatch: pytest.MonkeyPatch, producer: Producer) -> None:
    """Let the store of states read what the producer was acknowledged."""
    monkeypatch.setattr(state_store, "open_reader", lambda _: Reader(producer))


class Reader:
    """aiokafka's consumer of one partition, as far as it is used."""

    def __init__(self, producer: Producer) -> None:
        self._producer, self._at, self._fetched = producer, 0, False

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    def assign(self, places: list[Any]) -> None:
        (self._place,) = places
        self._at, self._fetched = 0, False

    async def seek_to_beginning(self, _: Any) -> None:
        self._at = 0

    async def seek_to_end(self, place: Any) -> None:
        self._at = len(self._producer.topics[place])

    def highwater(self, place: Any) -> int | None:
        """It is known from the first fetch on."""
        return len(self._producer.topics[place]) if self._fetched else None

    async def position(self, _: Any) -> int:
        return self._at

    async def getmany(self, place: Any, timeout_ms: int) -> dict[Any, list[Any]]:
        assert timeout_ms > 0
        self._producer.at_read()
        self._fetched = True
        found = self._producer.topics[place][self._at : self._at + 3]
        self._at += len(found)
        await asyncio.sleep(0)
        return {place: [SimpleNamespace(key=key, value=value) for key, value in found]}


def partials_log(rollout: Rollout, records: Sequence[Received], size: int = 10) -> list[bytes]:
    """The log of partials, one partition, that condense makes of one partition of telemetry, read batch by batch."""
    name = source(SOURCE)
    messages: list[Message] = [Registered(rollout, 0, [name])]
    log = SourceLog(name, known(rollout)[0], size)
    for batch in range(0, len(records), 4):
        taken = records[batch : batch + 4]
        arrivals = [one.timestamp or 0 for one in taken]
        log.add(Block([one.offset for one in taken], [one.value or b"" for one in taken], arrivals))
        while log.chunks:
            over = log.over
            messages += log.chunks[0].partials()
            if not over:
                messages.append(SourceTime(name, log.chunks[0].newest))
                break
            messages.append(log.end())
            log.pop()
    return [encode_json(message) for message in messages]


def known(*rollouts: Rollout, registry: int = 0) -> tuple[Known, DueTimes]:
    """A registry with these rollouts, up to its record `registry`."""
    return Known(Index(rollouts), registry), DueTimes(rollouts)


def sample(ms: int, instance: str = "a", cohort: str = "canary", value: float = 7.0, app: str = "shop") -> bytes:
    """A message of telemetry, `ms` after the rollout's `from`."""
    one = {"app": app, "instance": instance, "cohort": cohort, "metric": "latency", "unit": "ms", "value": value}
    return msgspec.json.encode(one | {"ts": BEGIN + ms})


def samples(count: int, first: int = 0, step: int = 100) -> list[Received]:
    """Records of two cohorts of two instances, from an offset on."""
    numbers = range(first, first + count)
    return [Received(n, sample(n * step, f"i{n % 4}", "canary" if n % 2 else "baseline", 5.0 + n % 7)) for n in numbers]
