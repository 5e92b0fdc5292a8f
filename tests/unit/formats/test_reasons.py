import ast
from pathlib import Path

from stream.condense.series import REFUSALS
from stream.formats.reasons import REASONS

STREAM = Path(__file__).parents[3] / "stream"


def given() -> set[str]:
    """The reasons that errors are raised with, as far as they are written out."""
    found = set()
    for path in STREAM.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "TelemetryError" and node.args:
                reason = node.args[0]
                if isinstance(reason, ast.Constant):
                    found.add(str(reason.value))
    return found


def test_every_reason_has_its_sentence() -> None:
    assert given()
    assert given() <= REASONS.keys()
    assert {*REFUSALS} <= REASONS.keys()


def test_reasons_are_fit_for_labels() -> None:
    for reason, sentence in REASONS.items():
        assert reason.replace("_", "").isalnum()
        assert reason.islower()
        assert sentence.startswith(("the ", "a ", "no "))
