"""Chains: tries and tries again, escalation, and all that keeps a hook from being called."""

import asyncio
import logging

import pytest
from msgspec.structs import replace

from stream.adapters.hooks import chains as module
from stream.hooks.outcome import Outcome, of_status, refused
from tests.unit.adapters.hooks.hook_rig import BUSY, GONE, OK, START, Clock, Rig, clock, now_verdict
from tests.unit.adapters.worker.stage_rig import until

__all__ = ["clock"]

REVERT = {"name": "revert", "escalate": "page"}
PAGE = {"name": "page"}


def test_one_call_one_record(clock: Clock) -> None:
    rig = Rig(clock, [REVERT, PAGE])
    assert asyncio.run(rig.fire())
    assert rig.story() == ["revert 1 succeeded"]
    ((at, call),) = rig.hooks["revert"].calls
    assert (at, call.type, call.at) == (0, "canary.verdict.abort", START)
    (action,) = rig.record
    assert (action.id, action.target, action.status) == ("shop-1/7/revert/1", "https://deploy.example/", 200)
    assert (rig.counted("revert", "succeeded"), rig.counted("page", "succeeded")) == (1, 0)


def test_other_verdicts_and_apps_fire_nothing(clock: Clock) -> None:
    rig = Rig(clock, [{**PAGE, "apps": ["cart"]}, {"name": "b", "on": "promote"}])
    for said in (now_verdict(), now_verdict(word="inconclusive"), now_verdict(word="continue")):
        assert asyncio.run(rig.fire(said))
    assert rig.record == []
    assert asyncio.run(rig.fire(now_verdict(word="promote")))
    assert rig.story() == ["b 1 succeeded"]


def test_tries_come_at_their_times_then_the_next_hook(clock: Clock) -> None:
    rig = Rig(clock, [REVERT, PAGE], revert=[BUSY])
    assert asyncio.run(rig.fire())
    assert rig.hooks["revert"].times == [0, 1_000, 3_000, 7_000, 15_000, 30_000]
    assert rig.hooks["page"].times == [30_000]
    assert rig.story() == [*(f"revert {number} failed" for number in range(1, 7)), "page 1 succeeded"]
    assert (rig.counted("revert", "failed"), rig.counted("page", "succeeded")) == (6, 1)


def test_a_receiver_that_comes_back(clock: Clock) -> None:
    rig = Rig(clock, [REVERT, PAGE], revert=[BUSY, of_status(429, 5_000), OK])
    assert asyncio.run(rig.fire())
    assert rig.hooks["revert"].times == [0, 1_000, 6_000]
    assert rig.hooks["page"].calls == []


def test_what_cannot_be_mended_escalates_at_once(clock: Clock) -> None:
    rig = Rig(clock, [REVERT, PAGE], revert=[of_status(404)], page=[refused("host x is not allowed")])
    assert asyncio.run(rig.fire())
    assert rig.story() == ["revert 1 failed", "page 1 refused"]


@pytest.mark.parametrize("other", [BUSY, of_status(404)])
def test_two_hooks_may_escalate_to_one_which_is_called_once(other: Outcome, clock: Clock) -> None:
    rig = Rig(clock, [REVERT, {**REVERT, "name": "scale"}, PAGE], revert=[of_status(404)], scale=[other])
    assert asyncio.run(rig.fire())
    assert rig.hooks["page"].times == [0]
    assert rig.story().count("page 1 succeeded") == 1
    assert {"revert", "scale"} == {one.hook for one in rig.record if one.escalates_to == "page"}


def test_hooks_fire_side_by_side(clock: Clock) -> None:
    async def both() -> None:
        rig = Rig(clock, [PAGE, {"name": "b"}])
        for hook in rig.hooks.values():
            hook.gate = asyncio.Event()
        work = asyncio.create_task(rig.fire())
        await until(lambda: all(hook.running for hook in rig.hooks.values()))
        for hook in rig.hooks.values():
            assert hook.gate is not None
            hook.gate.set()
        assert await work

    asyncio.run(both())


def test_a_dry_run_calls_nothing_and_says_what_it_would_call(clock: Clock) -> None:
    rig = Rig(clock, [{**REVERT, "dry_run": True}, PAGE])
    assert asyncio.run(rig.fire())
    assert rig.story() == ["revert 1 dry_run"]
    assert rig.record[0].text == "It would call https://deploy.example/; `dry_run: false` arms the hook."
    assert rig.hooks["revert"].calls == rig.hooks["page"].calls == []
    assert rig.counted("revert", "dry_run") == 1


