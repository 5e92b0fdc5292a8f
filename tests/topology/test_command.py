"""The `canary` command as a shell sees it: exit codes, data on standard output, one line on standard error."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import typer

from stream import __version__
from stream.adapters.files import LARGEST, read_text, write_text
from stream.adapters.rollout_file import read_rollout_file
from stream.errors import CanaryError, PolicyError, SourceError
from stream.schema import schemas
from topologies import command

ROOT = Path(__file__).resolve().parents[2]
ROLLOUT = """\
app: checkout
baseline: {version: 2.4.0}
canary: {version: 2.4.1}
metrics:
  - {name: latency, tolerate: 5%, critical: true}
  - {name: errors, of: requests, critical: true}
  - {name: cpu, kind: gauge, group: saturation}
  - {name: queue, muted: true}
groups: {saturation: 2}
"""
CHECKED = """\
rollout.yaml: ok

  rollout   checkout-2.4.1, app checkout, any environment
  baseline  version 2.4.0
  canary    version 2.4.1
  time      from its start until its verdict, inconclusive after 1h
  policy    default, version 1, fingerprint {fingerprint}
  panes     10s, closed 5s after their end
  counts    an instance from 2m on, with 20 samples of a distribution in a pane
  speaks    after 1 pane; restarts have 0.5 of the evidence
  abort     alpha 0.05: 0.04 for the deciding metrics, 0.01 (evidence 4.61) for the mean of all
  promote   from 10m on, score 95 or more, alpha 0.05 (evidence 3.00) for each deciding metric
  score     alert under 75; weights of groups: metrics 1, saturation 2

  METRIC              KIND            WORSE   TOLERATE   PROMOTE     DECIDES   SHARE  ALPHA  EVIDENCE
  latency             (distribution)  higher  5%         (10%)       critical  50%    0.02   3.91
  errors of requests  ratio           higher  25%        50%         critical  50%    0.02   3.91
  cpu                 gauge           higher  5% or 2pp  10% or 5pp  no        -      -      -
  queue               (distribution)  higher  (5%)       (10%)       muted     -      -      -

  In brackets: unless the messages say otherwise.
