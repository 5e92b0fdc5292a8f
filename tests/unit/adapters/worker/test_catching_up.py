"""While a worker catches up, what falls due waits for the end of the chunk: rows are sent once, not pane by pane."""

import asyncio

import pytest

from stream.adapters.settings import Settings
from stream.adapters.worker import condenser
from stream.adapters.worker.condenser import Condenser
from stream.adapters.worker.metrics import Metrics
from stream.adapters.worker.registry_follower import Change, RegistryFollower
from stream.partial import ChunkEnd, Partial, SourceTime
from tests.unit.adapters.worker.stage_rig import (
    ROLLOUT,
    SOURCE,
    Rig,
    Stream,
    known,
    quick,
    read_message,
    samples,
    settle,
    until,
)


@pytest.fixture(autouse=True)
def _many(monkeypatch: pytest.MonkeyPatch) -> None:
    quick(monkeypatch)
    monkeypatch.setattr(condenser, "MANY", 6)


async def kinds_sent(patience: float, monkeypatch: pytest.MonkeyPatch, *batches: int) -> list[list[type]]:
    """After each batch of so many samples, a second apart, what has been sent to the rollout so far."""
    monkeypatch.setattr(condenser, "PATIENCE", patience)
    async with Rig(SOURCE) as made:
        registry = RegistryFollower(Settings(brokers=("127.0.0.1:1",)))
        stage = Condenser(made.app, made.outbox, made.layout, registry, Metrics())
        stream, seen, first = Stream(made.app, SOURCE), [], 0
        knows, due = known(ROLLOUT)
        registry.change = Change(knows, [ROLLOUT], due)
        registry.ready.set()
        made.app.add_future(stage.process(stream))
        made.app.add_future(stage.run())
        for number in batches:
            stream.put(samples(number, first, step=1000))
            first += number
            await until(lambda: stream.taken)
            await settle()
            seen.append([type(read_message(one.value or b"")) for one in made.producer.sent])
        assert made.app.crashes == []
        return seen


def test_what_falls_due_waits_while_more_is_on_its_way(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = asyncio.run(kinds_sent(3600, monkeypatch, 6, 4))
    assert first == []
    assert second == [Partial, ChunkEnd, SourceTime]


def test_it_does_not_wait_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    (first,) = asyncio.run(kinds_sent(0, monkeypatch, 6))
    assert first == [Partial, SourceTime]


def test_it_does_not_wait_after_a_small_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    (first,) = asyncio.run(kinds_sent(3600, monkeypatch, 5))
    assert first == [Partial, SourceTime]
