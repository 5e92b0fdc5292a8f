"""JSON Schemas (2020-12) of the messages and of the rollout file, made from their types.

Messages are open: a reader ignores fields that it does not know. The rollout file is closed: a wrong name is a mistake.

>>> schemas()["telemetry"]["required"]
['app', 'instance']
>>> schemas()["rollout"]["properties"]["pane"]["default"]
'10s'
"""

from typing import Any

import msgspec
from msgspec import NODEFAULT, Struct, defstruct, field
from msgspec.structs import FieldInfo, fields

from stream.exact import Exact
from stream.outputs import Action, Alert, Divergence, Score, Switch, Verdict
from stream.partial import Partial
from stream.policy import Policy
from stream.quantity import LATEST_MS, Duration, Instant, Tolerance, encode_quantity
from stream.rollout import Rollout
from stream.sample import Telemetry

Schema = dict[str, Any]

MESSAGES: dict[str, type[Struct]] = {
    "telemetry": Telemetry,
    "partial": Partial,
    "divergence": Divergence,
    "alert": Alert,
    "score": Score,
    "verdict": Verdict,
    "action": Action,
    "switch": Switch,
}
"""The messages that have a schema, by name."""

_NUMBER = r"[0-9]+(\.[0-9]+)?"
_CUSTOM: dict[str, Schema] = {
    Duration.__name__: {
        "anyOf": [{"type": "string", "pattern": rf"^\s*{_NUMBER}\s*(ms|s|min|m|h|d)\s*$"}, {"const": 0}],
        "examples": ["10s", "2h"],
    },
    Tolerance.__name__: {
        "anyOf": [
            {"type": "string", "pattern": rf"^\s*{_NUMBER}([eE][-+]?[0-9]+)?\s*(%|pp)?\s*$"},
            {"type": "number", "minimum": 0},
        ],
        "examples": ["5%", "2pp"],
    },
    Instant.__name__: {
        "anyOf": [
            {"type": "integer", "minimum": 0, "exclusiveMaximum": LATEST_MS},
            {"type": "string", "format": "date-time"},
        ],
        "examples": ["2024-11-22T18:31:10Z"],
    },
    Exact.__name__: {"type": "integer"},
    "ndarray": {"type": "array", "items": {"type": "integer"}},
}
"""Schemas of the types that msgspec does not know, by name."""


def schemas() -> dict[str, Schema]:
    """The schema of each message and of the rollout file, by name."""
    return {"rollout": _rollout(), **{name: _message(name, kind) for name, kind in MESSAGES.items()}}


def _message(name: str, kind: type[Struct]) -> Schema:
    schema, definitions = _components(kind)
    for struct in (schema, *definitions.values()):
        if "properties" in struct:
            struct["additionalProperties"] = True
    if kind.__struct_config__.tag_field:
        schema["properties"][kind.__struct_config__.tag_field]["description"] = "what this object is"
    return _document(name, schema, definitions)


def _rollout() -> Schema:
    """The flat form and the one with a nested `policy`, with the short forms that are read as well."""
    nested = _as_written("Policy", Policy.__doc__, fields(Policy))
    own = [info for info in fields(Rollout) if info.name != "policy"]
    schema, definitions = _components(_as_written("Rollout", Rollout.__doc__, (*own, *fields(Policy))))
    definitions["Policy"], _ = _components(nested)
    schema["properties"]["policy"] = {"$ref": "#/$defs/Policy"}
    schema["required"] = ["app"]
    schema["if"] = {"required": ["policy"]}
    schema["then"] = {"properties": {info.encode_name: False for info in fields(Policy)}}
    schema["else"] = {"required": ["metrics"]}
    for policy in (schema, definitions["Policy"]):
        policy["properties"]["metrics"]["items"] = {
            "anyOf": [{"$ref": "#/$defs/MetricRule"}, {"type": "string", "minLength": 1, "maxLength": 256}]
        }
    selector = definitions["Selector"]["properties"]
    selector["version"]["anyOf"].append({"type": "integer"})
    selector["labels"]["additionalProperties"] = {"type": ["string", "integer", "boolean"]}
    selector["instances"] |= {"type": ["array", "string"], "default": []}
    return _document("rollout", schema, definitions)


def _as_written(name: str, doc: str | None, infos: tuple[FieldInfo, ...]) -> type[Struct]:
    """A struct of these fields, its defaults as files have them: msgspec cannot write those of our types itself."""
    return defstruct(
        name,
        [(info.name, info.type, _default(info)) for info in sorted(infos, key=lambda info: not info.required)],
        rename={info.name: info.encode_name for info in infos},
        namespace={"__doc__": doc},
        forbid_unknown_fields=True,
    )


def _default(info: FieldInfo) -> Any:
    if info.default_factory is not NODEFAULT:
        return field(default_factory=info.default_factory)
    if info.default is NODEFAULT:
        return field()
    return msgspec.to_builtins(info.default, enc_hook=encode_quantity)


def _components(kind: type[Struct]) -> tuple[Schema, dict[str, Schema]]:
    _, definitions = msgspec.json.schema_components([kind], schema_hook=lambda custom: _CUSTOM[custom.__name__])
    for schema in definitions.values():
        schema["description"] = schema["description"].partition("\n\n")[0]
    return definitions.pop(kind.__name__), definitions


def _document(name: str, schema: Schema, definitions: dict[str, Schema]) -> Schema:
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": f"urn:canarystream:schema:{name}:1"}
    return {**head, **schema, **({"$defs": definitions} if definitions else {})}
