"""The process ends when its time has come, whatever holds it up."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[4]
HEAD = "import os, time\nfrom stream.adapters.worker.hard_exit import HardExit\nexit = HardExit()\n"


def run(code: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", HEAD + code]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def ends(code: str) -> tuple[int, str, str]:
    process = run(code)
    output, errors = process.communicate(timeout=20)
    return process.returncode, output, errors


def test_a_deadline_ends_whatever_hangs() -> None:
    assert ends("exit.within(0.1, 'froze')\nwhile True: pass") == (1, "", "canary: froze; ended hard after 0.1 s\n")


def test_the_earlier_of_two_deadlines_counts() -> None:
    for first, second in ((0.2, 9), (9, 0.2)):
        code = f"exit.within({first}, 'froze')\nexit.within({second}, 'froze')\ntime.sleep(5)\nprint('alive')"
        assert ends(code) == (1, "", "canary: froze; ended hard after 0.2 s\n")


def test_a_full_pipe_of_errors_does_not_hold_it_up() -> None:
    process = run("exit.within(0.3, 'froze')\nwhile True: os.write(2, b'x' * 4096)")
    assert process.wait(timeout=10) == 1
    process.communicate()


def test_who_ends_before_ends_as_it_likes() -> None:
    assert ends("exit.within(9, 'froze')\nprint('done')") == (0, "done\n", "")
