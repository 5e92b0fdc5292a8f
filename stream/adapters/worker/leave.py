"""How a worker leaves: in order where it can, and surely.

A supervisor (compose, Kubernetes, systemd) starts a worker again that ended with exit code 1. So a crashed one must not
linger in an orderly shutdown that waits for a broker which does not answer.
"""

import os
import select
import signal
import sys
import threading
import time
from typing import Any

import faust

CRASH_SECONDS = 5.0
"""How long a crashed worker may take to end in order."""
DRAIN_SECONDS = 10.0
"""How long a worker may take that was asked to end, by SIGTERM or SIGINT."""


class HardExit:
    """Ends the process with exit code 1 when its time has come, whatever the process waits for."""

    def __init__(self) -> None:
        self._due: float | None = None
        self._timer: threading.Timer | None = None

    def within(self, seconds: float, why: str) -> None:
        """End in `seconds`, if not due earlier already; `why` is said then, in one line on standard error."""
        due = time.monotonic() + seconds
        if self._due is not None and self._due <= due:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._due = due
        self._timer = threading.Timer(seconds, _end, [f"canary: {why}; ended hard after {seconds:g} s\n"])
        self._timer.daemon = True
        self._timer.start()


def _end(line: str) -> None:
    try:
        if select.select([], [sys.stderr.fileno()], [], 0)[1]:  # or a full pipe would hold us up as well
            os.write(sys.stderr.fileno(), line.encode())
    finally:
        os._exit(1)


class Worker(faust.Worker):
    """Runs an app in this process until a signal, or a crash, and leaves then. `execute_from_commandline` starts it.

    Exit codes: 0 after SIGTERM or SIGINT, when the app has ended in order; 1 after a crash, where the app could not
    start, and where the orderly end took longer than `CRASH_SECONDS` or `DRAIN_SECONDS`.

    Logging is left as it is, and nothing is written to standard output.
    """

    def __init__(self, app: faust.App, *services: Any, **options: Any) -> None:
        self._exit = HardExit()
        super().__init__(app, *services, **{"quiet": True, "override_logging": False, **options})
        self.spinner = None

    def _crash(self, reason: BaseException) -> None:
        """Something in the app has crashed; mode tells the whole tree, this being its root."""
        self._exit.within(CRASH_SECONDS, f"crashed of {reason!r}")
        super()._crash(reason)

    def _schedule_shutdown(self, number: signal.Signals) -> None:
        """A signal asks to end."""
        self._exit.within(DRAIN_SECONDS, f"did not end in order after {signal.Signals(number).name}")
        super()._schedule_shutdown(number)

    def on_worker_shutdown(self) -> None:
        """The worker's loop is over, or never began."""
        if self._signal_stop_time is None:
            self._exit.within(CRASH_SECONDS, "could not start or go on")
        super().on_worker_shutdown()
