"""The demo's story: told in order, over when there is no more to see, and honest about what went wrong."""

from dataclasses import replace as changed

import pytest
from msgspec.structs import replace

from stream.adapters.demo.fleet import Second, _second, average
from stream.adapters.demo.receiver import Received
from stream.adapters.demo.scene import DEADLINE_SECONDS, INSTANCES, ONSET, RATE, SCENES, SERVICE
from stream.adapters.demo.show import EFFECT_PATIENCE, HOOK_PATIENCE, VERDICT_PATIENCE, Show
from stream.adapters.terminal.board import Board
from stream.adapters.traffic import BASELINE_VERSION, CANARY_VERSION, Fault, Traffic
from stream.errors import SourceError
from stream.outputs import Verdict
from tests.core_helpers import SECOND
from tests.terminal_helpers import ABORTED, NOW, action, alert, outputs, registered

BEGINS = NOW - 100 * SECOND


class Instances:
    """A fleet whose seconds are said by hand."""

    def __init__(self) -> None:
        self.seconds: list[Second] = []
        self.error: SourceError | None = None

    def pass_by(self, number: int, canary: float = 400.0, latency: float = 50.0) -> None:
        """Some seconds go by."""
        first = self.seconds[-1].number + 1 if self.seconds else 0
        requests = {BASELINE_VERSION: 400.0, CANARY_VERSION: canary}
        self.seconds += [Second(first + i, requests, latency, 0.02, 0.4) for i in range(number)]

    def recent(self) -> list[Second]:
        return self.seconds[-6:]

    def check(self) -> None:
        if self.error is not None:
            raise self.error


class Play:
    """A show with everything that it looks at."""

    def __init__(self, fault: Fault = "latency", *, ours: bool = True) -> None:
        self.fleet, self.board = Instances(), Board(ABORTED)
        self.obeyed: dict[str, Received] | None = {} if ours else None
        self.show = Show(SCENES[fault], ABORTED, BEGINS, self.fleet, self.board, self.obeyed)
        self.board.take(registered(ABORTED, BEGINS))
        self.fleet.pass_by(30, latency=60.0)

    def look(self, second: float) -> list[str]:
        """What is told so many seconds after the beginning."""
        return [step.text for step in self.show.look(BEGINS + round(second * SECOND))]

    def end(self, verdict: str = "abort", metric: str | None = "http.server.request.duration") -> Verdict:
        """The final verdict, with an alert before it."""
        final = outputs("abort", ABORTED, NOW)[-1]
        assert isinstance(final, Verdict)
        kind = self.show._scene.alert or "divergence"
        self.board.take(alert(ABORTED, 1, NOW, kind=kind))
        final = replace(final, verdict=verdict, metric=metric)
        self.board.take(final)
        return final

    def obey(self, order: str = "rollback") -> None:
        """A hook gives an order, and it is on record."""
        assert self.obeyed is not None
        self.obeyed[f"x/{order}"] = Received(order, f"x/{order}", signed=True)


def test_a_rollback_from_the_start_to_its_effect() -> None:
    play = Play()
    assert play.look(-1) == []
    assert play.look(0) == ["20 instances of checkout report: 10 of 2.4.0, 10 of 2.4.1."]
    assert play.look(ONSET - 0.1) == []
    assert play.look(ONSET) == ["Fault: requests to 2.4.1 take 40 % longer from now on."]
    play.obey()
    assert play.look(26) == [], "the order is told after the verdict"
    final = play.end()
    assert play.look(27) == ["Webhook rollback came, its signature is right: all 10 instances of 2.4.1 are stopped."]
    play.fleet.pass_by(2, canary=0.0, latency=42.0)
    assert play.look(29) == []
    play.fleet.pass_by(3, canary=0.0, latency=42.0)
    effect = (
        "Effect: 2.4.1 answers no requests any more, 400 a second before; all requests take 42.0 ms on average,"
        " 60.0 ms before."
    )
    assert play.look(32) == [effect]
    assert not play.show.over, "the call is not on record yet"
    play.board.take(action(final, 1))
    assert play.look(33) == []
    assert play.show.over
    assert play.show.shortfall() is None
    assert [step.at for step in play.show.steps] == sorted(step.at for step in play.show.steps)


def test_a_promotion() -> None:
    play = Play("none")
    assert play.look(ONSET)[-1] == "No fault: 2.4.1 is as good as 2.4.0."
    final = play.end("promote", None)
    play.obey("promote")
    assert play.look(40) == ["Webhook promote came, its signature is right: all instances get 2.4.1."]
    play.fleet.pass_by(5, canary=800.0, latency=60.0)
    (effect,) = play.look(45)
    assert effect.startswith("Effect: 2.4.1 answers 800 requests a second, 400 before; ")
    play.board.take(action(final, 1))
    play.look(45)
    assert (play.show.over, play.show.shortfall()) == (True, None)


