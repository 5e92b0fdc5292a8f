"""Child processes that end with their parent."""

import os
import sys

_LAUNCH = """\
import ctypes, os, signal, sys
libc = ctypes.CDLL(None, use_errno=True)
if libc.prctl(1, signal.SIGKILL, 0, 0, 0):
    sys.exit(os.strerror(ctypes.get_errno()))
if os.getppid() == int(sys.argv[1]):
    os.execv(sys.argv[2], sys.argv[2:])
"""
"""Asks the kernel for a SIGKILL at the parent's end (PR_SET_PDEATHSIG is 1), then becomes the command."""


def tied(command: list[str]) -> list[str]:
    """The command line that runs `command` until it ends or the calling process does, however that comes about.

    The kernel ties the child to the *thread* that starts it, so start it in a thread that stays. Only Linux can do
    this; elsewhere it is the command as it is, and a parent that is killed leaves it behind.

    Args:
        command: the path of a program (no look-up in PATH) and its arguments.
    """
    if sys.platform != "linux":
        return command
    return [sys.executable, "-I", "-S", "-c", _LAUNCH, str(os.getpid()), *command]
