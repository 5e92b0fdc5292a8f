"""The pages in `docs/` keep their word: every field, default, range, word and example there is the code's."""

import gzip
import json
import re
from collections.abc import Mapping
from math import expm1, isclose
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
import zstandard
from msgspec import Struct
from msgspec.structs import fields

from stream.adapters.traffic import Traffic
from stream.compare import yardstick
from stream.condense.chunk import Chunk
from stream.condense.series import LABEL_LIMIT, Index
from stream.document.doubts import doubts
from stream.document.parse import parse_document
from stream.document.rollout import read_rollout
from stream.errors import PolicyError
from stream.formats import check, native
from stream.formats.reasons import REASONS
from stream.judge.clean import MOST_UNITS
from stream.outputs import AlertKind, RolloutState, State, VerdictWord
from stream.policy import Kind, MetricRule, Policy
from stream.quantity import encode_quantity
from stream.replay.jump import CONFIRMATIONS, HOUR_MS, PANES, Jumps
from stream.replay.run import EXAMPLES
from stream.rollout import Rollout, Selector
from stream.sample import Metric, SampleKind, Telemetry
from stream.schema import schemas
from stream.summary.distribution import MAX_COUNT
from stream.summary.gauge import LARGEST
from tests.page_helpers import (
    EXAMPLE,
    ROOT,
    Block,
    blocks,
    broken_links,
    commands,
    example_outputs,
    make_targets,
    page,
    pages,
    shell,
    table,
    tables,
    word,
)
from topologies import exit_code
from topologies.command import run

