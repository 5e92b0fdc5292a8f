"""A worker ends by itself, and with the right exit code, whatever holds it up."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[4]

WORKER = """
import asyncio, logging, sys
from stream.adapters.worker import leave
from stream.adapters.worker.transport import App

class Stubborn(App):
    async def on_start(self):
        if "crashes" in sys.argv:
            await self.crash(RuntimeError("no more"))
        if "late" in sys.argv or "crashes" in sys.argv:
            print("starting", flush=True)
            await asyncio.sleep(60)
    async def on_stop(self):
        if "hangs" in sys.argv:
            await asyncio.sleep(60)

logging.basicConfig(stream=sys.stderr, format="%(levelname)s %(message)s")
if "hangs" in sys.argv or "crashes" in sys.argv:
    leave.CRASH_SECONDS, leave.DRAIN_SECONDS = 0.4, 0.8
app = Stubborn("a", broker="kafka://127.0.0.1:1", batched=frozenset(), web_enabled=False, datadir=sys.argv[1])
leave.Worker(app).execute_from_commandline()
"""


def run(code: str, *arguments: object) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ends(process: "subprocess.Popen[str]") -> tuple[int, str, str]:
    output, errors = process.communicate(timeout=20)
    return process.returncode, output, errors


def test_without_a_broker_it_ends_with_1(tmp_path: Path) -> None:
    code, output, errors = ends(run(WORKER, tmp_path))
    assert (code, output) == (1, "")
    assert "Unable to bootstrap" in errors
    assert "ended hard" not in errors


@pytest.mark.slow
def test_a_start_that_fails_may_not_hang(tmp_path: Path) -> None:
    code, _, errors = ends(run(WORKER, tmp_path, "hangs"))
    assert code == 1
    assert errors.endswith("canary: could not start or go on; ended hard after 0.4 s\n")


@pytest.mark.slow
def test_a_crash_during_a_start_that_hangs_ends_it(tmp_path: Path) -> None:
    code, _, errors = ends(run(WORKER, tmp_path, "crashes"))
    assert code == 1
    assert errors.endswith("canary: crashed of RuntimeError('no more'); ended hard after 0.4 s\n")


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("hangs", ["", "hangs"])
def test_a_signal_ends_it(tmp_path: Path, number: signal.Signals, hangs: str) -> None:
    process = run(WORKER, tmp_path, "late", hangs)
    assert process.stdout is not None
    assert process.stdout.readline() == "starting\n"
    began = time.monotonic()
    process.send_signal(number)
    code, output, errors = ends(process)
    assert output == ""
    if hangs:
        assert code == 1
        assert errors.endswith(f"canary: did not end in order after {number.name}; ended hard after 0.8 s\n")
        assert time.monotonic() - began < 3
    else:
        assert (code, errors) == (0, "")
