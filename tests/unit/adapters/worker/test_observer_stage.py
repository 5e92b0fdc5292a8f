"""Observe: what a checkpoint counts as said has been said, and what is committed is in a checkpoint."""

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

import pytest
from faust.types import TP
from msgspec.structs import replace

from stream.adapters.worker.announce import records_of
from stream.adapters.worker.metrics import Metrics
from stream.adapters.worker.observer_stage import ObserverStage
from stream.adapters.worker.outbox import Record
from stream.observe.observer import KEPT_MS, Observer
from stream.partial import Registered, SourceTime
from stream.wire import encode_json
from tests.unit.adapters.worker.stage_rig import (
    BEGIN,
    PARTIALS,
    ROLLOUT,
    STATES,
    Producer,
    Received,
    Rig,
    Stream,
    partials_log,
    read_message,
    samples,
    serve_topics,
    settle,
    until,
)

HERE = TP(PARTIALS, 0)
LOG = partials_log(ROLLOUT, samples(120))
"""Twelve seconds of telemetry, in chunks of ten records."""


def expected(log: Iterable[bytes]) -> list[Record]:
    """What comes out of a log, in order."""
    observer = Observer()
    return [
        record
        for offset, value in enumerate(log)
        for effect in observer.take(offset, read_message(value))
        for record in records_of(effect, "canary")
    ]


class Observe(Rig):
    """A running observer, of one partition of the partials log."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, log: list[bytes], producer: Producer | None) -> None:
        super().__init__(HERE)
        if producer is not None:
            self.producer = self.app.producer = producer
        self.producer.topics[PARTIALS, 0] = [(None, value) for value in log]
        serve_topics(monkeypatch, self.producer)
        self.log, self.metrics, self.stream = log, Metrics(), Stream(self.app, HERE)
        self.stage = ObserverStage(self.app, self.outbox, self.layout, self.metrics)

    def read(self, first: int = 0, end: int | None = None, size: int = 5, generation: int | None = None) -> None:
        """The group's consumer reads messages of the log, in batches."""
        last = len(self.log) if end is None else end
        for at in range(first, last, size):
            batch = [Received(n, self.log[n]) for n in range(at, min(at + size, last))]
            self.stream.put(batch, generation)

    @property
    def committed(self) -> int:
        return self.consumer.released.get(HERE, [0])[-1]

    def outputs(self) -> list[Record]:
        return [one for one in self.producer.sent if one.topic not in (STATES, PARTIALS)]

    def stored(self) -> list[Record]:
        return [one for one in self.producer.sent if one.topic == STATES]


@asynccontextmanager
async def observe(
    monkeypatch: pytest.MonkeyPatch, log: list[bytes] = LOG, producer: Producer | None = None
) -> AsyncIterator[Observe]:
    async with Observe(monkeypatch, log, producer) as made:
        made.app.add_future(made.stage.process(made.stream))
        made.app.add_future(made.stage.run())
        yield made
        assert made.app.crashes == []


Test = Callable[[pytest.MonkeyPatch], Coroutine[Any, Any, None]]


def run(test: Test) -> Callable[[pytest.MonkeyPatch], None]:
    """A test in a loop of its own."""

    def inner(monkeypatch: pytest.MonkeyPatch) -> None:
        asyncio.run(test(monkeypatch))

    inner.__name__ = test.__name__
    return inner


def assert_told(sent: Iterable[Record], wanted: Iterable[Record]) -> None:
    """All that was wanted was sent, key by key in order; repeats have the same bytes, and nothing else was sent."""
    told: dict[str, list[bytes]] = defaultdict(list)
    for one in sent:
        assert one.value is not None
        if one.value not in told[one.topic]:
            told[one.topic].append(one.value)
    plan: dict[str, list[bytes]] = defaultdict(list)
    for one in wanted:
        plan[one.topic].append(one.value or b"")
    assert told == plan


