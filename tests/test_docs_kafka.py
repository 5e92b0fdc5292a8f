"""`docs/kafka.md` is so: its tables are the code's, its commands and arguments exist."""

import inspect
import re
import shlex
from ast import literal_eval
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.main import get_command

from stream import subscribe
from stream.adapters.kafka.outputs import TOPIC_OF
from stream.adapters.settings import Settings
from stream.adapters.topics import TOPICS, Topic
from stream.adapters.worker.announce import records_of
from stream.adapters.written_settings import NAMES, variable
from stream.document.parse import parse_document
from stream.quantity import Duration
from tests.output_helpers import example
from tests.page_helpers import blocks, page, prose, table, tables, word
from topologies import exit_code
from topologies.command import app

KAFKA = "docs/kafka.md"
TEXT = page(KAFKA)
LINES = [line for block in blocks(TEXT, "bash") for line in block.text.splitlines()]


def code(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def test_settings() -> None:
    rows = table(KAFKA, "variable")
    assert [word(row[0]) for row in rows] == list(NAMES)
    assert [word(row[1]) for row in rows] == [variable(name) for name in NAMES]
    usual = {field.name: getattr(Settings(("a:1",)), field.name) for field in fields(Settings)}
    stated = {word(row[0]): row[3] for row in rows if row[3].startswith("`")}
    assert set(stated) == set(NAMES) & set(usual)
    for name, text in stated.items():
        value = usual[name]
        shown = ",".join(value) if isinstance(value, tuple) else f"{value:g}" if isinstance(value, float) else value
        assert word(text) == str(shown), name


def test_the_settings_file(tmp_path: Path) -> None:
    (block,) = blocks(TEXT, "conf")
    path = tmp_path / "settings.yaml"
    path.write_text(block.text.replace("/run/secrets/kafka", str(tmp_path / "password")))
    (tmp_path / "password").write_text("p")
    settings = Settings.read({}, path)
    assert settings.brokers == ("kafka-1:9092", "kafka-2:9092")
    assert settings.security.protocol == "SASL_SSL"
    assert set(parse_document(block.text, "settings.yaml")) <= set(NAMES)


def test_ways_in_name_settings() -> None:
    for row in table(KAFKA, "the cluster wants"):
        assert {name.partition(":")[0] for name in code(row[1])} <= set(NAMES)


def kept(topic: Topic) -> str:
    return "newest of each key" if topic.retention_ms is None else str(Duration(topic.retention_ms))


def test_topics() -> None:
    assert table(KAFKA, "topic") == [
        [
            f"`{topic.name('canary')}`",
            topic.purpose,
            topic.key,
            str(topic.partitions),
            kept(topic),
            topic.writers,
            topic.readers,
        ]
        for topic in TOPICS
    ]
    internal = {f"`{topic.name('canary')}`" for topic in TOPICS if topic.internal}
    assert " and ".join(sorted(internal)) + " are the monitor's own affair" in " ".join(TEXT.split())


def test_every_topic_that_is_named_exists() -> None:
    names = {topic.name("canary") for topic in TOPICS}
    assert set(re.findall(r"`(canary\.[a-z.-]+)`", TEXT)) - {f"canary.{kind}" for kind in TOPIC_OF} <= names


@pytest.mark.parametrize("line", [line for line in LINES if line.startswith("canary ")])
def test_commands_take_what_is_shown(line: str) -> None:
    """Parsed as the command line parses them, up to the point where it would act."""
    command: Any = get_command(app)
    arguments = shlex.split(line)[1:]
    context = typer.Context(command, info_name="canary")
    while hasattr(command, "commands"):
        _, command, arguments = command.resolve_command(context, arguments)
    assert command.make_context(command.name, arguments).params["broker"] is None


def test_commands_that_are_named_exist() -> None:
    command: Any = get_command(app)
    assert set(re.findall(r"`canary ([a-z]+)", TEXT)) <= set(command.commands)


def test_lines_are_commands_or_variables() -> None:
    assert [line for line in LINES if not line.startswith("canary ")] == [
        "export CANARY_BROKER=kafka-1:9092,kafka-2:9092"
    ]


def test_exit_codes() -> None:
    stated = {int(row[0]): row[1] for row in table(KAFKA, "code")}
    assert list(stated) == [
        exit_code.GOOD,
        exit_code.ABORT,
        exit_code.INCONCLUSIVE,
        exit_code.FAILED,
        exit_code.MISUSED,
    ]


def test_arguments_of_subscribe() -> None:
    rows = table(KAFKA, "argument")
    parameters = inspect.signature(subscribe).parameters
    assert [word(row[0]) for row in rows] == list(parameters)
    stated = {word(row[0]): literal_eval(word(row[2])) for row in rows if row[2] in ('`("verdict",)`', "`False`")}
    usual = {name: parameter.default for name, parameter in parameters.items() if parameter.default is not None}
    assert stated == usual
    (kinds,) = [row[1] for row in rows if word(row[0]) == "kinds"]
    assert code(kinds) == list(TOPIC_OF)


def test_the_python_is_python() -> None:
    (block,) = blocks(TEXT, "python")
    compile(block.text, KAFKA, "exec")
    used = re.findall(r"(\w+)=", block.text)
    assert set(used) <= set(inspect.signature(subscribe).parameters)


def test_headers() -> None:
    rows = {word(row[0]): row[1] for row in table(KAFKA, "header")}
    outputs = example("latency", "checkout-2.4.1", 1_767_607_630_000)
    records = [record for output in outputs for record in records_of(output, "canary")]
    for record in records:
        headers = {name: value.decode() for name, value in record.headers}
        assert list(headers) == list(rows)
        assert headers["ce_type"] in code(rows["ce_type"])
        for name in ("ce_specversion", "ce_source", "content-type"):
            assert [headers[name]] == code(rows[name])
    last = {name: value.decode() for name, value in records[-1].headers}
    assert last["ce_subject"] == "checkout-2.4.1"
    assert code(rows["ce_id"]) == [last["ce_id"]]
    assert code(rows["ce_time"]) == [last["ce_time"]]


def test_the_order_of_the_list() -> None:
    from stream.adapters.kafka.standings import NEED

    assert f"first: {', '.join(state.replace('_', ' ') for state in NEED)}." in " ".join(prose(TEXT).split())


def test_every_section_is_in_the_contents() -> None:
    contents = re.findall(r"^- \[(.+)\]\(#", TEXT, re.MULTILINE)
    assert contents == re.findall(r"^## (.+)$", TEXT, re.MULTILINE)
    assert len(tables(TEXT)) == 7
