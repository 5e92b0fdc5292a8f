"""The rules of the tree, read from the syntax of its files.

pure: outside `stream/adapters` nothing touches the world: no I/O, clock, randomness, threads or settings
downwards: a layer of `stream` imports the layers before it, only topologies and adapters import adapters
light: `import stream` loads no broker client and no command line; `from stream import subscribe` is a door of its own
small: a file has at most 250 lines, a function at most 40 without its docstring
names: no module is called like one of the standard library
"""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[1]

LAYERS = (
    "arrays",
    "errors",
    "exact",
    "excerpt",
    "words",
    "quantity",
    "wire",
    "policy",
    "rollout",
    "plan",
    "cohort",
    "sample",
    "summary",
    "partial",
    "outputs",
    "hooks",
    "schema",
    "document",
    "formats",
    "condense",
    "compare",
    "state",
    "codec",
    "pane",
    "judge",
    "monitor",
    "registry",
    "replay",
    "observe",
)
"""Modules and packages of `stream`, lowest first. Each imports only itself and those before it."""

WORLD = frozenset(
    # broker, web, metrics, terminal, and river, whose estimators keep what cannot be stored
    "faust mode kafka aiokafka aiohttp prometheus_client river typer click rich "
    # concurrency
    "asyncio threading _thread multiprocessing concurrent sched signal select selectors contextvars "
    # files, processes, network
    "os posix io pathlib shutil tempfile glob fileinput mmap fcntl gzip bz2 lzma zipfile tarfile shelve dbm sqlite3 "
    "pickle subprocess socket socketserver ssl http urllib ftplib smtplib xmlrpc "
    # the process's own surroundings
    "sys platform getpass locale argparse logging importlib runpy atexit gc ctypes "
    # clocks and chance
    "time random secrets uuid".split()
)
BUILTINS = frozenset({"open", "print", "input", "breakpoint", "eval", "exec", "__import__"})
CLOCKS = frozenset({"now", "utcnow", "today"})
NUMPY_WORLD = frozenset(
    {"random", "load", "save", "savez", "savez_compressed", "loadtxt", "savetxt", "genfromtxt", "fromfile", "memmap"}
)

LEFT = {"chunk"}
"""Modules that newer versions of Python no longer have."""
MAX_FILE, MAX_FUNCTION = 250, 40
HEAVY = ("faust", "mode", "kafka", "aiokafka", "aiohttp", "river", "typer", "rich")

Function = (ast.FunctionDef, ast.AsyncFunctionDef)


class File(NamedTuple):
    """A parsed source file."""

    name: str
    """Path from the root of the project, with slashes."""
    text: str
    """Its source."""
    tree: ast.Module
    """Its syntax."""

    @property
    def layer(self) -> str:
        """`judge` for anything in `stream/judge/`, `pane` for `stream/pane.py`, empty for `stream/__init__.py`."""
        part = self.name.split("/")[1].removesuffix(".py")
        return "" if part == "__init__" else part

    def at(self, node: ast.stmt | ast.expr, sentence: str) -> str:
        """One finding."""
        return f"{self.name}:{node.lineno}: {sentence}"


class Import(NamedTuple):
    """One imported name."""

    node: ast.stmt
    """The statement."""
    module: str
    """Dotted, absolute."""
    name: str
    """The imported name, empty for `import module`."""
    bound: str
    """What the file calls it."""

    @property
    def path(self) -> list[str]:
        """The parts of the full dotted name."""
        return f"{self.module}.{self.name}".rstrip(".").split(".")


def parse(name: str, text: str) -> File:
    return File(name, text, ast.parse(text))


