"""Hooks on a real broker and real receivers: called once and at once, tried again, never lost, and stopped."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from standardwebhooks import Webhook as Verifier

from stream.adapters.embedded_broker import free_port
from stream.outputs import Action, Switch
from tests.broker.hook_scene import Scene
from tests.broker_helpers import Broker, wait_until
from tests.hook_helpers import LOCAL, SECRET, Received, Receiver, always, now_ms, secret_file, verdict
from tests.worker_helpers import StartWorker, run_canary

pytestmark = [pytest.mark.broker, pytest.mark.timeout(180)]

MakeScene = Callable[..., Scene]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


@pytest.fixture
def make_scene(broker: Broker, tmp_path: Path, start_worker: StartWorker) -> Iterator[MakeScene]:
    made: list[Scene] = []

    def make(*hooks: Any, on: Broker = broker, **more: Any) -> Scene:
        made.append(Scene(on, tmp_path, start_worker, *hooks, **more))
        return made[-1]

    yield make
    for scene in made:
        scene.close()


class Gate:
    """An answer of 200 that waits until it is opened."""

    def __init__(self) -> None:
        self.opened = threading.Event()

    def __call__(self, _: Received) -> tuple[int, dict[str, str]]:
        self.opened.wait(30)
        return 200, {}


def test_a_verdict_calls_the_hook_once_within_a_quarter_of_a_second(
    each_broker: Broker, make_scene: MakeScene, receiver: Receiver, tmp_path: Path
) -> None:
    scene = make_scene({"name": "revert", "url": receiver.url, "secret_file": secret_file(tmp_path)}, on=each_broker)
    scene.ready(scene.runner())
    scene.say(verdict("first"))
    wait_until(lambda: receiver.calls, lambda calls: len(calls) == 1)
    written: dict[str, int] = {}
    for number in range(15):
        written[f"shop-{number}/7/revert"] = scene.say(verdict(f"shop-{number}"))
        time.sleep(0.1)
    wait_until(lambda: receiver.calls, lambda calls: len(calls) == 16)
    delays = {call.id: call.at * 1000 - written[call.id] for call in receiver.calls[1:]}
    assert delays.keys() == written.keys()
    assert median(delays.values()) < 250, delays
    for call in receiver.calls:
        assert Verifier(SECRET).verify(call.body, call.headers)["type"] == "canary.verdict.abort"
    wait_until(scene.story, lambda story: story == 16 * ["revert 1 succeeded"])
    record = next(one for one in each_broker.read_all(scene.actions_topic) if one.key == b"shop-3")
    assert record.headers["ce_type"] == b"canary.action"
    assert record.headers["ce_id"] == b"shop-3/7/revert/1"
    assert record.headers["ce_subject"] == b"shop-3"


def test_receivers_in_trouble(make_scene: MakeScene) -> None:
    """Side by side, each with a hook of its own that escalates to one of its own."""
    down = free_port()

    def slow(_: Received) -> tuple[int, dict[str, str]]:
        time.sleep(2)
        return 200, {}

    def busy(_: Received) -> tuple[int, dict[str, str]]:
        return (429, {"Retry-After": "4"}) if len(busy_one.calls) < 3 else (200, {})

    with (
        Receiver() as pager,
        Receiver(always(500)) as broken,
        Receiver(always(410)) as gone,
        Receiver(slow) as slow_one,
        Receiver() as target,
        Receiver(always(302, Location=target.url)) as moved,
        Receiver() as busy_one,
    ):
        busy_one.answer = busy
        urls = {"broken": broken, "gone": gone, "slow": slow_one, "moved": moved, "busy": busy_one}
        hooks = [{"name": name, "url": one.url, "escalate": f"after-{name}"} for name, one in urls.items()]
        hooks[2]["timeout"] = "300ms"
        hooks.append({"name": "down", "url": f"http://{LOCAL}:{down}", "escalate": "after-down"})
        last = [{"name": str(hook["escalate"]), "url": pager.url} for hook in hooks]
        scene = make_scene(*hooks, *last)
        runner = scene.runner()
        scene.ready(runner)
        began = time.time()
        scene.say(verdict())
        time.sleep(max(0.0, began + 10 - time.time()))
        with Receiver(port=down) as back:
            actions = wait_until(
                scene.actions,
                lambda found: (
                    {"after-broken", "after-slow", "down"} <= {one.hook for one in found if one.outcome == "succeeded"}
                ),
                60,
            )
            assert back.ids() == ["shop-1/7/down"]
        scene.say(verdict("shop-2"))
        wait_until(lambda: scene.story("shop-2"), lambda story: "after-gone 1 succeeded" in story)
        assert len(gone.calls) == 1, "who is gone is not called for another verdict either"
        assert target.calls == [], "a redirect was followed"
        assert set(broken.ids()[:6]) == {"shop-1/7/broken"}
    tries = {hook: [one for one in actions if one.hook == hook] for hook in {one.hook for one in actions}}
    in_time(tries["broken"], [0, 1, 3, 7, 15, 30])
    assert [(one.outcome, one.status) for one in tries["broken"]] == 6 * [("failed", 500)]
    assert tries["broken"][-1].escalates_to == "after-broken"
    in_time(tries["slow"], [0, 1.3, 3, 7, 15, 30])
    assert {one.text for one in tries["slow"]} == {"No answer within 300ms."}
    assert [one.outcome for one in tries["down"]] == [*4 * ["failed"], "succeeded"]
    in_time(tries["down"], [0, 1, 3, 7, 15])
    assert [(one.outcome, one.status) for one in tries["busy"]] == [
        ("failed", 429),
        ("failed", 429),
        ("succeeded", 200),
    ]
    in_time(tries["busy"], [0, 4, 8])
    for hook, status in (("gone", 410), ("moved", 302)):
        assert [(one.outcome, one.status) for one in tries[hook]] == [("refused", status)]
        assert tries[f"after-{hook}"][0].at - tries[hook][0].at < 1_000, "it escalates at once"
    assert "after-down" not in tries
    assert "after-busy" not in tries


def in_time(actions: list[Action], seconds: list[float]) -> None:
    """Tries began so long after the first, on a machine that others keep busy."""
    began = [(one.at - actions[0].at) / 1000 for one in actions]
    assert len(began) == len(seconds)
    assert all(due <= at < due + 2 for at, due in zip(began, seconds, strict=True)), began


def test_a_runner_killed_before_the_call_loses_none(make_scene: MakeScene, receiver: Receiver) -> None:
    scene = make_scene({"name": "revert", "url": receiver.url})
    runner = scene.runner()
    scene.ready(runner)
    runner.kill()
    scene.say(verdict())
    runner.start()
    wait_until(scene.story, lambda story: story == ["revert 1 succeeded"])
    assert receiver.ids() == ["shop-1/7/revert"]


def test_a_runner_killed_during_the_call_repeats_it_with_the_same_id(make_scene: MakeScene, receiver: Receiver) -> None:
    scene = make_scene({"name": "revert", "url": receiver.url})
    runner = scene.runner()
    scene.ready(runner)
    gate = receiver.answer = Gate()
    scene.say(verdict())
    wait_until(lambda: receiver.calls, bool)
    runner.kill()
    gate.opened.set()
    runner.start()
    wait_until(scene.story, lambda story: story == ["revert 1 succeeded"])
    assert receiver.ids() == 2 * ["shop-1/7/revert"]
    assert receiver.calls[0].body == receiver.calls[1].body


def test_a_runner_killed_after_the_record_repeats_nothing(make_scene: MakeScene, receiver: Receiver) -> None:
    scene = make_scene(
        {"name": "revert", "url": receiver.url, "escalate": "page"}, {"name": "page", "url": receiver.url}
    )
    runner = scene.runner()
    scene.ready(runner)
    receiver.answer = lambda call: (404 if call.id.startswith("fails") else 200, {})
    for number in (1, 2):
        scene.say(verdict(f"shop-{number}"), verdict(f"fails-{number}"))
        wait_until(lambda: len(scene.actions()), (3 * number).__eq__)
        runner.kill()  # as a rule before the commit, which comes once a second
        runner.start()
        scene.ready(runner)
    scene.say(verdict("last"))
    wait_until(lambda: scene.story("last"), bool)
    once = [
        text.format(number)
        for text in ("shop-{}/7/revert", "fails-{}/7/revert", "fails-{}/7/page")
        for number in (1, 2)
    ]
    assert sorted(receiver.ids()) == sorted([*once, "last/7/revert"])


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_kills_at_any_moment(make_scene: MakeScene, receiver: Receiver) -> None:
    """Each verdict gets its call, each kill repeats at most one call of each verdict under way, and ids stay."""
    scene = make_scene({"name": "revert", "url": receiver.url})
    runner = scene.runner()
    scene.ready(runner)

    def slow(_: Received) -> tuple[int, dict[str, str]]:
        time.sleep(0.03)
        return 200, {}

    receiver.answer = slow
    for number in range(6):
        scene.say(verdict(f"shop-{number}"))
        time.sleep(number * 0.015)
        runner.kill()
        runner.start()
        scene.ready(runner)
    wait_until(lambda: {one.rollout for one in scene.actions()}, lambda rollouts: len(rollouts) == 6, 60)
    counts = Counter(receiver.ids())
    assert counts.keys() == {f"shop-{number}/7/revert" for number in range(6)}
    assert max(counts.values()) <= 2
    assert sorted(scene.story()) == 6 * ["revert 1 succeeded"]


def test_two_runners_share_the_work_and_one_takes_over(make_scene: MakeScene, receiver: Receiver) -> None:
    scene = make_scene({"name": "revert", "url": receiver.url})
    one, other = scene.runner(), scene.runner()
    scene.ready(one, other)
    series = 'canary_hook_requests_total{hook="revert",outcome="succeeded"}'

    def both_work() -> bool:
        scene.say(*(verdict(f"shop-{now_ms()}-{number}") for number in range(8)))
        time.sleep(0.3)
        return all(scene.metric(runner, series) > 0 for runner in (one, other))

    wait_until(both_work, bool, 60)
    wait_until(scene.actions, lambda found: len(found) == len(receiver.calls))
    assert set(Counter(receiver.ids()).values()) == {1}
    gate = receiver.answer = Gate()
    before = len(receiver.calls)
    scene.say(*(verdict(f"late-{number}") for number in range(12)))
    wait_until(lambda: len(receiver.calls), lambda calls: calls >= before + 12)
    one.kill()
    gate.opened.set()
    wait_until(
        lambda: {found.rollout for found in scene.actions() if "late" in found.rollout},
        lambda done: len(done) == 12,
        60,
    )
    late = Counter(call.id for call in receiver.calls[before:])
    assert len(late) == 12
    assert max(late.values()) <= 2, "only what was under way in the runner that was killed is repeated"
    assert min(late.values()) == 1


def test_a_rebalance_repeats_no_try(make_scene: MakeScene, receiver: Receiver) -> None:
    """A second runner joins and leaves while calls are tried again: each try is made once, at its time."""
    scene = make_scene({"name": "revert", "url": receiver.url})
    scene.ready(scene.runner())
    receiver.answer = always(503)
    scene.say(*(verdict(f"shop-{number}") for number in range(8)))
    wait_until(lambda: len(receiver.calls), lambda calls: calls >= 8)
    second = scene.runner()
    scene.ready(second)
    time.sleep(2)
    assert second.terminate() == 0
    actions = wait_until(scene.actions, lambda found: len(found) >= 48, 90)
    assert sorted(f"{one.rollout} {one.attempt}" for one in actions) == sorted(
        f"shop-{number} {attempt}" for number in range(8) for attempt in range(1, 7)
    )
    assert len(receiver.calls) == 48


def test_the_switch_stops_all_also_what_waits(make_scene: MakeScene, receiver: Receiver) -> None:
    scene = make_scene(
        {"name": "revert", "url": receiver.url, "escalate": "page"}, {"name": "page", "url": receiver.url}
    )
    runners = [scene.runner(), scene.runner()]
    scene.ready(*runners)
    receiver.answer = always(503)
    scene.say(*(verdict(f"shop-{number}") for number in range(8)))
    wait_until(lambda: len(receiver.calls), lambda calls: calls >= 16)
    stopped = run_canary("hooks", "stop", "--reason", "Too many aborts", env=scene.environment())
    assert (stopped.returncode, stopped.stdout) == (0, "hooks are stopped: Too many aborts\n"), stopped.stderr
    refused = wait_until(
        lambda: [one for one in scene.actions() if one.outcome == "refused"], lambda found: len(found) == 8
    )
    calls = len(receiver.calls)
    assert all(one.text.startswith("Hooks are stopped by ") for one in refused)
    assert all(one.text.endswith(": Too many aborts.") for one in refused)
    for runner in runners:
        assert scene.metric(runner, "canary_hooks_stopped") == 1
    scene.say(verdict("during"))
    wait_until(lambda: scene.story("during"), lambda story: story == ["revert 1 refused"])
    runners[0].kill()
    runners[0].start()
    scene.ready(runners[0])
    scene.say(*(verdict(f"again-{number}") for number in range(8)))
    wait_until(scene.story, lambda story: len([one for one in story if one.endswith("refused")]) == 17, 45)
    assert len(receiver.calls) == calls
    receiver.answer = always(200)
    resumed = run_canary("hooks", "resume", env=scene.environment())
    assert (resumed.returncode, resumed.stdout) == (0, "hooks fire again\n"), resumed.stderr
    wait_until(lambda: scene.metric(runners[1], "canary_hooks_stopped"), lambda value: value == 0)
    scene.say(verdict("after"))
    wait_until(lambda: scene.story("after"), lambda story: story == ["revert 1 succeeded"])
    assert receiver.ids()[calls:] == ["after/7/revert"], "what was refused is not made up for"
    assert [one.stopped for one in scene.entries() if isinstance(one, Switch)] == [True, False]
    log = run_canary("hooks", "log", "after", env=scene.environment())
    assert log.stdout.count("\n") == 1
    assert "after/7  revert: succeeded (200), attempt 1" in log.stdout


def test_the_environment_stops_one_runner(make_scene: MakeScene, receiver: Receiver) -> None:
    scene = make_scene({"name": "revert", "url": receiver.url})
    scene.ready(scene.runner(hooks="off"))
    scene.say(verdict())
    (action,) = wait_until(scene.actions, bool)
    assert (action.outcome, action.text) == ("refused", "Hooks are off in this runner (CANARY_HOOKS=off).")
    assert receiver.calls == []


def test_old_verdicts_and_garbage_fire_nothing(make_scene: MakeScene, receiver: Receiver) -> None:
    scene = make_scene({"name": "revert", "url": receiver.url}, max_age="1m")
    scene.say(verdict("old", at=now_ms() - 61_000), verdict("young", at=now_ms() - 5_000))
    scene.say(b"garbage", b"", b"\xff", None, b'{"type":"verdict","id":7}', b"[" * 50_000, partition=2)
    runner = scene.runner()
    scene.ready(runner)
    wait_until(scene.story, lambda story: len(story) == 2)
    assert scene.story("old") == ["revert 1 refused"]
    assert scene.actions("old")[0].text.startswith("The verdict is too old: ")
    wait_until(lambda: scene.metric(runner, "canary_hook_skipped_total"), lambda skipped: skipped == 5)
    scene.say(verdict("next"), partition=2)
    wait_until(lambda: scene.story("next"), bool)
    assert sorted(receiver.ids()) == ["next/7/revert", "young/7/revert"]
    assert runner.terminate() == 0
    runner.start()
    scene.ready(runner)
    scene.say(verdict("last"))
    wait_until(lambda: scene.story("last"), bool)
    assert len(scene.actions()) == 4, "what was passed over or refused is committed"


def test_a_dry_run_calls_nothing_and_a_command_runs(make_scene: MakeScene, receiver: Receiver, tmp_path: Path) -> None:
    scene = make_scene(
        {"name": "revert", "url": f"{receiver.url}/?token=hidden", "dry_run": True},
        {
            "name": "note",
            "command": ["sh", "-c", "cat >> said; echo noted $CANARY_ROLLOUT"],
            "on": ["abort", "promote"],
        },
    )
    scene.ready(scene.runner())
    scene.say(verdict(), verdict("shop-2", word="promote"))
    wait_until(scene.story, lambda story: sorted(story) == ["note 1 succeeded", "note 1 succeeded", "revert 1 dry_run"])
    assert receiver.calls == []
    texts = {one.text for one in scene.actions()}
    assert "The command ended with 0: noted shop-2." in texts
    assert f"It would call {receiver.url}/?...; `dry_run: false` arms the hook." in texts
    assert (tmp_path / "said").read_text().count('"type":"verdict"') == 2


def test_a_runner_that_is_asked_to_end_sees_calls_through(make_scene: MakeScene, receiver: Receiver) -> None:
    scene = make_scene({"name": "revert", "url": receiver.url})
    runner = scene.runner()
    scene.ready(runner)

    def slow(_: Received) -> tuple[int, dict[str, str]]:
        time.sleep(2)
        return 200, {}

    receiver.answer = slow
    scene.say(verdict())
    wait_until(lambda: receiver.calls, bool)
    assert runner.terminate() == 0
    assert scene.story() == ["revert 1 succeeded"]
    runner.start()
    scene.ready(runner)
    receiver.answer = always(200)
    scene.say(verdict("next"))
    wait_until(lambda: scene.story("next"), bool)
    assert receiver.ids() == ["shop-1/7/revert", "next/7/revert"]


def test_no_secret_is_told_anywhere(make_scene: MakeScene, receiver: Receiver, tmp_path: Path) -> None:
    path = secret_file(tmp_path)
    url = f"{receiver.url}/revert?token=very-hidden"
    scene = make_scene({"name": "revert", "url": url, "secret_file": path})
    receiver.answer = always(503)
    runner = scene.runner(log_level="debug")
    scene.ready(runner)
    scene.say(verdict())
    wait_until(scene.actions, lambda found: len(found) >= 2)
    Path(path).unlink()
    wait_until(scene.actions, lambda found: "Not sent" in found[-1].text)
    told = [runner.log(), *(str(one) for one in scene.entries())]
    secret_file(tmp_path)
    for words in (("check", str(scene.file)), ("test", str(scene.file)), ("log",)):
        done = run_canary("hooks", *words, env=scene.environment())
        told += [done.stdout, done.stderr]
    for hidden in (SECRET, SECRET.removeprefix("whsec_"), "very-hidden"):
        assert not [text for text in told if hidden in text]


def test_what_is_missing_is_told(broker: Broker, make_scene: MakeScene, receiver: Receiver) -> None:
    scene = make_scene({"name": "revert", "url": receiver.url})
    inside = make_scene({"name": "revert", "url": "http://169.254.169.254/latest/meta-data"})
    done = run_canary("hooks", "run", str(inside.file), env=scene.environment())
    assert (done.returncode, "host 169.254.169.254 is not allowed" in done.stderr) == (2, True), done.stderr
    for words, prefix, told in (
        (
            ("run", str(scene.file)),
            broker.fresh_prefix(),
            "verdicts: there is no such topic; run `canary topics create`",
        ),
        (("stop",), broker.fresh_prefix(), "actions: there is no such topic; run `canary topics create`"),
    ):
        done = run_canary("hooks", *words, env=broker.environment(prefix))
        assert (done.returncode, told in done.stderr, done.stderr.count("\n")) == (1, True, 1), done.stderr
    gone = scene.environment() | {"CANARY_BROKER": f"{LOCAL}:{free_port()}"}
    done = run_canary("hooks", "run", str(scene.file), env=gone)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1


def test_more_partitions_of_the_record_end_a_runner_that_does_not_read_them(
    make_scene: MakeScene, broker: Broker, receiver: Receiver
) -> None:
    scene = make_scene({"name": "revert", "url": receiver.url})
    runner = scene.runner()
    scene.ready(runner)
    with broker.admin() as admin:
        admin.create_partitions({scene.actions_topic: 5})
    assert runner.wait(40) == 1
    assert "the topic of actions has more partitions than before" in runner.log()
    runner.start()
    scene.ready(runner)
    scene.say(verdict())
    wait_until(scene.story, lambda story: story == ["revert 1 succeeded"])


def test_a_broker_that_goes_away_loses_no_abort(make_scene: MakeScene, broker: Broker, receiver: Receiver) -> None:
    broker.needs("faults")
    scene = make_scene({"name": "revert", "url": receiver.url})
    runner = scene.runner()
    scene.ready(runner)
    gate = receiver.answer = Gate()
    scene.say(verdict())
    wait_until(lambda: receiver.calls, bool)
    scene.close()
    broker.kill()
    gate.opened.set()
    time.sleep(1)
    broker.restart()
    if not runner.running:
        runner.start()
    wait_until(scene.story, lambda story: story == ["revert 1 succeeded"], 90)
    assert set(receiver.ids()) == {"shop-1/7/revert"}
    assert len(receiver.calls) <= 2