"""
Result = subprocess.CompletedProcess[str]
Canary = Callable[..., Result]


@pytest.fixture
def canary(tmp_path: Path) -> Canary:
    """Run the command in an empty directory."""

    def run(*arguments: str, stdin: str = "", **variables: str) -> Result:
        return subprocess.run(
            [sys.executable, "-c", "from topologies.command import main; main()", *arguments],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT), **variables},
            input=stdin,
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
        )

    return run


def complaint(result: Result, code: int) -> str:
    """The one line of a failed command."""
    assert result.returncode == code
    assert "Traceback" not in result.stderr
    (line,) = result.stderr.splitlines()
    assert line.startswith("canary: ")
    return line.removeprefix("canary: ")


def test_version(canary: Canary) -> None:
    result = canary("--version")
    assert (result.returncode, result.stdout, result.stderr) == (0, f"canary {__version__}\n", "")


def test_help(canary: Canary) -> None:
    result = canary("--help")
    assert result.returncode == 0
    assert all(name in result.stdout for name in command.COMMANDS)


def test_nothing_to_do_shows_the_help(canary: Canary) -> None:
    result = canary()
    assert (result.returncode, result.stdout) == (2, "")
    assert "Usage: canary" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["chek"], "No such command 'chek'"),
        (["check"], "Missing argument 'FILE'; see `canary check --help`"),
        (["check", "--bogus", "x"], "No such option: --bogus; see `canary check --help`"),
        (["check", "--output", "xml", "x"], "Invalid value for '--output': 'xml' is not one of 'text', 'json'"),
        (["--bogus"], "No such option: --bogus; see `canary --help`"),
        (["schema", "verdit"], "Invalid value for NAME: no schema 'verdit'; there are rollout, telemetry, partial"),
    ],
)
def test_wrong_use(canary: Canary, arguments: list[str], words: str) -> None:
    assert complaint(canary(*arguments), 2).startswith(words)


def test_check_shows_every_default(canary: Canary, tmp_path: Path) -> None:
    (tmp_path / "rollout.yaml").write_text(ROLLOUT)
    result = canary("check", "rollout.yaml")
    assert (result.returncode, result.stderr) == (0, "")
    fingerprint = json.loads(canary("check", "rollout.yaml", "--output", "json").stdout)["fingerprint"]
    assert result.stdout == CHECKED.format(fingerprint=fingerprint)


def test_check_as_json_is_one_object_a_line(canary: Canary, tmp_path: Path) -> None:
    (tmp_path / "good.yaml").write_text(ROLLOUT)
    (tmp_path / "bad.yaml").write_text("app: shop\nmetrics: [a]\nalpha: 7\n")
    result = canary("check", "bad.yaml", "good.yaml", "--output", "json")
    assert complaint(result, 2) == "bad.yaml: alpha: must be a number over 0 and at most 0.5; got 7"
    bad, good = map(json.loads, result.stdout.splitlines())
    assert bad == {
        "file": "bad.yaml",
        "ok": False,
        "error": "bad.yaml: alpha: must be a number over 0 and at most 0.5; got 7",
    }
    assert (good["file"], good["ok"], good["doubts"]) == ("good.yaml", True, [])
    assert (good["rollout"]["id"], good["rollout"]["pane"]) == ("checkout-2.4.1", "10s")
    assert [metric["share"] for metric in good["metrics"]] == [0.5, 0.5, None, None]


def test_check_tells_doubts_and_still_agrees(canary: Canary, tmp_path: Path) -> None:
    (tmp_path / "rollout.toml").write_text('app = "shop"\npane = "1s"\nmetrics = ["latency"]\n')
    result = canary("check", "rollout.toml")
    assert (result.returncode, result.stderr) == (0, "")
    assert "  Doubtful: baseline, canary: neither is given" in result.stdout
    assert "  Doubtful: n_min: 20 samples an instance in 1s is a lot" in result.stdout


def test_check_reads_standard_input(canary: Canary) -> None:
    result = canary("check", "-", stdin=ROLLOUT)
    assert result.returncode == 0
    assert result.stdout.startswith("-: ok\n")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("rolout.yaml", None, "rolout.yaml: no such file (in {}); did you mean rollout.yaml?"),
        ("x/rollout.yaml", None, "x/rollout.yaml: no such file: there is no directory {}/x"),
        (".", None, ".: is a directory; name a file in it"),
        ("a.yaml", "app: [1", "a.yaml:1:8: while parsing a flow sequence, expected ',' or ']', but got '<stream end>'"),
        ("a.yaml", "", "a.yaml: empty; it needs `app` and `metrics`"),
        ("a.json", '{"app": "a", "app": "b"}', 'a.json:1:24: the object that ends here has the key "app" twice'),
        ("a.yaml", "app: a\nmetrics: [b]\npane: 5", "a.yaml: pane: a duration is a number and a unit, such as 10s, 5m"),
        ("a.yaml", b"app: \xff", "a.yaml:1: not UTF-8; save it as UTF-8"),
        ("a.yaml", "a" * (LARGEST + 1), "a.yaml: larger than 4 MB"),
        ("a\0.yaml", None, "embedded null byte"),
    ],
)
def test_files_that_cannot_be_read(tmp_path: Path, name: str, content: str | bytes | None, words: str) -> None:
    (tmp_path / "rollout.yaml").write_text(ROLLOUT)
    if content is not None:
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    before = Path.cwd()
    os.chdir(tmp_path)
    try:
        with pytest.raises(PolicyError) as caught:
            read_rollout_file(name)
    finally:
        os.chdir(before)
    assert words.format(tmp_path.resolve()) in str(caught.value)


def test_a_byte_order_mark_is_dropped(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"\xef\xbb\xbf" + ROLLOUT.encode())
    assert read_text(str(tmp_path / "a.yaml")) == ROLLOUT


def test_schema_prints_one_or_all(canary: Canary) -> None:
    assert json.loads(canary("schema").stdout) == schemas()
    assert json.loads(canary("schema", "verdict").stdout) == schemas()["verdict"]


def test_schema_writes_files(canary: Canary, tmp_path: Path) -> None:
    result = canary("schema", "--dir", "out/schemas")
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    written = {path.name: json.loads(path.read_text()) for path in (tmp_path / "out/schemas").iterdir()}
    assert written == {f"{name}.schema.json": schema for name, schema in schemas().items()}


def test_what_cannot_be_written_is_no_misuse(canary: Canary, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    assert complaint(canary("schema", "--dir", "out"), 1).startswith("out/rollout.schema.json: cannot be written: ")
    with pytest.raises(CanaryError, match="cannot be written"):
        write_text(tmp_path / "out" / "x", "")


def test_a_reader_that_has_enough_is_no_trouble(tmp_path: Path) -> None:
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from topologies.command import main; main()"
    with subprocess.Popen(
        [sys.executable, "-c", code, "schema"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(timeout=30) == 1


def test_a_terminal_without_unicode_gets_escapes(canary: Canary) -> None:
    result = canary("check", "-", stdin='{"app": "\u2713", "metrics": ["m"]}', PYTHONIOENCODING="latin-1")
    assert (result.returncode, result.stderr) == (0, "")
    assert "app \\u2713, any environment" in result.stdout


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (PolicyError("alpha: wrong"), 2, "canary: alpha: wrong\n"),
        (CanaryError("broken\nin two"), 1, "canary: broken in two\n"),
        (SourceError("no broker"), 1, "canary: no broker\n"),
        (OSError(28, "No space left on device"), 1, "canary: [Errno 28] No space left on device\n"),
        (KeyboardInterrupt(), 130, ""),
        (typer.Exit(3), 3, ""),
        (typer.Exit(4), 4, ""),
        (None, 0, ""),
    ],
)
def test_exit_codes(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: BaseException | None,
    code: int,
    words: str,
) -> None:
    def act() -> None:
        if error is not None:
            raise error

    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(act)
    monkeypatch.setattr(command, "app", app)
    assert command.run([]) == code
    assert capsys.readouterr().err == words