FILE, TELEMETRY, OUTPUTS = (f"docs/{name}.md" for name in ("rollout-file", "telemetry", "outputs"))
BASE: dict[str, object] = {"app": "checkout", "metrics": ["latency"]}
START = 1_767_607_200_000
WATCHED = Policy(
    (
        MetricRule("http.server.request.duration"),
        MetricRule("http.server.errors", of="http.server.requests"),
        MetricRule("process.cpu.utilization", kind="gauge"),
        MetricRule("cache.misses", kind="ratio"),
    )
)
ROLLOUT = Rollout(
    "checkout-2.4.1", "checkout", WATCHED, baseline=Selector(version="2.4.0"), canary=Selector(version="2.4.1")
)
Schema = Mapping[str, Any]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files that commands name. The third and the seventh line of `telemetry.jsonl` are wrong."""
    folder = tmp_path_factory.mktemp("docs")
    (folder / "rollout.yaml").write_text(blocks(page(FILE), "yaml")[1].text)
    traffic = Traffic(seed=1, start_ms=START, instances=3, rate=1.0, fault="none")
    messages = [message for second in range(200) for message in traffic.second(second)]
    lines = [(message.version, msgspec.json.encode(message)) for message in messages]
    (folder / "baseline.jsonl").write_bytes(b"\n".join(line for version, line in lines if version == "2.4.0"))
    mine = b"\n".join(line for version, line in lines if version == "2.4.1")
    (folder / "canary.jsonl.zst").write_bytes(zstandard.compress(mine))
    every = [line for _, line in lines]
    every.insert(2, encoded(value=-3))
    every.insert(6, encoded(ts=START // 1000))
    (folder / "telemetry.jsonl").write_bytes(b"\n".join(every))
    (folder / "telemetry.jsonl.gz").write_bytes(gzip.compress(b"\n".join(every)))
    return folder


# All pages


@pytest.mark.parametrize("name", pages()[1:])
def test_links_lead_somewhere(name: str) -> None:
    assert broken_links(name) == []


@pytest.mark.parametrize("name", pages()[1:])
def test_targets_of_make_exist(name: str) -> None:
    assert make_targets(page(name)) <= set(re.findall(r"^([a-z][a-z-]*):", page("Makefile"), re.MULTILINE))


LINES = [line for name in pages()[1:] for line in commands(page(name))]


@pytest.mark.parametrize("line", [line for line in LINES if not line.startswith(f"{EXAMPLE} --output json > ")])
def test_commands_run(folder: Path, line: str) -> None:
    done = shell(line, folder)
    verdicts = (exit_code.GOOD, exit_code.ABORT, exit_code.INCONCLUSIVE)
    assert done.returncode in (verdicts if " replay " in line else (exit_code.GOOD,)), done.stderr


# The rollout file


def as_file(text: str, language: str = "yaml") -> dict[str, object]:
    """A file, or a part of one with what it lacks beside it."""
    document = parse_document(text, f"rollout.{language}")
    return document if "policy" in document else {**BASE, **document}


def test_rollout_files_are_accepted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shown = [block for name in pages() for language in ("yaml", "toml") for block in blocks(page(name), language)]
    assert len(shown) > 12
    paths = [tmp_path / f"{number}.json" for number in range(len(shown))]
    for path, block in zip(paths, shown, strict=True):
        path.write_text(json.dumps(as_file(block.text, block.language)))
    code = run(["check", *map(str, paths)])
    assert code == exit_code.GOOD, capsys.readouterr().err
    assert "Doubtful" not in capsys.readouterr().out.replace("Doubtful: baseline, canary: neither", "")


def test_toml_says_what_yaml_says() -> None:
    (toml,) = blocks(page(FILE), "toml")
    whole = as_file(blocks(page(FILE), "yaml")[1].text)
    assert isinstance(whole["metrics"], list)
    assert as_file(toml.text, "toml") == {**whole, "metrics": whole["metrics"][:1]}


@pytest.mark.parametrize(("wrote", "told"), table(FILE, "you get"))
def test_mistakes_are_told_as_shown(wrote: str, told: str) -> None:
    with pytest.raises(PolicyError) as caught:
        read_rollout(as_file(word(wrote)))
    assert str(caught.value) == told


@pytest.mark.parametrize(("wrote", "told"), table(FILE, "it doubts"))
def test_doubts_are_told_as_shown(wrote: str, told: str) -> None:
    assert told in doubts(read_rollout(as_file(word(wrote))))


@pytest.mark.parametrize(
    ("heading", "struct"),
    [("The rollout", Rollout), ("A selector", Selector), ("The policy", Policy), ("A metric", MetricRule)],
)
def test_fields_of_the_rollout_file(heading: str, struct: type[Struct]) -> None:
    rows = {word(name): (default, limits) for name, default, limits, _ in table(FILE, "field", heading)}
    infos = {info.encode_name: info for info in fields(struct) if info.name != "policy"}
    assert sorted(rows) == sorted(infos)
    schema = schemas()["rollout"]
    properties = schema["properties"] if struct is Rollout else schema["$defs"][struct.__name__]["properties"]
    for name, (default, limits) in rows.items():
        info = infos[name]
        if info.required and name != "id":
            assert default == "required", name
        elif info.required or info.default is None:
            assert not default.startswith("`") or name == "scale", name
        else:
            assert word(default) == written(info.default_factory() if callable(info.default_factory) else info.default)
        assert re.match(allowed(properties[name]), limits), (name, limits)


def written(value: object) -> str:
    """A value as the file has it."""
    return f"{value:g}" if isinstance(value, float) else json.dumps(value, default=encode_quantity).strip('"')


def allowed(schema: Schema) -> str:
    """A pattern for what a field's range says in words."""
    kinds = [one for one in schema.get("anyOf", []) if one.get("type") not in ("null", "integer")]
    if "examples" in schema:
        return {"10s": r"`\d+[a-z]` to `\d+[a-z]`$", "5%": "`%`, `pp` or a number"}.get(schema["examples"][0], "a time")
    if kinds:
        return allowed(kinds[0]) if "10s" not in kinds[0].get("examples", []) else "at most the deadline$|from one pane"
    if "$ref" in schema:
        return "a selector$"
    if "enum" in schema:
        return re.escape(", ".join(f"`{one}`" for one in schema["enum"])) + "$"
    kind = schema["type"] if isinstance(schema["type"], str) else "array"
    if kind == "array" and "enum" in schema["items"]:
        return "a list of " + re.escape(", ".join(f"`{one}`" for one in schema["items"]["enum"])) + "$"
    if kind == "object":
        inner = schema["additionalProperties"]
        return "names with texts$" if "string" in inner["type"] else f"names with numbers, {span(inner)}$"
    return {
        "string": f"text(, {span(schema, 'Length')} characters)?$" if "maxLength" in schema else "text$",
        "array": f"a list, {span(schema, 'Items')} entries$" if "maxItems" in schema else "a list of texts$",
        "integer": f"whole, {span(schema)}$",
        "number": f"{span(schema)}$",
        "boolean": "`true`, `false`$",
    }[kind]


def span(schema: Schema, suffix: str = "imum") -> str:
    """A range in words."""
    low, high = schema.get(f"min{suffix}"), schema.get(f"max{suffix}")
    if low is None and "exclusiveMinimum" in schema:
        low = f"over {schema['exclusiveMinimum']}"
    if high is None and "exclusiveMaximum" in schema:
        high = f"under {schema['exclusiveMaximum']}"
    return f"{low} to {high}" if high is not None else f"from {low}"


