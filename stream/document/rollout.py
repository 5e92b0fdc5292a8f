"""A rollout file's plain data <-> `Rollout`. The file is flat: the policy's fields stand beside the rollout's own.

>>> rollout = read_rollout({"app": "checkout", "metrics": ["latency", {"name": "errors", "of": "requests"}]})
>>> rollout.id, [rule.name for rule in rollout.policy.metrics]
('checkout', ['latency', 'errors'])
>>> write_rollout(rollout)
{'id': 'checkout', 'app': 'checkout', 'metrics': [{'name': 'latency'}, {'name': 'errors', 'of': 'requests'}]}
"""

import re
from collections.abc import Mapping
from typing import cast

import msgspec
import msgspec.inspect as mi
from msgspec import Struct
from msgspec.structs import fields

from stream.document.field_name import names_of
from stream.document.mistake import below, find_mistake, reworded
from stream.document.rules import RULES
from stream.errors import PolicyError
from stream.excerpt import excerpt
from stream.policy import Policy
from stream.quantity import decode_quantity, encode_quantity
from stream.rollout import COHORTS, Rollout

_OWN = tuple(f for f in cast(mi.StructType, mi.type_info(Rollout)).fields if f.name != "policy")
_POLICY = cast(mi.StructType, mi.type_info(Policy)).fields
_POLICY_NAMES = names_of(Policy)
LONGEST_ID = 200


def read_rollout(document: Mapping[str, object]) -> Rollout:
    """Read a rollout, flat or with a nested `policy`; `id` may be missing.

    Raises:
        PolicyError: one line that starts with the path of the field: what is wrong, and the remedy.
    """
    flat = _identified(_relaxed(_flattened(document)))
    own = {name: value for name, value in flat.items() if name not in _POLICY_NAMES}
    policy = {name: value for name, value in flat.items() if name in _POLICY_NAMES}
    try:
        rollout = msgspec.convert({**own, "policy": policy}, Rollout, dec_hook=decode_quantity)
    except msgspec.ValidationError as error:
        raise PolicyError(find_mistake(flat, _OWN + _POLICY) or reworded(str(error))) from None
    for rule in RULES:
        for mistake in rule(rollout):
            raise PolicyError(mistake)
    return rollout


def write_rollout(rollout: Rollout, *, defaults: bool = False) -> dict[str, object]:
    """The flat form, with all fields or those that differ from their defaults; `read_rollout` reads it back."""
    own = _written(rollout, defaults)
    own.pop("policy")
    return {**own, **_written(rollout.policy, defaults)}


def _flattened(document: Mapping[str, object]) -> dict[str, object]:
    """The policy's fields beside the rollout's own, as most files have them anyway."""
    if "policy" not in document:
        return dict(document)
    policy = document["policy"]
    if not isinstance(policy, dict):
        raise PolicyError(f"policy: must be a mapping of the policy's fields; got {excerpt(policy)}")
    for name in document:
        if name in _POLICY_NAMES:
            raise PolicyError(f"{name}: stands beside `policy`; put it inside, or all of the policy's fields beside it")
    for field in _OWN:
        if field.encode_name in policy:
            raise PolicyError(f"policy.{field.encode_name}: belongs to the rollout; put it beside `policy`")
    return {**{name: value for name, value in document.items() if name != "policy"}, **policy}


def _relaxed(flat: dict[str, object]) -> dict[str, object]:
    """Short forms that can only mean one thing, written out."""
    relaxed = dict(flat)
    metrics = flat.get("metrics")
    if isinstance(metrics, list):
        relaxed["metrics"] = [{"name": metric} if isinstance(metric, str) else metric for metric in metrics]
    for cohort in COHORTS:
        selector = flat.get(cohort)
        if isinstance(selector, dict):
            relaxed[cohort] = _relaxed_selector(selector, cohort)
    return relaxed


def _relaxed_selector(selector: dict[str, object], path: str) -> dict[str, object]:
    relaxed = dict(selector)
    if "version" in selector:
        relaxed["version"] = _as_text(selector["version"], f"{path}.version")
    labels = selector.get("labels")
    if isinstance(labels, dict):
        relaxed["labels"] = {
            name: str(value).lower() if isinstance(value, bool) else _as_text(value, below(f"{path}.labels", name))
            for name, value in labels.items()
        }
    if isinstance(selector.get("instances"), str):
        relaxed["instances"] = [selector["instances"]]
    return relaxed


def _as_text(value: object, path: str) -> object:
    """Whole numbers as text; other numbers have lost how they were written."""
    if isinstance(value, float):
        raise PolicyError(f'{path}: must be in quotes: without them "1.1" and "1.10" are one number; got {value}')
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _identified(flat: dict[str, object]) -> dict[str, object]:
    """With an id: the app and the canary's version, where none is given."""
    if "id" in flat:
        return flat
    canary = flat.get("canary")
    version = canary.get("version") if isinstance(canary, dict) else None
    parts = [part for part in (flat.get("app"), version) if isinstance(part, str)]
    made = re.sub(r"[^\w.+~:-]+", "-", "-".join(parts))[:LONGEST_ID]
    return {**flat, "id": made or "rollout"}


def _written(struct: Struct, defaults: bool) -> dict[str, object]:
    found = {}
    for field in fields(struct):
        value = getattr(struct, field.name)
        default = field.default_factory() if callable(field.default_factory) else field.default
        if defaults or value != default:
            found[field.encode_name] = _plain(value, defaults)
    return found


def _plain(value: object, defaults: bool) -> object:
    if isinstance(value, Struct):
        return _written(value, defaults)
    if isinstance(value, tuple):
        return [_plain(item, defaults) for item in value]
    return msgspec.to_builtins(value, enc_hook=encode_quantity)
