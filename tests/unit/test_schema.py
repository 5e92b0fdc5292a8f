"""Schemas: every message has one, every field says what it is, and they accept what the readers accept."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from stream.document.parse import parse_document
from stream.document.rollout import read_rollout, write_rollout
from stream.errors import PolicyError
from stream.exact import Exact
from stream.outputs import Action, Alert, Divergence, Drivers, Score, Side, Switch, Verdict
from stream.partial import Partial, Row, RowKey
from stream.policy import MetricRule, Policy
from stream.quantity import Duration, Tolerance
from stream.rollout import Rollout
from stream.sample import Telemetry
from stream.schema import MESSAGES, schemas
from stream.summary.count import Count
from stream.summary.gauge import Gauge
from stream.wire import encode_json

SCHEMAS = schemas()
SIDE = Side(value=0.1, instances=3, samples=100)

EXAMPLES: list[tuple[str, object]] = [
    ("telemetry", Telemetry("shop", "shop-1", ts=1732300270000, metric="latency", value=12.5)),
    ("telemetry", {"app": "shop", "instance": "a", "ts": 1, "metric": "m", "value": 1, "unknown": True}),
    (
        "telemetry",
        {
            "app": "shop",
            "instance": "a",
            "start": 0,
            "end": 10000,
            "metrics": [{"name": "latency", "type": "exphist", "counts": [1, 2], "offset": -3, "note": "x"}],
        },
    ),
    (
        "partial",
        Partial(
            rollout="shop-2",
            source="telemetry-0",
            start=0,
            upto=10,
            newest=1732300270000,
            rows=[
                Row(173230027, RowKey("canary", "a", "", "cpu", "1", "", "gauge"), Gauge(2, Exact(2**200))),
                Row(173230027, RowKey("baseline", "b", "", "orders", "", "", "count"), Count(3)),
            ],
        ),
    ),
    (
        "divergence",
        Divergence(
            id="shop-2/1",
            rollout="shop-2",
            at=1732300280000,
            metric="latency",
            title="latency",
            state="worse",
            kind="distribution",
            unit="ms",
            critical=True,
            muted=False,
            group="metrics",
            view="p95",
            process="level",
            since=None,
            effect=0.26,
            low=0.1,
            high=None,
            scale="relative",
            evidence=5.0,
            threshold=3.9,
            evidence_safe=-2.0,
            threshold_safe=3.0,
            tolerate=0.05,
            promote=0.1,
            baseline=SIDE,
            canary=SIDE,
            drivers=Drivers(count=3, of=4),
            resolution=None,
            short="p95",
            text="It is worse.",
        ),
    ),
    ("alert", Alert("shop-2/2", "shop-2", 1, "no_data", "firing", None, None, 1, "Silent.")),
    ("score", Score("shop-2/3", "shop-2", 1, None, 0.5, "continue", {}, {"latency": "pass"}, {}, "Fine.")),
    (
        "verdict",
        Verdict(
            id="shop-2/4",
            rollout="shop-2",
            at=1,
            app="shop",
            verdict="abort",
            previous="continue",
            final=True,
            rule="critical_metric",
            metric="latency",
            score=3.0,
            confidence=0.9,
            baseline=SIDE,
            canary=SIDE,
            started=0,
            policy="default@1",
            fingerprint="0123abcd",
            text="It is worse.",
            also=[],
            explanation="Because.",
        ),
    ),
    ("action", Action("shop-2/4/revert/1", "shop-2", 1, "shop-2/4", "revert", "host", "dry_run", 1)),
    (
        "action",
        Action("a/4/b/2", "a", 1, "a/4", "b", "host", "failed", 2, 503, 5, "Busy.", retry_at=9, escalates_to="c"),
    ),
    ("switch", Switch(stopped=True, at=1, by="eve", reason="Too many aborts")),
    ("rollout", {"app": "shop", "metrics": ["latency"]}),
    ("rollout", {"app": "shop", "policy": {"metrics": ["latency"], "pane": "1s"}}),
    (
        "rollout",
        {
            "id": "shop-2",
            "app": "shop",
            "baseline": {"version": 1, "labels": {"a": True, "b": 2, "c": "x"}},
            "canary": {"version": "2.10", "instances": "shop-canary-*"},
            "metrics": [{"name": "latency", "tolerate": "5%", "promote": "10 %", "views": ["p99"], "kind": None}],
            "from": "2024-11-22T18:31:10Z",
            "until": 1732303870000,
            "deadline": None,
            "pass": 90,
        },
    ),
    (
        "rollout",
        Rollout(
            "shop-2", "shop", Policy((MetricRule("cpu", tolerate=Tolerance(0.02, "pp")),), deadline=Duration(60_000))
        ),
    ),
]

WRONG: list[tuple[str, dict[str, Any]]] = [
    ("telemetry", {"app": "shop"}),
    ("telemetry", {"app": "shop", "instance": "a", "ts": -1}),
    ("alert", {"type": "alert"}),
    ("rollout", {"app": "shop"}),
    ("rollout", {"app": "shop", "metrics": []}),
    ("rollout", {"app": "shop", "metrics": ["x"], "alfa": 0.1}),
    ("rollout", {"app": "shop", "metrics": [{"name": "x", "tolerat": "5%"}]}),
    ("rollout", {"app": "shop", "metrics": ["x"], "policy": {"metrics": ["x"]}}),
    ("rollout", {"app": "shop", "pane": "1s", "policy": {"metrics": ["x"]}}),
    ("rollout", {"app": "shop", "policy": {"metrics": ["x"], "env": "prod"}}),
    ("rollout", {"app": "shop", "metrics": ["x"], "alpha": 0}),
    ("rollout", {"app": "shop", "metrics": ["x"], "pane": 10}),
    ("rollout", {"app": "shop", "metrics": ["x"], "pane": "10"}),
    ("rollout", {"app": "shop", "metrics": [{"name": "x", "tolerate": "5pc"}]}),
    ("rollout", {"app": "shop", "metrics": ["x"], "canary": {"version": 2.4}}),
    ("rollout", {"app": "shop", "metrics": ["x"], "id": "a/b"}),
]


def validator(name: str) -> Any:
    jsonschema = pytest.importorskip("jsonschema", reason="checking examples needs jsonschema")
    return jsonschema.Draft202012Validator(SCHEMAS[name])


def plain(example: object) -> Any:
    return json.loads(encode_json(example))


def parts(schema: object) -> Iterator[dict[str, Any]]:
    """All schemas inside a schema, itself included."""
    if isinstance(schema, dict):
        yield schema
    for inner in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        yield from parts(inner)


def test_every_message_and_the_rollout_has_one() -> None:
    assert set(SCHEMAS) == {"rollout", *MESSAGES}
    assert {name for name, _ in EXAMPLES} == set(SCHEMAS)


@pytest.mark.parametrize("name", SCHEMAS)
def test_each_is_a_schema_with_a_stable_name(name: str) -> None:
    schema = SCHEMAS[name]
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"] == f"urn:canarystream:schema:{name}:1"
    assert json.loads(json.dumps(schema)) == schema
    validator(name).check_schema(schema)


@pytest.mark.parametrize("name", SCHEMAS)
def test_references_lead_somewhere(name: str) -> None:
    schema = SCHEMAS[name]
    wanted = {part["$ref"].removeprefix("#/$defs/") for part in parts(schema) if isinstance(part.get("$ref"), str)}
    assert wanted == set(schema.get("$defs", {}))


@pytest.mark.parametrize("name", [name for name in SCHEMAS if name != "partial"])
def test_every_field_says_what_it_is(name: str) -> None:
    silent = [
        field
        for struct in (SCHEMAS[name], *SCHEMAS[name].get("$defs", {}).values())
        for field, schema in struct.get("properties", {}).items()
        if not schema.get("description") and field != "policy"
    ]
    assert silent == []


def test_messages_are_open_and_the_rollout_file_is_closed() -> None:
    for name, schema in SCHEMAS.items():
        structs = [struct for struct in (schema, *schema.get("$defs", {}).values()) if "properties" in struct]
        assert {struct["additionalProperties"] for struct in structs} == {name != "rollout"}


def test_the_rollout_file_has_all_fields_with_their_defaults() -> None:
    rollout = read_rollout({"app": "shop", "metrics": ["latency"]})
    written = write_rollout(rollout, defaults=True)
    properties = SCHEMAS["rollout"]["properties"]
    assert set(properties) == {*written, "policy"}
    defaults = {name: schema["default"] for name, schema in properties.items() if "default" in schema}
    assert defaults == {name: value for name, value in written.items() if name not in ("id", "app", "metrics")}
    metrics = written["metrics"]
    assert isinstance(metrics, list)
    assert set(SCHEMAS["rollout"]["$defs"]["MetricRule"]["properties"]) == set(metrics[0])


@pytest.mark.parametrize(("name", "example"), EXAMPLES, ids=range(len(EXAMPLES)))
def test_right_examples(name: str, example: object) -> None:
    assert [error.message for error in validator(name).iter_errors(plain(example))] == []
    if name == "rollout" and isinstance(example, dict):
        read_rollout(example)


@pytest.mark.parametrize(("name", "example"), WRONG, ids=range(len(WRONG)))
def test_wrong_examples(name: str, example: dict[str, Any]) -> None:
    if name == "rollout":
        with pytest.raises(PolicyError):
            read_rollout(example)
    assert not validator(name).is_valid(example)


def test_what_the_schema_and_the_reader_take_is_what_yaml_gives() -> None:
    text = "app: shop\nfrom: 2024-11-22T18:31:10Z\nmetrics:\n- latency\n- {name: cpu, tolerate: 2pp}\n"
    document = parse_document(text, "rollout.yaml")
    assert validator("rollout").is_valid(document)
    assert read_rollout(document).from_ is not None
