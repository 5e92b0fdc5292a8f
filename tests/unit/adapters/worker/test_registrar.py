"""The registry is copied into the log of partials, record by record; what is wrong in it is told."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from faust.types import TP
from msgspec.structs import replace

from stream.adapters.worker.outbox import partition_of
from stream.adapters.worker.registrar import Registrar
from stream.partial import Registered
from stream.registry import Registration, write_registration
from tests.unit.adapters.worker.stage_rig import PARTIALS, ROLLOUT, Received, Rig, Stream, read_message, settle, until

REGISTRY = TP("canary.rollouts", 0)
OTHER = replace(ROLLOUT, id="shop-2")


class Register(Rig):
    """A running registrar."""

    def __init__(self) -> None:
        super().__init__(REGISTRY, partitions=3)
        self.stream = Stream(self.app, REGISTRY)

    def copies(self) -> list[tuple[int | None, Registered]]:
        """The copies that were sent, and where to."""
        sent = [one for one in self.producer.sent if one.topic == PARTIALS]
        found = [(one.partition, read_message(one.value or b"")) for one in sent]
        return [(partition, message) for partition, message in found if isinstance(message, Registered)]


@asynccontextmanager
async def register() -> AsyncIterator[Register]:
    async with Register() as made:
        made.app.add_future(Registrar(made.app, made.outbox, made.layout).process(made.stream))
        yield made
        assert made.app.crashes == []


def run(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """A test in a loop of its own."""

    def inner() -> None:
        asyncio.run(test())

    inner.__name__ = test.__name__
    return inner


def record(offset: int, registration: Registration) -> Received:
    return Received(offset, write_registration(registration), registration.rollout.id.encode())


@run
async def test_records_are_copied_to_their_partitions_and_then_committed() -> None:
    async with register() as made:
        made.producer.at_once = False
        batch = [record(3, Registration(ROLLOUT)), record(4, Registration(OTHER, "Enough.", "inconclusive"))]
        made.stream.put(batch)
        await settle()
        sources = ["canary.telemetry-0"]
        assert made.copies() == [
            (partition_of("shop-1", 3), Registered(ROLLOUT, 3, sources)),
            (partition_of("shop-2", 3), Registered(OTHER, 4, sources, "Enough.", "inconclusive")),
        ]
        made.producer.acknowledge(1)
        await settle()
        assert made.consumer.released == {}
        made.producer.acknowledge()
        await until(lambda: made.consumer.released)
        assert made.consumer.released == {REGISTRY: [5]}


@run
async def test_a_tombstone_is_not_copied() -> None:
    async with register() as made:
        made.stream.put([Received(0, None, b"shop-1")])
        await until(lambda: made.consumer.released)
        assert made.producer.sent == []


@run
async def test_what_is_wrong_goes_to_the_dead_letters_and_the_rest_is_copied() -> None:
    async with register() as made:
        good = write_registration(Registration(ROLLOUT))
        wrong = [Received(0, b"oops", b"a"), Received(1, good, b"other"), Received(2, good, None)]
        made.stream.put([*wrong, Received(3, good, b"shop-1")])
        await until(lambda: made.consumer.released)
        letters = [one for one in made.producer.sent if one.topic == "canary.dead-letter"]
        headers = [dict(one.headers) for one in letters]
        assert [(one["offset"], one["reason"]) for one in headers] == [
            (b"0", b"bad_rollout"),
            (b"1", b"bad_rollout"),
            (b"2", b"bad_rollout"),
        ]
        assert b"key the record by the id" in headers[1]["error"]
        assert [message.offset for _, message in made.copies()] == [3]


@run
async def test_after_a_rebalance_nothing_is_committed() -> None:
    async with register() as made:
        made.producer.at_once = False
        made.stream.put([record(0, Registration(ROLLOUT))])
        await settle()
        made.app.rebalance()
        made.producer.acknowledge()
        await settle()
        assert made.consumer.released == {}
        made.producer.at_once = True
        made.stream.put([record(0, Registration(ROLLOUT))])
        await until(lambda: made.consumer.released)
        assert made.consumer.released == {REGISTRY: [1]}


def test_a_lost_copy_ends_the_worker() -> None:
    async def whole() -> None:
        async with Register() as made:
            made.app.add_future(Registrar(made.app, made.outbox, made.layout).process(made.stream))
            made.producer.at_once = False
            made.stream.put([record(0, Registration(ROLLOUT))])
            await settle()
            made.producer.refuse()
            await until(lambda: made.app.crashes)
            assert made.consumer.released == {}

    asyncio.run(whole())