def test_an_old_verdict_never_fires(clock: Clock) -> None:
    rig = Rig(clock, [REVERT, PAGE])
    assert asyncio.run(rig.fire(now_verdict(at=START - 900_001)))
    assert rig.story() == ["revert 1 refused"]
    assert rig.record[0].text == "The verdict is too old: 900 s, and max_age is 15m."
    assert rig.hooks["revert"].calls == []
    assert asyncio.run(rig.fire(now_verdict("shop-2", at=START - 900_000)))
    assert rig.story()[1:] == ["revert 1 succeeded"]


def test_a_verdict_that_grows_too_old_between_tries_fires_no_more(clock: Clock) -> None:
    rig = Rig(clock, [REVERT, PAGE], revert=[BUSY])
    assert asyncio.run(rig.fire(now_verdict(at=START - 895_000)))
    assert rig.story() == ["revert 1 failed", "revert 2 failed", "revert 3 failed", "revert 4 refused"]


def test_a_success_on_record_is_never_repeated(clock: Clock) -> None:
    rig = Rig(clock, [REVERT, PAGE])
    asyncio.run(rig.fire())
    assert asyncio.run(rig.fire())
    assert len(rig.record) == 1


def test_attempts_on_record_are_gone_on_with(clock: Clock) -> None:
    before = Rig(clock, [REVERT, PAGE], revert=[BUSY])

    def end() -> None:
        before.halted = len(before.record) == 3

    clock.at_sleep = end
    assert not asyncio.run(before.fire())
    assert before.story() == ["revert 1 failed", "revert 2 failed", "revert 3 failed"]
    rig = Rig(clock, [REVERT, PAGE], revert=[BUSY])
    for action in before.record:
        rig.book.take(action)
    assert asyncio.run(rig.fire())
    assert rig.story() == ["revert 4 failed", "revert 5 failed", "revert 6 failed", "page 1 succeeded"]
    assert rig.hooks["revert"].times == [7_000, 15_000, 30_000]


def test_after_a_failure_for_good_on_record_the_next_hook_is_called(clock: Clock) -> None:
    before = Rig(clock, [REVERT, PAGE], revert=[of_status(404)])
    asyncio.run(before.fire())
    rig = Rig(clock, [REVERT, PAGE])
    rig.book.take(before.record[0])
    assert asyncio.run(rig.fire())
    assert rig.story() == ["page 1 succeeded"]


