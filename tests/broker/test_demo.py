"""`canary demo` for real: both endings, a second one beside the first, Ctrl-C and SIGKILL in the middle."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from stream.adapters.embedded_broker import LOOPBACK
from stream.adapters.topics import TOPICS
from stream.adapters.traffic import Fault
from tests.broker_helpers import Broker, wait_until
from tests.demo_recording import play, recorded, shape
from tests.pty_helpers import Terminal
from tests.worker_helpers import CANARY, ROOT, StartWorker, lives, run_canary

pytestmark = [pytest.mark.broker, pytest.mark.slow, pytest.mark.timeout(240)]

LONGEST = 90
"""Seconds that a demo may take."""
DONE = subprocess.CompletedProcess[str]


@pytest.fixture(scope="session", autouse=True)
def _embedded(embedded_broker: Broker) -> None:
    """Skips where there is no embedded broker."""


@pytest.fixture
def env(tmp_path: Path) -> Mapping[str, str]:
    """This process's variables without ours, with a directory of its own for what is temporary."""
    outer = {name: value for name, value in os.environ.items() if not name.startswith("CANARY_")}
    (tmp_path / "temporary").mkdir()
    return {**outer, "TMPDIR": str(tmp_path / "temporary"), "PYTHONUTF8": "1", "COLUMNS": "100"}


def nothing_left(env: Mapping[str, str]) -> bool:
    """Whether no temporary file is left."""
    return not list(Path(env["TMPDIR"]).iterdir())


def descendants(pid: int) -> set[int]:
    """The processes that a process has started, and those that they have."""
    parents: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        parents.setdefault(int(fields[1]), []).append(int(path.parent.name))
    found, waiting = set[int](), [pid]
    while waiting:
        children = parents.get(waiting.pop(), [])
        found.update(children)
        waiting += children
    return found


def lines_of(done: DONE) -> list[tuple[str, str]]:
    """What a demo told, line by line: what about, and the words."""
    found = [re.fullmatch(r"\d\d:\d\d:\d\d  (.{17}) (.*)", line) for line in done.stdout.splitlines()]
    return [(match[1].strip(), match[2]) for match in found if match]


def in_order(lines: list[tuple[str, str]], *wanted: tuple[str, str]) -> None:
    """That lines are there which are about something and contain some words, one after the other."""
    rest = iter(lines)
    for kind, words in wanted:
        assert any(kind == about and words in told for about, told in rest), f"no {kind} line with {words!r} in {lines}"


def test_both_endings_beside_each_other(env: Mapping[str, str]) -> None:
    began = time.monotonic()
    with ThreadPoolExecutor() as pool:
        calls = [
            pool.submit(run_canary, "demo", "--seed", "1", *options, env=env, seconds=150)
            for options in ([], ["--healthy"])
        ]
        bad, good = (call.result() for call in calls)
    assert time.monotonic() - began < 2 * LONGEST
    for done in (bad, good):
        assert (done.returncode, done.stderr) == (0, ""), done.stdout
        assert float(re.findall(r"As announced, after (\d+) s\.", done.stdout)[0]) < LONGEST
    in_order(
        lines_of(bad),
        ("demo", f"Embedded broker at {LOOPBACK}:"),
        ("demo", "20 instances of checkout report"),
        ("demo", "Fault: requests to 2.4.1 take 40 % longer from now on."),
        ("verdict", "✗ abort"),
        ("demo", "Webhook rollback came"),
    )
    in_order(lines_of(bad), ("hook", "rollback: succeeded, 200, "))
    in_order(lines_of(bad), ("hook", "say-why: succeeded, exit code 0, "))
    in_order(lines_of(bad), ("demo", "Effect: 2.4.1 answers no requests any more, "))
    assert "✗ ABORT  (final) checkout 2.4.0 → 2.4.1" in bad.stdout
    assert re.search(r"^  Why  .*request latency of the canary is", bad.stdout, re.MULTILINE)
    assert re.search(r"^Request latency.* \*  ▲ worse", bad.stdout, re.MULTILINE)
    in_order(lines_of(good), ("demo", "No fault"), ("verdict", "✓ promote"), ("demo", "Webhook promote came"))
    in_order(lines_of(good), ("demo", "Effect: 2.4.1 answers "))
    assert "✓ PROMOTE  (final) checkout 2.4.0 → 2.4.1" in good.stdout
    assert nothing_left(env)


FAULTS: Mapping[Fault, tuple[str, str]] = {
    "one-instance": ("instance outlier", "– inconclusive"),
    "errors": ("divergence", "✗ abort"),
    "silence": ("no data", "– inconclusive"),
    "leak": ("divergence", "✗ abort"),
}
"""The alert and the ending of each that the other tests do not show."""


def test_each_fault_ends_as_announced(env: Mapping[str, str]) -> None:
    with ThreadPoolExecutor(2) as pool:
        calls = {
            fault: pool.submit(run_canary, "demo", "--seed", "2", "--fault", fault, env=env, seconds=150)
            for fault in FAULTS
        }
        found = {fault: call.result() for fault, call in calls.items()}
    for fault, done in found.items():
        assert (done.returncode, done.stderr) == (0, ""), done.stdout
        alert, ending = FAULTS[fault]
        in_order(lines_of(done), ("demo", "Fault: "), (alert, ""), ("verdict", ending))
        assert ("rollback: " in done.stdout) == ("abort" in ending)
        assert "promote  " not in done.stdout


