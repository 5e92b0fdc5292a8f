"""`canary hooks` where no broker is needed: check, test, and what is told of mistakes."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from standardwebhooks import Webhook as Verifier

from tests.hook_helpers import SECRET, Receiver, always, secret_file
from topologies import exit_code
from topologies.command import run

FILE = """\
allow_hosts: [127.0.0.1]
hooks:
  - name: revert
    type: webhook
    apps: [checkout-*, cart]
    url: {url}/revert?token=hidden
    secret_file: secret
    escalate: page
    dry_run: false
  - {{name: page, type: command, command: [sh, -c, 'test "$CANARY_TYPE" = canary.test && echo paged'], timeout: 10s}}
"""
Hooks = Callable[..., tuple[int, str, str]]


@pytest.fixture
def hooks(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Hooks:
    """Run `canary hooks ARGUMENTS` in an empty directory: code, output, messages."""
    for name in [name for name in os.environ if name.startswith("CANARY_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> tuple[int, str, str]:
        code = run(["hooks", *arguments])
        out, error = capfd.readouterr()
        return code, out, error

    return call


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    """A receiver, and a hooks file that names it."""
    with Receiver() as running:
        secret_file(tmp_path)
        (tmp_path / "hooks.yaml").write_text(FILE.format(url=running.url))
        yield running


def test_check_shows_what_each_would_do(hooks: Hooks, receiver: Receiver) -> None:
    assert hooks("check", "hooks.yaml") == (
        0,
        f"""\
hooks.yaml: ok

  revert  webhook {receiver.url}/revert?...
          on abort of app checkout-* and cart, armed, signed, at most 5s a try, then page
  page    command sh
          when revert fails, dry run, at most 10s a try

  Verdicts that are older than 15m fire nothing.
  Doubtful: hooks[0].escalate: "page" is a dry run, so that nothing is called when this hook fails.
""",
        "",
    )
    assert receiver.calls == []


def test_test_calls_each_once_really_and_harmlessly(hooks: Hooks, receiver: Receiver) -> None:
    code, out, error = hooks("test", "hooks.yaml")
    assert (code, error) == (0, "")
    first, second = out.splitlines()
    assert first.startswith("revert: succeeded after ")
    assert first.endswith(" ms. The receiver took it (200).")
    assert second.endswith(" ms. The command ended with 0: paged.")
    (call,) = receiver.calls
    message = Verifier(SECRET).verify(call.body, call.headers)
    assert (message["type"], message["data"]["verdict"], message["data"]["app"]) == (
        "canary.test",
        "continue",
        "canary-test",
    )


def test_test_of_one_and_a_failure(hooks: Hooks, receiver: Receiver) -> None:
    receiver.answer = always(503)
    code, out, _ = hooks("test", "hooks.yaml", "revert", "--output", "json")
    found = json.loads(out)
    assert code == exit_code.FAILED
    assert found.pop("duration_ms") >= 0
    assert found == {
        "hook": "revert",
        "target": f"{receiver.url}/revert?...",
        "ok": False,
        "status": 503,
        "text": "The receiver answered 503.",
    }
    assert len(receiver.calls) == 1
    assert hooks("test", "hooks.yaml", "page")[0] == 0


@pytest.mark.usefixtures("receiver")
def test_the_file_may_come_from_the_environment(hooks: Hooks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANARY_HOOKS_FILE", "hooks.yaml")
    assert hooks("check")[0] == 0
    code, _, error = hooks()
    assert (code, error) == (
        1,
        "canary: no broker is named; set CANARY_BROKER=host:port[,host:port], or give --broker\n",
    )


@pytest.mark.parametrize(
    ("arguments", "text", "told"),
    [
        ((), None, ""),
        (("run",), None, "no hooks file is named; give FILE, or set CANARY_HOOKS_FILE"),
        (("check",), None, "no hooks file is named; give FILE, or set CANARY_HOOKS_FILE"),
        (("check", "hook.yaml"), FILE, "hook.yaml: no such file (in "),
        (("check", "hooks.yaml"), "# nothing\n", "hooks.yaml: empty; it needs `hooks`"),
        (("check", "hooks.yaml"), "hooks: [", "hooks.yaml:1:"),
        (("check", "hooks.yaml"), "hooks: []", "hooks.yaml: hooks: must be a list of 1 to 100 entries; got []"),
        (
            ("test", "hooks.yaml", "pager"),
            FILE,
            "pager: there is no such hook in hooks.yaml; there are revert and page",
        ),
        (
            ("check", "hooks.yaml"),
            FILE.replace("command: [sh,", "command: [no-such-program,"),
            'command of hook "page": there is no program "no-such-program" in PATH, or it may not be run',
        ),
    ],
)
def test_mistakes_are_told_in_one_line(
    hooks: Hooks, arguments: tuple[str, ...], text: str | None, told: str, tmp_path: Path
) -> None:
    if text is not None:
        secret_file(tmp_path)
        (tmp_path / "hooks.yaml").write_text(text.format(url="http://127.0.0.1:1"))
    code, out, error = hooks(*arguments)
    assert (code, out) == (exit_code.MISUSED, "")
    assert error.startswith(f"canary: {told}" if told else "Usage: canary hooks")
    assert error.count("\n") == 1 or not told


@pytest.mark.usefixtures("receiver")
def test_the_variable_that_stops_must_say_on_or_off(hooks: Hooks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANARY_HOOKS", "no")
    assert hooks("run", "hooks.yaml", "--broker", "127.0.0.1:1") == (
        2,
        "",
        'canary: CANARY_HOOKS: must be on or off; got "no"\n',
    )


@pytest.mark.usefixtures("receiver")
def test_a_missing_secret_is_told(hooks: Hooks, tmp_path: Path) -> None:
    (tmp_path / "secret").unlink()
    code, out, error = hooks("check", "hooks.yaml")
    assert (code, out) == (exit_code.FAILED, "")
    assert (
        error == f'canary: secret_file of hook "revert": {tmp_path}/secret cannot be read: no such file or directory\n'
    )
