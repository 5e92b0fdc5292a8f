"""Checkpoints: the furthest complete one is restored, and they are written in an order that always keeps one."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

import pytest

from stream.adapters.worker.state_store import Frozen, StateStore
from stream.errors import StateError
from stream.monitor import start
from stream.observe.checkpoint import PART, freeze, freeze_sources
from stream.observe.held import Held
from stream.observe.observer import Observer
from stream.observe.sources import Sources
from stream.partial import SourceTime
from stream.plan import Plan
from tests.unit.adapters.worker.stage_rig import PARTIALS, ROLLOUT, SOURCE, STATES, Rig, serve_topics, settle

NAME = ROLLOUT.id


class Store(Rig):
    """Topics, in which the log of partials has a hundred messages."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(SOURCE)
        self.producer.topics[PARTIALS, 0] = [(None, b"x")] * 100
        serve_topics(monkeypatch, self.producer)

    def another(self) -> StateStore:
        """Of another worker."""
        return StateStore(self.outbox, self.layout)

    def live(self) -> dict[bytes, bytes]:
        """What compaction would leave."""
        newest = dict(self.producer.topics[STATES, 0])
        return {key or b"": value for key, value in newest.items() if value is not None}


Test = Callable[[Store], Coroutine[Any, Any, None]]


def run(test: Test) -> Callable[[pytest.MonkeyPatch], None]:
    """A test in a loop of its own, with topics."""

    def inner(monkeypatch: pytest.MonkeyPatch) -> None:
        async def whole() -> None:
            async with Store(monkeypatch) as made:
                await test(made)

        asyncio.run(whole())

    inner.__name__ = test.__name__
    return inner


def held(offset: int, padding: int = 0) -> Held:
    """A rollout with a state of some size, read up to a message."""
    plan = Plan.of(ROLLOUT)
    return Held(plan, start(plan, ["telemetry-0", *(f"{n:0>50}" for n in range(padding))]), offset, 7)


def frozen(offset: int, padding: int = 0, *, forgotten: Iterable[str] = ()) -> Frozen:
    """A checkpoint of one rollout, with rollouts that are forgotten."""
    sources = Sources()
    sources.tell(SourceTime("telemetry-0", 1000 * offset))
    gone: dict[str, tuple[int, bytes] | None] = dict.fromkeys(forgotten)
    state = {} if NAME in gone else {NAME: (offset, freeze(held(offset, padding)))}
    return Frozen(offset + 1, freeze_sources(sources), {**state, **gone})


def told(observer: Observer) -> tuple[int, int | None]:
    """Up to where the partition and the rollout were read."""
    found = observer.rollouts.get(NAME)
    return observer.offset, None if found is None else found.offset


@run
async def test_an_empty_topic_gives_a_fresh_observer(made: Store) -> None:
    assert told(await made.another().restore(0)) == (-1, None)


@run
async def test_what_was_saved_is_restored(made: Store) -> None:
    store = made.another()
    await store.restore(0)
    await store.save(0, frozen(40))
    found = await made.another().restore(0)
    assert told(found) == (40, 40)
    assert freeze(found.rollouts[NAME]) == freeze(held(40))
    assert found.sources.newest == 40_000
    assert found.moved == {NAME}, "the first checkpoint of an epoch must hold every state"


@run
async def test_states_then_the_partition_then_what_they_replace(made: Store) -> None:
    store = made.another()
    await store.restore(0)
    await store.save(0, frozen(40))
    later = made.another()
    await later.restore(0)
    made.producer.at_once = False
    saving = asyncio.create_task(later.save(0, frozen(50)))
    steps = []
    while not saving.done():
        await settle()
        steps.append([((one.key or b"").split(b"@")[0], one.value is None) for one in made.producer.pending])
        made.producer.acknowledge()
    assert [step for step in steps if step] == [
        [(NAME.encode(), False)],
        [(b"", False)],
        [(NAME.encode(), True), (b"", True)],
    ]


@run
async def test_at_whatever_moment_a_worker_ends_a_checkpoint_is_there(made: Store) -> None:
    store, big = made.another(), 2 * PART // 50
    await store.restore(0)
    await store.save(0, frozen(10, big))
    before = len(made.producer.topics[STATES, 0])
    assert before > 3, "the state is too small for parts"
    for step, offset in enumerate((20, 30), start=1):
        await store.save(0, frozen(offset, big))
        records = list(made.producer.topics[STATES, 0])
        for end in range(step * before, (step + 1) * before + 1):
            made.producer.topics[STATES, 0] = records[:end]
            partition, rollout = told(await made.another().restore(0))
            assert rollout == (offset if end >= (step + 1) * before - 1 else offset - 10)
            assert partition == (offset if end == (step + 1) * before else offset - 10)
        made.producer.topics[STATES, 0] = records


@run
async def test_a_stalled_owner_that_writes_last_does_not_win(made: Store) -> None:
    stalled, owner = made.another(), made.another()
    await stalled.restore(0)
    await stalled.save(0, frozen(10))
    await owner.restore(0)
    await owner.save(0, frozen(20))
    await stalled.save(0, frozen(15))
    await stalled.save(0, frozen(16))
    assert told(await made.another().restore(0)) == (20, 20)
    assert len([key for key in made.live() if key.startswith(b"@")]) == 3, "the stalled one wrote over another's key"


@run
async def test_every_owner_deletes_the_keys_of_the_former(made: Store) -> None:
    for offset in (10, 20, 30):
        store = made.another()
        await store.restore(0)
        await store.save(0, frozen(offset))
        assert len(made.live()) == 2
        await store.save(0, frozen(offset + 1))
        assert len(made.live()) == 4, "two slots"
        assert told(await made.another().restore(0)) == (offset + 1, offset + 1)


@run
async def test_a_rollout_that_is_forgotten_is_gone(made: Store) -> None:
    store = made.another()
    await store.restore(0)
    for offset in (10, 20):
        await store.save(0, frozen(offset))
    await store.save(0, frozen(30, forgotten=[NAME]))
    assert [key for key in made.live() if not key.startswith(b"@")] == []
    assert told(await made.another().restore(0)) == (30, None)


@run
async def test_states_of_another_log_are_refused(made: Store) -> None:
    store = made.another()
    await store.restore(0)
    await store.save(0, frozen(40))
    made.producer.topics[PARTIALS, 0] = [(None, b"x")] * 40
    with pytest.raises(StateError, match=r"states was written after message 41 of canary\.partials, partition 0"):
        await made.another().restore(0)
    made.producer.topics[PARTIALS, 0].append((None, b"x"))
    assert told(await made.another().restore(0)) == (40, 40)


@run
async def test_records_that_are_none_of_ours_are_passed_over(made: Store) -> None:
    store = made.another()
    await store.restore(0)
    await store.save(0, frozen(40))
    made.producer.topics[STATES, 0] += [(b"garbage", b"\xff"), (b"\xff", b"x"), (b"shop-1@e/0/x", b"x")]
    assert told(await made.another().restore(0)) == (40, 40)
