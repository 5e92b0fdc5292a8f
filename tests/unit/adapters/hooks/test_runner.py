"""The runner: which offsets it releases, what it passes over, and what rebalances and its end do."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, cast

import pytest
from faust.types import TP

from stream.adapters.hooks import runner as module
from stream.adapters.hooks.ledger import Ledger
from stream.adapters.hooks.runner import Runner
from stream.outputs import Switch
from stream.wire import encode_json
from tests.unit.adapters.hooks.hook_rig import BUSY, OK, START, Clock, Rig, clock, now_verdict
from tests.unit.adapters.worker.stage_rig import App, Received, Stream, settle, until

__all__ = ["clock"]

VERDICTS = TP("canary.verdicts", 0)
PAGE = {"name": "page"}


class Follower:
    """The record, as if read."""

    def __init__(self, rig: Rig) -> None:
        self.book = rig.book
        self.ready = asyncio.Event()
        self.ready.set()
        self.catches = 0
        self.at_catch: Callable[[], None] = lambda: None
        self.on_switch: Any = None

    async def catch_up(self) -> None:
        self.catches += 1
        self.at_catch()


class Hooked(App):
    """An app whose work can be waited for, as Faust's can."""

    def add_future(self, work: Coroutine[Any, Any, None]) -> Any:
        super().add_future(work)
        return self._tasks[-1][0]

    class conf:
        broker_rebalance_timeout = 4.0


class Running:
    """A runner that reads one partition, within `async with`."""

    def __init__(self, rig: Rig) -> None:
        self.rig, self.app = rig, Hooked(VERDICTS)
        self.follower = Follower(rig)
        ledger = Ledger(self.app, "canary")
        self.runner = Runner(self.app, rig.chains, cast(Any, self.follower), ledger, rig.metrics)
        self.stream = Stream(self.app, VERDICTS)

    async def __aenter__(self) -> "Running":
        self._agent = asyncio.create_task(self.runner.process(self.stream))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._agent.cancel()
        await asyncio.gather(self._agent, return_exceptions=True)
        await self.app.close()

    @property
    def released(self) -> list[int]:
        return self.app.consumer.released.get(VERDICTS, [])


def record(offset: int, rollout: str = "shop-1", **fields: Any) -> Received:
    return Received(offset, encode_json(now_verdict(rollout, **fields)), rollout.encode(), START)


def test_an_offset_is_released_when_all_before_it_are_done(clock: Clock) -> None:
    async def run() -> None:
        async with Running(Rig(clock, [PAGE, {"name": "slow", "apps": ["slow"]}])) as running:
            slow = running.rig.hooks["slow"]
            slow.gate = asyncio.Event()
            running.stream.put([record(4, "a"), record(6, "b", app="slow"), record(7, "c")])
            await until(lambda: len(running.rig.record) == 3)
            await settle()
            assert running.released[-1] == 6, "the verdict at 6 is under way"
            slow.gate.set()
            await until(lambda: running.released[-1] == 8)

    asyncio.run(run())


