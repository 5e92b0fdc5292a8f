"""The commands that need a broker, where there is none, and where they are used wrongly."""

from collections.abc import Callable
from pathlib import Path

import pytest

from stream.adapters.embedded_broker import free_port
from topologies import command

COMMANDS = [
    ["start", "rollout.yaml"],
    ["stop", "shop-1"],
    ["list"],
    ["verdict", "shop-1"],
    ["explain", "shop-1"],
    ["topics", "create"],
    ["topics", "check"],
]
Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Runs a command where `rollout.yaml` is: its exit code and the one line of its complaint."""
    (tmp_path / "rollout.yaml").write_text("app: shop\nmetrics: [latency]\n")
    monkeypatch.chdir(tmp_path)
    for name in ("CANARY_BROKER", "CANARY_SETTINGS"):
        monkeypatch.delenv(name, raising=False)

    def run(*arguments: str) -> tuple[int, str]:
        code = command.run(list(arguments))
        out, err = capfd.readouterr()
        assert out == ""
        (line,) = err.splitlines()
        return code, line.removeprefix("canary: ")

    return run


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_without_a_broker_each_says_how_to_name_one(run: Run, arguments: list[str]) -> None:
    words = "no broker is named; set CANARY_BROKER=host:port[,host:port], or give --broker"
    assert run(*arguments) == (1, words)


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_where_nobody_listens_each_says_so(run: Run, arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    monkeypatch.setenv("CANARY_BROKER", "nowhere.invalid:9092")
    code, words = run(*arguments, "--broker", f"127.0.0.1:{port}")
    assert (code, words.split(";")[0]) == (1, f"no broker answers at 127.0.0.1:{port} (connection refused)")


def test_a_file_of_settings(run: Run, tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text(f'broker = "127.0.0.1:{free_port()}"\n')
    assert run("list", "--settings", "s.toml")[0] == 1
    (tmp_path / "s.toml").write_text('brokers = "127.0.0.1"\n')
    assert run("list", "--settings", "s.toml") == (
        2,
        's.toml: brokers: unknown setting; did you mean "broker"? known: broker, prefix, group, telemetry,'
        " security_protocol, sasl_mechanism, sasl_username, sasl_password, sasl_password_file, sasl_token_file, ssl_ca,"
        " ssl_certificate, ssl_key, listen, chunk, checkpoint, session, fetch_wait, log, log_level",
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["list", "--broker", "a:b"], 'CANARY_BROKER: must be host:port; got "a:b"'),
        (["start"], "Missing argument 'FILE'; see `canary start --help`"),
        (["start", "none.yaml"], "none.yaml: no such file"),
        (["start", "rollout.yaml", "--from", "soon"], "Invalid value for --from: a time is milliseconds since 1970 or"),
        (["start", "rollout.yaml", "--until", "1"], "rollout.yaml: until: must be after `from` ("),
        (["start", "rollout.yaml", "--id", "a b"], "rollout.yaml: id: must be text without white space"),
        (
            ["verdict", "x", "--wait", "--timeout", "30"],
            "Invalid value for --timeout: a duration is a number and a unit",
        ),
        (["topics"], "Missing command; see `canary topics --help`"),
        (["topics", "create", "--replicas", "0"], "Invalid value for '--replicas'"),
        (["explain"], "Missing argument 'ID'; see `canary explain --help`"),
    ],
)
def test_wrong_use(run: Run, arguments: list[str], words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANARY_BROKER", "nowhere.invalid:9092")
    code, line = run(*arguments)
    assert (code, line[: len(words)]) == (2, words)
