"""docs/hooks.md keeps its word: its files are read, its receiver runs, its tables are the code's."""

import asyncio
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from msgspec import Struct
from msgspec.structs import fields
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from stream.adapters.child import tied
from stream.adapters.embedded_broker import LOOPBACK, free_port
from stream.adapters.hooks import make_hooks
from stream.adapters.hooks.file import ARMED, FILE, directory_of, read_hooks_file
from stream.adapters.hooks.metrics import HookMetrics
from stream.adapters.hooks.runner import LEAVING_SECONDS
from stream.document.hooks import read_hooks
from stream.document.parse import parse_document
from stream.errors import PolicyError
from stream.hooks.message import LARGEST, message_id, variables_of, verdict_type
from stream.hooks.outcome import LONGEST_WAIT_MS, of_status
from stream.hooks.rule import USUAL_ON, HookRule, HooksFile
from stream.hooks.step import PAUSE_MS, TRIES_MS
from stream.outputs import VerdictWord
from stream.quantity import encode_quantity
from tests.hook_helpers import SECRET, verdict
from tests.metrics_helpers import OPENMETRICS
from tests.page_helpers import ROOT, blocks, page, table, tables, word
from topologies.command import run
from topologies.commands.hooks import LISTEN, VARIABLE
from topologies.commands.hooks import hooks as group

PAGE, EXAMPLE = "docs/hooks.md", "examples/hooks.yaml"
TEXT = " ".join(page(PAGE).split())


@pytest.mark.parametrize("block", blocks(page(PAGE), "yml"), ids=lambda block: block.text[:40])
def test_files_are_read(block: Any) -> None:
    assert read_hooks(parse_document(block.text, "hooks.yaml")).hooks


def test_the_example_is_right_and_calls_nothing_yet() -> None:
    path = str(ROOT / EXAMPLE)
    file = read_hooks_file(path)
    assert make_hooks(file, directory_of(path)).keys() == {"revert", "page"}
    assert all(rule.dry_run for rule in file.hooks)


@pytest.mark.parametrize(("wrote", "told"), table(PAGE, "you get"))
def test_mistakes_are_told_as_shown(wrote: str, told: str) -> None:
    with pytest.raises(PolicyError) as caught:
        read_hooks(json.loads(word(wrote)))
    assert str(caught.value) == told


@pytest.mark.parametrize(("first", "struct"), [("hooks", HooksFile), ("name", HookRule)])
def test_all_fields(first: str, struct: type[Struct]) -> None:
    (rows,) = [one.rows for one in tables(page(PAGE)) if one.header[0] == "field" and word(one.rows[0][0]) == first]
    assert [word(name) for name, _, _ in rows] == [info.encode_name for info in fields(struct)]
    described = msgspec.inspect.type_info(struct)
    assert isinstance(described, msgspec.inspect.StructType)
    for (name, default, meaning), info, field in zip(rows, fields(struct), described.fields, strict=True):
        assert isinstance(field.type, msgspec.inspect.Metadata)
        assert meaning == (field.type.extra_json_schema or {})["description"]
        if info.required:
            assert default == "required", name
        elif info.default is None:
            assert default == (f"`[{USUAL_ON[0]}]`" if word(name) == "on" else "none"), name
        else:
            assert word(default) == json.dumps(info.default, default=encode_quantity).strip('"'), name


def test_the_receiver_runs_and_verifies(tmp_path: Path) -> None:
    (code,) = [block.text for block in blocks(page(PAGE), "python")]
    (tmp_path / "receiver.py").write_text(code)
    (tmp_path / "secret").write_text(SECRET)
    port = free_port()
    url = f"http://{LOOPBACK}:{port}/api/revert"
    hook = {"name": "revert", "type": "webhook", "url": url, "secret_file": "secret"}
    (tmp_path / "hooks.json").write_text(json.dumps({"allow_hosts": [LOOPBACK], "hooks": [hook]}))
    env = {**os.environ, "WEBHOOK_SECRET": SECRET, "PORT": str(port)}
    command = tied([sys.executable, str(tmp_path / "receiver.py")])
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) as process:
        try:
            deadline = time.monotonic() + 20
            while run(["hooks", "test", str(tmp_path / "hooks.json")]) != 0:
                assert process.poll() is None
                assert time.monotonic() < deadline
            (tmp_path / "secret").write_text("whsec_" + SECRET[6:][::-1])
            assert run(["hooks", "test", str(tmp_path / "hooks.json")]) == 1
        finally:
            process.terminate()
        assert process.stdout is not None
        assert process.stdout.read() == "", "a test reverts nothing"


def test_a_call_is_as_shown() -> None:
    shown = next(block.text for block in blocks(page(PAGE), "text") if "webhook-id" in block.text)
    said = verdict("shop-1", number=172)
    assert f"webhook-id: {message_id(said.id, 'revert')}\n" in shown
    assert f'{{"type":"{verdict_type(said)}","timestamp":"' in shown
    for known in get_args(VerdictWord):
        assert f"canary.verdict.{known}" in TEXT
    assert f"at most {LARGEST:,} bytes" in TEXT


def test_variables_are_all() -> None:
    rows = [word(row[0]) for row in table(PAGE, "variable")]
    assert rows == list(variables_of("canary.test", verdict(), "shop-1/7/page"))


def test_what_follows_answers() -> None:
    rows = dict(table(PAGE, "what comes"))
    assert rows["408, 425, 429, 500 to 599"].startswith("tried again")
    assert all(of_status(status).passing for status in (408, 425, 429, 500, 599))
    assert rows["410"].startswith("refused")
    assert rows["300 to 399"].startswith("refused")
    assert all(of_status(status).refused for status in (300, 399, 410))
    assert not any(of_status(status).passing for status in (400, 401, 403, 404, 409, 422, 600))


def test_words_and_numbers_are_the_codes() -> None:
    seconds = [str(ms // 1000) for ms in TRIES_MS]
    assert f"tried at {', '.join(seconds[:-1])} and {seconds[-1]} seconds after the first try" in TEXT
    assert PAUSE_MS == 1_000
    assert f"respected up to {LONGEST_WAIT_MS // 1000} seconds" in TEXT
    assert f"for up to {LEAVING_SECONDS:.0f} seconds" in TEXT
    assert f"`http://{LISTEN}`" in TEXT
    assert f"`{VARIABLE}=hooks.yaml`" in TEXT
    assert f"`{ARMED}=off`" in TEXT
    assert VARIABLE == FILE


def test_commands_exist() -> None:
    called = set(re.findall(r"canary hooks ([a-z]+)", page(PAGE)))
    assert called == {
        command.name or getattr(command.callback, "__name__", "") for command in group.registered_commands
    }


def test_every_metric_is_described_once() -> None:
    text, _ = asyncio.run(HookMetrics(["revert"]).exposition(OPENMETRICS))
    every = text_string_to_metric_families(text.decode())  # type: ignore[no-untyped-call]
    found = [one for one in every if one.name.startswith("canary_")]
    ends = {"counter": "_total", "info": "_info"}
    ours = {one.name + ends.get(one.type, ""): one for one in found}
    rows = {word(row[0]): row[1:] for row in table(PAGE, "metric")}
    assert sorted(rows) == sorted(ours)
    for name, (kind, labels, meaning) in rows.items():
        known = {label for sample in ours[name].samples for label in sample.labels} - {"le"}
        assert (kind, meaning) == (ours[name].type, ours[name].documentation)
        assert sorted(re.findall(r"`(\w+)`", labels)) == sorted(known)
