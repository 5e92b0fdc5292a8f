"""What the fetcher's hooks see and hand on, with aiokafka's own fetcher and scripted answers."""

import asyncio
import time
from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError, RequestTimedOutError
from aiokafka.structs import ConsumerRecord

from stream.adapters.worker import fetch_clock
from tests.unit.adapters.worker.transport_rig import Answer, Rig, log_of, rig, tp

GZIP, SNAPPY, LZ4, ZSTD = 1, 2, 3, 4
NOT_LEADER, OUT_OF_RANGE = 6, 1


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch_clock, "STEADY", -1.0)


async def at(position: int, made: Rig) -> Rig:
    made.assign(0)
    made.state().seek(position)
    return made


def quiet(made: Rig, processed: int) -> bool:
    return made.consumer.quiet(tp(), processed) is not None


@pytest.mark.parametrize("codec", [0, GZIP, SNAPPY, LZ4, ZSTD])
def test_records_come_as_aiokafka_unpacks_them(codec: int) -> None:
    async def run() -> None:
        async with rig() as made:
            await at(5, made)
            await made.fetch(Answer(end=8, data=log_of([b"a" * 99, b"b" * 99, b"c" * 99], first=5, codec=codec)))
            (records,) = (await made.drain()).values()
            assert [(one.offset, one.key, one.value, one.timestamp, list(one.headers)) for one in records] == [
                (5, None, b"a" * 99, 1000, []),
                (6, None, b"b" * 99, 1001, []),
                (7, None, b"c" * 99, 1002, []),
            ]
            assert not any(isinstance(one, ConsumerRecord) for one in records)
            assert made.state().position == 8

    asyncio.run(run())


def test_records_of_other_topics_are_wrapped() -> None:
    async def run() -> None:
        async with rig(batched=frozenset({"another"})) as made:
            await at(0, made)
            await made.fetch(Answer(end=1, data=log_of([b"a"])))
            (records,) = (await made.drain()).values()
            assert [type(one) for one in records] == [ConsumerRecord]

    asyncio.run(run())


def test_a_fetch_that_begins_within_a_batch_gives_the_rest() -> None:
    async def run() -> None:
        async with rig() as made:
            await at(6, made)
            await made.fetch(Answer(end=8, data=log_of([b"a", b"b", b"c"], first=5, codec=GZIP)))
            assert [one.offset for one in (await made.drain(1))[tp()]] == [6]
            assert [one.offset for one in (await made.drain(9))[tp()]] == [7]

    asyncio.run(run())


def test_quiet_at_the_end_of_the_log_once_all_is_processed() -> None:
    async def run() -> None:
        async with rig() as made:
            await at(0, made)
            await made.fetch(Answer(end=2, data=log_of([b"a", b"b"])))
            assert not quiet(made, -1)
            await made.drain()
            await made.fetch(Answer(end=2))
            assert not quiet(made, -1)
            assert not quiet(made, 1)
            assert quiet(made, 2)

    asyncio.run(run())


def test_the_time_is_that_of_the_sending() -> None:
    async def run() -> None:
        async with rig() as made:
            await at(0, made)
            answer = made.hold()
            asked = asyncio.create_task(made.fetch(answer))
            await asyncio.sleep(0)
            sent = time.time()
            await asyncio.sleep(0.05)
            answer.set_result(Answer(end=0))
            await asked
            assert (made.consumer.quiet(tp(), -1) or 0) / 1000 <= sent

    asyncio.run(run())


def test_what_was_handed_out_counts_before_anything_else_can_see_it() -> None:
    """Faust may forget what it fetched during a rebalance. Nobody processed it, and the next fetch is behind it."""

    async def run() -> None:
        async with rig() as made:
            await at(0, made)
            await made.fetch(Answer(end=2, data=log_of([b"a", b"b"])))
            await made.drain()
            await made.fetch(Answer(end=2))
            made.state().seek(0)
            assert not quiet(made, -1)

    asyncio.run(run())


def test_quiet_behind_control_records() -> None:
    async def run() -> None:
        async with rig() as made:
            await at(0, made)
            await made.fetch(Answer(end=2, data=log_of([b"a"])))
            await made.drain()
            made.state().seek(2)  # where aiokafka goes behind a mark of a transaction
            await made.fetch(Answer(end=2))
            assert quiet(made, 1)

    asyncio.run(run())


@pytest.mark.parametrize(
    "answer",
    [
        Answer(end=9, stable=0),
        Answer(end=0, error=NOT_LEADER),
        Answer(end=0, error=OUT_OF_RANGE),
        KafkaConnectionError("gone"),
        RequestTimedOutError("late"),
    ],
)
def test_silent_otherwise(answer: Any) -> None:
    async def run() -> None:
        async with rig() as made:
            await at(0, made)
            await made.fetch(Answer(end=0))
            assert quiet(made, -1)
            await made.fetch(answer)
            assert not quiet(made, -1)

    asyncio.run(run())


def test_a_former_leaders_time_out_says_nothing_of_the_new_one() -> None:
    async def run() -> None:
        async with rig() as made:
            await at(0, made)
            former, newer = made.hold(), made.hold()
            frozen = asyncio.create_task(made.fetch(former))
            await asyncio.sleep(0)
            await made.fetch(Answer(end=0))
            asked = asyncio.create_task(made.fetch(newer))
            await asyncio.sleep(0)
            former.set_exception(RequestTimedOutError("frozen"))
            await frozen
            assert quiet(made, -1)
            newer.set_exception(RequestTimedOutError("frozen, too"))
            await asked
            assert not quiet(made, -1)

    asyncio.run(run())


def test_an_assignment_starts_anew() -> None:
    async def run() -> None:
        async with rig() as made:
            await at(0, made)
            await made.fetch(Answer(end=2, data=log_of([b"a", b"b"])))
            await made.drain()
            await made.fetch(Answer(end=2))
            assert quiet(made, 2)
            await at(2, made)
            await made.drain()
            assert not quiet(made, 2)
            await made.fetch(Answer(end=2))
            assert quiet(made, -1)

    asyncio.run(run())


def test_an_answer_to_a_former_assignment_is_forgotten() -> None:
    async def run() -> None:
        async with rig() as made:
            await at(0, made)
            former = made.kafka._subscription.subscription.assignment
            await at(0, made)
            await made.fetch(Answer(end=1, data=log_of([b"a"])))
            await made.drain()
            made.answers.append(Answer(end=0))
            await made.kafka._fetcher._proc_fetch_request(former, 0, type("Request", (), {"topics": []}))
            await made.fetch(Answer(end=1))
            assert not quiet(made, -1)
            assert quiet(made, 1)

    asyncio.run(run())
