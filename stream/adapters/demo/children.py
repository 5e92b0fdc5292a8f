"""The demo's other processes: they run as long as they are wanted, and no longer than this one."""

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from types import TracebackType
from typing import IO, Self

from stream.adapters.child import tied
from stream.errors import CanaryError

TAIL_BYTES = 4000


class Child:
    """A `canary` command."""

    def __init__(self, name: str, process: subprocess.Popen[bytes], log: IO[bytes]) -> None:
        self.name, self.process, self._log = name, process, log

    def said(self) -> str:
        """The last line of what it said."""
        self._log.seek(max(0, self._log.seek(0, os.SEEK_END) - TAIL_BYTES))
        lines = [line.strip() for line in self._log.read().decode(errors="replace").splitlines() if line.strip()]
        return lines[-1].removeprefix("canary: ") if lines else "it said nothing"

    def end(self, deadline: float) -> None:
        """Wait for its end until then, and end it hard."""
        try:
            self.process.wait(max(0.0, deadline - time.monotonic()))
        except BaseException as error:
            self.process.kill()
            self.process.wait()
            if not isinstance(error, subprocess.TimeoutExpired):
                raise
        finally:
            self._log.close()


class Children:
    """Starts commands, from `with` to the end of its block, or of this process.

    Args:
        canary: the command line of `canary`, without arguments.
        grace: seconds that all of them together may take to end by themselves.
    """

    def __init__(self, canary: Sequence[str], grace: float) -> None:
        self._canary, self._grace = list(canary), grace
        self._children: list[Child] = []

    def start(
        self,
        name: str,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        *,
        given: bytes = b"",
        files: Sequence[int] = (),
    ) -> None:
        """Start a command. To be called in a thread that stays: on Linux the kernel ends the child with it.

        Args:
            name: what to call it.
            arguments: of `canary`.
            environment: all of its variables.
            given: its standard input, less than a pipe holds.
            files: open descriptors that it inherits.
        """
        log = _nameless()
        process = subprocess.Popen(
            tied([*self._canary, *arguments]),
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            pass_fds=tuple(files),
            start_new_session=True,
        )
        self._children.append(Child(name, process, log))
        assert process.stdin is not None
        with suppress(BrokenPipeError), process.stdin as standard:  # `check` tells of one that has ended
            standard.write(given)

    def check(self) -> None:
        """Whether all run.

        Raises:
            CanaryError: one has ended; its last line stands in it.
        """
        for child in self._children:
            code = child.process.poll()
            if code is not None:
                how = f"exit code {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"
                raise CanaryError(f"the {child.name} has ended ({how}): {child.said()}")

    def close(self) -> None:
        """End them, surely."""
        children, self._children = self._children, []
        for child in children:
            child.process.terminate()
        deadline = time.monotonic() + self._grace
        with ExitStack() as stack:  # which goes on where one of them is interrupted
            for child in children:
                stack.callback(child.end, deadline)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _nameless() -> IO[bytes]:
    """A file that goes with the process."""
    return tempfile.TemporaryFile()
