"""One broker for all tests of a run: which, the end of pytest's output says."""

import gc
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import pytest

from tests.broker_helpers import REMEDY, Broker
from tests.broker_kinds import KIND, KINDS, Missing, any_broker
from tests.worker_helpers import StartWorker, Worker

CHOSEN = pytest.StashKey[str]()


@pytest.fixture(scope="session")
def broker(request: pytest.FixtureRequest) -> Iterator[Broker]:
    """The broker of this run: the given one, else Apache Kafka in Docker, else the embedded one."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        pytest.fail("the broker tests share one broker; run them without --numprocesses", pytrace=False)
    with ExitStack() as stack:
        try:
            found, words = stack.enter_context(any_broker(os.environ))
        except Missing as missing:
            (pytest.fail if os.environ.get(KIND) else pytest.skip)(f"needs a broker: {missing}")
        request.config.stash[CHOSEN] = words
        yield found
        gc.collect()  # while the last test's filters hold


@pytest.fixture(scope="session")
def embedded_broker() -> Iterator[Broker]:
    """An embedded broker, whatever `broker` is."""
    with ExitStack() as stack:
        try:
            yield stack.enter_context(KINDS["embedded"](os.environ))
        except Missing as missing:
            pytest.skip(f"needs a broker: {missing}")


@pytest.fixture(scope="session", params=["broker", "embedded_broker"])
def each_broker(request: pytest.FixtureRequest) -> Broker:
    """The broker of this run, then the embedded one."""
    found: Broker = request.getfixturevalue(request.param)
    if request.param == "broker" and found.kind == "embedded":
        pytest.skip(f"needs {REMEDY}; with the embedded broker this test runs anyway")
    return found


@pytest.fixture(autouse=True)
def _healed(request: pytest.FixtureRequest) -> Iterator[None]:
    """No test leaves the broker killed or frozen to the next."""
    yield
    for name in {"broker", "each_broker"} & set(request.fixturenames):
        request.getfixturevalue(name).heal()


@pytest.fixture
def start_worker(tmp_path: Path) -> Iterator[StartWorker]:
    """Starts workers. They end with the test, in whatever state it leaves them; a failed one shows what they said."""
    with ExitStack() as stack:
        names = count(1)

        def start(env: Mapping[str, str], *arguments: str, command: str = "run") -> Worker:
            log = tmp_path / f"{command}-{next(names)}.log"
            return stack.enter_context(Worker(env, log, *arguments, command=command))

        yield start


def pytest_itemcollected(item: pytest.Item) -> None:
    """Let pass what kafka-python does when a broker is away: it drops the sockets of refused connections unclosed."""
    item.add_marker(pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say which broker the tests ran on."""
    if CHOSEN in config.stash:
        terminalreporter.section("broker")
        terminalreporter.write_line(f"the broker tests ran on: {config.stash[CHOSEN]}")
