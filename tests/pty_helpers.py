"""A program in a terminal of its own: what it draws, what is typed, and whether it leaves the terminal as it was."""

import contextlib
import errno
import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Self

HOME, ALTERNATE, NORMAL, CURSOR = "\x1b[H", "\x1b[?1049h", "\x1b[?1049l", "\x1b[?25h"
_CODES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


class Terminal:
    """Runs a command from `with` on; at the end of the block it is killed if it still runs.

    Args:
        command: the program and its arguments.
        env: all of its variables.
        size: lines and columns.
    """

    def __init__(self, command: Sequence[str], env: Mapping[str, str], size: tuple[int, int] = (24, 80)) -> None:
        self._command, self._env, self._size = list(command), {"TERM": "xterm-256color", **env}, size
        self._data = b""
        self.code: int | None = None
        """The exit code, negative the signal; None while it runs."""

    def __enter__(self) -> Self:
        main, other = pty.openpty()
        self.resize(*self._size, main)
        self._before = termios.tcgetattr(other)
        self.pid = os.fork()
        if self.pid == 0:
            self._become(main, other)
        self._main, self._other = main, other
        return self

    def _become(self, main: int, other: int) -> None:
        """The child: the terminal becomes its own."""
        try:
            os.close(main)
            os.login_tty(other) if hasattr(os, "login_tty") else _log_in(other)
            os.execvpe(self._command[0], self._command, self._env)
        finally:
            os._exit(127)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.code is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self._main)
        os.close(self._other)

    @property
    def text(self) -> str:
        """All that it has written, codes among it."""
        return self._data.decode("utf-8", "replace")

    @property
    def screen(self) -> str:
        """What it drew last, without codes and without blanks at the ends of lines."""
        shown = _CODES.sub("", self.text.rpartition(HOME)[2])
        return "\n".join(line.rstrip() for line in shown.splitlines())

    @property
    def afterwards(self) -> str:
        """What it wrote after it left the alternate screen, without codes."""
        return _CODES.sub("", self.text.rpartition(NORMAL)[2]).replace("\r\n", "\n")

    @property
    def restored(self) -> bool:
        """Whether the terminal is as it was: its modes, its screen, its cursor."""
        shown = self.text
        drawn = ALTERNATE in shown
        back = not drawn or (shown.rfind(NORMAL) > shown.rfind(ALTERNATE) and CURSOR in shown)
        return back and termios.tcgetattr(self._other) == self._before

    def type(self, text: str) -> None:
        """Type."""
        os.write(self._main, text.encode())

    def resize(self, lines: int, columns: int, main: int | None = None) -> None:
        """Give it another size."""
        fcntl.ioctl(self._main if main is None else main, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)

    def wait_for(self, *texts: str, seconds: float = 30) -> str:
        """Wait until it has drawn some texts: the screen with them."""
        self._until(lambda: all(text in self.screen for text in texts), seconds, f"did not show {texts}")
        return self.screen

    def read(self, seconds: float) -> None:
        """Read what it writes for so long."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self._read(left)

    def wait(self, seconds: float = 30) -> int:
        """Wait for its end: its exit code."""
        self._until(self._ended, seconds, "did not end")
        self.read(0.1)
        assert self.code is not None
        return self.code

    def _ended(self) -> bool:
        if self.code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self.code = os.waitstatus_to_exitcode(status) if pid else None
        return self.code is not None

    def _until(self, holds: Callable[[], bool], seconds: float, why: str) -> None:
        deadline = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < deadline, f"{why} within {seconds} s; it shows\n{self.screen}"
            self._read(0.05)

    def _read(self, seconds: float) -> None:
        if select.select([self._main], [], [], min(seconds, 0.05))[0]:
            try:
                self._data += os.read(self._main, 65_536)
            except OSError as error:
                if error.errno != errno.EIO:
                    raise


def _log_in(descriptor: int) -> None:
    """`os.login_tty` of Python 3.11."""
    os.setsid()
    fcntl.ioctl(descriptor, termios.TIOCSCTTY, 0)
    for number in (0, 1, 2):
        os.dup2(descriptor, number)
    if descriptor > 2:
        os.close(descriptor)
