"""The README keeps its word: what it shows is what happens, what it names is there."""

import gzip
import re
import tomllib
from pathlib import Path

import pytest

from stream.adapters.example import example_lines
from stream.adapters.traffic import FAULTS
from tests.page_helpers import EXAMPLE, ROOT, blocks, broken_links, commands, example_text, page, shell, tables
from topologies import exit_code
from topologies.command import run

README = page("README.md")
TELEMETRY_LINES = 15_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files that the commands name: the rollout file is the one shown."""
    folder = tmp_path_factory.mktemp("readme")
    (rollout,) = blocks(README, "yaml")
    (folder / "rollout.yaml").write_text(rollout.text)
    lines = [line for line, _ in zip(example_lines("none"), range(TELEMETRY_LINES), strict=False)]
    (folder / "telemetry.jsonl.gz").write_bytes(gzip.compress(b"\n".join(lines), 1))
    return folder


def test_the_replay_prints_what_is_shown() -> None:
    (shown,) = [block.text for block in blocks(README, "text") if re.match(r"\d\d:\d\d:\d\d  verdict", block.text)]
    assert shown == example_text(), "after a change that is meant: python -m tests.page_helpers"


def test_the_commands_run(folder: Path) -> None:
    found = commands(README)
    assert found[0].partition("#")[0].strip() == EXAMPLE
    runs = [shell(EXAMPLE, ROOT), shell(found[1], folder)]
    assert [done.returncode for done in runs] == [exit_code.ABORT, exit_code.INCONCLUSIVE], runs[1].stderr


def test_the_rollout_file_is_right(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", str(folder / "rollout.yaml")]) == exit_code.GOOD
    assert "Doubtful" not in capsys.readouterr().out


def test_the_exit_codes_are_those_of_the_command() -> None:
    (sentence,) = re.findall(r"The exit code is the verdict's: (.*?)\.", README, re.DOTALL)
    stated = {int(code): " ".join(what.split()) for code, what in re.findall(r"(\d+) ([^,]+)", sentence)}
    assert stated == {
        exit_code.GOOD: "promote",
        exit_code.ABORT: "abort",
        exit_code.INCONCLUSIVE: "inconclusive or undecided",
        exit_code.FAILED: "something does not work",
        exit_code.MISUSED: "something is written wrongly",
    }


def test_the_faults_are_those_of_the_command() -> None:
    (stated,) = re.findall(r"`--fault` chooses.*?\((.*?)\)", README, re.DOTALL)
    assert re.findall(r"`([a-z-]+)`", stated) == list(FAULTS)


@pytest.mark.parametrize("row", [tuple(row) for found in tables(README) for row in found.rows], ids=" ".join)
def test_paths_and_names_in_tables_are_there(row: tuple[str, ...]) -> None:
    code = [word for cell in row for word in re.findall(r"`([^`]+)`", cell)]
    paths = [ROOT / word for word in code if "/" in word]
    assert paths
    for path in paths:
        assert (path.parent if path.stem == "NAME" else path).exists(), path
    for name in set(code) & {word for word in code if word.isupper()}:
        assert any(re.search(rf"^{name}\b", path.read_text(), re.MULTILINE) for path in paths if path.is_file()), name


def test_links_lead_somewhere() -> None:
    assert broken_links("README.md") == []


def test_the_versions_of_python_are_those_of_the_project() -> None:
    first, last = re.findall(r"Needs Python (\d\.\d+) to (\d\.\d+)", README)[0]
    asked = tomllib.loads(page("pyproject.toml"))["project"]["requires-python"]
    assert asked == f">={first},<3.{int(last.partition('.')[2]) + 1}"


def test_nothing_is_left_to_fill_in() -> None:
    assert not re.search(r"@[A-Z]+@|\bTODO\b|\bTBD\b", README)
