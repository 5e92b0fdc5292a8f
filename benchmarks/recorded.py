"""Recorded telemetry of real systems through `canary replay`'s driver: who is aborted, when, and what is missed.

    python -m benchmarks.recorded [--data DIR] [--workers 2] [--write]

The recordings are not part of the project. `DIR` holds `load.py` and its files: 70 load-test runs of a web shop
(requests dealt in order, round robin, to five instances a side at four a second each), pods of an online boutique (one
a side), and a fleet of eight production instances (19 anonymous gauges).
"""

import argparse
import importlib.util
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from pathlib import Path
from statistics import median
from time import perf_counter
from types import ModuleType
from typing import Any

import msgspec
from rich.progress import track

from benchmarks.machine import machine
from stream.document.rollout import read_rollout
from stream.outputs import Divergence, Score, Verdict
from stream.replay.lines import blocks
from stream.replay.run import Replay

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
RESULTS = Path(__file__).parent / "results" / "recorded.md"
START = 1_700_000_100_000
INSTANCES, RATE = 5, 4.0
Case = dict[str, str]


class Result(msgspec.Struct):
    """What came of one case."""

    name: str
    group: str
    """Dataset, kind and dose."""
    verdict: str
    pane: int
    """The pane of the verdict, from 1."""
    text: str


@cache
def loader(directory: Path) -> ModuleType:
    """The data's own reader."""
    spec = importlib.util.spec_from_file_location("recordings", directory / "load.py")
    if spec is None or spec.loader is None or not (directory / "load.py").exists():
        raise SystemExit(f"{directory}: no recordings there; name their folder with --data")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def messages(case: Case, directory: Path) -> Iterator[dict[str, Any]]:
    """The case as native telemetry, in order of time."""
    baseline, canary = loader(directory).cohorts(case)
    family = case["dataset"].split("/")[0]
    found: list[dict[str, Any]] = []
    for cohort, data in (("baseline", baseline), ("canary", canary)):
        if family == "delag":
            found += [
                _sample(cohort, f"{cohort}-{i % INSTANCES}", 1000 * (i // INSTANCES) / RATE, float(value))
                for i, value in enumerate(data)
            ]
        elif family == "nezha":
            found += [_sample(cohort, f"{cohort}-0", float(ms), float(value)) for ms, value in data]
        else:
            found += _gauges(cohort, data)
    found.sort(key=lambda message: message["ts"])
    yield from found


def _sample(cohort: str, instance: str, ms: float, value: float) -> dict[str, Any]:
    sample = {"app": "recorded", "instance": instance, "cohort": cohort, "ts": START + round(ms)}
    return sample | {"metric": "latency", "unit": "ms", "value": value}


def _gauges(cohort: str, data: dict[str, Any]) -> list[dict[str, Any]]:
    step = 1000 * data["step_seconds"]
    return [
        {"app": "recorded", "instance": name, "cohort": cohort, "ts": START + t * step, "kind": "gauge"}
        | {"metric": f"m{m:02}", "value": float(data["values"][i, t, m])}
        for i, name in enumerate(data["instance"])
        for t in range(data["values"].shape[1])
        for m in range(data["values"].shape[2])
    ]


def rollout(case: Case) -> dict[str, object]:
    """The policy: all defaults, but no warm-up; the fleet reports every five minutes for twelve hours."""
    common: dict[str, object] = {"id": case["case"], "app": "recorded", "warmup": "0s"}
    if case["dataset"].startswith("instances"):
        gauges = [{"name": f"m{m:02}", "kind": "gauge", "worse": "either"} for m in range(19)]
        return common | {"pane": "300s", "lateness": "5s", "deadline": "1d", "metrics": gauges}
    return common | {"metrics": ["latency"]}


def judge(case: Case, directory: Path) -> Result:
    """Replay one case."""
    encode = msgspec.json.Encoder().encode
    lines = (encode(message) + b"\n" for message in messages(case, directory))
    run = Replay(read_rollout(rollout(case)), {case["case"]: blocks(lines, limit=1 << 20)})
    verdict, pane, text = "none", 0, ""
    for output in run.outputs():
        if isinstance(output, Score):
            pane += 1
        if isinstance(output, Divergence) and verdict != "abort" and output.state != "pass":
            text = output.text
        if isinstance(output, Verdict):
            verdict, text = output.verdict, output.text if output.final else text
    dose = f" dose {case['dose']}" if case["dose"] else ""
    return Result(case["case"], f"{case['dataset']} {case['kind']}{dose}", verdict, pane, text)


def report(results: list[Result], seconds: float) -> str:
    """The table, with every miss named."""
    lines = ["# Recorded telemetry", "", f"{machine()}; {len(results)} cases in {seconds:.0f} s.", ""]
    lines += ["| cases | number | aborted | median pane of abort | other verdicts |", "|---|---|---|---|---|"]
    wrong = []
    for group in sorted({result.group for result in results}):
        mine = [result for result in results if result.group == group]
        aborts = [result.pane for result in mine if result.verdict == "abort"]
        others = Counter(result.verdict for result in mine if result.verdict != "abort")
        rest = ", ".join(f"{number} {word}" for word, number in sorted(others.items())) or "none"
        lines.append(f"| {group} | {len(mine)} | {len(aborts)} | {median(aborts) if aborts else '-'} | {rest} |")
        expected = group.startswith("delag") and " bad " in f"{group} "
        wrong += [result for result in mine if (result.verdict == "abort") != expected]
    lines += ["", "Like with like, one pod a side and the fleet must not be aborted; requests of a slower one must."]
    lines += ["", "Misses: " + ("none." if not wrong else "")]
    lines += [f"- {result.name} ({result.group}): {result.verdict}. {result.text}" for result in wrong]
    lines += ["", "What it says where nothing can be decided:", ""]
    for family in ("nezha", "instances"):
        last = next((result for result in reversed(results) if result.group.startswith(family)), None)
        lines += [f"- {last.name}: {last.text}"] if last else []
    return "\n".join(lines) + "\n"


def main() -> None:
    """Replay all cases."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the recordings")
    parser.add_argument("--workers", type=int, default=2, help="processes")
    parser.add_argument("--only", default="", help="datasets that begin so")
    parser.add_argument("--write", action="store_true", help=f"write {RESULTS.name} too")
    options = parser.parse_args()
    cases = list(loader(options.data).cases(dataset=options.only))
    began = perf_counter()
    with ProcessPoolExecutor(options.workers) as pool:
        jobs = pool.map(judge, cases, [options.data] * len(cases), chunksize=4)
        shown = track(jobs, "Replaying", total=len(cases), disable=not sys.stderr.isatty())
        results = list(shown)
    text = report(results, perf_counter() - began)
    print(text)
    if options.write:
        RESULTS.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