def files_of(*packages: str) -> list[File]:
    paths = sorted(path for package in packages for path in (ROOT / package).rglob("*.py"))
    return [parse(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")) for path in paths]


def pure_files() -> list[File]:
    return [file for file in files_of("stream") if file.layer != "adapters"]


def imports_of(file: File) -> Iterator[Import]:
    package = file.name.split("/")[:-1]
    for node in ast.walk(file.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(node, alias.name, "", alias.asname or alias.name.split(".")[0])
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                yield Import(node, module, alias.name, alias.asname or alias.name)


def impurities(file: File) -> Iterator[str]:
    """Where a file that should be pure touches the world."""
    numpys, dates = set(), set()
    for found in imports_of(file):
        root, *rest = found.path
        if root in WORLD:
            yield file.at(found.node, f"imports {root}; only stream/adapters touches the world")
        if root == "numpy" and rest and rest[0] in NUMPY_WORLD:
            yield file.at(found.node, f"imports numpy.{rest[0]}; randomness and data come in as arguments")
        if root == "numpy" and not found.name:
            numpys.add(found.bound)
        if root == "datetime":
            dates.add(found.bound)
    for node in ast.walk(file.tree):
        if isinstance(node, ast.Name) and node.id in BUILTINS and isinstance(node.ctx, ast.Load):
            yield file.at(node, f"uses {node.id}; only stream/adapters touches the world")
        elif isinstance(node, ast.Attribute):
            root = ast.unparse(node.value).split(".")[0]
            if root in dates and node.attr in CLOCKS:
                yield file.at(node, f"reads a clock by {ast.unparse(node)}; the time comes in as an argument")
            if (root in numpys and node.attr in NUMPY_WORLD) or node.attr == "default_rng":
                yield file.at(node, f"uses {ast.unparse(node)}; randomness and data come in as arguments")


DOOR = "stream/__init__.py"
"""The only pure file that may name an adapter: lazily, for programs that want `from stream import subscribe`."""


def lazy_imports(file: File) -> set[ast.stmt]:
    """The imports behind the door: those in the module's own `__getattr__`, and those for type checkers alone."""
    if file.name != DOOR:
        return set()
    behind: list[ast.stmt] = []
    for node in file.tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == "__getattr__":
            behind += node.body
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            behind += node.body
    return {inner for node in behind for inner in ast.walk(node) if isinstance(inner, (ast.Import, ast.ImportFrom))}


def upward_imports(file: File, layers: tuple[str, ...] = LAYERS) -> Iterator[str]:
    """Where a file of `stream` imports what lies above it."""
    lazy = lazy_imports(file)
    ranks = {name: rank for rank, name in enumerate(layers)} | {"": len(layers), "adapters": len(layers) + 1}
    if file.layer not in ranks:
        yield f"{file.name}:1: stream.{file.layer} is not in LAYERS of tests/test_architecture.py; say where it stands"
        return
    for found in imports_of(file):
        root, *rest = found.path
        if root == "topologies":
            yield file.at(found.node, "imports topologies, which lies above all of stream")
        if root != "stream" or (found.node in lazy and rest[:1] == ["adapters"]):
            continue
        layer = rest[0] if rest and (found.module != "stream" or rest[0] in ranks or is_module(rest[0])) else ""
        if layer not in ranks:
            yield file.at(found.node, f"imports stream.{layer}, which is not in LAYERS of tests/test_architecture.py")
        elif layer != file.layer and ranks[layer] > ranks[file.layer]:
            yield file.at(found.node, f"imports {'.'.join(['stream', layer]).rstrip('.')}, which lies above it")


def is_module(name: str) -> bool:
    path = ROOT / "stream" / name
    return path.is_dir() or path.with_suffix(".py").is_file()


def long_functions(file: File) -> Iterator[str]:
    """Functions with more lines than a screen has."""
    for node in ast.walk(file.tree):
        if isinstance(node, Function) and node.end_lineno:
            lines = node.end_lineno - node.lineno + 1
            if ast.get_docstring(node) is not None:
                lines -= (node.body[0].end_lineno or 0) - node.body[0].lineno + 1
            if lines > MAX_FUNCTION:
                yield file.at(node, f"{node.name} has {lines} lines, more than {MAX_FUNCTION}")


def undocumented(file: File) -> Iterator[str]:
    """Public classes, functions and methods without a docstring."""
    waiting: list[ast.stmt] = list(file.tree.body)
    while waiting:
        node = waiting.pop(0)
        if not isinstance(node, (ast.ClassDef, *Function)) or node.name.startswith("_"):
            continue
        if ast.get_docstring(node) is None:
            yield file.at(node, f"{node.name} has no docstring")
        if isinstance(node, ast.ClassDef):
            waiting += node.body


def shadowing(file: File) -> Iterator[str]:
    """Names of the standard library in a path."""
    for part in file.name.removesuffix(".py").split("/")[1:]:
        if part in sys.stdlib_module_names - LEFT:
            yield f"{file.name}:1: {part} is a module of the standard library; choose another name"


def check(findings: Iterator[str] | list[str]) -> None:
    if found := sorted(findings):
        pytest.fail("\n".join(found), pytrace=False)


def test_pure() -> None:
    check(finding for file in pure_files() for finding in impurities(file))


def test_downwards() -> None:
    check(finding for file in files_of("stream") for finding in upward_imports(file))


def test_every_layer_exists() -> None:
    check([f"LAYERS names stream.{name}, which does not exist" for name in LAYERS if not is_module(name)])


def test_light() -> None:
    code = f"import sys, stream; print(*[name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [], "`import stream` loads what only workers and programs need"


def test_the_door_opens() -> None:
    code = "import stream; from stream import subscribe; print(subscribe.__module__, hasattr(stream, 'nothing'))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "stream.adapters.subscribe False\n"), done.stderr


def test_small_files() -> None:
    lengths = [(file.name, len(file.text.splitlines())) for file in files_of("stream", "topologies")]
    check([f"{name} has {lines} lines, more than {MAX_FILE}" for name, lines in lengths if lines > MAX_FILE])


def test_small_functions() -> None:
    check(finding for file in files_of("stream", "topologies") for finding in long_functions(file))


def test_names() -> None:
    check(finding for file in files_of("stream", "topologies") for finding in shadowing(file))


def test_documented() -> None:
    check(finding for file in files_of("stream") for finding in undocumented(file))


def test_packages_say_what_they_are() -> None:
    files = {file.name: file for file in files_of("stream", "topologies")}
    wanted = {f"{name.rpartition('/')[0]}/__init__.py" for name in files}
    check([f"{name} is missing or has no docstring" for name in wanted if not has_docstring(files.get(name))])


def has_docstring(file: File | None) -> bool:
    return file is not None and ast.get_docstring(file.tree) is not None


REGISTRIES = [
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("crates", "io"),
        ("npmjs", "org"),
        ("proxy", "golang", "org"),
        ("maven", "org"),
        ("repo", "maven", "apache", "org"),
        ("deb", "debian", "org"),
    )
]
BANNED_TEXT = re.compile(
    "|".join([*map(re.escape, REGISTRIES), r"(?<![\w.-])(?<!\w/)/(?:work|root)(?![\w-])"]).encode()
)


def banned_text(name: str, content: bytes) -> Iterator[str]:
    """Hosts of registries, and paths of one machine."""
    for number, line in enumerate(content.splitlines(), start=1):
        for match in BANNED_TEXT.finditer(line):
            yield f"{name}:{number}: mentions {match[0].decode()}, which another machine may not have"


def test_runs_anywhere() -> None:
    try:
        command = ["git", "ls-files", "-coz", "--exclude-standard"]
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout
    except (FileNotFoundError, subprocess.CalledProcessError):
        pytest.skip("the files of the project are those that git lists, and there is no git or no repository here")
    names = [name for name in listed.decode().split("\0") if (ROOT / name).is_file()]
    assert "pyproject.toml" in names
    check(finding for name in names for finding in banned_text(name, (ROOT / name).read_bytes()))


@pytest.mark.parametrize(
    "code",
    [
        "import os",
        "import os.path as p",
        "from urllib.parse import quote",
        "def f():\n    import time",
        "from faust import App",
        "import importlib",
        "print(1)",
        "show = print",
        "open('x')",
        "from datetime import datetime\ndatetime.now()",
        "from datetime import datetime as d\nclock = d.utcnow",
        "import datetime\ndatetime.date.today()",
        "import numpy as np\nnp.random.normal()",
        "import numpy\nnumpy.random.seed(1)",
        "from numpy import random",
        "import numpy.random",
        "from numpy.random import default_rng",
        "def f(np):\n    return np.random.default_rng(1)",
        "import numpy as np\nnp.load('x')",
    ],
)
def test_an_impurity_is_found(code: str) -> None:
    assert list(impurities(parse("stream/judge/x.py", code)))


@pytest.mark.parametrize(
    "code",
    [
        "from datetime import UTC, datetime, time\ndatetime.fromtimestamp(0, UTC)",
        "import numpy as np\nnp.log(2)",
        "def f(situation):\n    return situation.now",
        "class Block:\n    open: int\n    def panes(self):\n        return self.open",
        "from stream.monitor import step",
    ],
)
def test_what_is_pure_passes(code: str) -> None:
    assert not list(impurities(parse("stream/judge/x.py", code)))


@pytest.mark.parametrize(
    ("name", "code", "words"),
    [
        ("stream/low.py", "from stream.high import x", "lies above"),
        ("stream/low/a.py", "\nimport stream.high.b", "stream/low/a.py:2"),
        ("stream/low.py", "from stream import high", "lies above"),
        ("stream/low/a.py", "from ..high import x", "lies above"),
        ("stream/low/a.py", "from .. import high", "lies above"),
        ("stream/low.py", "from stream import __version__", "imports stream, which lies above"),
        ("stream/high.py", "def f():\n    from stream.adapters import x", "lies above"),
        ("stream/high.py", "from stream import adapters", "lies above"),
        ("stream/__init__.py", "from stream.adapters import x", "lies above"),
        ("stream/__init__.py", "def subscribe():\n    from stream.adapters import x", "lies above"),
        ("stream/__init__.py", "if True:\n    from stream.adapters import x", "lies above"),
        ("stream/__init__.py", "if TYPE_CHECKING:\n    x = 1\nelse:\n    from stream.adapters import x", "lies above"),
        (
            "stream/__init__.py",
            "class A:\n    def __getattr__(self, n):\n        import stream.adapters.a",
            "lies above",
        ),
        ("stream/__init__.py", "def __getattr__(name):\n    import topologies", "above all of stream"),
        ("stream/high/__init__.py", "def __getattr__(name):\n    from stream.adapters import x", "lies above"),
        ("stream/adapters/a.py", "import topologies.command", "above all of stream"),
        ("stream/high.py", "import stream.strange", "not in LAYERS"),
        ("stream/strange.py", "", "stream/strange.py:1: stream.strange is not in LAYERS"),
    ],
)
def test_an_upward_import_is_found(name: str, code: str, words: str) -> None:
    (finding,) = upward_imports(parse(name, code), ("low", "high"))
    assert words in finding


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("stream/high.py", "from stream.low import x\nfrom stream import low"),
        ("stream/low/a.py", "from stream.low.b import x\nfrom . import c\nfrom .c import d"),
        ("stream/__init__.py", "from stream.high import x\nfrom .low import y"),
        ("stream/__init__.py", "def __getattr__(name):\n    if name:\n        from stream.adapters.a import x"),
        ("stream/__init__.py", "if TYPE_CHECKING:\n    from stream.adapters.a import x as x"),
        ("stream/adapters/a.py", "from stream import __version__\nfrom stream.adapters.b import x"),
    ],
)
def test_downward_imports_pass(name: str, code: str) -> None:
    assert not list(upward_imports(parse(name, code), ("low", "high")))


