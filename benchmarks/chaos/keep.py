"""What is kept of a run that failed, for the autopsy."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks.chaos.report import findings, line
from benchmarks.chaos.result import Result
from stream.adapters.topics import DEAD_LETTER, PARTIALS, ROLLOUTS, STATES
from tests.broker_helpers import Broker, Incoming

KEPT = (PARTIALS, STATES, ROLLOUTS, DEAD_LETTER)


def keep(result: Result, broker: Broker, prefix: str, directory: Path) -> None:
    """Write the logs as they were read back, the outputs, what was expected, and what happened.

    The telemetry becomes a file a partition, `canary replay` reads them; all else is JSON, a record a line.
    """
    (directory / "result.txt").write_text(f"{line(result)}\n\n{result.run}\n\n{findings(result)}\n", encoding="utf-8")
    for name, records in result.log.items():
        (directory / f"{name}.jsonl").write_bytes(b"".join((one.value or b"") + b"\n" for one in records))
        _write(directory / f"{name}.places", (_place(one) for one in records))
    _write(directory / "outputs", (_record(one.topic, one.record) for one in result.outputs))
    _write(
        directory / "expected",
        ({"id": one.id, "value": one.value.decode()} for said in result.expected.values() for one in said),
    )
    _write(directory / "events", ({"at": event.at, "what": event.what, "whom": event.whom} for event in result.events))
    for topic in KEPT:
        name = topic.name(prefix)
        _write(directory / topic.part, (_record(name, one) for one in broker.read_all(name, 60)))


def _write(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    path.with_name(f"{path.name}.json").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def _place(one: Incoming) -> dict[str, Any]:
    return {"partition": one.partition, "offset": one.offset, "timestamp": one.timestamp}


def _record(topic: str, one: Incoming) -> dict[str, Any]:
    key = None if one.key is None else one.key.decode("utf-8", "replace")
    value = None if one.value is None else one.value.decode("utf-8", "backslashreplace")
    return {"topic": topic, **_place(one), "key": key, "value": value}