def test_verdicts_without_hooks_are_released_at_once(clock: Clock) -> None:
    async def run() -> None:
        async with Running(Rig(clock, [PAGE])) as running:
            running.stream.put([record(0, word="continue"), record(1, word="promote")])
            await until(lambda: running.released[-1:] == [2])
            assert running.rig.record == []

    asyncio.run(run())


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"\xff\xfe",
        b"garbage",
        b"{}",
        b"[1]",
        b'{"type":"verdict"}',
        b'{"type":"score","id":"a/1"}',
        b"[" * 100_000,
    ],
)
def test_garbage_is_skipped_and_counted(value: bytes, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> None:
        async with Running(Rig(clock, [PAGE])) as running:
            running.stream.put([Received(0, value), Received(1, None), record(2)])
            await until(lambda: running.released[-1:] == [3])
            assert running.rig.story() == ["page 1 succeeded"]
            assert running.rig.metrics.registry.get_sample_value("canary_hook_skipped_total") == 1

    asyncio.run(run())
    assert "record 0/0 of the verdicts is none; skipped" in caplog.text


def test_a_repeat_waits_for_the_first_and_calls_nothing(clock: Clock) -> None:
    async def run() -> None:
        async with Running(Rig(clock, [PAGE])) as running:
            page = running.rig.hooks["page"]
            page.gate = asyncio.Event()
            running.stream.put([record(0), record(1)])
            running.stream.put([record(2)])
            await until(lambda: page.running)
            await settle()
            page.gate.set()
            await until(lambda: running.released[-1:] == [3])
            await settle()
            assert running.rig.story() == ["page 1 succeeded"]
            assert running.rig.metrics.registry.get_sample_value("canary_hook_pending_verdicts") == 0

    asyncio.run(run())


def test_a_rebalance_ends_the_tries_and_the_next_generation_goes_on_with_them(clock: Clock) -> None:
    async def run() -> None:
        async with Running(Rig(clock, [PAGE], page=[BUSY, BUSY, OK])) as running:
            rig, page = running.rig, running.rig.hooks["page"]
            page.gate = asyncio.Event()
            running.stream.put([record(5)])
            await until(lambda: page.running)
            running.app.rebalancing = True
            revoked = asyncio.create_task(running.runner.on_revoked(running.app, {VERDICTS}))
            await settle()
            assert not revoked.done(), "a call is under way"
            page.gate.set()
            await revoked
            await settle()
            assert rig.story() == ["page 1 failed"]
            running.app.rebalance()
            running.app.rebalancing = False
            await settle()
            assert running.released == []
            running.stream.put([record(5)])
            await until(lambda: running.released[-1:] == [6])
            assert rig.story() == ["page 1 failed", "page 2 failed", "page 3 succeeded"]
            assert running.follower.catches == 2, "the record is read to its end in each generation"

    asyncio.run(run())


def test_a_call_that_outlasts_the_rebalance_is_waited_for_not_repeated(clock: Clock) -> None:
    async def run() -> None:
        async with Running(Rig(clock, [PAGE])) as running:
            page = running.rig.hooks["page"]
            page.gate = asyncio.Event()
            running.stream.put([record(5)])
            await until(lambda: page.running)
            running.app.rebalance()
            running.stream.put([record(5)])
            await settle()
            page.gate.set()
            await until(lambda: running.released[-1:] == [6])
            assert running.rig.story() == ["page 1 succeeded"]
            assert len(page.calls) == 1

    asyncio.run(run())


def test_batches_of_a_former_generation_are_left_alone(clock: Clock) -> None:
    async def run() -> None:
        async with Running(Rig(clock, [PAGE])) as running:
            running.stream.put([record(0)], generation=0)
            running.stream.put([record(1, "b")])
            running.stream.put([record(2, "c")], generation=0)
            running.stream.put([record(3, "d")])
            await until(lambda: running.released[-1:] == [4])
            assert sorted(action.rollout for action in running.rig.record) == ["b", "d"]

    asyncio.run(run())


def test_a_batch_of_a_former_generation_does_not_make_the_present_one_forget_what_is_under_way(clock: Clock) -> None:
    async def run() -> None:
        async with Running(Rig(clock, [PAGE, {"name": "slow", "apps": ["slow"]}])) as running:
            slow = running.rig.hooks["slow"]
            slow.gate = asyncio.Event()
            running.stream.put([record(1, "a", app="slow")])
            running.stream.put([record(1, "a", app="slow")], generation=0)
            running.stream.put([record(2, "b")])
            await until(lambda: "b" in [action.rollout for action in running.rig.record])
            await settle()
            assert running.released[-1] == 1
            slow.gate.set()
            await until(lambda: running.released[-1] == 3)
            assert running.follower.catches == 1

    asyncio.run(run())


def test_a_generation_that_ends_while_the_record_is_read_begins_nothing(clock: Clock) -> None:
    async def run() -> None:
        async with Running(Rig(clock, [PAGE])) as running:
            running.follower.at_catch = running.app.rebalance
            running.stream.put([record(0)])
            await until(lambda: running.follower.catches == 1)
            await settle()
            assert running.rig.record == []
            running.follower.at_catch = lambda: None
            running.stream.put([record(0)])
            await until(lambda: running.released[-1:] == [1])
            assert running.follower.catches == 2

    asyncio.run(run())


def test_nothing_is_called_before_the_record_is_read(clock: Clock) -> None:
    async def run() -> None:
        async with Running(Rig(clock, [PAGE])) as running:
            running.follower.ready.clear()
            running.stream.put([record(0)])
            await settle()
            assert running.rig.record == []
            running.follower.ready.set()
            await until(lambda: running.released[-1:] == [1])

    asyncio.run(run())


def test_leaving_waits_for_calls_under_way_and_begins_none(clock: Clock) -> None:
    async def run() -> None:
        async with Running(Rig(clock, [PAGE], page=[BUSY, OK])) as running:
            page = running.rig.hooks["page"]
            page.gate = asyncio.Event()
            running.stream.put([record(0), record(1, "b", word="promote")])
            await until(lambda: page.running)
            leaving = asyncio.create_task(running.runner.leave(running.app))
            await settle()
            assert not leaving.done()
            page.gate.set()
            await leaving
            await settle()
            assert running.rig.story() == ["page 1 failed"]
            assert running.released == [0], "the first verdict is not done"
            assert page.closed

    asyncio.run(run())


def test_what_cannot_be_recorded_crashes_the_app(clock: Clock) -> None:
    async def run() -> None:
        async with Running(Rig(clock, [PAGE])) as running:
            running.rig.refuse = ConnectionError("no broker")
            running.stream.put([record(0)])
            await until(lambda: running.app.crashes)
            assert running.released == []

    asyncio.run(run())


def test_verdicts_under_way_are_bounded(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 3)

    async def run() -> None:
        async with Running(Rig(clock, [PAGE])) as running:
            page = running.rig.hooks["page"]
            page.gate = asyncio.Event()
            running.stream.put([record(number, f"r{number}") for number in range(10)])
            await settle()
            assert page.running == 3
            page.gate.set()
            await until(lambda: running.released[-1:] == [10])
            assert len(page.calls) == 10

    asyncio.run(run())


def test_a_stop_is_written_anew_before_the_topic_forgets_it(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "now_ms", clock)
    monkeypatch.setattr(module, "LOOK_SECONDS", 0)
    stop = Switch(True, START - 10, "eve", "Too many")

    async def run(written: int, switch: Switch) -> int:
        rig = Rig(clock, [PAGE])
        rig.book.read(encode_json(switch), written, 0)
        async with Running(rig) as running:
            keeper = asyncio.create_task(running.runner.keep_stopped())
            await settle()
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)
            sent = running.app.producer.sent
            if sent:
                assert (sent[0].topic, sent[0].key, sent[0].partition) == ("canary.actions", b"!switch", 0)
                assert sent[0].value == encode_json(switch)
            return len(sent)

    old = START - module.RENEWAL_MS - 1
    assert asyncio.run(run(old, stop)) > 0
    assert asyncio.run(run(old + 1, stop)) == 0
    assert asyncio.run(run(old, Switch(False, START - 10, "eve"))) == 0