@pytest.mark.parametrize(("fault", "noticed"), [("errors", "2 % of all requests fail, 2 % before."), ("leak", "CPU")])
def test_the_effect_is_about_the_fault(fault: Fault, noticed: str) -> None:
    play = Play(fault)
    play.end(metric=SCENES[fault].metric)
    play.obey()
    play.look(30)
    play.fleet.pass_by(5, canary=0.0)
    assert noticed in play.look(35)[-1].replace("\u00a0", " ")


@pytest.mark.parametrize("fault", ["one-instance", "silence"])
def test_without_a_decision_nothing_is_rolled_back(fault: Fault) -> None:
    play = Play(fault)
    final = play.end("inconclusive", None)
    play.look(61)
    assert not play.show.over
    play.board.take(action(final, 1))
    play.look(62.5)
    assert (play.show.over, play.show.shortfall()) == (True, None)


def test_a_hook_that_does_not_come_is_not_waited_for_long() -> None:
    play = Play("silence")
    play.end("inconclusive", None)
    play.look(61)
    play.look(61.1 + HOOK_PATIENCE)
    assert play.show.over


@pytest.mark.parametrize(
    ("verdict", "metric", "why"),
    [
        ("promote", None, "the verdict was promote, and abort was announced"),
        ("inconclusive", None, "the verdict was inconclusive, and abort was announced"),
        ("abort", "http.server.errors", "the verdict was abort because of http.server.errors"),
        ("abort", "http.server.request.duration", "the hook had no effect"),
    ],
)
def test_what_did_not_go_as_announced(verdict: str, metric: str | None, why: str) -> None:
    play = Play()
    play.end(verdict, metric)
    play.look(30)
    play.look(30.1 + EFFECT_PATIENCE)
    assert play.show.over
    assert (play.show.shortfall() or "").startswith(why)


def test_a_verdict_that_does_not_come() -> None:
    play = Play()
    play.look(DEADLINE_SECONDS + VERDICT_PATIENCE)
    assert not play.show.over
    play.look(DEADLINE_SECONDS + VERDICT_PATIENCE + 0.1)
    assert play.show.over
    assert play.show.shortfall() == "the monitor gave no final verdict in time"


def test_an_alert_that_did_not_come() -> None:
    play = Play("silence")
    final = outputs("abort", ABORTED, NOW)[-1]
    assert isinstance(final, Verdict)
    play.board.take(replace(final, verdict="inconclusive", metric=None))
    assert play.show.shortfall() == "no alert of kind no_data was raised"


def test_where_hooks_call_somewhere_else_no_effect_is_waited_for() -> None:
    play = Play(ours=False)
    play.end()
    play.look(30)
    play.look(30.1 + HOOK_PATIENCE)
    assert (play.show.over, play.show.shortfall()) == (True, None)


def test_a_fleet_that_has_ended_is_told() -> None:
    play = Play()
    play.fleet.error = SourceError("no broker")
    with pytest.raises(SourceError, match="no broker"):
        play.look(1)


def test_the_countdown() -> None:
    play = Play()
    found = [play.show.countdown(BEGINS + second * SECOND) for second in (-1, 0, ONSET - 1, ONSET)]
    assert found == ["the instances start", f"fault in {ONSET + 1} s", "fault in 2 s", ""]
    assert Play("none").show.countdown(BEGINS) == ""


def test_a_second_is_measured_from_what_is_sent() -> None:
    traffic = Traffic(seed=1, start_ms=NOW, instances=INSTANCES, rate=RATE, fault="none", character=SERVICE)
    seconds = [_second(number, traffic.second(number)) for number in range(20)]
    mean = average(seconds)
    assert mean is not None
    assert 0.6 * INSTANCES * RATE < mean.requests[CANARY_VERSION] < 1.4 * INSTANCES * RATE
    assert 35 < mean.latency < 80
    assert 0.01 < mean.failing < 0.03
    assert 0.3 < mean.cpu < 0.5
    assert average([]) is None
    assert average([changed(mean, number=7)]) == changed(mean, number=7)


def test_stopped_instances_report_nothing_and_others_take_the_version() -> None:
    traffic = Traffic(seed=1, start_ms=NOW, instances=INSTANCES, rate=RATE, fault="none", character=SERVICE)
    assert {one.version for one in traffic.second(0)} == {BASELINE_VERSION, CANARY_VERSION}
    traffic.off.update(traffic.canary_names)
    assert {one.version for one in traffic.second(1)} == {BASELINE_VERSION}
    traffic.off.clear()
    traffic.versions = [CANARY_VERSION for _ in traffic.names]
    assert {one.version for one in traffic.second(2)} == {CANARY_VERSION}
