"""What a figure was measured on: interpreter and processor stand beside every one."""

import os
import platform
import sys
from pathlib import Path


def machine() -> str:
    """One line."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        model = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        model = platform.machine()
    built = sys.version.split("[", 1)[1].rstrip("]")
    return f"CPython {platform.python_version()} ({built}), {model}, {os.cpu_count()} cores"
