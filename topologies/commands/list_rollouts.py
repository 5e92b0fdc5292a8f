"""`canary list`: the rollouts, and how they stand."""

import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
import typer
from rich.console import Console
from rich.text import Text

from stream.adapters.silence import silence_words
from stream.adapters.terminal.glyph import STATES, labelled, readable
from stream.rollout import COHORTS, Rollout
from stream.words import moment
from topologies.broker_flags import Broker, SettingsFile, read_settings

if TYPE_CHECKING:
    from stream.adapters.kafka.standings import Standing

_HEAD = ("STATE", "ROLLOUT", "APP", "VERSIONS", "SINCE (UTC)", "SCORE", "WHY")


def list_rollouts(
    all_: Annotated[bool, typer.Option("--all", "-a", help="Also those that have ended.")] = False,
    broker: Broker = None,
    settings: SettingsFile = None,
    output: Annotated[
        Literal["text", "json"], typer.Option("--output", "-o", help="For people, or an object a line.")
    ] = "text",
) -> None:
    """List the rollouts that run, those that need someone first."""
    from stream.adapters.kafka.records import open_reader  # noqa: PLC0415  # loads kafka-python
    from stream.adapters.kafka.rollouts import read_registry  # noqa: PLC0415
    from stream.adapters.kafka.standings import standings  # noqa: PLC0415

    chosen = read_settings(broker, settings)
    with open_reader(chosen) as reader:
        entries = read_registry(reader, chosen.prefix).entries.values()
        found = [one for one in standings(reader, chosen.prefix, entries) if all_ or not one.ended]
    now = time.time_ns() // 1_000_000
    if output == "json":
        for standing in found:
            typer.echo(msgspec.json.encode(_summary(standing, now)).decode())
    elif found:
        console = Console(highlight=False, emoji=False, markup=False)
        for line in _table(console, found, now):
            if console.is_terminal:
                console.print(line, no_wrap=True, overflow="ellipsis")
            else:
                console.print(line, soft_wrap=True)
    else:
        typer.echo("No rollout was started." if all_ else "No rollout runs; `canary list --all` has those that ended.")


def _summary(standing: "Standing", now: int) -> dict[str, object]:
    rollout, newest = standing.entry.rollout, standing.newest
    return {
        "id": rollout.id,
        "app": rollout.app,
        "versions": dict(_versions(rollout)),
        "from": standing.begin_ms,
        "until": rollout.until.ms if rollout.until is not None else None,
        "state": standing.state,
        "ended": standing.ended,
        "stopped": standing.entry.registration.stopped,
        "silent_ms": standing.silent(now),
        "verdict": standing.verdict.verdict if standing.verdict is not None else None,
        "score": newest.score if newest is not None else None,
        "confidence": newest.confidence if newest is not None else None,
        "at": newest.at if newest is not None else None,
        "text": newest.text if newest is not None else None,
    }


def _table(console: Console, found: "Sequence[Standing]", now: int) -> Iterator[Text]:
    """The rollouts in columns as wide as their widest cell."""
    rows = [[Text(name, "dim") for name in _HEAD], *(list(_row(console, standing, now)) for standing in found)]
    widths = [max(cell.cell_len for cell in column) for column in zip(*rows, strict=True)]
    for row in rows:
        line = Text()
        for name, cell, width in zip(_HEAD, row[:-1], widths, strict=False):
            cell.align("right" if name == "SCORE" else "left", width)
            line.append_text(cell).append("  ")
        yield line.append_text(row[-1])


def _row(console: Console, standing: "Standing", now: int) -> Iterator[Text]:
    rollout, newest, silent = standing.entry.rollout, standing.newest, standing.silent(now)
    score = newest.score if newest is not None else None
    yield labelled(console, STATES, standing.state)
    yield Text(rollout.id)
    yield Text(rollout.app)
    yield Text(readable(console, " → ".join(version for _, version in _versions(rollout)) or "-"))
    yield Text(moment(standing.begin_ms))
    yield Text("-" if score is None else f"{score:.0f}")
    stopped = standing.entry.registration.stopped if not standing.ended else None
    if silent is not None:
        yield Text(silence_words(silent), "bold yellow")
    elif stopped is not None:
        yield Text(readable(console, f"Is being stopped: {stopped}"))
    else:
        yield Text(readable(console, newest.text if newest is not None else "Not judged yet."))


def _versions(rollout: Rollout) -> Iterator[tuple[str, str]]:
    for cohort in COHORTS:
        selector = rollout.baseline if cohort == "baseline" else rollout.canary
        if selector is not None and selector.version is not None:
            yield cohort, selector.version
