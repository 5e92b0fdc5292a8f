"""`canary start`, `stop` and `list`: the registry as workers will read it."""

import json
import time
from pathlib import Path

import pytest
from msgspec.structs import replace

from stream.adapters.kafka.admin import create
from stream.adapters.kafka.rollouts import listed, start, stop
from stream.adapters.settings import Settings
from stream.document.rollout import read_rollout
from stream.errors import CanaryError
from stream.quantity import Instant
from stream.registry import Registration, read_registration, write_registration
from stream.rollout import Rollout
from tests.broker_helpers import Broker, Outgoing
from tests.output_helpers import announce, example
from tests.worker_helpers import run_canary

pytestmark = pytest.mark.broker

FILE = """\
app: checkout
baseline: {version: 2.4.0}
canary: {version: 2.4.1}
metrics: [latency]
"""


def now() -> int:
    return time.time_ns() // 1_000_000


def rollout(id_: str, begin: int | None = None) -> Rollout:
    start_ms = (now() if begin is None else begin) // 10_000 * 10_000
    return read_rollout({"id": id_, "app": "checkout", "metrics": ["latency"], "from": start_ms})


@pytest.fixture
def settings(each_broker: Broker) -> Settings:
    chosen = Settings.read(each_broker.environment(each_broker.fresh_prefix()))
    create(chosen)
    return chosen


def test_what_is_started_is_in_the_registry(each_broker: Broker, settings: Settings) -> None:
    first, second = rollout("r-1"), rollout("r-2")
    start(settings, first)
    start(settings, second)
    assert [entry.registration for entry in listed(settings).entries.values()] == [
        Registration(first),
        Registration(second),
    ]
    (one, other) = each_broker.read_all(f"{settings.prefix}.rollouts")
    assert (one.key, other.key) == (b"r-1", b"r-2")
    assert one.value is not None
    assert read_registration(one.key, one.value) == Registration(first)
    assert abs(listed(settings).entries["r-1"].written_ms - now()) < 60_000


def test_an_id_is_never_used_again(each_broker: Broker, settings: Settings) -> None:
    start(settings, rollout("r-1"))
    gone = Outgoing(None, b"r-2")
    unreadable = Outgoing(b"nonsense", b"r-3")
    each_broker.produce(f"{settings.prefix}.rollouts", [gone, unreadable])
    for id_ in ("r-1", "r-2", "r-3"):
        with pytest.raises(CanaryError, match=rf"\A{id_}: this id is in use or was, and none is used again"):
            start(settings, rollout(id_))
    assert list(listed(settings).entries) == ["r-1"]


def test_a_stop_keeps_the_rollout_and_names_the_reason(settings: Settings) -> None:
    begun = rollout("r-1")
    start(settings, begun)
    assert stop(settings, "r-1", "Too late in the day.").registration.stopped is None
    assert listed(settings).find("r-1").registration == Registration(begun, "Too late in the day.")
    assert stop(settings, "r-1", "Another reason.").registration.stopped == "Too late in the day."
    assert listed(settings).find("r-1").registration.stopped == "Too late in the day."


def test_what_has_ended_is_not_stopped(each_broker: Broker, settings: Settings) -> None:
    ended = Registration(replace(rollout("r-1"), until=Instant(now() + 60_000)), None, "abort")
    each_broker.produce(f"{settings.prefix}.rollouts", [Outgoing(write_registration(ended), b"r-1")])
    assert stop(settings, "r-1").registration == ended
    assert listed(settings).find("r-1").registration == ended


