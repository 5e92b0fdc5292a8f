"""Private parts of other packages: all that are used are named, and all that are named exist."""

import ast
import inspect
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from stream.adapters import worker
from stream.adapters.worker.leans_on import LEANS_ON

FILES = sorted(Path(worker.__file__).parent.glob("*.py"))
PUBLIC = {"_replace", "_asdict", "_fields", "_make", "_exit"}
"""Of named tuples, and `os._exit`."""
BASES = {name.rpartition(".")[0] for name in LEANS_ON}


def find(path: str) -> object:
    module, _, name = path.rpartition(".")
    return getattr(import_module(module), name)


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name not in PUBLIC


def used(tree: ast.Module) -> Iterator[str]:
    """Private names that are looked up in others, or in `self` without being set there, or that override others'."""
    attributes = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and is_private(node.attr)]
    functions = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    own = functions | {
        node.attr for node in attributes if isinstance(node.ctx, ast.Store) and ast.unparse(node.value) == "self"
    }
    yield from (node.attr for node in attributes if ast.unparse(node.value) != "self" or node.attr not in own)
    yield from (name for name in functions if is_private(name) and any(hasattr(find(base), name) for base in BASES))


def test_all_that_is_used_is_named() -> None:
    named = {name.rpartition(".")[2] for name in LEANS_ON}
    assert {name for file in FILES for name in used(ast.parse(file.read_text()))} == named


@pytest.mark.parametrize("path", LEANS_ON)
def test_it_exists(path: str) -> None:
    owner, _, name = path.rpartition(".")
    place = find(owner)
    assert inspect.isclass(place)
    assert hasattr(place, name) or f"self.{name} = " in inspect.getsource(place)
