"""YAML -> plain data, strictly: no duplicate keys, no tags but those of plain data, no aliases that multiply.

Scalars follow YAML 1.2, and read as text whatever could be meant otherwise, so that `version: 0123`, `country: no` and
dates keep their letters. A merge (`<<: *defaults`) works; what a mapping says itself wins.

>>> read_yaml("{a: no, b: 1e-3, c: 2024-11-22, d: 010, e: ~}", depth=3)
{'a': 'no', 'b': 0.001, 'c': '2024-11-22', 'd': '010', 'e': None}
"""

import re
from collections.abc import Callable
from typing import Self

import yaml

from stream.excerpt import excerpt

MOST_VALUES = 100_000
"""Values in a document, aliases counted as often as they are used."""
_TAG = "tag:yaml.org,2002:"
_RESOLVED = (
    ("null", r"(?:~|null|Null|NULL|)\Z", ["~", "n", "N", ""]),
    ("bool", r"(?:true|false)\Z", ["t", "f"]),
    ("int", r"(?:0|-?[1-9][0-9]*)\Z", list("-0123456789")),
    ("float", r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?\Z", list("-+.0123456789")),
    ("merge", r"<<\Z", ["<"]),
)
_SCALARS: dict[str, Callable[[str], object]] = {
    "str": str,
    "merge": str,
    "null": lambda _: None,
    "bool": lambda text: {"true": True, "false": False}[text],
    "int": int,
    "float": float,
}
_REMEDIES = {
    "mapping values are not allowed": "check the indentation, and quote text that contains `: `",
    "expected <block end>": "check the indentation",
    "cannot start any token": "quote text that starts with it, and indent with spaces",
}


class Broken(Exception):
    """Text that cannot be read, and where; lines and columns count from 1, and line 0 is an unknown place."""

    def __init__(self, words: str, line: int = 0, column: int = 0) -> None:
        super().__init__(" ".join(words.split()))
        self.place = f":{line}:{column}" if line else ""

    @classmethod
    def at(cls, words: str, text: str, position: int) -> Self:
        """Broken at a position in the text."""
        before = text[:position]
        return cls(words, before.count("\n") + 1, position - before.rfind("\n"))


class _Loader(yaml.BaseLoader):
    """PyYAML's parser up to nodes, with a limit on nesting."""

    def __init__(self, text: str, depth: int) -> None:
        super().__init__(text)
        self.depth = depth

    def compose_node(self, parent: yaml.Node | None, index: object) -> yaml.Node | None:
        """Compose one node and what is in it."""
        if self.depth < 0:
            raise yaml.MarkedYAMLError(problem="nested too deep", problem_mark=parent.start_mark if parent else None)
        self.depth -= 1
        node = super().compose_node(parent, index)  # type: ignore[arg-type]
        self.depth += 1
        return node


for _name, _pattern, _first in _RESOLVED:
    _Loader.add_implicit_resolver(_TAG + _name, re.compile(_pattern), _first)


class _Reader:
    """Nodes -> plain data within a budget."""

    def __init__(self) -> None:
        self.left = MOST_VALUES

    def read(self, node: yaml.Node, depth: int) -> object:
        self.left -= 1
        if self.left < 0:
            raise _broken(node, f"more than {MOST_VALUES} values, aliases counted as often as they are used")
        if depth < 0:
            raise _broken(node, "nested too deep")
        tag = node.tag.removeprefix(_TAG)
        if isinstance(node, yaml.MappingNode) and tag == "map":
            return self.mapping(node, depth - 1)
        if isinstance(node, yaml.SequenceNode) and tag == "seq":
            return [self.read(item, depth - 1) for item in node.value]
        if isinstance(node, yaml.ScalarNode) and tag in _SCALARS:
            try:
                return _SCALARS[tag](node.value)
            except (KeyError, ValueError):
                raise _broken(node, f"{excerpt(node.value)} is no {tag}") from None
        raise _broken(node, f"the tag {excerpt(node.tag)} is not known here")

    def mapping(self, node: yaml.MappingNode, depth: int) -> dict[str, object]:
        own: dict[str, object] = {}
        merged: dict[str, object] = {}
        for key, value in node.value:
            if key.tag == _TAG + "merge":
                for source in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                    merged = self.merged(source, depth) | merged
                continue
            name = self.read(key, depth)
            if not isinstance(name, str):
                raise _broken(key, f"a key must be text; quote it if {excerpt(name)} is meant")
            if name in own:
                raise _broken(key, f"the key {excerpt(name)} is there twice")
            own[name] = self.read(value, depth)
        return merged | own

    def merged(self, source: yaml.Node, depth: int) -> dict[str, object]:
        if not isinstance(source, yaml.MappingNode):
            raise _broken(source, "`<<` takes a mapping or a list of mappings")
        return self.mapping(source, depth - 1)


def read_yaml(text: str, depth: int) -> object:
    """The plain data of one document, nested at most `depth` levels; None where it is empty.

    Raises:
        Broken: it is not YAML, or has what plain data has not.
    """
    try:
        node = _Loader(text, depth).get_single_node()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        words = ", ".join(filter(None, (error.context, error.problem)))
        words += next((f"; {remedy}" for part, remedy in _REMEDIES.items() if part in words), "")
        raise (Broken(words, mark.line + 1, mark.column + 1) if mark else Broken(words)) from None
    except yaml.reader.ReaderError as error:
        words = f"the character U+{ord(text[error.position]):04X} is not allowed"
        raise Broken.at(words, text, error.position) from None
    return None if node is None else _Reader().read(node, depth)


def _broken(node: yaml.Node, words: str) -> Broken:
    return Broken(words, node.start_mark.line + 1, node.start_mark.column + 1)