def test_a_next_hook_that_is_no_more_is_told(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    before = Rig(clock, [REVERT, PAGE], revert=[of_status(404)])
    asyncio.run(before.fire())
    rig = Rig(clock, [{"name": "revert"}])
    rig.book.take(before.record[0])
    assert asyncio.run(rig.fire())
    assert rig.record == []
    assert "shop-1/7: hook page should follow revert, and is in the file no more" in caplog.text


def test_the_switch_stops_all_hooks(clock: Clock) -> None:
    rig = Rig(clock, [REVERT, PAGE, {"name": "dry", "dry_run": True}])
    rig.throw(True)
    assert asyncio.run(rig.fire())
    assert sorted(rig.story()) == ["dry 1 refused", "revert 1 refused"]
    assert {action.text for action in rig.record} == {"Hooks are stopped by eve: Too many."}
    rig.throw(False, 1)
    assert asyncio.run(rig.fire())
    assert len(rig.record) == 2, "what was refused is not made up for"
    assert asyncio.run(rig.fire(now_verdict("shop-2")))
    assert sorted(rig.story()[2:]) == ["dry 1 dry_run", "revert 1 succeeded"]


def test_the_switch_stops_what_waits_for_its_next_try_at_once() -> None:
    """With the real clock: the next try would be due in a second."""

    async def stop() -> tuple[list[str], float]:
        rig = Rig(Clock(), [REVERT, PAGE], revert=[BUSY])
        work = asyncio.create_task(rig.chains.fire(replace(now_verdict(), at=module.now_ms()), lambda: False))
        await until(lambda: rig.record)
        began = asyncio.get_running_loop().time()
        rig.throw(True)
        assert await work
        return rig.story(), asyncio.get_running_loop().time() - began

    story, seconds = asyncio.run(stop())
    assert story == ["revert 1 failed", "revert 2 refused"]
    assert seconds < 0.5


def test_the_switch_stops_what_waits_for_its_turn(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AT_ONCE", 2)

    async def stop() -> Rig:
        rig = Rig(clock, [PAGE])
        page = rig.hooks["page"]
        page.gate = asyncio.Event()
        works = [asyncio.create_task(rig.fire(now_verdict(f"shop-{number}"))) for number in range(5)]
        await until(lambda: page.running == 2)
        rig.throw(True)
        page.gate.set()
        assert all(await asyncio.gather(*works))
        return rig

    rig = asyncio.run(stop())
    assert len(rig.hooks["page"].calls) == rig.hooks["page"].most == 2
    assert sorted(rig.story()) == 3 * ["page 1 refused"] + 2 * ["page 1 succeeded"]


def test_what_waits_for_its_turn_is_halted_too(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AT_ONCE", 1)

    async def halt() -> list[bool]:
        rig = Rig(clock, [PAGE])
        page = rig.hooks["page"]
        page.gate = asyncio.Event()
        works = [asyncio.create_task(rig.fire(now_verdict(f"shop-{number}"))) for number in range(3)]
        await until(lambda: page.running)
        rig.halted = True
        page.gate.set()
        done = await asyncio.gather(*works)
        assert len(page.calls) == 1
        return done

    assert asyncio.run(halt()).count(True) <= 1


def test_the_environment_stops_this_runner(clock: Clock) -> None:
    rig = Rig(clock, [PAGE], off="hooks are off in this runner")
    assert rig.chains.stopped == "hooks are off in this runner"
    assert asyncio.run(rig.fire())
    assert rig.record[0].text == "Hooks are off in this runner."
    assert rig.hooks["page"].calls == []


def test_a_receiver_that_is_gone_is_not_called_for_other_verdicts_either(clock: Clock) -> None:
    rig = Rig(clock, [REVERT, PAGE], revert=[GONE])
    asyncio.run(rig.fire())
    asyncio.run(rig.fire(now_verdict("shop-2")))
    assert rig.story() == 2 * ["revert 1 refused", "page 1 succeeded"]
    assert len(rig.hooks["revert"].calls) == 1
    assert "gone" in rig.record[2].text


def test_a_hook_that_is_broken_ends_no_runner(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    rig = Rig(clock, [REVERT, PAGE], revert=[KeyError("whsec_hidden"), OK])
    with caplog.at_level(logging.ERROR):
        assert asyncio.run(rig.fire())
    assert rig.story() == ["revert 1 failed", "revert 2 succeeded"]
    assert rig.record[0].text == "The hook itself is broken: KeyError."
    assert "https://deploy.example/: KeyError at " in caplog.text
    assert "hidden" not in caplog.text


def test_what_cannot_be_recorded_ends_the_runner(clock: Clock) -> None:
    rig = Rig(clock, [REVERT, PAGE])
    rig.refuse = ConnectionError("no broker")
    with pytest.raises(ConnectionError, match="no broker"):
        asyncio.run(rig.fire())
    assert rig.book.attempts("shop-1/7", "revert") == []


def test_halted_chains_begin_nothing_and_can_be_waited_for(clock: Clock) -> None:
    async def halt() -> Rig:
        rig = Rig(clock, [REVERT, PAGE], revert=[BUSY])
        revert = rig.hooks["revert"]
        revert.gate = asyncio.Event()
        work = asyncio.create_task(rig.fire())
        await until(lambda: revert.running)
        rig.halted = True
        rig.chains.wake()
        assert not await rig.chains.settle(0.01)
        revert.gate.set()
        assert await rig.chains.settle(5)
        assert rig.story() == ["revert 1 failed"], "what was under way is on record"
        assert not await work
        await rig.chains.close()
        return rig

    rig = asyncio.run(halt())
    assert len(rig.hooks["revert"].calls) == 1
    assert all(hook.closed for hook in rig.hooks.values())


def test_the_delay_of_the_first_call_is_measured(clock: Clock) -> None:
    rig = Rig(clock, [PAGE], page=[BUSY, OK])
    asyncio.run(rig.chains.fire(now_verdict(), lambda: False, START - 40))
    value = rig.metrics.registry.get_sample_value
    assert value("canary_hook_delay_seconds_count") == 1
    assert value("canary_hook_delay_seconds_sum") == pytest.approx(0.04)
    assert value("canary_hook_duration_seconds_count", {"hook": "page"}) == 2
