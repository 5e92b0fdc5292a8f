"""Text of a rollout file -> plain data: YAML, TOML or JSON, told apart by the file's name.

Duplicate keys are errors in all three: a repeated field must not switch a safeguard off. YAML is read by the rules of
version 1.2: only `true` and `false` are booleans, and `no`, `0123`, `1_000` and dates are text.

>>> parse_document("canary: {version: 2.4.1}", "rollout.yaml")
{'canary': {'version': '2.4.1'}}
>>> parse_document("alpha = 0.01", "rollout.toml")
{'alpha': 0.01}
"""

import json
import re
import tomllib
from collections.abc import Callable
from datetime import date, time
from math import isfinite

from stream.document.yaml_nodes import Broken, read_yaml
from stream.errors import PolicyError
from stream.excerpt import excerpt

LARGEST = 1_000_000
"""Characters in a document."""
DEEPEST = 32
"""Levels of nesting."""
_TOO_DEEP = f"nested more than {DEEPEST} levels deep"
_TOO_LONG = "a number has thousands of digits"
_TOML_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)\Z")
_JSON_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|\}')


def parse_document(text: str, name: str) -> dict[str, object]:
    """Read the text of the file called `name`; one of unknown suffix is JSON if it starts with `{`, else YAML.

    Raises:
        PolicyError: one line: the name, the line and column where they are known, and what is wrong.
    """
    text = text.removeprefix("\ufeff")
    if len(text) > LARGEST:
        raise PolicyError(f"{name}: longer than {LARGEST} characters")
    try:
        document = _plain(_parser(text, name)(text), DEEPEST) if text.strip() else None
    except Broken as broken:
        raise PolicyError(f"{name}{broken.place}: {broken}") from None
    except RecursionError:
        raise PolicyError(f"{name}: {_TOO_DEEP}") from None
    if document is None:
        raise PolicyError(f"{name}: empty; it needs `app` and `metrics`")
    if not isinstance(document, dict):
        raise PolicyError(f"{name}: must be a mapping of fields to values; got {excerpt(document)}")
    return document


def _parser(text: str, name: str) -> Callable[[str], object]:
    known: dict[str, Callable[[str], object]] = {"yaml": _yaml, "yml": _yaml, "toml": _toml, "json": _json}
    return known.get(name.lower().rpartition(".")[2]) or (_json if text.lstrip().startswith("{") else _yaml)


def _yaml(text: str) -> object:
    return read_yaml(text, DEEPEST)


def _toml(text: str) -> object:
    try:
        return tomllib.loads(text)
    except ValueError as error:
        place = _TOML_PLACE.search(str(error))
        words = _TOML_PLACE.sub("", str(error))
        if place is None:
            raise Broken(_TOO_LONG) from None
        line, column = place.groups()
        raise (Broken(words, int(line), int(column)) if line else Broken.at(words, text, len(text))) from None


def _json(text: str) -> object:
    closed = 0

    def mapping(pairs: list[tuple[str, object]]) -> dict[str, object]:
        nonlocal closed
        closed += 1
        found = dict(pairs)
        if len(found) < len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for name in names if names.count(name) > 1)
            brace = [token.start() for token in _JSON_TOKEN.finditer(text) if token[0] == "}"][closed - 1]
            raise Broken.at(f"the object that ends here has the key {excerpt(twice)} twice", text, brace)
        return found

    try:
        return json.loads(text, object_pairs_hook=mapping)
    except json.JSONDecodeError as error:
        raise Broken(error.msg[:1].lower() + error.msg[1:], error.lineno, error.colno) from None
    except ValueError:
        raise Broken(_TOO_LONG) from None


def _plain(value: object, depth: int) -> object:
    """Only mappings, lists, text, numbers, booleans and null; times become ISO 8601 text."""
    if depth < 0:
        raise Broken(_TOO_DEEP)
    if isinstance(value, dict):
        return {_text(name): _plain(item, depth - 1) for name, item in value.items()}
    if isinstance(value, list):
        return [_plain(item, depth - 1) for item in value]
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, float) and not isfinite(value):
        raise Broken("a number must be finite")
    return _text(value) if isinstance(value, str) else value


def _text(value: str) -> str:
    """Text that can be written as UTF-8; JSON's escapes can make halves of characters."""
    try:
        value.encode()
    except UnicodeEncodeError:
        raise Broken(f"the text {excerpt(value)} has half a character") from None
    return value