@run
async def test_outputs_then_states_then_the_partition_then_the_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    async with observe(monkeypatch) as made:
        made.producer.at_once = False
        made.read()
        await until(lambda: made.stream.taken)
        await settle()
        assert made.outputs() == made.producer.pending == expected(LOG)
        made.producer.acknowledge(len(made.producer.pending) - 1)
        await settle()
        assert made.stored() == [], "states before the outputs"
        made.producer.acknowledge()
        await until(made.stored)
        await settle()
        assert {(one.key or b"").split(b"@")[0] for one in made.producer.pending} == {b"shop-1"}
        made.producer.acknowledge()
        await until(lambda: made.producer.pending)
        await settle()
        assert {(one.key or b"").split(b"@")[0] for one in made.producer.pending} == {b""}
        assert made.committed == 0
        made.producer.acknowledge()
        await until(lambda: made.committed)
        assert made.consumer.released == {HERE: [len(LOG)]}
        assert made.metrics.registry.get_sample_value("canary_checkpoints_total") == 1


@run
async def test_a_lost_output_ends_the_worker_before_a_state_counts_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Observe(monkeypatch, LOG, None) as made:
        made.app.add_future(made.stage.process(made.stream))
        made.app.add_future(made.stage.run())
        made.producer.at_once = False
        made.read()
        await until(lambda: made.stream.taken)
        made.producer.refuse()
        made.producer.acknowledge()
        await until(lambda: made.app.crashes)
        await settle()
        assert (made.stored(), made.consumer.released) == ([], {})


@run
async def test_a_lost_state_ends_the_worker_before_the_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Observe(monkeypatch, LOG, None) as made:
        made.app.add_future(made.stage.process(made.stream))
        made.app.add_future(made.stage.run())
        made.read()
        made.producer.note = lambda _: setattr(made.producer, "at_once", not made.stored())
        await until(made.stored)
        made.producer.refuse(len(made.producer.pending))
        await until(lambda: made.app.crashes)
        await settle()
        assert made.consumer.released == {}


@run
async def test_what_the_producer_refuses_to_take_is_in_no_checkpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    """The agent breaks off, and until the worker has ended checkpoints go on."""
    async with Observe(monkeypatch, LOG, None) as made:
        made.app.add_future(made.stage.process(made.stream))
        made.read(end=40, size=40)
        await until(lambda: made.stream.taken)
        await settle()
        said = len(made.outputs())

        def refuse(record: Record) -> None:
            if record.topic == "canary.scores":
                raise ConnectionError("the topic's leader is not known")

        made.producer.note = refuse
        made.read(40, size=len(LOG))
        await until(lambda: made.app.crashes)
        assert len(made.outputs()) > said
        made.producer.note = lambda _: None
        made.app.add_future(made.stage.run())
        await settle()
        assert (made.stored(), made.consumer.released) == ([], {})


@run
async def test_a_checkpoint_waits_for_outputs_that_find_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    async with observe(monkeypatch) as made:
        made.read(end=40, size=40)
        await until(lambda: made.committed == 40)
        made.producer.full |= {"canary.divergences"}
        made.read(40, size=len(LOG))
        await settle()
        held = made.stage._shares[HERE].observer.rollouts[ROLLOUT.id].state
        assert held.sequence > len(expected(LOG[:40])), "the state is ahead of what was sent"
        await asyncio.sleep(0.05)
        assert made.committed == 40
        states = len(made.stored())
        made.producer.full.clear()
        await until(lambda: made.committed == len(LOG))
        assert len(made.stored()) > states
        assert_told(made.outputs(), expected(LOG))


@run
async def test_a_broker_that_was_slow_does_not_put_off_the_next_checkpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    async with observe(monkeypatch) as made:
        made.producer.at_once = False
        made.read(end=40)
        await until(made.outputs)
        await asyncio.sleep(0.5)
        made.producer.at_once = True
        made.producer.acknowledge()
        await until(lambda: made.committed == 40)
        made.read(40)
        await until(lambda: made.committed == len(LOG), seconds=3)