def test_on_a_given_broker_its_topics_go(broker: Broker, env: Mapping[str, str]) -> None:
    with broker.admin() as admin:
        before = set(admin.list_topics())
    done = run_canary("demo", "--seed", "3", "--broker", broker.bootstrap, env=env, seconds=150)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    (prefix,) = re.findall(r"Broker at .*, topics (demo-[0-9a-f]{8})\.\*; ", done.stdout)

    def left() -> set[str]:
        with broker.admin() as admin:
            return {name for name in admin.list_topics() if name.startswith(prefix)}

    wait_until(left, lambda found: not found, 20)
    with broker.admin() as admin:
        assert before <= set(admin.list_topics())


def test_where_worker_and_hooks_run_elsewhere(
    broker: Broker, env: Mapping[str, str], start_worker: StartWorker
) -> None:
    prefix = broker.fresh_prefix()
    theirs = broker.environment(prefix)
    assert run_canary("topics", "create", env=theirs).returncode == 0
    worker = start_worker(theirs)
    options = ["--no-monitor", "--broker", broker.bootstrap, "--prefix", prefix, "--seed", "4"]
    done = run_canary("demo", *options, env=env, seconds=150)
    assert worker.running
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    in_order(lines_of(done), ("demo", "worker and hooks run elsewhere"), ("verdict", "✗ abort"))
    assert "Webhook" not in done.stdout
    with broker.admin() as admin:
        assert {topic.name(prefix) for topic in TOPICS} <= set(admin.list_topics())


def test_a_port_in_use(env: Mapping[str, str]) -> None:
    with socket.create_server((LOOPBACK, 0)) as server:
        address = f"{LOOPBACK}:{server.getsockname()[1]}"
        done = run_canary("demo", "--listen", address, env=env)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"canary: {address}: cannot listen there: Address already in use\n"
    assert nothing_left(env)


class Demo:
    """A demo that is interrupted."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self.process = subprocess.Popen(
            [*CANARY, "demo", "--seed", "5"],
            cwd=ROOT,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.seen: set[int] = set()

    def wait_for(self, text: str) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.seen |= descendants(self.process.pid)
            if text in line:
                return
        pytest.fail(f"it ended before it said {text!r}")

    def end(self, number: signal.Signals) -> tuple[int, float, str]:
        """Send a signal, and wait: exit code, seconds, what it said on standard error."""
        self.seen |= descendants(self.process.pid)
        began = time.monotonic()
        self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=60)
        return self.process.returncode, time.monotonic() - began, errors

    @property
    def alive(self) -> set[int]:
        """What it has started that still runs."""
        return {pid for pid in self.seen if lives(pid)}


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc, to find what the demo has started")
@pytest.mark.parametrize(
    ("words", "number"),
    [
        ("Embedded broker at", signal.SIGINT),
        ("20 instances of checkout report", signal.SIGINT),
        ("verdict", signal.SIGINT),
        ("20 instances of checkout report", signal.SIGTERM),
        ("verdict", signal.SIGKILL),
    ],
)
def test_nothing_keeps_running(env: Mapping[str, str], words: str, number: signal.Signals) -> None:
    demo = Demo(env)
    demo.wait_for(words)
    code, seconds, errors = demo.end(number)
    wanted = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGKILL: -9}
    assert (code, errors) == (wanted[number], "")
    assert len(demo.seen) >= 3
    wait_until(lambda: demo.alive, lambda found: not found, 5)
    assert seconds < 10
    assert nothing_left(env)


def test_it_is_live_in_a_terminal_and_tells_it_all_at_the_end(env: Mapping[str, str]) -> None:
    with Terminal([*CANARY, "demo", "--seed", "6"], env, size=(40, 100)) as terminal:
        terminal.wait_for("... fault in ", seconds=60)
        terminal.wait_for("· CONTINUE", seconds=60)
        shown = terminal.wait_for("✗ ABORT", "q quit", seconds=60)
        assert "Fault: requests to 2.4.1" in shown
        assert "METRIC" in shown
        assert "▲ worse" in shown
        assert terminal.wait(60) == 0
        assert terminal.restored
        told = terminal.afterwards
    assert re.match(r"\d\d:\d\d:\d\d  demo              Embedded broker at", told)
    assert "✗ ABORT  (final) checkout" in told
    assert "As announced, after" in told.splitlines()[-1]
    assert max(map(len, told.splitlines())) <= 100
    assert nothing_left(env)


def test_it_goes_as_the_page_shows() -> None:
    found = [shape(text) for text in play()]
    assert found == [shape(text) for text in recorded()], "after a change that is meant: python -m tests.demo_recording"


def test_ctrl_c_and_q_in_the_live_view(env: Mapping[str, str]) -> None:
    for keys in ("\x03", "q"):
        with Terminal([*CANARY, "demo"], env) as terminal:
            terminal.wait_for("q quit", seconds=60)
            terminal.type(keys)
            assert terminal.wait(20) == 130
            assert terminal.restored
            assert terminal.afterwards == ""
    assert nothing_left(env)
