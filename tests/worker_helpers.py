"""The `canary` command as a process of its own: to its end, or as a worker that tests kill and stall."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from stream.adapters.child import tied

ROOT = Path(__file__).resolve().parents[1]
CANARY = [sys.executable, "-c", "import topologies.command; topologies.command.main()"]
SHOWN = 4000
"""Bytes of a worker's log that a failed test shows."""


def run_canary(
    *arguments: str, env: Mapping[str, str] | None = None, seconds: float = 60
) -> subprocess.CompletedProcess[str]:
    """Run `canary ARGUMENTS` to its end.

    Args:
        arguments: of the command.
        env: its whole environment, as of `Broker.environment`; that of this process by default.
        seconds: after these it is killed, and `subprocess.TimeoutExpired` raised.
    """
    return subprocess.run(
        tied([*CANARY, *arguments]),
        cwd=ROOT,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


def lives(pid: int) -> bool:
    """Whether a process runs; an orphan that has ended, and that nobody waits for, does not."""
    try:
        os.kill(pid, 0)
        return not Path("/proc").is_dir() or Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False
    except PermissionError:
        return True


class Worker:
    """A `canary run` that can be ended, killed, frozen and started again.

    Its `with` surely ends it, and prints the end of its log, which pytest shows with failed tests only.
    """

    def __init__(self, env: Mapping[str, str], log: Path, *arguments: str, command: str = "run") -> None:
        """Prepare it; `start` or `with` starts it.

        Args:
            env: its whole environment.
            log: file to which its output and messages are added.
            arguments: of the command.
            command: another long-running command than `run`.
        """
        self.env, self.path = dict(env), log
        self._command = [*CANARY, command, *arguments]
        self._process: subprocess.Popen[bytes] | None = None
        self._stalled = False

    def start(self) -> Self:
        """Start it, (again) if it has ended."""
        assert not self.running, f"worker {self.path.stem} runs already"
        self._stalled = False
        with self.path.open("ab") as log:
            self._process = subprocess.Popen(
                tied(self._command),
                cwd=ROOT,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return self

    @property
    def running(self) -> bool:
        """Whether it runs, be it frozen."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The id of its process, also after its end."""
        assert self._process is not None, f"worker {self.path.stem} was never started"
        return self._process.pid

    def log(self) -> str:
        """All that it has said so far, over all its starts."""
        return self.path.read_text(encoding="utf-8", errors="replace") if self.path.exists() else ""

    def terminate(self, seconds: float = 20) -> int:
        """SIGTERM, and wait for its end: its exit code."""
        self._signal(signal.SIGTERM)
        return self.wait(seconds)

    def kill(self) -> None:
        """SIGKILL (kill -9), to all its processes."""
        self._signal(signal.SIGKILL)
        self.wait(10)

    def stall(self) -> None:
        """SIGSTOP: it stands still, its connections stay open."""
        self._signal(signal.SIGSTOP)
        self._stalled = True

    def wake(self) -> None:
        """SIGCONT: it goes on."""
        self._stalled = False
        self._signal(signal.SIGCONT)

    def wait(self, seconds: float) -> int:
        """Wait for its end: its exit code, negative the signal that ended it.

        Raises:
            subprocess.TimeoutExpired: it did not end.
        """
        assert self._process is not None, f"worker {self.path.stem} was never started"
        return self._process.wait(seconds)

    def wait_for(self, text: str, seconds: float = 30) -> None:
        """Wait until its log holds `text`; fail if it ends before, or takes longer."""
        deadline = time.monotonic() + seconds
        while text not in self.log():
            assert self.running, f"worker {self.path.stem} ended before it said {text!r}"
            assert time.monotonic() < deadline, f"worker {self.path.stem} did not say {text!r} within {seconds} s"
            time.sleep(0.05)

    def __enter__(self) -> Self:
        return self if self.running else self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        code = self._end()
        text = self.log()[-SHOWN:]
        print(f"--- worker {self.path.stem} (exit code {code}), end of its log ---\n{text}", file=sys.stderr)

    def _end(self) -> int | None:
        """End it whatever its state: politely, then surely."""
        if self._process is None:
            return None
        if self.running and self._stalled:
            self.kill()
        elif self.running:
            try:
                self.terminate()
            except subprocess.TimeoutExpired:
                print(f"worker {self.path.stem} did not end within 20 s of SIGTERM; killed", file=sys.stderr)
                self.kill()
        return self._process.returncode

    def _signal(self, number: signal.Signals) -> None:
        """To the worker and what it started; those that have ended get none."""
        assert self._process is not None, f"worker {self.path.stem} was never started"
        if self._process.poll() is None:
            os.killpg(self._process.pid, number)


class StartWorker(Protocol):
    """Starts `canary run` (or another `command`), and ends it after the test: the fixture `start_worker`."""

    def __call__(self, env: Mapping[str, str], *arguments: str, command: str = "run") -> Worker: ...
