"""Pages of the documentation taken apart: code blocks, tables, links; and the `canary` command as a reader runs it.

`python -m tests.page_helpers` puts the present output of the example into the pages that show it.
"""

import json
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
COLUMNS = 100
EXAMPLE = "canary replay --example"


class Block(NamedTuple):
    """A block of code."""

    language: str
    text: str


class Table(NamedTuple):
    """A table, without its rule."""

    heading: str
    """The heading it stands under."""
    header: list[str]
    rows: list[list[str]]


def page(name: str) -> str:
    """The text of a page."""
    return (ROOT / name).read_text(encoding="utf-8")


def pages() -> list[str]:
    """The names of all pages."""
    return ["README.md", *sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").glob("*.md"))]


def blocks(text: str, language: str | None = None) -> list[Block]:
    """The code blocks of a page, those in lists too."""
    found = re.findall(r"^ *```(\w*)\n(.*?)^ *```$", text, re.MULTILINE | re.DOTALL)
    every = [Block(word, textwrap.dedent(body)) for word, body in found]
    return [block for block in every if language in (None, block.language)]


def prose(text: str) -> str:
    """A page without its code blocks."""
    return re.sub(r"^ *```.*?^ *```$", "", text, flags=re.MULTILINE | re.DOTALL)


def tables(text: str) -> list[Table]:
    """The tables of a page."""
    found: list[Table] = []
    heading, inside = "", False
    for line in prose(text).splitlines():
        if line.startswith("#"):
            heading = line.lstrip("# ")
        cells = [cell.strip() for cell in line.strip().strip("|").split(" | ")]
        if not line.startswith("|"):
            inside = False
        elif not inside:
            found.append(Table(heading, cells, []))
            inside = True
        elif not set(line) <= set("|-"):
            found[-1].rows.append(cells)
    return found


def table(name: str, column: str, heading: str | None = None) -> list[list[str]]:
    """The rows of the one table with a column so called, under a heading where that is given."""
    found = [one for one in tables(page(name)) if column in one.header and heading in (None, one.heading)]
    assert len(found) == 1, f"{len(found)} tables of {name} have a column {column}"
    assert all(len(row) == len(found[0].header) for row in found[0].rows)
    return found[0].rows


def word(cell: str) -> str:
    """What a cell has in code, which must be all of it."""
    match = re.fullmatch(r"`([^`]+)`", cell)
    assert match is not None, f"{cell} is not code"
    return match[1]


def broken_links(name: str) -> list[str]:
    """Links of a page that lead nowhere in the project; those to other places are not followed."""
    found = re.findall(r"\]\(([^)\s]+)\)", prose(page(name)))
    return [link for link in found if "://" not in link and not _leads(name, link)]


def _leads(name: str, link: str) -> bool:
    path, _, anchor = link.partition("#")
    target = (ROOT / name).parent / path if path else ROOT / name
    return target.exists() and (not anchor or anchor in _anchors(target.read_text(encoding="utf-8")))


def _anchors(text: str) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", prose(text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def make_targets(text: str) -> set[str]:
    """The targets that a page's code asks `make` for."""
    code = [block.text for block in blocks(text)] + re.findall(r"`([^`\n]+)`", prose(text))
    return {target for part in code for target in re.findall(r"\bmake ([a-z][a-z-]*)", part)}


def commands(text: str) -> list[str]:
    """The lines of a page's shell blocks that call `canary`, as installed."""
    lines = "\n".join(block.text for block in blocks(text, "sh")).splitlines()
    return [line.replace(".venv/bin/canary", "canary") for line in lines if "canary " in line]


@cache
def shell(line: str, where: Path) -> subprocess.CompletedProcess[str]:
    """Run a line as a reader does."""
    programs = Path(sys.executable).parent
    assert (programs / "canary").exists(), "the project is not installed; `make test` does it"
    path = os.pathsep.join((str(programs), os.environ["PATH"]))
    settings = {"PATH": path, "COLUMNS": str(COLUMNS), "PYTHONUTF8": "1", "TERM": "dumb"}
    return subprocess.run(
        ["sh", "-c", line],
        cwd=where,
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )


def example_text() -> str:
    """What the example prints, without blanks at the ends of lines."""
    return "".join(f"{line.rstrip()}\n" for line in shell(EXAMPLE, ROOT).stdout.splitlines())


def example_outputs() -> dict[str, dict[str, Any]]:
    """By name, the outputs of the example that pages show: what came with the verdict, and the last score before."""
    outputs = [json.loads(line) for line in shell(f"{EXAMPLE} --output json", ROOT).stdout.splitlines()]
    verdict, at = outputs[-1], outputs[-1]["at"]
    decided = [output for output in outputs if output["at"] == at and output.get("metric") == verdict["metric"]]
    return {
        "VERDICT": verdict,
        "SCORE": [output for output in outputs if output["type"] == "score" and output["at"] < at][-1],
        "DIVERGENCE": next(output for output in decided if output["type"] == "divergence"),
        "ALERT": next(output for output in decided if output["type"] == "alert"),
    }


def _rewritten() -> Iterator[tuple[str, str]]:
    start = re.escape(next(line for line in page("README.md").splitlines() if "replay --example" in line))
    pattern = re.compile(rf"({start}\n```\n\n```text\n).*?(```)", re.DOTALL)
    yield "README.md", pattern.sub(lambda match: match[1] + example_text() + match[2], page("README.md"))
    text = page("docs/outputs.md")
    for output in example_outputs().values():
        shown = json.dumps(output, indent=2, ensure_ascii=False)
        pattern = re.compile(rf'```json\n{{\n  "type": "{output["type"]}".*?\n}}\n```', re.DOTALL)
        text = pattern.sub(lambda _, shown=shown: f"```json\n{shown}\n```", text)  # type: ignore[misc]
    yield "docs/outputs.md", text


if __name__ == "__main__":
    for name, text in _rewritten():
        (ROOT / name).write_text(text, encoding="utf-8")
