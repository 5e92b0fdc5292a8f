"""What is sent is raw, and counts as delivered when it is acknowledged."""

import asyncio

import pytest

from stream.adapters.worker.outbox import Outbox, Record, headers_of, partition_of
from tests.unit.adapters.worker.stage_rig import App, settle

ONE, TWO = Record("t", b"k", b"v", 3, headers_of({"reason": "x"})), Record("t", None, None)


def test_a_delivery_is_over_when_all_is_acknowledged() -> None:
    async def run() -> None:
        app = App()
        app.producer.at_once = False
        delivery = asyncio.create_task(Outbox(app).deliver([ONE, TWO]))
        await settle()
        assert app.producer.pending == [ONE, TWO]
        app.producer.acknowledge(1)
        await settle()
        assert not delivery.done()
        app.producer.acknowledge()
        await delivery

    asyncio.run(run())


def test_a_lost_record_fails_the_delivery() -> None:
    async def run() -> None:
        app = App()
        app.producer.at_once = False
        delivery = asyncio.create_task(Outbox(app).deliver([ONE, TWO]))
        await settle()
        app.producer.refuse()
        app.producer.acknowledge()
        with pytest.raises(ConnectionError):
            await delivery

    asyncio.run(run())


def test_nothing_to_deliver_takes_no_time() -> None:
    asyncio.run(Outbox(App()).deliver([]))


def test_a_worker_that_ends_sends_nothing_more_and_does_not_crash() -> None:
    async def run() -> None:
        app = App()
        app.should_stop = True
        delivery = asyncio.create_task(Outbox(app).deliver([ONE]))
        await settle()
        assert app.producer.sent == []
        assert not delivery.done()
        delivery.cancel()

    asyncio.run(run())


@pytest.mark.parametrize(
    ("key", "hashed"), [("21", -973932308), ("foobar", -790332482), ("a-little-bit-long-string", -985981536)]
)
def test_keys_lie_where_other_clients_look_for_them(key: str, hashed: int) -> None:
    """The hashes are those that the tests of Kafka's Java client state."""
    assert partition_of(key, 12) == (hashed & 0x7FFFFFFF) % 12
