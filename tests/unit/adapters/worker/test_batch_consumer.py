"""Fetching and committing around a rebalance, with Faust's and aiokafka's own parts and no broker."""

import asyncio
from typing import Any, cast

import pytest
from aiokafka.structs import TopicPartition

from stream.adapters.worker.transport import App, Fetch, IdempotentProducer
from tests.unit.adapters.worker.transport_rig import TOPIC, Answer, Rig, log_of, rig, tp


async def batches(made: Rig) -> list[Any]:
    return [message async for _, message in made.consumer.getmany(timeout=0.01)]


async def loaded(made: Rig) -> None:
    """Two records are fetched, and not yet taken."""
    made.assign(0, 1)
    made.consumer._set_active_tps({tp(0), tp(1)})
    made.state().seek(0)
    await made.fetch(Answer(end=2, data=log_of([b"a", b"b"])))


def test_a_batch_is_one_message() -> None:
    async def run() -> None:
        async with rig() as made:
            await loaded(made)
            made.app.rebalancing = False
            (message,) = await batches(made)
            assert [record.value for record in message.value] == [b"a", b"b"]
            assert (message.tp, message.offset, message.timestamp) == (tp(), 1, 1.001)
            assert message.generation_id == made.app.consumer_generation_id

    asyncio.run(run())


def test_nothing_is_handed_out_during_a_rebalance_and_all_is_read_again() -> None:
    async def run() -> None:
        async with rig() as made:
            await loaded(made)
            made.app.rebalancing = True
            assert await batches(made) == []
            assert made.state().awaiting_reset
            made.state().reset_to(0)
            made.app.rebalancing = False
            await made.fetch(Answer(end=2, data=log_of([b"a", b"b"])))
            assert len(await batches(made)) == 1

    asyncio.run(run())


def test_what_was_fetched_under_an_older_generation_is_dropped() -> None:
    async def run() -> None:
        async with rig() as made:
            await loaded(made)
            made.app.rebalancing = False
            wait = made.consumer._wait_next_records

            async def rebalance_meanwhile(timeout: float) -> Any:
                found = await wait(timeout)
                made.app.consumer_generation_id += 1
                return found

            made.consumer._wait_next_records = rebalance_meanwhile  # type: ignore[method-assign]
            assert await batches(made) == []
            assert made.state().awaiting_reset

    asyncio.run(run())


def test_a_partition_under_back_pressure_keeps_what_is_in_our_hands() -> None:
    async def run() -> None:
        async with rig() as made:
            await loaded(made)
            made.app.rebalancing = False
            wait = made.consumer._wait_next_records

            async def fills_up_meanwhile(timeout: float) -> Any:
                found = await wait(timeout)
                made.consumer.on_buffer_full(tp())
                return found

            made.consumer._wait_next_records = fills_up_meanwhile  # type: ignore[method-assign]
            assert len(await batches(made)) == 1

    asyncio.run(run())


def test_partitions_without_a_commit_go_to_their_beginning_and_the_others_to_it() -> None:
    async def run() -> None:
        async with rig() as made:
            made.assign(0, 1)
            made.state(0).seek(70)
            made.state(1).seek(70)
            made.committed[TopicPartition(TOPIC, 1)] = 50
            await made.consumer.perform_seek()
            assert not made.state(0).has_valid_position
            assert made.state(0).awaiting_reset
            assert made.state(1).position == 50

    asyncio.run(run())


def test_with_latest_they_stay() -> None:
    async def run() -> None:
        async with rig(consumer_auto_offset_reset="latest") as made:
            made.assign(0)
            made.state().seek(70)
            await made.consumer.perform_seek()
            assert made.state().position == 70

    asyncio.run(run())


def test_a_reset_does_not_wait_for_a_leader() -> None:
    """There is none here, so that the offset never comes."""

    async def run() -> None:
        async with rig() as made:
            made.assign(0)
            await asyncio.wait_for(made.thread.reset({tp(0), tp(7)}), 2)
            assert made.state().awaiting_reset
            assert not made.state().has_valid_position

    asyncio.run(run())


def test_a_partition_without_a_position_is_not_looked_at_for_hanging() -> None:
    async def run() -> None:
        async with rig() as made:
            made.assign(0)
            made.state().timestamp = 1  # a fetch was answered, and then the leader went down
            made.state().highwater = 5
            made.consumer.verify_event_path(1.0, tp())
            made.consumer.verify_event_path(1.0, tp(7))

    asyncio.run(run())


def test_one_with_a_position_is(caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> None:
        async with rig() as made:
            made.assign(0)
            made.state().seek(0)
            made.consumer.verify_event_path(1e6, tp())

    asyncio.run(run())
    assert "has not sent fetch request" in caplog.text


def test_a_commit_of_what_is_no_longer_owned_does_nothing() -> None:
    async def run() -> None:
        async with rig() as made:
            made.assign(1)
            assert not await made.thread.commit({tp(0): 5})
            assert (made.commits, made.thread.crashes) == ([], [])

    asyncio.run(run())


def test_a_commit_is_of_what_is_owned() -> None:
    async def run() -> None:
        async with rig() as made:
            made.assign(1)
            assert await made.thread.commit({tp(0): 5, tp(1): 6})
            ((offsets,), crashes) = (made.commits, made.thread.crashes)
            assert [(found.partition, one.offset) for found, one in offsets.items()] == [(1, 6)]
            assert not crashes

    asyncio.run(run())


def test_only_a_release_moves_the_commit_and_only_forward() -> None:
    async def run() -> None:
        async with rig() as made:
            await loaded(made)
            made.app.rebalancing = False
            (message,) = await batches(made)
            made.consumer.track_message(message)
            assert made.consumer.ack(message)
            assert not made.consumer.unacked
            assert made.consumer._filter_committable_offsets([tp()]) == {}
            for offset in (7, 5):
                made.consumer.release(tp(), offset)
            tps = list(made.consumer._filter_tps_with_pending_acks())
            assert made.consumer._filter_committable_offsets(tps) == {tp(): 7}
            await made.consumer._add_gap(tp(), 0, 1_000_000)
            assert not made.consumer._gap[tp()]

    asyncio.run(run())


def idempotent(made: Rig) -> bool:
    producer = cast(IdempotentProducer, made.app.producer)._new_producer()
    producer._closed = True
    return producer._txn_manager is not None


def test_settings_reach_aiokafka() -> None:
    async def run() -> None:
        async with rig(fetch=Fetch(wait_ms=7, min_bytes=3, committed_only=False), idempotent=False) as made:
            kafka = made.kafka
            assert (kafka._fetch_max_wait_ms, kafka._fetch_min_bytes) == (7, 3)
            assert kafka._isolation_level == "read_uncommitted"
            assert not idempotent(made)
        async with rig() as made:
            assert made.kafka._isolation_level == "read_committed"
            assert idempotent(made)

    asyncio.run(run())


def test_topics_must_be_named_as_batched() -> None:
    app = App("a", broker="kafka://127.0.0.1:1", batched=frozenset({"x"}))
    assert app.batch_topic("x", maxsize=3).maxsize == 3
    with pytest.raises(ValueError, match="y is not batched; batched are x"):
        app.batch_topic("y")
