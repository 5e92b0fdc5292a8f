"""A worker of the transport alone, for the tests of it: writes down every batch it gets, then releases it.

Run as `python -m tests.broker.probe ORDERS`, with `Orders` as JSON. It also reads a control topic the stock way.
"""

import asyncio
import logging
import sys
import time
from pathlib import Path
from typing import IO, Any

import msgspec

from stream.adapters.worker.leave import Worker
from stream.adapters.worker.transport import App, Fetch


class Orders(msgspec.Struct, frozen=True, kw_only=True):
    """What a probe does."""

    bootstrap: str
    prefix: str
    log: str
    """The file to which it adds what it notes. With `.fail` behind its name, a file that says "agent" or "task" lets
    that one fail."""
    session: float
    idempotent: bool
    partitions: int = 4
    hold: bool = False
    """Release nothing."""
    delay: float = 0
    """Seconds a batch."""
    maxsize: int = 20
    poll: int = 1000
    """Records in a batch at most."""
    values: bool = False
    """Note down what the records hold."""
    ask: float = 0
    """Seconds between looks at the idle clock; 0 for none."""


class Batch(msgspec.Struct, frozen=True, tag="batch"):
    """A batch was processed."""

    at: float
    """Seconds UTC."""
    partition: int
    generation: int
    first: int
    last: int
    count: int
    depth: int
    """Batches that waited in the agent's queue."""
    values: list[str]


class Control(msgspec.Struct, frozen=True, tag="control"):
    """A record of the control topic was processed."""

    at: float
    value: str


class Look(msgspec.Struct, frozen=True, tag="look"):
    """What the idle clock said."""

    at: float
    partition: int
    processed: int
    quiet: int | None


Note = Batch | Control | Look


def make_app(orders: Orders) -> App:
    """The app, without agents."""
    return App(
        f"{orders.prefix}-probe",
        broker=[f"kafka://{address}" for address in orders.bootstrap.split(",")],
        batched=frozenset({f"{orders.prefix}.telemetry"}),
        fetch=Fetch(min_bytes=1024),
        idempotent=orders.idempotent,
        store="memory://",
        datadir=f"{orders.log}.data",
        web_enabled=False,
        topic_disable_leader=True,
        topic_allow_declare=False,
        topic_partitions=orders.partitions,
        table_standby_replicas=0,
        stream_wait_empty=False,
        stream_recovery_delay=0.0,
        stream_buffer_maxsize=orders.maxsize,
        broker_session_timeout=orders.session,
        broker_heartbeat_interval=1.0,
        broker_rebalance_timeout=20.0,
        broker_request_timeout=10.0,
        producer_request_timeout=10.0,
        consumer_metadata_max_age_ms=10_000,
        producer_metadata_max_age_ms=10_000,
        broker_commit_interval=0.3,
        broker_max_poll_records=orders.poll,
        consumer_auto_offset_reset="earliest",
    )


def add_agents(app: App, orders: Orders, log: IO[bytes]) -> None:
    """Let the app note down what it gets."""
    telemetry = app.batch_topic(f"{orders.prefix}.telemetry", maxsize=orders.maxsize)
    registry = app.topic(f"{orders.prefix}.rollouts", key_type=bytes, value_type=bytes, value_serializer="raw")
    topics: Any = app.topics
    processed: dict[Any, tuple[int, int]] = {}

    def note(what: Note) -> None:
        log.write(msgspec.json.encode(what) + b"\n")

    @app.agent(telemetry)
    async def batches(stream: Any) -> None:
        async for event in stream.events():
            tp, records, generation = event.message.tp, event.value, event.message.generation_id
            await asyncio.sleep(orders.delay)
            if ordered_to_fail(orders) == "agent":
                raise RuntimeError("the agent fails, as ordered")
            depth = max(channel.queue.qsize() for channel in topics._topic_name_index[tp.topic])
            values = [record.value.decode() for record in records] if orders.values else []
            first, last = records[0].offset, records[-1].offset
            note(Batch(time.time(), tp.partition, generation, first, last, len(records), depth, values))
            processed[tp] = generation, last + 1
            if not orders.hold:
                app.consumer.release(tp, last + 1)

    @app.agent(registry)
    async def control(stream: Any) -> None:
        async for value in stream:
            await asyncio.sleep(orders.delay / 10)
            note(Control(time.time(), value.decode()))

    async def look() -> None:
        while orders.ask:
            await asyncio.sleep(orders.ask)
            for tp in [tp for tp in app.consumer.assignment() if tp.topic == telemetry.get_topic_name()]:
                generation, offset = processed.get(tp, (0, -1))
                offset = offset if generation == app.consumer_generation_id else -1
                note(Look(time.time(), tp.partition, offset, app.consumer.quiet(tp, offset)))

    async def fail() -> None:
        while ordered_to_fail(orders) != "task":
            await asyncio.sleep(0.05)
        raise RuntimeError("a task fails, as ordered")

    app.task(look)
    app.task(fail)


def ordered_to_fail(orders: Orders) -> str:
    """Where to fail now; empty for nowhere."""
    path = Path(f"{orders.log}.fail")
    return path.read_text() if path.exists() else ""


def main(argument: str) -> None:
    """Run it until a signal."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s", stream=sys.stderr)
    orders = msgspec.json.decode(argument, type=Orders)
    app = make_app(orders)
    with Path(orders.log).open("ab", buffering=0) as log:
        add_agents(app, orders, log)
        Worker(app).execute_from_commandline()


if __name__ == "__main__":
    main(sys.argv[1])
