"""What the project's files promise each other: dependencies with reasons, commands that exist."""

import re
import tomllib
from itertools import chain
from pathlib import Path

from tests.broker_kinds import IMAGE

ROOT = Path(__file__).resolve().parents[1]


def text_of(name: str) -> str:
    path = ROOT / name
    assert path.is_file(), f"{name} is missing"
    return path.read_text(encoding="utf-8")


def requirements(pyproject: str) -> list[str]:
    """Everything the project asks a registry for at run time or in development."""
    project = tomllib.loads(pyproject)["project"]
    return [*project["dependencies"], *chain(*project.get("optional-dependencies", {}).values())]


def without_reason(pyproject: str) -> list[str]:
    """The requirements that do not share a line with a comment of their own."""
    lines = {one: rf'^ *"{re.escape(one)}", +# \S.{{8,}}$' for one in requirements(pyproject)}
    return [one for one, line in lines.items() if not re.search(line, pyproject, re.MULTILINE)]


def targets(makefile: str) -> set[str]:
    """What `make` can be asked for."""
    return set(re.findall(r"^([a-z][a-z-]*):", makefile, re.MULTILINE))


def asked_for(page: str) -> set[str]:
    """The `make` targets that a page's code, in blocks or in line, calls."""
    code = re.findall(r"```.*?```|`[^`\n]+`", page, re.DOTALL)
    return {target for part in code for target in re.findall(r"\bmake ([a-z][a-z-]*)", part)}


def test_every_dependency_has_a_reason() -> None:
    assert without_reason(text_of("pyproject.toml")) == []


def test_every_dependency_has_bounds() -> None:
    asked = requirements(text_of("pyproject.toml"))
    loose = [one for one in asked if not re.search(r"==|>=.*,<|^canarystream", one)]
    assert loose == [], "a dependency needs a lower and an upper bound, or an exact version"


def test_the_readme_calls_targets_that_exist() -> None:
    asked = asked_for(text_of("README.md"))
    assert "test" in asked, "README.md does not say how to run the tests"
    assert asked <= targets(text_of("Makefile"))


def test_ci_runs_all_tests() -> None:
    asked = set(re.findall(r"\bmake ([a-z][a-z-]*)", text_of(".ci/run")))
    assert {"test", "test-slow", "test-broker"} <= asked
    assert asked <= targets(text_of("Makefile"))


def test_ci_gets_the_image_that_the_tests_use() -> None:
    assert IMAGE in text_of(".ci/kafka")


def test_every_target_has_its_line_in_the_help() -> None:
    makefile = text_of("Makefile")
    (phony,) = re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert targets(makefile) == set(phony.split())
    assert set(re.findall(r"^([a-z-]+):.*## \S", makefile, re.MULTILINE)) == targets(makefile)


def test_the_version_is_one() -> None:
    version = tomllib.loads(text_of("pyproject.toml"))["project"]["version"]
    assert f'__version__ = "{version}"' in text_of("stream/__init__.py")


def test_a_missing_reason_is_found() -> None:
    page = """
        [project]
        dependencies = [
            "a>=1,<2",  # why it is here
            "b==1",
            "c==1",  #
            "d", "e",  # two of them
        ]
    """
    assert without_reason(page) == ["b==1", "c==1", "d", "e"]


def test_calls_of_targets_are_found_in_code_only() -> None:
    assert asked_for("make sure\n```sh\nmake test\n```\nor `make test-slow`, `PYTHON=x make -s`") == {
        "test",
        "test-slow",
    }
    assert targets("A := b\nhelp: ## x\ntest-slow: check\n\tmake x\n") == {"help", "test-slow"}