def test_the_commands(each_broker: Broker, tmp_path: Path) -> None:
    prefix = each_broker.fresh_prefix()
    environment = each_broker.environment(prefix)
    (tmp_path / "rollout.yaml").write_text(FILE)
    file = str(tmp_path / "rollout.yaml")

    early = run_canary("start", file, env=environment)
    assert early.returncode == 1
    assert early.stderr == (
        f"canary: {prefix}.telemetry: is missing; run `canary topics create` (and 10 more; see `canary topics check`)\n"
    )
    assert run_canary("list", env=environment).stderr.startswith(f"canary: {prefix}.rollouts: there is no such topic; ")

    assert run_canary("topics", "create", env=environment).returncode == 0
    assert run_canary("list", env=environment).stdout == (
        "No rollout runs; `canary list --all` has those that ended.\n"
    )
    before = now()
    made = run_canary("start", file, "--output", "json", env=environment)
    assert (made.returncode, made.stderr) == (0, "")
    begun = json.loads(made.stdout)
    assert begun["id"].startswith("checkout-20")
    assert before + 10_000 <= begun["from"] <= now() + 20_000
    assert begun["from"] % 10_000 == 0
    assert (begun["app"], begun["until"]) == ("checkout", None)

    past = run_canary("start", file, "--id", "r-2", "--from", "2026-01-05T10:00:01Z", env=environment)
    assert (past.returncode, past.stdout) == (0, "r-2: started, from 2026-01-05 10:00:10 UTC\n")
    assert past.stderr == "canary: `from` is past: what workers have read of that time already is missing\n"
    twice = run_canary("start", file, "--id", "r-2", env=environment)
    assert (twice.returncode, twice.stdout) == (1, "")
    assert twice.stderr.startswith(
        "canary: r-2: this id is in use or was, and none is used again; give another by --id"
    )

    unknown = run_canary("stop", "r-3", env=environment)
    assert (unknown.returncode, unknown.stderr) == (
        1,
        f"canary: r-3: no such rollout; there are r-2 and {begun['id']}\n",
    )
    assert run_canary("stop", "r-2", "--reason", "Enough.", env=environment).stdout == "r-2: stopped\n"
    assert run_canary("stop", "r-2", env=environment).stdout == "r-2: was stopped already: Enough.\n"
    assert "Is being stopped: Enough." in run_canary("list", env=environment).stdout


def test_the_list_is_sorted_by_who_needs_someone(each_broker: Broker, settings: Settings) -> None:
    environment = each_broker.environment(settings.prefix)
    time_ = now()
    plays = {"aborted": ("latency", None), "waiting": ("none", 60), "going": ("none", 300), "promoted": ("none", None)}
    for name, (fault, seconds) in plays.items():
        start(settings, rollout(name, time_ - 20_000))
        announce(settings, example(fault, name, time_, seconds))  # type: ignore[arg-type]
    old = Outgoing(
        write_registration(Registration(rollout("silent", time_ - 3_600_000))), b"silent", 0, time_ - 600_000
    )
    each_broker.produce(f"{settings.prefix}.rollouts", [old])

    done = run_canary("list", "--all", env=environment | {"COLUMNS": "200", "PYTHONUTF8": "1"})
    assert (done.returncode, done.stderr) == (0, "")
    head, *lines = done.stdout.splitlines()
    assert head.split()[:3] == ["STATE", "ROLLOUT", "APP"]
    starts = [
        "✗ abort       aborted",
        "· continue    going",
        "~ warming up  waiting",
        "~ warming up  silent",
        "✓ promote     p",
    ]
    assert [line[: len(start_)] for line, start_ in zip(lines, starts, strict=True)] == starts
    assert "the monitor has been silent for 10 min" in lines[3]
    assert "promot" in lines[4].lower()

    running = [json.loads(line) for line in run_canary("list", "-o", "json", env=environment).stdout.splitlines()]
    assert [(one["id"], one["state"], one["ended"]) for one in running] == [
        ("going", "continue", False),
        ("waiting", "warming_up", False),
        ("silent", "warming_up", False),
    ]
    assert [one["silent_ms"] is None for one in running] == [True, True, False]
    assert (running[0]["verdict"], running[0]["at"]) == ("continue", time_)
    assert (running[2]["verdict"], running[2]["score"], running[2]["text"]) == (None, None, None)