def test_a_long_function_is_found() -> None:
    docstring = '    """One.\n\n    Two.\n    """\n'
    body = "    x = 1\n" * (MAX_FUNCTION - 1)
    assert not list(long_functions(parse("a/b.py", f"def f():\n{docstring}{body}")))
    assert list(long_functions(parse("a/b.py", f"def f():\n{docstring}{body}    x = 1\n")))
    assert list(long_functions(parse("a/b.py", f"class A:\n  async def f():\n{body}    x = 1\n")))


def test_a_missing_docstring_is_found() -> None:
    code = 'class A:\n    """A."""\n    def f(self): ...\n\n    def _g(self): ...\n\ndef _h(): ...\n'
    assert list(undocumented(parse("stream/b.py", code))) == ["stream/b.py:3: f has no docstring"]
    assert not has_docstring(parse("stream/__init__.py", "x = 1"))
    assert not has_docstring(None)


@pytest.mark.parametrize("name", ["stream/io.py", "stream/judge/statistics.py", "stream/json/a.py"])
def test_a_shadowing_name_is_found(name: str) -> None:
    assert list(shadowing(parse(name, "")))
    assert not list(shadowing(parse("stream/judge/verdict.py", "")))


@pytest.mark.parametrize("around", ["{}", "see {}/x", "`{}`", "A={}", "({})", "file://{}"])
def test_a_path_of_one_machine_is_found(around: str) -> None:
    assert list(banned_text("a", around.format("/".join(["", "work"])).encode()))
    assert list(banned_text("a", around.format("/".join(["", "root"])).encode()))


def test_a_host_of_a_registry_is_found() -> None:
    assert list(banned_text("a", f"index = https://{REGISTRIES[0]}/simple".encode()))


@pytest.mark.parametrize("line", ["../work/x", "net/root", "/workers", "path/work", "https://example.org/work"])
def test_other_paths_pass(line: str) -> None:
    assert not list(banned_text("a", line.encode()))
