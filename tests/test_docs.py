"""The pages in `docs/` keep their word: every field, default, number, word and example there is the code's."""

import json
import re
from collections.abc import Mapping, Sequence
from math import expm1, isclose, log
from pathlib import Path
from typing import Any, get_args

import msgspec
import numpy as np
import pytest
import yaml
import zstandard
from msgspec import NODEFAULT, Struct
from msgspec.structs import fields

from stream.adapters.traffic import Traffic
from stream.compare import intake, location, mixture, outlier, rate_ratio, restart, weigh, yardstick
from stream.condense.chunk import Chunk
from stream.condense.series import LABEL_LIMIT, Index
from stream.document.doubts import doubts
from stream.document.effective import effective
from stream.document.parse import parse_document
from stream.document.rollout import read_rollout
from stream.errors import PolicyError
from stream.formats import check, native
from stream.formats.reasons import REASONS
from stream.judge import alerts, classify, clean, observe, verdict
from stream.outputs import (
    Action,
    Alert,
    AlertKind,
    Divergence,
    Drivers,
    RolloutState,
    Score,
    Side,
    State,
    Verdict,
    VerdictWord,
)
from stream.plan import BLOCK_MS, BLOCK_PANES, METRIC_SHARE, Plan
from stream.policy import CRITICAL_WEIGHT, NORMAL_WEIGHT, VIEWS, Kind, MetricRule, Policy
from stream.quantity import Duration, Tolerance, encode_quantity
from stream.replay.jump import CONFIRMATIONS, Jumps
from stream.rollout import Rollout, Selector
from stream.sample import Metric, SampleKind, Telemetry
from stream.schema import schemas
from stream.summary import Count, Ratio
from stream.summary.distribution import MAX_COUNT
from stream.summary.gauge import LARGEST
from tests.core_helpers import Drive, cohorts, latencies, plan_of
from tests.page_helpers import (
    ROOT,
    blocks,
    broken_links,
    commands,
    example_outputs,
    make_targets,
    page,
    pages,
    prose,
    shell,
    table,
    word,
)
from topologies import exit_code
from topologies.command import run

FILE, TELEMETRY, OUTPUTS, JUDGING = (f"docs/{name}.md" for name in ("rollout-file", "telemetry", "outputs", "judging"))
BASE: dict[str, object] = {"app": "checkout", "metrics": ["latency"]}
START = 1_767_607_200_000
SOMETHING = ' "version": "2.4.1", "metric": "http.server.request.duration"}'


# All pages


@pytest.mark.parametrize("name", pages())
def test_links_lead_somewhere(name: str) -> None:
    assert broken_links(name) == []


@pytest.mark.parametrize("name", pages())
def test_targets_of_make_exist(name: str) -> None:
    assert make_targets(page(name)) <= set(re.findall(r"^([a-z][a-z-]*):", page("Makefile"), re.MULTILINE))


def test_the_pages_that_the_readme_names_are_all() -> None:
    assert set(re.findall(r"\]\((docs/[\w-]+\.md)\)", page("README.md"))) | {OUTPUTS} == set(pages()) - {"README.md"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files that the commands name. The third and the seventh line of the telemetry are wrong."""
    folder = tmp_path_factory.mktemp("docs")
    (folder / "rollout.yaml").write_text(blocks(page(FILE), "yaml")[1].text)
    traffic = Traffic(seed=1, start_ms=START, instances=3, rate=1.0, fault="none")
    messages = [message for second in range(200) for message in traffic.second(second)]
    lines = [msgspec.json.encode(message) for message in messages]
    sides = [[x for x, m in zip(lines, messages, strict=True) if m.version == name] for name in ("2.4.0", "2.4.1")]
    (folder / "baseline.jsonl").write_bytes(b"\n".join(sides[0]))
    (folder / "canary.jsonl.zst").write_bytes(zstandard.compress(b"\n".join(sides[1])))
    lines.insert(2, f'{{"app": "checkout", "instance": "a", "value": -3, "ts": {START},{SOMETHING}'.encode())
    lines.insert(6, f'{{"app": "checkout", "instance": "a", "value": 3, "ts": {START // 1000},{SOMETHING}'.encode())
    (folder / "telemetry.jsonl").write_bytes(b"\n".join(lines))
    return folder


@pytest.mark.parametrize("line", [line for name in pages()[1:] for line in commands(page(name))])
def test_commands_run(folder: Path, line: str) -> None:
    done = shell(line.replace("telemetry.jsonl.gz", "telemetry.jsonl"), folder)
    good = (0, 3, 4) if "replay" in line else (0,)
    assert done.returncode in good, done.stderr


def test_wrong_lines_are_told_as_shown(folder: Path) -> None:
    (shown,) = [block.text for block in blocks(page(TELEMETRY), "text")]
    printed = shell("canary replay telemetry.jsonl --rollout rollout.yaml", folder).stdout
    assert printed.splitlines()[-3:] == shown.splitlines()


# The rollout file


def as_file(text: str) -> dict[str, object]:
    """A file, or a part of one with what is missing put beside it."""
    document = parse_document(text, "rollout.toml" if "= " in text else "rollout.yaml")
    return document if {"policy", "metrics"} & document.keys() and "app" in document else {**BASE, **document}


def complaint(document: dict[str, object]) -> str:
    with pytest.raises(PolicyError) as caught:
        read_rollout(document)
    return str(caught.value)


def test_rollout_files_are_accepted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = []
    for name in pages():
        for block in blocks(page(name), "yaml") + blocks(page(name), "toml"):
            paths.append(tmp_path / f"{len(paths)}.json")
            document = as_file(block.text)
            paths[-1].write_text(json.dumps(document if "canary" not in document else {"baseline": None, **document}))
    assert len(paths) > 10
    assert run(["check", *map(str, paths)]) == exit_code.GOOD, capsys.readouterr().err


def test_yaml_and_toml_say_the_same() -> None:
    (toml,) = blocks(page(FILE), "toml")
    first = as_file(blocks(page(FILE), "yaml")[1].text)
    metrics = first["metrics"]
    assert isinstance(metrics, list)
    assert as_file(toml.text) == {**first, "metrics": metrics[:1]}


@pytest.mark.parametrize("row", table(FILE, "When it does not work", "you wrote"), ids=lambda row: row[0])
def test_mistakes_and_doubts(row: list[str]) -> None:
    document = {**BASE, **parse_document(word(row[0]), "rollout.yaml")}
    assert complaint(document) == row[1]


def test_doubts() -> None:
    for wrote, said in doubt_rows():
        assert said in doubts(read_rollout({**BASE, **yaml.safe_load(word(wrote))}))
