"""`canary verdict` and `canary explain`: exit codes, waiting, silence."""

import json
import re
import subprocess
import time
from typing import Any

import pytest
from msgspec.structs import replace

from stream.adapters.example import ROLLOUT
from stream.adapters.kafka.admin import create
from stream.adapters.kafka.rollouts import start
from stream.adapters.settings import Settings
from stream.document.parse import parse_document
from stream.document.rollout import read_rollout
from stream.outputs import Output, Verdict
from stream.quantity import Instant
from stream.registry import Registration, write_registration
from tests.broker_helpers import Broker, Outgoing
from tests.output_helpers import announce, example
from tests.worker_helpers import CANARY, ROOT, run_canary
from topologies.exit_code import ABORT, FAILED, GOOD, INCONCLUSIVE

pytestmark = pytest.mark.broker


def now() -> int:
    return time.time_ns() // 1_000_000


@pytest.fixture
def settings(each_broker: Broker) -> Settings:
    chosen = Settings.read(each_broker.environment(each_broker.fresh_prefix()))
    create(chosen)
    return chosen


def begin(settings: Settings, id_: str = "r-1", ago_ms: int = 20_000, **policy: object) -> None:
    """Start the example's rollout."""
    document = parse_document(ROLLOUT, "example.yaml") | {"id": id_} | policy
    start_ms = (now() - ago_ms) // 10_000 * 10_000
    start(settings, replace(read_rollout(document), from_=Instant(start_ms)))


@pytest.fixture
def environment(each_broker: Broker, settings: Settings) -> dict[str, str]:
    return each_broker.environment(settings.prefix) | {"COLUMNS": "100", "PYTHONUTF8": "1"}


def as_ended(outputs: list[Output], word: str) -> list[Output]:
    """The last output turned into a final verdict."""
    last = next(output for output in reversed(outputs) if isinstance(output, Verdict))
    return [*outputs[:-1], replace(last, id=outputs[-1].id, at=outputs[-1].at, verdict=word, final=True)]


@pytest.mark.parametrize(("word", "code"), [("promote", GOOD), ("abort", ABORT), ("inconclusive", INCONCLUSIVE)])
def test_a_final_verdict_is_the_exit_code(
    settings: Settings, environment: dict[str, str], word: str, code: int
) -> None:
    begin(settings)
    announce(settings, as_ended(example("none", "r-1", now() - 7_200_000, 300), word))
    runs = [run_canary("verdict", "r-1", *more, env=environment) for more in ((), ("--wait",), ("--output", "json"))]
    assert [(done.returncode, done.stderr) for done in runs] == [(code, "")] * 3
    found = json.loads(runs[-1].stdout)
    assert (found["rollout"], found["state"], found["silent_ms"]) == ("r-1", word, None)
    assert (found["verdict"]["verdict"], found["verdict"]["final"]) == (word, True)


def test_an_undecided_rollout(settings: Settings, environment: dict[str, str]) -> None:
    begin(settings)
    early = run_canary("verdict", "r-1", env=environment)
    assert (early.returncode, early.stdout, early.stderr) == (INCONCLUSIVE, "r-1: no verdict yet\n", "")
    announce(settings, example("none", "r-1", now(), 300))
    going = run_canary("verdict", "r-1", env=environment)
    assert (going.returncode, going.stderr) == (INCONCLUSIVE, "")
    assert "· continue  " in going.stdout
    waited = run_canary("verdict", "r-1", "--wait", "--timeout", "1s", env=environment)
    assert (waited.returncode, waited.stderr, waited.stdout) == (INCONCLUSIVE, "", going.stdout)


def test_waiting_ends_with_the_final_verdict(settings: Settings, environment: dict[str, str]) -> None:
    begin(settings)
    outputs = example("latency", "r-1", now())
    decided = outputs[-1].at
    announce(settings, [output for output in outputs if output.at < decided])
    waiting = [*CANARY, "verdict", "r-1", "--wait", "--timeout", "60s"]
    with subprocess.Popen(waiting, env=environment, stdout=subprocess.PIPE, encoding="utf-8", cwd=ROOT) as process:
        assert process.stdout is not None
        assert "verdict           · continue  " in process.stdout.readline()
        assert process.poll() is None
        announce(settings, [*outputs[:50], *(output for output in outputs if output.at == decided), *outputs])
        (line,) = process.stdout.readlines()
        assert "verdict           ✗ abort  Mean request latency of the canary is" in line
        assert process.wait(timeout=30) == ABORT


