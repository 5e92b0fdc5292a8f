"""Results on disk: a file of JSON lines a scenario, a line a rollout, in any order. What is there is not run again."""

import hashlib
import sys
from collections.abc import Iterable
from pathlib import Path

import msgspec

from benchmarks.simulation.replicate import Result

_JUDGED_BY = ("stream.", "benchmarks.simulation.")
_PRESENTATION = ("store", "pool", "reference", "agreement", "report", "__main__")


def code_digest() -> str:
    """Eight hexadecimal digits that change whenever the code that simulates and judges does."""
    digest = hashlib.sha256()
    for name, module in sorted(sys.modules.items()):
        path = getattr(module, "__file__", None)
        if name.startswith(_JUDGED_BY) and path and name.rpartition(".")[2] not in _PRESENTATION:
            digest.update(f"{name}\n".encode() + Path(path).read_bytes())
    return digest.hexdigest()[:8]


class Store:
    """The results in one directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)

    def read(self, scenarios: Iterable[str], seed: int, code: str) -> list[Result]:
        """The finished rollouts of a seed, made by this code, in order. A torn last line does not count."""
        found = {}
        for scenario in scenarios:
            path = self._path(scenario)
            for line in path.read_bytes().splitlines() if path.exists() else ():
                try:
                    result = msgspec.json.decode(line, type=Result)
                except msgspec.DecodeError:
                    continue
                if result.task.seed == seed and result.code == code:
                    found[result.task] = result
        return [found[task] for task in sorted(found)]

    def add(self, result: Result) -> None:
        """Append one result."""
        path = self._path(result.task.scenario)
        torn = path.exists() and not path.read_bytes().endswith(b"\n")
        with path.open("ab") as file:
            file.write((b"\n" if torn else b"") + msgspec.json.encode(result) + b"\n")

    def _path(self, scenario: str) -> Path:
        return self.directory / f"{scenario}.jsonl"
