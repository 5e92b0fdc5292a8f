"""The demo's processes: they end when they should, and a dead one is told with its last words."""

import os
import sys
import time

import pytest

from stream.adapters.demo.children import Children
from stream.errors import CanaryError
from tests.worker_helpers import lives

PYTHON = (sys.executable, "-c")
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('on', flush=True); time.sleep(60)"
ENV = {"PATH": os.environ["PATH"]}


def check_until_it_fails(children: Children) -> str:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            children.check()
        except CanaryError as error:
            return str(error)
        time.sleep(0.02)
    pytest.fail("it goes on")


def pids(children: Children) -> list[int]:
    return [child.process.pid for child in children._children]


def test_they_end_with_the_block() -> None:
    with Children(PYTHON, 0.2) as children:
        for name in ("one", "two"):
            children.start(name, [STUBBORN], ENV)
        found = pids(children)
        children.check()
        assert all(map(lives, found))
        began = time.monotonic()
    assert time.monotonic() - began < 10
    assert not any(map(lives, found))


def test_they_end_where_the_block_fails() -> None:
    children = Children(PYTHON, 0.2)
    found: list[int] = []

    def fail() -> None:
        with children:
            children.start("one", [STUBBORN], ENV)
            found.extend(pids(children))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert found
    assert not any(map(lives, found))


@pytest.mark.parametrize(
    ("code", "told"),
    [
        (
            "import sys; print('first', flush=True); sys.exit('canary: no broker')",
            "the worker has ended (exit code 1): no broker",
        ),
        ("", "the worker has ended (exit code 0): it said nothing"),
        ("import os; os.kill(os.getpid(), 9)", "the worker has ended (signal SIGKILL): it said nothing"),
    ],
)
def test_a_dead_one_is_told(code: str, told: str) -> None:
    with Children(PYTHON, 0.2) as children:
        children.start("worker", [code], ENV)
        assert check_until_it_fails(children) == told


def test_it_is_given_standard_input_files_and_only_the_named_variables() -> None:
    reading, writing = os.pipe()
    os.write(writing, b"secret")
    os.close(writing)
    code = "import os, sys; print(sys.stdin.read(), os.read(int(sys.argv[1]), 99), sorted(os.environ), file=sys.stderr)"
    with Children(PYTHON, 0.2) as children:
        children.start("one", [code, str(reading)], {"A": "1"}, given=b"given", files=[reading])
        assert "given b'secret' ['A'" in check_until_it_fails(children)
    os.close(reading)


def test_what_a_child_is_given_may_be_left_unread() -> None:
    with Children(PYTHON, 0.2) as children:
        children.start("one", ["pass"], ENV, given=b"x" * 10_000)
        assert "exit code 0" in check_until_it_fails(children)


def test_ctrl_c_in_the_terminal_does_not_reach_them() -> None:
    with Children(PYTHON, 0.2) as children:
        children.start("one", [STUBBORN], ENV)
        (pid,) = pids(children)
        assert os.getpgid(pid) != os.getpgid(0)
        assert os.getsid(pid) != os.getsid(0)