def test_a_silent_monitor_is_an_error(each_broker: Broker, settings: Settings, environment: dict[str, str]) -> None:
    began = now() // 10_000 * 10_000 - 600_000
    document = parse_document(ROLLOUT, "example.yaml") | {"id": "r-1", "from": began}
    registered = Outgoing(write_registration(Registration(read_rollout(document))), b"r-1", 0, began)
    each_broker.produce(f"{settings.prefix}.rollouts", [registered])
    done = run_canary("verdict", "r-1", env=environment)
    assert (done.returncode, done.stdout) == (FAILED, "")
    assert re.fullmatch(
        r"canary: r-1: the monitor has been silent for 10 min( \d+ s)?; is a worker running \(`canary run`\)\?\n",
        done.stderr,
    )
    announce(settings, example("none", "r-1", now() - 120_000, 300))
    for arguments in (
        ("verdict", "r-1"),
        ("verdict", "r-1", "--wait"),
        ("explain", "r-1"),
        ("explain", "r-1", "-o", "json"),
    ):
        done = run_canary(*arguments, env=environment)
        assert done.returncode == FAILED
        assert done.stderr.startswith("canary: r-1: the monitor has been silent for 2 min")
        assert "continue" in done.stdout.lower()
    assert 120_000 <= json.loads(done.stdout)["silent_ms"] < 180_000


def test_waiting_ends_when_the_monitor_falls_silent(
    each_broker: Broker, settings: Settings, environment: dict[str, str]
) -> None:
    began = now() // 10_000 * 10_000 - 600_000
    document = parse_document(ROLLOUT, "example.yaml") | {"id": "r-1", "from": began, "lateness": "0s"}
    registered = Outgoing(write_registration(Registration(read_rollout(document))), b"r-1", 0, began)
    each_broker.produce(f"{settings.prefix}.rollouts", [registered])
    announce(settings, example("none", "r-1", now() - 20_000, 300))
    done = run_canary("verdict", "r-1", "--wait", "--timeout", "60s", env=environment)
    assert done.returncode == FAILED
    assert done.stderr.startswith("canary: r-1: the monitor has been silent for 30 s; ")


def test_an_unknown_rollout(settings: Settings, environment: dict[str, str]) -> None:
    begin(settings)
    for name in ("verdict", "explain"):
        done = run_canary(name, "r-2", env=environment)
        assert (done.returncode, done.stdout) == (FAILED, "")
        assert done.stderr == "canary: r-2: no such rollout; there are r-1\n"


def test_explain_is_what_replay_ends_with(settings: Settings, environment: dict[str, str]) -> None:
    begin(settings)
    outputs = example("latency", "r-1", 1_767_607_630_000)
    announce(settings, [*outputs, *outputs[-30:]])
    done = run_canary("explain", "r-1", env=environment)
    assert (done.returncode, done.stderr) == (ABORT, "")
    replayed = run_canary("replay", "--example", env=environment).stdout.partition("\n\n")[2]
    assert done.stdout == replayed
    found = json.loads(run_canary("explain", "r-1", "--output", "json", env=environment).stdout)
    assert [one["metric"] for one in found["divergences"]] == [
        "http.server.request.duration",
        "http.server.errors",
        "process.cpu.utilization",
    ]
    assert len({one["id"] for one in found["alerts"]}) == len(found["alerts"]) == 2
    assert (found["state"], found["score"]["at"], found["verdict"]["at"]) == (
        "abort",
        1_767_607_630_000,
        1_767_607_630_000,
    )


def test_explain_of_one_that_goes_on(settings: Settings, environment: dict[str, str]) -> None:
    begin(settings)
    announce(settings, example("none", "r-1", now(), 300))
    done = run_canary("explain", "r-1", env=environment)
    assert (done.returncode, done.stderr) == (INCONCLUSIVE, "")
    assert done.stdout.startswith("· CONTINUE  checkout 2.4.0 → 2.4.1, ")


def test_explain_before_anything_came(settings: Settings, environment: dict[str, str]) -> None:
    begin(settings)
    done = run_canary("explain", "r-1", env=environment)
    assert (done.returncode, done.stderr) == (INCONCLUSIVE, "")
    assert "No pane was closed." in done.stdout


def test_waiting_ends_when_the_broker_is_gone(broker: Broker) -> None:
    broker.needs("faults")
    settings = Settings.read(broker.environment(broker.fresh_prefix()))
    create(settings)
    begin(settings)
    announce(settings, example("none", "r-1", now() + 60_000, 300))
    environment = broker.environment(settings.prefix)
    waiting = [*CANARY, "verdict", "r-1", "--wait", "--timeout", "5m"]
    streams: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "encoding": "utf-8"}
    with subprocess.Popen(waiting, env=environment, cwd=ROOT, **streams) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        broker.kill()
        assert process.wait(timeout=90) == FAILED
        (line,) = process.stderr.read().splitlines()
    assert line.startswith(f"canary: the broker at {broker.bootstrap} no longer answers (")
