"""Condense sends rows once, so nothing may overtake what is not acknowledged, and nothing is committed before it is."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest
from msgspec.structs import replace

from stream.adapters.settings import Settings
from stream.adapters.worker.condenser import MOST_CHUNKS, Condenser
from stream.adapters.worker.metrics import Metrics
from stream.adapters.worker.outbox import Record, partition_of
from stream.adapters.worker.registry_follower import Change, RegistryFollower
from stream.partial import ChunkEnd, Failure, Message, Partial, SourceTime
from stream.quantity import Instant
from stream.rollout import Rollout
from tests.unit.adapters.worker.stage_rig import (
    BEGIN,
    PARTIALS,
    ROLLOUT,
    SOURCE,
    Received,
    Rig,
    Stream,
    known,
    quick,
    read_message,
    sample,
    samples,
    settle,
    until,
)

MINE = partition_of(ROLLOUT.id, 3)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    quick(monkeypatch)


class Condense(Rig):
    """A running condenser."""

    def __init__(self) -> None:
        super().__init__(SOURCE, partitions=3)
        self.registry = RegistryFollower(Settings(brokers=("127.0.0.1:1",)))
        self.stage = Condenser(self.app, self.outbox, self.layout, self.registry, metrics := Metrics())
        self.metrics, self.stream = metrics, Stream(self.app, SOURCE)

    def know(self, *rollouts: Rollout, registry: int = 0) -> None:
        """The registry says so."""
        before = self.registry.change.known.index.rollouts
        found, due = known(*rollouts, registry=registry)
        self.registry.change = Change(found, [rollout for rollout in rollouts if rollout not in before], due)
        self.registry.on_change(self.registry.change)
        self.registry.ready.set()

    def sent(self, kind: type[Message], partition: int = MINE) -> list[Any]:
        """Messages of a kind that were sent, acknowledged or not."""
        mine = [one for one in self.producer.sent if one.topic == PARTIALS and one.partition == partition]
        found = [read_message(one.value or b"") for one in mine]
        return [message for message in found if isinstance(message, kind)]


@asynccontextmanager
async def condense(*rollouts: Rollout) -> AsyncIterator[Condense]:
    async with Condense() as made:
        if rollouts:
            made.know(*rollouts)
        made.app.add_future(made.stage.process(made.stream))
        made.app.add_future(made.stage.run())
        yield made
        assert made.app.crashes == []


def run(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """A test in a loop of its own."""

    def inner() -> None:
        asyncio.run(test())

    inner.__name__ = test.__name__
    return inner


@run
async def test_nothing_is_read_before_the_registry() -> None:
    async with condense() as made:
        made.stream.put(samples(10))
        await settle()
        assert (made.producer.sent, made.stream.taken) == ([], False)
        made.know(ROLLOUT)
        await until(lambda: made.consumer.released)
        assert made.sent(Partial)


@run
async def test_rows_then_the_end_then_the_commit() -> None:
    async with condense(ROLLOUT) as made:
        made.producer.at_once = False
        made.stream.put(samples(10))
        await settle()
        assert [one.partition for one in made.producer.pending] == [MINE]
        (partial,) = made.sent(Partial)
        assert (partial.start, partial.upto, partial.source) == (0, 10, "canary.telemetry-0")
        made.producer.acknowledge()
        await settle()
        assert [read_message(one.value or b"") for one in made.producer.pending] == [
            ChunkEnd("canary.telemetry-0", 0, 10, BEGIN + 900, 0)
        ] * 3
        assert [one.partition for one in made.producer.pending] == [0, 1, 2]
        made.producer.acknowledge(2)
        await settle()
        assert made.consumer.released == {}
        made.producer.acknowledge()
        await settle()
        assert made.consumer.released == {SOURCE: [10]}


@run
async def test_a_chunk_stays_open_until_its_last_offset() -> None:
    async with condense(ROLLOUT) as made:
        made.stream.put(samples(9, step=500))
        await until(lambda: made.sent(SourceTime))
        assert (made.sent(ChunkEnd), made.consumer.released) == ([], {})
        made.stream.put(samples(2, first=9, step=500))
        await until(lambda: made.consumer.released)
        assert [end.upto for end in made.sent(ChunkEnd)] == [10]
        assert [(one.start, one.upto) for one in made.sent(Partial)][:2] == [(0, 9), (0, 10)]


@run
async def test_rows_and_times_go_out_when_a_pane_falls_due() -> None:
    async with condense(ROLLOUT) as made:
        made.stream.put([Received(0, sample(1000)), Received(1, sample(1500))])
        await until(lambda: made.sent(SourceTime))
        first = made.sent(SourceTime)
        made.stream.put([Received(2, sample(1999))])
        await settle()
        assert (made.sent(SourceTime), made.sent(Partial)[1:]) == (first, [])
        made.stream.put([Received(3, sample(2000))])
        await settle()
        assert made.sent(SourceTime)[len(first) :] == [SourceTime("canary.telemetry-0", BEGIN + 2000)]
        (partial,) = made.sent(Partial)[1:]
        assert (partial.start, partial.upto, [row.pane - BEGIN // 1000 for row in partial.rows]) == (0, 4, [1, 2])
        assert {len(made.sent(SourceTime, number)) for number in range(3)} == {len(first) + 1}


@run
async def test_a_flush_that_is_not_acknowledged_holds_up_all_that_comes_after_it() -> None:
    async with condense(ROLLOUT) as made:
        made.producer.at_once = False
        made.stream.put(samples(4, step=1000))
        await settle()
        stuck = list(made.producer.sent)
        assert stuck
        for first in (4, 8, 12):
            made.stream.put(samples(4, first=first, step=1000))
            await settle()
        assert made.stream.taken
        assert made.producer.sent == stuck
        made.producer.at_once = True
        made.producer.acknowledge()
        await until(lambda: made.consumer.released)
        assert [one.upto for one in made.sent(Partial) if one.start == 0] == [4, 10]


async def lose_a_flush(*, later: bool) -> None:
    async with Condense() as made:
        made.know(ROLLOUT)
        made.app.add_future(made.stage.process(made.stream))
        made.app.add_future(made.stage.run())
        made.producer.at_once = False
        made.stream.put(samples(4, step=1000))
        await settle()
        if later:
            made.stream.put(samples(4, first=4, step=1000))
            await settle()
        made.producer.refuse()
        made.producer.at_once = True
        await until(lambda: made.app.crashes)
        before = list(made.producer.sent)
        made.stream.put(samples(20, first=8, step=1000))
        await settle()
        assert [str(error) for error in made.app.crashes] == ["not acknowledged"]
        assert made.producer.sent == before
        assert made.consumer.released == {}


@pytest.mark.parametrize("later", [False, True], ids=["before the next rows", "with rows that wait"])
def test_a_lost_flush_ends_the_worker_and_nothing_follows_it(later: bool) -> None:
    asyncio.run(lose_a_flush(later=later))


async def count_events() -> int:
    """How many sends and acknowledgements one chunk takes."""
    async with condense(ROLLOUT) as made:
        events = 0

        def note(_: Record) -> None:
            nonlocal events
            events += 1

        made.producer.note = note
        made.stream.put(samples(10))
        await until(lambda: made.consumer.released)
        await settle()
        return events


async def rebalance_at(event: int) -> None:
    """The group rebalances at some send or acknowledgement; then the partition is read again from its commit."""
    async with condense(ROLLOUT) as made:
        left, ends, committed = event, 0, 0

        def note(_: Record) -> None:
            nonlocal left, ends, committed
            left -= 1
            if left == 0:
                made.app.rebalance()
                ends, committed = len(made.sent(ChunkEnd, 0)), made.consumer.released.get(SOURCE, [0])[-1]

        made.producer.note = note
        made.stream.put(samples(10))
        await settle()
        assert len(made.sent(ChunkEnd, 0)) == ends, "an end was told after the rebalance"
        assert made.consumer.released.get(SOURCE, [0])[-1] == committed, "released after the rebalance"
        made.stream.put(samples(20 - committed, first=committed))
        await until(lambda: made.consumer.released.get(SOURCE, [0])[-1] == 20)
        rows = {(one.start, row.pane, row.key): row.summary.count for one in made.sent(Partial) for row in one.rows}
        assert sum(rows.values()) == 20


def test_no_rebalance_at_whatever_moment_commits_or_loses_anything() -> None:
    events = asyncio.run(count_events())
    assert events > 12
    for event in range(1, events + 1):
        asyncio.run(rebalance_at(event))


@run
async def test_after_a_rebalance_all_is_read_again_from_the_commit() -> None:
    async with condense(ROLLOUT) as made:
        made.stream.put(samples(4, step=1000))
        await until(lambda: made.sent(Partial))
        made.stream.put(samples(4, first=4, step=1000), generation=1)
        made.app.rebalance()
        await settle()
        assert [one.upto for one in made.sent(Partial)] == [4], "a batch of an older generation was used"
        made.stream.put(samples(10, step=1000))
        await until(lambda: made.consumer.released)
        assert [(one.start, one.upto) for one in made.sent(Partial)] == [(0, 4), (0, 10)]


@run
async def test_nothing_is_sent_during_a_rebalance() -> None:
    async with condense(ROLLOUT) as made:
        made.app.rebalancing = True
        made.stream.put(samples(10))
        await settle()
        assert made.producer.sent == []
        made.app.rebalancing = False
        await until(lambda: made.consumer.released)


@run
async def test_a_partition_waits_for_the_broker_after_eight_chunks() -> None:
    async with condense(ROLLOUT) as made:
        made.producer.at_once = False
        for chunk in range(MOST_CHUNKS + 3):
            made.stream.put(samples(10, first=10 * chunk))
        await settle()
        assert not made.stream.taken
        feed = made.stage._feeds[SOURCE]
        assert len(feed.log.chunks) == MOST_CHUNKS + 1
        made.producer.at_once = True
        made.producer.acknowledge()
        await until(lambda: made.consumer.released.get(SOURCE, [0])[-1] == 10 * (MOST_CHUNKS + 3))
        assert made.consumer.released[SOURCE] == [10 * (n + 1) for n in range(MOST_CHUNKS + 3)]


@run
async def test_a_rebalance_frees_a_partition_that_waits() -> None:
    async with condense(ROLLOUT) as made:
        made.producer.at_once = False
        made.stream.put(samples(10 * MOST_CHUNKS + 20))
        await settle()
        made.app.rebalance()
        made.stream.put(samples(10))
        await until(lambda: made.stream.taken)
        made.producer.at_once = True
        made.producer.acknowledge()
        await until(lambda: made.consumer.released)
        assert made.consumer.released == {SOURCE: [10]}


@run
async def test_a_rollout_that_begins_in_what_was_read_is_told() -> None:
    late = replace(ROLLOUT, from_=Instant(BEGIN + 200_000))
    async with condense() as made:
        made.know()
        made.stream.put([Received(0, sample(300_000))])
        await until(lambda: made.stream.taken)
        await settle()
        made.know(late, registry=1)
        await until(lambda: made.sent(Failure))
        (failure,) = made.sent(Failure)
        assert failure.rollout == late.id
        assert "begins in the past of canary.telemetry-0" in failure.reason


@run
async def test_a_rollout_that_begins_later_joins_the_open_chunk() -> None:
    async with condense() as made:
        made.know()
        made.stream.put([Received(0, sample(-2000))])
        await settle()
        made.know(ROLLOUT, registry=1)
        made.stream.put(samples(9, first=1))
        await until(lambda: made.consumer.released)
        assert made.sent(Failure) == []
        assert sum(row.summary.count for one in made.sent(Partial) for row in one.rows) == 9
        (end,) = made.sent(ChunkEnd)
        assert (end.start, end.upto, end.registry) == (0, 10, 1)


@run
async def test_what_cannot_be_read_goes_to_the_dead_letters_before_the_commit() -> None:
    async with condense(ROLLOUT) as made:
        made.producer.at_once = False
        made.stream.put([Received(0, b"oops", key=b"k"), Received(1, None), *samples(8, first=2)])
        await settle()
        letters = [one for one in made.producer.sent if one.topic == "canary.dead-letter"]
        assert [(one.key, one.value, dict(one.headers)["offset"]) for one in letters] == [
            (b"k", b"oops", b"0"),
            (None, b"", b"1"),
        ]
        made.producer.acknowledge(1)
        await settle()
        assert made.sent(ChunkEnd) == []
        made.producer.at_once = True
        made.producer.acknowledge()
        await until(lambda: made.consumer.released)


@run
async def test_a_message_with_several_faults_is_one_letter_and_one_faulty_message() -> None:
    entries = b'{"name":"latency","type":"samples","values":[-1]},{"name":"latency","type":"count","value":-2}'
    batch = b'{"app":"shop","instance":"a","cohort":"canary","start":%d,"end":%d,"metrics":[%s]}'
    async with condense(ROLLOUT) as made:
        made.stream.put([Received(0, batch % (BEGIN, BEGIN + 900, entries)), Received(1, sample(1))])
        await until(lambda: any(one.topic == "canary.dead-letter" for one in made.producer.sent))
        (letter,) = [one for one in made.producer.sent if one.topic == "canary.dead-letter"]
        assert dict(letter.headers)["error"].count(b";") >= 1
        value = made.metrics.registry.get_sample_value
        assert value("canary_messages_total", {"topic": SOURCE.topic, "result": "faulty"}) == 1
        assert value("canary_messages_total", {"topic": SOURCE.topic, "result": "ok"}) == 1


@run
async def test_an_idle_partition_tells_the_time_of_its_clock() -> None:
    async with condense(ROLLOUT) as made:
        await settle()
        assert made.sent(SourceTime) == []
        made.consumer.idle = BEGIN + 5_000
        await until(lambda: made.sent(SourceTime))
        made.consumer.idle = BEGIN + 5_999
        await settle()
        made.consumer.idle = BEGIN + 6_000
        await until(lambda: len(made.sent(SourceTime)) > 1)
        assert [one.time - BEGIN for one in made.sent(SourceTime)] == [5_000, 6_000]


@run
async def test_the_idle_clock_does_not_overtake_rows() -> None:
    async with condense(ROLLOUT) as made:
        made.producer.at_once = False
        made.consumer.idle = BEGIN + 60_000
        made.stream.put(samples(25))
        await settle()
        made.producer.acknowledge()
        await settle()
        assert made.sent(SourceTime) == [], "a later chunk has rows"
        made.producer.at_once = True
        made.producer.acknowledge()
        await until(lambda: len(made.consumer.released.get(SOURCE, [])) == 2)
        await until(lambda: any(one.time == BEGIN + 60_000 for one in made.sent(SourceTime)))
        messages = made.producer.messages(MINE)
        at = next(n for n, one in enumerate(messages) if isinstance(one, SourceTime) and one.time == BEGIN + 60_000)
        assert not any(isinstance(one, Partial) for one in messages[at:])