@pytest.mark.parametrize("name", ["pane", "lateness", "warmup"])
def test_limits_of_times(name: str) -> None:
    (limits,) = [row[2] for row in table(FILE, "field", "The policy") if word(row[0]) == name]
    least, most = re.findall(r"`(\w+)`", limits)
    for good in (least, most):
        read_rollout({**BASE, name: good, "deadline": "2d"})
    for wrong in (f"{parse(most) + 1}ms", *([f"{parse(least) - 1}ms"] if parse(least) else [])):
        with pytest.raises(PolicyError, match=f"^{name}: must be {least} to {most}"):
            read_rollout({**BASE, name: wrong, "deadline": "2d"})


def parse(duration: str) -> int:
    return int(duration[:-1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[duration[-1]] * 1000


@pytest.mark.parametrize(("metric", "tolerate", "promote"), table(FILE, "metric", "Say how much is tolerated"))
def test_usual_tolerances(metric: str, tolerate: str, promote: str) -> None:
    kind: Kind = next(kind for kind in get_args(Kind) if kind in metric)
    for unit in re.findall(r"`([^`]+)`", metric) or ["By"]:
        found = yardstick.yardstick(MetricRule("m", kind=kind), kind, unit)
        assert isinstance(found, yardstick.Yardstick)
        shown = [f"{100 * expm1(x):g}%" if found.log else f"{x / found.point:g}pp" for x in (found.gate, found.promote)]
        assert shown == [tolerate, promote]


def test_kinds_of_metrics_are_all() -> None:
    assert [word(row[0]) for row in table(FILE, "it is compared by")] == list(get_args(Kind))


# Telemetry


def encoded(**changes: object) -> bytes:
    """A single sample, with changes."""
    sample = {"app": "checkout", "instance": "a", "version": "2.4.1", "ts": START, "value": 7}
    return json.dumps({**sample, "metric": "http.server.request.duration", **changes}).encode()


def entry(**changes: object) -> bytes:
    """A batch of one entry."""
    batch = {"app": "checkout", "instance": "a", "version": "2.4.1", "start": START, "end": START + 10_000}
    return json.dumps({**batch, "metrics": [changes]}).encode()


def faults(*lines: bytes) -> list[tuple[str, str]]:
    """What is told of lines, of one rollout and from a file."""
    jumps, chunk = Jumps(10_000), Chunk(Index([ROLLOUT]), "telemetry.jsonl", 0)
    found = []
    for decoded in (jumps.admit(native.decode(lines)), jumps.end()):
        found += [(fault.error.reason, str(fault.error)) for fault in chunk.add(decoded, len(lines))]
    return found


@pytest.mark.parametrize("block", blocks(page(TELEMETRY), "json"), ids=lambda block: block.text[:60])
def test_examples_of_telemetry_count(block: Block) -> None:
    shown = json.loads(block.text)
    entries = shown.get("metrics", [])
    chunk = Chunk(Index([ROLLOUT]), "telemetry.jsonl", 0)
    assert chunk.add(native.decode([json.dumps(shown).encode()]), 1) == []
    assert chunk.accepted[ROLLOUT.id] == sum(len(one.get("values", [0])) for one in entries or [shown])
    assert not chunk.kept_out
    assert set(shown) <= set(Telemetry.__struct_fields__)
    assert all(set(one) <= set(Metric.__struct_fields__) for one in entries)


WRONG: dict[str, list[bytes]] = {
    "not_utf8": [b"\xff"],
    "not_json": [b'{"app": "checkout"'],
    "too_large": [b" " * (native.LIMIT + 1)],
    "too_deep": [b"[" * 201 + b" " * native.SHORT],
    "missing_field": [encoded().replace(b'"instance": "a", ', b"")],
    "wrong_type": [encoded(value="7")],
    "wrong_word": [encoded(cohort="control")],
    "wrong_length": [encoded(app="")],
    "unsupported_version": [encoded(v=2)],
    "both_shapes": [encoded(metrics=[])],
    "too_many_values": [entry(name="http.server.request.duration", type="samples", values=[1] * 100_001)],
    "not_finite": [encoded(value=float("nan"))],
    "out_of_range": [encoded(kind="ratio", value=5, total=3)],
    "negative": [encoded(value=-3)],
    "not_whole": [encoded(metric="http.server.errors", value=1.5)],
    "no_denominator": [encoded(metric="cache.misses", value=0.03)],
    "bad_time": [encoded(ts=START // 1000)],
    "far_future": [*[encoded()] * (CONFIRMATIONS + 1), encoded(ts=START + 4 * 3_600_000)],
    "far_past": [encoded(ts=START - 31 * 86_400_000), *[encoded()] * (CONFIRMATIONS + 1)],
}


@pytest.mark.parametrize(("reason", "told"), table(TELEMETRY, "example of what you are told"))
def test_wrong_telemetry_is_told_as_shown(reason: str, told: str) -> None:
    assert faults(*WRONG[word(reason)]) == [(word(reason), told)]


def test_reasons_are_all() -> None:
    told, counted = table(TELEMETRY, "example of what you are told"), table(TELEMETRY, "what to do")
    assert [word(row[0]) for row in told] == list(WRONG)
    assert sorted(word(row[0]) for row in told + counted) == sorted(REASONS)


def test_jumps_in_time() -> None:
    assert (HOUR_MS, PANES, CONFIRMATIONS) == (3_600_000, 10, 10)
    words = " ".join(page(TELEMETRY).split())
    assert "more than an hour and ten panes ahead of all before is held back until ten further lines" in words
    assert "the first eleven lines tell" in words


def test_wrong_lines_are_shown_as_shown(folder: Path) -> None:
    (shown,) = blocks(page(TELEMETRY), "text")
    printed = shell("canary replay telemetry.jsonl.gz --rollout rollout.yaml", folder).stdout.splitlines()
    assert printed[-3:] == shown.text.splitlines()
    assert EXAMPLES == 5
    assert "the first five are shown" in page(TELEMETRY)


@pytest.mark.parametrize(("heading", "struct"), [("A message", Telemetry), ("An entry of `metrics`", Metric)])
def test_fields_of_telemetry(heading: str, struct: type[Struct]) -> None:
    rows = {word(name): whom for name, whom, _ in table(TELEMETRY, "field", heading)}
    assert sorted(rows) == sorted(info.name for info in fields(struct))
    needed = {name for name, whom in rows.items() if whom in ("both, required", "all, required")}
    assert needed == {info.name for info in fields(struct) if info.required}


@pytest.mark.parametrize(
    ("struct", "lines"),
    [
        (Telemetry, {"single": encoded(), "batch": entry(name="process.cpu.utilization", type="gauge", value=0.4)}),
        (
            Metric,
            {
                "count": entry(name="http.server.requests", type="count", value=1),
                "ratio": entry(name="cache.misses", type="ratio", value=1, total=2),
                "gauge": entry(name="process.cpu.utilization", type="gauge", value=0.4),
                "samples": entry(name="http.server.request.duration", type="samples", values=[1]),
                "exphist": entry(name="http.server.request.duration", type="exphist", counts=[1]),
            },
        ),
    ],
)
def test_what_is_required_is_what_cannot_be_left_out(struct: type[Struct], lines: dict[str, bytes]) -> None:
    (found,) = [
        one.rows
        for one in tables(page(TELEMETRY))
        if one.header[0] == "field" and len(one.rows) == len(struct.__struct_fields__)
    ]
    for shape, line in lines.items():
        assert faults(line) == []
        message = json.loads(line)
        mine = message["metrics"][0] if struct is Metric else message
        required = {
            word(name) for name, whom, _ in found if "required" in whom and re.search(rf"{shape}|both|all", whom)
        }
        assert required == {name for name in mine if faults(json.dumps(without(message, name, struct)).encode())}


def without(message: dict[str, Any], name: str, struct: type[Struct]) -> dict[str, Any]:
    if struct is Telemetry:
        return {field: value for field, value in message.items() if field != name}
    return {**message, "metrics": [{field: value for field, value in message["metrics"][0].items() if field != name}]}


def test_types_of_telemetry_are_all() -> None:
    rows = table(TELEMETRY, "single sample: `kind`")
    singles, entries, becomes = ([set(re.findall(r"`(\w+)`", row[column])) for row in rows] for column in (1, 2, 3))
    assert set().union(*singles) == set(get_args(SampleKind))
    assert set().union(*entries) == {"samples", "exphist", "count", "ratio", "gauge"}
    assert set().union(*becomes) == set(get_args(Kind))


def test_limits_of_telemetry() -> None:
    assert [row[1] for row in table(TELEMETRY, "limit")] == [
        f"{native.LIMIT} bytes, {native.DEPTH} levels of nesting",
        f"{LABEL_LIMIT} characters",
        f"{check.MAX_VALUES}",
        f"2^{check.MAX_EVENTS.bit_length() - 1}",
        f"2^{MAX_COUNT.bit_length() - 1}",
        f"{LARGEST:g}",
        f"{MOST_UNITS}",
    ]


# Outputs


def type_of(schema: Schema) -> str:
    """A field's type as the tables have it."""
    if "anyOf" in schema:
        return f"{type_of(schema['anyOf'][0])} or null"
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2].lower()
    if "enum" in schema:
        return "word"
    inner = schema.get("items") or schema.get("additionalProperties")
    if inner:
        return f"list of {type_of(inner)}s" if schema["type"] == "array" else f"{type_of(inner)}s by name"
    return {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false"}[schema["type"]]


def field_tables() -> dict[str, list[tuple[str, str]]]:
    """The tables of fields, by their first field."""
    found = [one.rows for one in tables(page(OUTPUTS)) if one.header == ["field", "type", "meaning"]]
    return {word(rows[0][0]): [(word(name), kind) for name, kind, _ in rows] for rows in found}


@pytest.mark.parametrize(
    ("name", "first"),
    [("verdict", "app"), ("score", "score"), ("divergence", "metric"), ("alert", "kind"), ("action", "verdict")],
)
def test_fields_of_outputs(name: str, first: str) -> None:
    shown = field_tables()
    properties = schemas()[name]["properties"]
    assert shown["type"] + shown[first] == [(field, type_of(schema)) for field, schema in properties.items()]


@pytest.mark.parametrize(("name", "first"), [("Side", "value"), ("Drivers", "count")])
def test_fields_inside_of_outputs(name: str, first: str) -> None:
    properties = schemas()["divergence"]["$defs"][name]["properties"]
    assert field_tables()[first] == [(field, type_of(schema)) for field, schema in properties.items()]


@pytest.mark.parametrize(
    ("column", "heading", "words"),
    [
        ("verdict", "Read a verdict", VerdictWord),
        ("state", "Read a score", RolloutState),
        ("label", "Read a divergence", State),
        ("kind", "Read an alert", AlertKind),
    ],
)
def test_words_of_outputs_are_all(column: str, heading: str, words: object) -> None:
    assert [word(row[0]) for row in table(OUTPUTS, column, heading)] == list(get_args(words))


def test_final_verdicts() -> None:
    final = {word(row[0]) for row in table(OUTPUTS, "final") if row[1] == "yes"}
    assert final == {"promote", "abort", "inconclusive"}


def test_examples_of_outputs_are_from_a_run() -> None:
    shown = [json.loads(block.text) for block in blocks(page(OUTPUTS), "json")]
    by_type = {output["type"]: output for output in example_outputs().values()}
    assert [output["type"] for output in shown] == [*by_type, "action"]
    for output in shown[:-1]:
        assert alike(output, by_type[output["type"]]), "after a change that is meant: python -m tests.page_helpers"
    assert shown[-1].keys() == schemas()["action"]["properties"].keys()


def alike(one: object, other: object) -> bool:
    """Whether two JSON values are the same, but for the last digits of numbers, in which processors differ."""
    if isinstance(one, dict) and isinstance(other, dict):
        return list(one) == list(other) and all(alike(one[name], other[name]) for name in one)
    if isinstance(one, float) and isinstance(other, float):
        return isclose(one, other, rel_tol=1e-6)
    return one == other


def test_what_the_example_is_said_to_say() -> None:
    found = example_outputs()["DIVERGENCE"]
    words = re.findall(r"This one says: .*?show it\.", page(OUTPUTS), re.DOTALL)[0]
    for part in (
        f"the {found['view']} since the start is {100 * found['effect']:.0f} %",
        f"from +{100 * found['low']:.1f} % to +{100 * found['high']:.0f} %",
        f"harm is {found['evidence']:.2f} and {found['threshold']:.2f} are needed",
        f"the metric is `{found['state']}`",
    ):
        assert part in " ".join(words.split())


def test_the_order_of_outputs_and_their_ids() -> None:
    outputs = [json.loads(line) for line in shell(f"{EXAMPLE} --output json", ROOT).stdout.splitlines()]
    assert [int(output["id"].rpartition("/")[2]) for output in outputs] == list(range(1, len(outputs) + 1))
    order = ["divergence", "alert", "score", "verdict"]
    places = [(output["at"], order.index(output["type"])) for output in outputs]
    assert places == sorted(places)


def test_exit_codes_are_those_of_the_command() -> None:
    rows = {int(code): meaning for code, meaning, _ in table(OUTPUTS, "code")}
    names = ("GOOD", "FAILED", "MISUSED", "ABORT", "INCONCLUSIVE", "INTERRUPTED")
    assert list(rows) == sorted(getattr(exit_code, name) for name in names)
    assert rows[exit_code.GOOD] == "promote"
    assert rows[exit_code.ABORT] == "abort"
    assert rows[exit_code.INCONCLUSIVE].startswith("inconclusive")