@run
async def test_batches_of_an_older_generation_are_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    async with observe(monkeypatch) as made:
        made.read(end=40)
        await until(lambda: made.committed == 40)
        made.app.rebalance()
        before = list(made.producer.sent)
        made.read(40, generation=1)
        await until(lambda: made.stream.taken)
        await settle()
        assert made.producer.sent == before
        made.read(40)
        await until(lambda: made.committed == len(LOG))
        assert_told(made.outputs(), expected(LOG))


@run
async def test_a_rebalance_while_the_states_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    async with observe(monkeypatch) as made:
        made.producer.at_read = made.app.rebalance
        made.read(size=len(LOG))
        await until(lambda: made.stream.taken)
        await settle()
        assert made.producer.sent == []
        made.producer.at_read = lambda: None
        made.read()
        await until(lambda: made.committed == len(LOG))
        assert_told(made.outputs(), expected(LOG))


@run
async def test_a_partition_that_comes_back_is_restored_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    async with observe(monkeypatch) as made:
        made.read(end=40)
        await until(lambda: made.committed == 40)
        made.app.rebalance()
        async with observe(monkeypatch, LOG, made.producer) as other:
            other.read(40, 60)
            await until(lambda: other.committed == 60)
        made.app.rebalance()
        made.read(60)
        await until(lambda: made.committed == len(LOG))
        assert made.outputs() == expected(LOG)


async def count_events(monkeypatch: pytest.MonkeyPatch) -> int:
    """How many sends and acknowledgements the log takes, with two checkpoints."""
    async with observe(monkeypatch) as made:
        events = 0

        def note(_: Record) -> None:
            nonlocal events
            events += 1

        made.producer.note = note
        made.read(end=40)
        await until(lambda: made.committed == 40)
        made.read(40, len(LOG) - 1)
        await until(lambda: made.committed == len(LOG) - 1)
        return events


async def rebalance_at(monkeypatch: pytest.MonkeyPatch, event: int) -> None:
    """The group rebalances at some send or acknowledgement; then the partition is read again from its commit."""
    async with observe(monkeypatch) as made:
        left, committed, stored, told = event, 0, 0, False

        def note(record: Record) -> None:
            nonlocal left, committed, stored, told
            left -= 1
            if left == 0:
                made.app.rebalance()
                committed, stored, told = made.committed, len(made.stored()), record.topic != STATES

        made.producer.note = note
        made.read(end=40)
        await until(lambda: left <= 0 or made.committed == 40)
        if left > 0:
            made.read(40, len(LOG) - 1)
            await until(lambda: left <= 0)
        await until(lambda: made.stream.taken)
        await settle()
        assert made.committed == committed, "released after the rebalance"
        assert not told or len(made.stored()) == stored, "a checkpoint was begun after the rebalance"
        made.read(committed)
        await until(lambda: made.committed == len(LOG))
        assert_told(made.outputs(), expected(LOG))


@pytest.mark.parametrize("part", range(4))
def test_no_rebalance_at_whatever_moment_commits_or_loses_anything(part: int, monkeypatch: pytest.MonkeyPatch) -> None:
    events = asyncio.run(count_events(monkeypatch))
    assert events > 40
    for event in range(1 + part, events + 1, 4):
        asyncio.run(rebalance_at(monkeypatch, event))


@run
async def test_another_worker_goes_on_where_the_last_checkpoint_was(monkeypatch: pytest.MonkeyPatch) -> None:
    producer, reached = Producer(), 0
    for end in (7, 30, 31, 60, len(LOG)):
        async with observe(monkeypatch, LOG, producer) as made:
            made.read(reached, end)
            await until(lambda: made.committed == end)  # noqa: B023
            reached = made.committed
    sent = [one for one in producer.sent if one.topic not in (STATES, PARTIALS)]
    assert sent == expected(LOG), "repeated, though each worker ended after its checkpoint"


