"""What is said of a rollout whose judge broke: an error of the monitor, all alerts resolved, and nothing after it."""

from collections.abc import Iterable

import msgspec

from stream.judge.broken import broken
from stream.monitor import start, step
from stream.outputs import Alert, Output, Verdict
from stream.partial import SourceTime, Stop
from stream.plan import Plan
from stream.policy import MetricRule
from stream.state import Firing, State
from tests.core_helpers import PANE, ROLLOUT, Drive, latencies, plan_of, row

PLAN = plan_of(MetricRule("latency"), from_ms=7 * PANE)
REASON = "The judge broke with ValueError: no. Please report it, and start the rollout anew."


def running(plan: Plan = PLAN, pane: int = 10) -> State:
    """A state that has judged panes up to this one."""
    rows = [row(7, side, side, "latency", latencies(100)) for side in ("canary", "baseline")]
    drive = Drive(plan).run(lambda at: rows if at == 7 else [], range(7, pane + 1))
    assert drive.state.sequence == len(drive.outputs) > 0
    return drive.state


def alerts(outputs: Iterable[Output]) -> list[tuple[str, str, str | None, str | None, int]]:
    found = [output for output in outputs if isinstance(output, Alert)]
    return [(one.kind, one.status, one.metric, one.instance, one.since) for one in found]


def test_a_rollout_ends_as_an_error_of_the_monitor() -> None:
    state = running()
    before, at = state.sequence, 11 * PANE
    state.firing = {}
    first, second, last = broken(PLAN, state, REASON)
    assert alerts([first, second]) == [
        ("judge_error", "firing", None, None, at),
        ("judge_error", "resolved", None, None, at),
    ]
    assert isinstance(first, Alert)
    assert first.text == REASON
    assert isinstance(last, Verdict)
    assert (last.verdict, last.final, last.rule, last.previous) == ("inconclusive", True, "failed", "continue")
    assert (last.text, last.started, last.metric) == (REASON, 7 * PANE, None)
    assert (last.policy, last.fingerprint, last.app) == ("default@1", PLAN.fingerprint, "shop")
    assert "says nothing about the canary" in last.explanation
    outputs = [first, second, last]
    assert [output.id for output in outputs] == [f"{ROLLOUT}/{before + number}" for number in (1, 2, 3)]
    assert {output.at for output in outputs} == {at}
    assert (state.sequence, state.verdict, state.final, state.failed) == (before + 3, "inconclusive", True, REASON)


def test_nothing_comes_after_it() -> None:
    state = running()
    broken(PLAN, state, REASON)
    assert step(PLAN, state, SourceTime("telemetry-0", 99 * PANE)) == []
    assert step(PLAN, state, Stop(ROLLOUT, "enough")) == []


def test_alerts_that_fire_are_resolved_before_the_verdict() -> None:
    state = running()
    state.firing = {
        "no_data": Firing(8 * PANE),
        "instance_outlier:latency:a": Firing(9 * PANE, "latency", "a"),
        "divergence:latency": Firing(10 * PANE, "latency"),
    }
    outputs = broken(PLAN, state, REASON)
    assert alerts(outputs) == [
        ("judge_error", "firing", None, None, 11 * PANE),
        ("divergence", "resolved", "latency", None, 10 * PANE),
        ("instance_outlier", "resolved", "latency", "a", 9 * PANE),
        ("judge_error", "resolved", None, None, 11 * PANE),
        ("no_data", "resolved", None, None, 8 * PANE),
    ]
    texts = [output.text for output in outputs if isinstance(output, Alert)]
    assert texts[1:3] == ["Resolved: divergence of latency.", "Resolved: instance outlier of a."]
    assert isinstance(outputs[-1], Verdict)
    assert state.firing == {}
    assert [output.id for output in outputs] == [f"{ROLLOUT}/{state.sequence - 5 + number}" for number in range(6)]


def test_before_the_first_pane_it_ends_with_that() -> None:
    """So that its end is after its beginning."""
    outputs = broken(PLAN, state := start(PLAN, ["telemetry-0"]), REASON)
    assert {output.at for output in outputs} == {8 * PANE}
    assert outputs[-1].id == f"{ROLLOUT}/3"
    assert (state.begun, state.next) == (7, 8)
    waiting = start(PLAN, ["telemetry-0"])
    step(PLAN, waiting, SourceTime("telemetry-0", 5))
    assert waiting.next == 7
    assert {output.at for output in broken(PLAN, waiting, REASON)} == {8 * PANE}


def test_without_from_it_ends_in_the_present() -> None:
    plan = plan_of(MetricRule("latency"))
    state = start(plan, ["a", "b"])
    step(plan, state, SourceTime("a", 9 * PANE + 5))
    assert {output.at for output in broken(plan, state, REASON)} == {10 * PANE}
    assert {output.at for output in broken(plan, start(plan, ["a"]), REASON)} == {PANE}
    assert {output.at for output in broken(plan, start(plan, []), REASON)} == {PANE}


def test_the_records_read_back() -> None:
    for output in broken(PLAN, running(), REASON):
        assert msgspec.json.decode(msgspec.json.encode(output), type=type(output)) == output
