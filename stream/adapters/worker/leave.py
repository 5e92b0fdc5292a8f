"""How a worker leaves: in order where it can, and surely.

A supervisor (compose, Kubernetes, systemd) starts a worker again that ended with exit code 1. So a crashed one must not
linger in an orderly shutdown that waits for a broker which does not answer.
"""

import signal
from typing import Any

import faust

from stream.adapters.worker.hard_exit import HardExit

CRASH_SECONDS = 5.0
"""How long a crashed worker may take to end in order."""
DRAIN_SECONDS = 10.0
"""How long a worker may take that was asked to end, by SIGTERM or SIGINT."""


class Worker(faust.Worker):
    """Runs an app in this process until a signal, or a crash, and leaves then. `execute_from_commandline` starts it.

    Exit codes: 0 after SIGTERM or SIGINT, when the app has ended in order; 1 after a crash, where the app could not
    start, and where the orderly end took longer than `CRASH_SECONDS` or `DRAIN_SECONDS`.

    Logging is left as it is, and nothing is written to standard output.
    """

    def __init__(self, app: faust.App, *services: Any, **options: Any) -> None:
        self._hard_exit = HardExit()
        super().__init__(app, *services, **{"quiet": True, "override_logging": False, **options})
        self.spinner = None

    def _crash(self, reason: BaseException) -> None:
        """Something in the app has crashed; mode tells the whole tree, this being its root."""
        self._hard_exit.within(CRASH_SECONDS, f"crashed of {reason!r}")
        super()._crash(reason)

    def _schedule_shutdown(self, number: signal.Signals) -> None:
        """A signal asks to end."""
        self._hard_exit.within(DRAIN_SECONDS, f"did not end in order after {signal.Signals(number).name}")
        super()._schedule_shutdown(number)

    def on_worker_shutdown(self) -> None:
        """The worker's loop is over, or never began."""
        if self._signal_stop_time is None:
            self._hard_exit.within(CRASH_SECONDS, "could not start or go on")
        super().on_worker_shutdown()