@run
async def test_a_worker_that_reads_again_repeats_the_same_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    producer = Producer()
    for first, end in ((0, 40), (0, 60), (20, len(LOG))):
        async with observe(monkeypatch, LOG, producer) as made:
            made.read(first, end)
            await until(lambda: made.stream.taken)
            await until(lambda: made.committed == end)  # noqa: B023
    assert_told([one for one in producer.sent if one.topic not in (STATES, PARTIALS)], expected(LOG))


@run
async def test_without_news_nothing_is_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    async with observe(monkeypatch) as made:
        made.read()
        await until(lambda: made.committed == len(LOG))
        sent = len(made.producer.sent)
        await asyncio.sleep(0.05)
        assert len(made.producer.sent) == sent


@run
async def test_only_what_moved_is_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    other = replace(ROLLOUT, id="shop-2", app="bakery")
    log = [LOG[0], encode_json(Registered(other, 1, ["canary.telemetry-0"])), *LOG[1:]]
    async with observe(monkeypatch, log) as made:
        made.read(end=4)
        await until(lambda: made.committed == 4)
        assert {(one.key or b"").split(b"@")[0] for one in made.stored()} == {b"shop-1", b"shop-2", b""}
        before = len(made.stored())
        made.read(4, 5)
        await until(lambda: made.committed == 5)
        assert {(one.key or b"").split(b"@")[0] for one in made.stored()[before:]} == {b"shop-1", b""}


@run
async def test_garbage_in_the_log_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    log = [LOG[0], b"\xff oops", b'{"type":"strange"}', b"", *LOG[1:]]
    async with observe(monkeypatch, log) as made:
        made.read()
        await until(lambda: made.committed == len(log))
        state = [json.loads(one.value or b"")["state"] for one in made.outputs() if one.topic == "canary.scores"]
        assert state, "nothing was judged"
        assert_told(made.outputs(), expected_around_garbage(log))


def expected_around_garbage(log: list[bytes]) -> list[Record]:
    observer, found = Observer(), []
    for offset, value in enumerate(log):
        if 0 < offset < 4:
            observer.skip(offset)
            continue
        for effect in observer.take(offset, read_message(value)):
            found += records_of(effect, "canary")
    return found


@run
async def test_the_registry_hears_of_the_end_and_all_is_forgotten_after_a_week(monkeypatch: pytest.MonkeyPatch) -> None:
    stop = encode_json(Registered(ROLLOUT, 1, ["canary.telemetry-0"], stopped="Enough."))
    week = encode_json(SourceTime("canary.telemetry-0", BEGIN + KEPT_MS + 3_600_000))
    log = [*LOG[:40], stop, *LOG[40:], week]
    async with observe(monkeypatch, log) as made:
        made.read(end=len(log) - 1)
        await until(lambda: made.committed == len(log) - 1)
        (end,) = [one for one in made.outputs() if one.topic == "canary.rollouts"]
        record = json.loads(end.value or b"")
        assert (end.key, record["verdict"], record["stopped"]) == (b"shop-1", "inconclusive", "Enough.")
        assert BEGIN < record["rollout"]["until"] < BEGIN + 20_000
        made.read(len(log) - 1)
        await until(lambda: made.committed == len(log))
        gone = [(one.topic, one.key) for one in made.outputs() if one.value is None]
        assert gone == [("canary.rollouts", b"shop-1"), ("canary.verdicts.latest", b"shop-1")]
        live = dict(made.producer.topics[STATES, 0])
        assert [key for key, value in live.items() if value is not None and not (key or b"").startswith(b"@")] == []


def test_ids_have_no_gaps() -> None:
    ids = [json.loads(one.value or b"")["id"] for one in expected(LOG) if not one.topic.endswith("latest")]
    numbers = [int(name.rpartition("/")[2]) for name in ids]
    assert numbers[0] == 1
    assert all(b - a == 1 for a, b in pairwise(numbers))
