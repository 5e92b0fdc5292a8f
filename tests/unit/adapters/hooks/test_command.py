"""Commands as real processes: what they are given, what comes of their end, and what they cannot do to the runner."""

import asyncio
import gc
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from stream.adapters.hooks.call import Call
from stream.adapters.hooks.command import TAIL, Command
from stream.errors import PolicyError
from stream.hooks.outcome import Outcome
from tests.broker_helpers import wait_until
from tests.hook_helpers import hooks_file, now_ms, verdict
from tests.worker_helpers import lives


def command(*words: str, directory: Path = Path(), timeout: str = "5s") -> Command:
    file = hooks_file({"name": "page", "command": list(words), "timeout": timeout})
    return Command(file.hooks[0], file, directory)


def fired(hook: Command, **fields: Any) -> Outcome:
    return asyncio.run(hook.fire(Call("canary.verdict.abort", verdict(**fields), now_ms())))


def shell(text: str, **more: object) -> Command:
    return command("sh", "-c", text, **more)  # type: ignore[arg-type]


def test_it_is_given_the_verdict_and_variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANARY_SASL_PASSWORD", "hidden")
    monkeypatch.setenv("CANARY_BROKER", "kafka:9092")
    monkeypatch.setenv("OWN", "kept")
    assert fired(shell("cat > verdict.json; env > env.txt; echo Done", directory=tmp_path)) == Outcome(
        True, "The command ended with 0: Done.", 0
    )
    found = json.loads((tmp_path / "verdict.json").read_text())
    assert (found["type"], found["id"], found["verdict"]) == ("verdict", "shop-1/7", "abort")
    lines = (tmp_path / "env.txt").read_text().splitlines()
    assert sorted(line for line in lines if line.startswith("CANARY_")) == [
        "CANARY_APP=shop",
        "CANARY_ID=shop-1/7/page",
        "CANARY_ROLLOUT=shop-1",
        "CANARY_TEXT=It is worse.",
        "CANARY_TYPE=canary.verdict.abort",
        "CANARY_VERDICT=abort",
    ]
    assert "OWN=kept" in lines


def test_there_is_no_shell(tmp_path: Path) -> None:
    words = "$HOME `id` ; touch x"
    code = "import sys; print(sys.argv[1])"
    assert fired(command(sys.executable, "-c", code, words, directory=tmp_path)).text.endswith(f"{words}.")
    assert list(tmp_path.iterdir()) == []


def test_paths_begin_at_the_file(tmp_path: Path) -> None:
    (tmp_path / "page").write_text("#!/bin/sh\npwd\n")
    (tmp_path / "page").chmod(0o755)
    assert fired(command("./page", directory=tmp_path)).text == f"The command ended with 0: {tmp_path}."


@pytest.mark.parametrize("program", ["no-such-program", "./missing", "/nowhere/missing"])
def test_a_program_that_is_not_there_is_told_at_once(program: str, tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=rf'^command of hook "page": there is no program "{program}" in '):
        command(program, directory=tmp_path)


def test_a_program_that_went_away_is_no_use_to_try_again(tmp_path: Path) -> None:
    path = tmp_path / "page"
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    hook = command("./page", directory=tmp_path)
    path.unlink()
    assert fired(hook) == Outcome(False, "The command cannot be run: no such file or directory.")


def test_a_failure_is_told_with_the_last_line() -> None:
    outcome = fired(shell("echo first; echo 'no \033[31msuch rollout' >&2; echo; exit 3"))
    assert outcome == Outcome(False, "The command ended with 3: no  [31msuch rollout.", 3, passing=True)


@pytest.mark.parametrize("text", ["true", "exec <&-; sleep 0.1", "sleep 0.1", "head -c 10", "head -c 10; sleep 0.1"])
def test_it_need_not_read_what_it_is_given(text: str, caplog: pytest.LogCaptureFixture) -> None:
    assert fired(shell(text), also=["x" * 1_000_000]).succeeded
    assert fired(shell(text)).succeeded
    gc.collect()
    assert caplog.text == ""


def test_one_that_takes_too_long_is_killed_with_all_it_started(tmp_path: Path) -> None:
    began = time.monotonic()
    outcome = fired(shell("sleep 60 & echo $! > pid; wait", directory=tmp_path, timeout="300ms"))
    assert outcome == Outcome(False, "The command did not end within 300ms; it was killed.", passing=True)
    assert time.monotonic() - began < 10
    pid = int((tmp_path / "pid").read_text())
    wait_until(lambda: lives(pid), lambda alive: not alive, 5)


def test_what_it_leaves_behind_holds_nothing_up(tmp_path: Path) -> None:
    began = time.monotonic()
    outcome = fired(shell("sleep 60 & echo $! > pid; echo started", directory=tmp_path))
    pid = int((tmp_path / "pid").read_text())
    try:
        assert outcome.text == "The command ended with 0: started."
        assert time.monotonic() - began < 3
        assert lives(pid)
    finally:
        os.kill(pid, 9)


def test_only_the_end_of_the_output_is_kept() -> None:
    code = f"import sys; sys.stdout.write('x' * 5_000_000 + '\\n' + 'y' * {TAIL}); print('z')"
    outcome = fired(command(sys.executable, "-c", code))
    assert outcome.succeeded
    assert len(outcome.text) < 300
    assert outcome.text.endswith("yyy...")


def test_the_target_shows_no_arguments() -> None:
    assert command("sh", "-c", "curl -H 'Authorization: hidden'").target == "sh"
