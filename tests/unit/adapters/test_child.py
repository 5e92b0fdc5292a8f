"""A child ends with its parent, however the parent ends."""

import os
import signal
import subprocess
import sys
import time

import pytest

from stream.adapters.child import tied
from tests.worker_helpers import lives

FOREVER = "import signal; print('on', flush=True); signal.pause()"
PARENT = f"""\
import subprocess, sys
from stream.adapters.child import tied
child = subprocess.Popen(tied([sys.executable, "-c", {FOREVER!r}]), stdout=subprocess.PIPE, start_new_session=True)
child.stdout.readline()
print(child.pid, flush=True)
child.wait()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux: only its kernel ends a child with its parent")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_it_ends_with_its_parent(how: signal.Signals) -> None:
    command = [sys.executable, "-c", PARENT]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert lives(child)
        parent.send_signal(how)
        parent.wait(10)
    deadline = time.monotonic() + 10
    while lives(child):
        assert time.monotonic() < deadline, "the child outlives its parent"
        time.sleep(0.01)


def test_it_is_the_command_itself() -> None:
    code = "import os, sys; print(os.getpid(), sys.argv[1]); sys.exit(7)"
    with subprocess.Popen(
        tied([sys.executable, "-c", code, "two words"]), stdout=subprocess.PIPE, text=True
    ) as process:
        out, _ = process.communicate(timeout=30)
    assert (out, process.returncode) == (f"{process.pid} two words\n", 7)


def test_it_does_not_start_without_its_parent() -> None:
    *launch, parent, python = tied([sys.executable])
    assert parent == str(os.getpid())
    command = [*launch, str(os.getppid()), python, "-c", "print('on')"]
    assert subprocess.run(command, capture_output=True, check=True, timeout=30).stdout == b""
