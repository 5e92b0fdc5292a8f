"""The monitor at real speed: three of them on the same telemetry, with one worker, with two, with changing ones.

One partition of telemetry never gets a record. Two rollouts run: one whose canary gets slow, and one that only watches.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from statistics import median
from time import time

import pytest

from stream.outputs import Alert, Score, Verdict
from stream.rollout import Rollout
from tests.broker_helpers import Broker
from tests.live_helpers import Flow, Listener
from tests.scene_helpers import Scene, assert_replay, rollout_of
from tests.worker_helpers import Worker

pytestmark = [pytest.mark.broker, pytest.mark.slow, pytest.mark.timeout(180)]

AHEAD, EARLY, SECONDS = 10, 3, 38
"""Seconds: the rollouts start so far ahead, telemetry so long before them, and flows for so long."""
SLACK = 1.0
"""Seconds, for a machine that does other things as well."""
LONGEST = 30.0
"""Seconds without a score, where two changes follow one another on a busy machine: each takes a rebalance, and 5 s
until the partition without traffic counts as idle."""
MONITORS = ("one worker", "two workers", "changing workers")


@dataclass
class Show:
    """What was played, and what was heard."""

    broker: Broker
    scenes: dict[str, Scene]
    listener: Listener
    flow: Flow
    bad: Rollout
    watched: Rollout
    workers: dict[str, Worker] = field(default_factory=dict)
    codes: dict[str, int] = field(default_factory=dict)
    """How workers ended."""
    moved: list[float] = field(default_factory=list)
    """When workers joined and left, seconds UTC."""


@pytest.fixture(scope="module")
def show(each_broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Show]:
    """Played once for each broker."""
    with ExitStack() as stack:
        first = Scene(each_broker)
        scenes = [first, *(Scene(each_broker, first.telemetry) for _ in MONITORS[1:])]
        begin = (int(time()) + AHEAD) * 1000
        watched = [{"name": "http.server.request.duration", "tolerate": "900%", "critical": True}]
        played = Show(
            each_broker,
            dict(zip(MONITORS, scenes, strict=True)),
            Listener(each_broker, *scenes),
            Flow(first, begin - 1000 * EARLY, SECONDS, onset=EARLY + 10),
            rollout_of(begin, "bad"),
            rollout_of(begin, "watched", metrics=watched),
        )
        stack.callback(played.listener.close)
        for scene in scenes:
            scene.register(played.bad)
            scene.register(played.watched)
        play(played, starter(played, tmp_path_factory.mktemp("logs"), stack))
        yield played


def starter(played: Show, logs: Path, stack: ExitStack) -> Callable[[str, str], None]:
    """Starts a worker of a monitor."""

    def start(monitor: str, name: str) -> None:
        worker = Worker(played.scenes[monitor].env(), logs / f"{name}.log")
        played.workers[name] = stack.enter_context(worker)

    return start


def play(played: Show, start: Callable[[str, str], None]) -> None:
    """Start the workers, let telemetry flow, change workers meanwhile, and listen until all is silent."""
    one, two, changing = MONITORS
    start(one, "a")
    start(two, "b")
    start(two, "c")
    start(changing, "d")
    played.flow.start()
    begin, listen = played.flow.end / 1000 - SECONDS, played.listener.listen
    listen(begin + 6)
    move(played, lambda: start(changing, "e"))
    listen(begin + 17)
    move(played, lambda: played.codes.update(d=played.workers["d"].terminate()))
    listen(begin + 28)
    move(played, lambda: start(changing, "f"))
    listen(played.flow.end / 1000 + 9)
    played.flow.join(30)
    assert not played.flow.is_alive()
    print(f"telemetry was written {played.flow.late:.2f} s late at most")
    played.codes.update({name: worker.terminate() for name, worker in played.workers.items() if worker.running})


def move(played: Show, change: Callable[[], None]) -> None:
    played.moved.append(time())
    change()


@pytest.mark.parametrize("monitor", MONITORS[:2])
def test_the_verdict_comes_within_a_pane_and_the_lateness(show: Show, monitor: str) -> None:
    found = show.listener.of(show.scenes[monitor], "bad", Verdict)
    at, verdict = found[-1]
    late = at - verdict.at / 1000
    print(f"{monitor}: the verdict came {late:.2f} s after the end of the pane that decided")
    assert (verdict.verdict, verdict.final) == ("abort", True)
    pane, lateness = show.bad.policy.pane.ms / 1000, show.bad.policy.lateness.ms / 1000
    assert lateness <= late <= pane + lateness + SLACK


@pytest.mark.parametrize("monitor", MONITORS)
@pytest.mark.parametrize("name", ["bad", "watched"])
def test_everything_is_what_the_replay_says(show: Show, monitor: str, name: str) -> None:
    rollout = show.bad if name == "bad" else show.watched
    assert len(assert_replay(show.scenes[monitor], rollout, whole=name == "bad")) > 40


@pytest.mark.parametrize("monitor", MONITORS[:2])
def test_a_partition_without_traffic_holds_nothing_back(show: Show, monitor: str) -> None:
    scores = show.listener.of(show.scenes[monitor], "watched", Score)
    lateness = show.watched.policy.lateness.ms
    delays = [at - (score.at + lateness) / 1000 for at, score in scores if score.at < show.flow.end]
    assert len(delays) > 20
    settled = delays[len(delays) // 2 :]
    print(
        f"{monitor}: scores came {median(settled):.3f} s after their pane could be closed, {max(settled):.3f} s at most"
    )
    assert min(delays) >= 0
    assert median(settled) < SLACK


@pytest.mark.parametrize("monitor", MONITORS)
def test_silence_of_all_telemetry_is_an_alert(show: Show, monitor: str) -> None:
    found = show.listener.of(show.scenes[monitor], "watched", Alert)
    (at, alert) = next((at, alert) for at, alert in found if alert.kind == "no_data")
    print(f"{monitor}: no_data came {at - show.flow.end / 1000:.1f} s after the last telemetry")
    assert (alert.status, alert.metric) == ("firing", None)
    assert "from the canary and the baseline" in alert.text
    assert alert.at > show.flow.end


def test_workers_that_come_and_go_end_in_order_and_leave_no_long_silence(show: Show) -> None:
    assert show.codes == dict.fromkeys("abcdef", 0)
    scores = [at for at, _ in show.listener.of(show.scenes[MONITORS[2]], "watched", Score)]
    for moment, what in zip(show.moved, ("joined", "left", "joined"), strict=True):
        after = pairwise([moment, *(at for at in scores if at > moment)])
        longest = max(later - earlier for earlier, later in after if earlier < moment + 10)
        print(f"a worker {what}: scores were {longest:.1f} s apart at most")
        assert longest < LONGEST
