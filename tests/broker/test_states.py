"""Checkpoints in a topic that really is compacted, where a stalled former owner writes older states last."""

import asyncio
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from kafka.admin import ConfigResource, ConfigResourceType

from stream.adapters.settings import Settings
from stream.adapters.worker.layout import Layout
from stream.adapters.worker.outbox import Outbox
from stream.adapters.worker.state_store import Frozen, StateStore
from stream.monitor import start
from stream.observe.checkpoint import freeze, freeze_sources
from stream.observe.held import Held
from stream.observe.observer import Observer
from stream.observe.sources import Sources
from stream.plan import Plan
from tests.broker_helpers import Broker
from tests.scene_helpers import rollout_of

pytestmark = [pytest.mark.broker, pytest.mark.slow, pytest.mark.timeout(180)]

NUMBER = 40
OFTEN = {
    "segment_ms": 1000,
    "min_cleanable_dirty_ratio": 0.01,
    "delete_retention_ms": 100,
    "min_compaction_lag_ms": 0,
    "max_compaction_lag_ms": 1000,
}
"""Settings with which a topic is compacted within seconds, once someone writes to it."""


@contextmanager
def eager_cleaner(broker: Broker) -> Iterator[None]:
    """Let the brokers look for work every half a second."""
    with broker.admin() as admin:
        nodes = [node["broker_id"] for node in admin.describe_cluster()["brokers"]]

        def set_to(change: Any) -> None:
            configs = {"log.cleaner.backoff.ms": change}
            admin.alter_configs([ConfigResource(ConfigResourceType.BROKER, str(node), configs) for node in nodes])

        set_to("500")
        try:
            yield
        finally:
            set_to(("DELETE", None))


class Producer:
    """Faust's producer, as far as the outbox uses it."""

    def __init__(self, inner: AIOKafkaProducer) -> None:
        self._inner = inner

    async def send(self, topic: str, key: bytes, value: bytes | None, partition: int, *_: None) -> Any:
        return await self._inner.send(topic, value, key=key, partition=partition)


class Owners:
    """The owners of one partition of states, one after the other or at once."""

    def __init__(self, broker: Broker, producer: AIOKafkaProducer) -> None:
        self.prefix = broker.fresh_prefix()
        settings = Settings.read(broker.environment(self.prefix))
        self._layout = Layout(settings, {f"{self.prefix}.partials": 1})
        self.states = broker.create(self._layout.states, 1, cleanup_policy="compact", **OFTEN)
        broker.produce(broker.create(self._layout.partials, 1), [b"x"] * 1000, 0)
        self._outbox = Outbox(SimpleNamespace(producer=Producer(producer), should_stop=False))

    def another(self) -> StateStore:
        """A worker's store."""
        return StateStore(self._outbox, self._layout)


def frozen(offset: int, numbers: Any) -> Frozen:
    """A checkpoint of some rollouts, all read up to an offset."""
    states: dict[str, tuple[int, bytes] | None] = {}
    for number in numbers:
        rollout = rollout_of(0, f"shop-{number}")
        plan = Plan.of(rollout)
        states[rollout.id] = offset, freeze(Held(plan, start(plan, ["telemetry-0"]), offset, number))
    return Frozen(offset + 1, freeze_sources(Sources()), states)


def offsets(observer: Observer) -> dict[str, int]:
    """Up to where each rollout was read, as it was restored."""
    return {name: held.offset for name, held in observer.rollouts.items() if name != "shop-999"}


@pytest.mark.parametrize("seed", [1])
def test_compaction_keeps_the_newest_states(broker: Broker, seed: int) -> None:
    broker.needs("compaction")
    with eager_cleaner(broker):
        asyncio.run(compact(broker, random.Random(seed)))


async def compact(broker: Broker, chance: random.Random) -> None:
    async with AIOKafkaProducer(bootstrap_servers=broker.bootstrap, acks="all") as producer:
        owners = Owners(broker, producer)
        stalled, owner = owners.another(), owners.another()
        await stalled.restore(0)
        for version in range(1, 11):
            await stalled.save(0, frozen(10 * version, range(NUMBER)))
        assert set(offsets(await owner.restore(0)).values()) == {100}
        newest: dict[str, int] = {}
        for version in range(11, 31):
            numbers = [number for number in range(NUMBER) if version == 11 or chance.random() < 0.2]
            await owner.save(0, frozen(10 * version, numbers))
            newest |= {f"shop-{number}": 10 * version for number in numbers}
        await stalled.save(0, frozen(105, range(0, NUMBER, 2)))  # it wakes up: older, but written last
        before = await owners.another().restore(0)
        assert offsets(before) == newest
        count = len(broker.read_all(owners.states))
        await clean(broker, owners.states, owner, 320)
        after = await owners.another().restore(0)
        assert offsets(after) == newest
        assert after.offset > before.offset == 300
        at = [one.offset for one in broker.read_all(owners.states)]
        assert len(at) < count / 2
        print(f"{count} records became {len(at)}, with {sum(b - a > 1 for a, b in pairwise(at))} holes")


async def clean(broker: Broker, topic: str, owner: StateStore, offset: int) -> None:
    """Write on, which closes segments, until the topic has been compacted."""
    deadline = time.monotonic() + 60
    left = len(broker.read_all(topic))
    while (now := len(broker.read_all(topic))) > 200 or now > left:
        assert time.monotonic() < deadline, f"still {now} records after 60 s"
        left = now
        await owner.save(0, frozen(offset, [999]))
        await asyncio.sleep(1.1)


def test_the_first_checkpoint_of_an_owner_replaces_those_of_the_former(broker: Broker) -> None:
    async def run() -> None:
        async with AIOKafkaProducer(bootstrap_servers=broker.bootstrap, acks="all") as producer:
            owners = Owners(broker, producer)
            for offset in (10, 20, 30):
                store = owners.another()
                restored = await store.restore(0)
                assert offsets(restored) == ({} if offset == 10 else dict.fromkeys(["shop-0", "shop-1"], offset - 10))
                await store.save(0, frozen(offset, range(2)))
            newest = {one.key: one.value for one in broker.read_all(owners.states)}
            live = [key for key, value in newest.items() if value is not None]
            assert len(live) == 3, "keys of former owners are left"

    asyncio.run(run())
