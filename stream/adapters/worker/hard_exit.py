"""An end of the process that nothing can hold up."""

import os
import select
import sys
import threading
import time


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
