"""`canary verdict`: a rollout's verdict as an exit code, for pipelines."""

import time
from contextlib import closing
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from stream.adapters.silence import silence_words
from stream.adapters.terminal.explain import verdict_line
from stream.errors import SourceError
from stream.quantity import parse_duration
from stream.wire import encode_json
from topologies.broker_flags import Broker, Form, SettingsFile, read_settings
from topologies.exit_code import ABORT, GOOD, INCONCLUSIVE

if TYPE_CHECKING:
    from stream.adapters.kafka.standings import Standing

_CODES = {"promote": GOOD, "abort": ABORT}


def verdict(
    rollout: Annotated[str, typer.Argument(metavar="ID", help="The rollout's id.")],
    wait: Annotated[bool, typer.Option("--wait", "-w", help="Wait for the final verdict.")] = False,
    timeout: Annotated[str, typer.Option(metavar="DURATION", help="How long to wait, such as 90s or 30m.")] = "30m",
    broker: Broker = None,
    settings: SettingsFile = None,
    output: Form = "text",
) -> None:
    """Print a rollout's verdict, and end with its code.

    0 promote, 3 abort, 4 inconclusive or undecided, also when the time is over; 1 where something does not work, as
    when the monitor is silent.
    """
    from stream.adapters.kafka.standings import watch  # noqa: PLC0415  # loads kafka-python

    try:
        seconds = parse_duration(timeout).ms / 1000 if wait else 0.0
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--timeout") from None
    console, shown, silent = Console(highlight=False, emoji=False, markup=False), None, None
    with closing(watch(read_settings(broker, settings), rollout, seconds)) as standings:
        for standing in standings:
            if output == "text" and standing.verdict is not None and standing.verdict != shown:
                shown = standing.verdict
                console.print(verdict_line(console, shown), soft_wrap=True)
            silent = standing.silent(time.time_ns() // 1_000_000)
            if silent is not None:
                break
    if output == "json":
        typer.echo(summary(standing, silent))
    elif standing.verdict is None and silent is None:
        typer.echo(f"{rollout}: {standing.state if standing.ended else 'no verdict yet'}")
    raise typer.Exit(code_of(standing, silent))


def code_of(standing: "Standing", silent: int | None) -> int:
    """The exit code.

    Raises:
        SourceError: the monitor is silent.
    """
    if silent is not None:
        raise SourceError(f"{standing.entry.rollout.id}: {silence_words(silent)}")
    return _CODES.get(standing.state, INCONCLUSIVE) if standing.ended else INCONCLUSIVE


def summary(standing: "Standing", silent: int | None, **more: object) -> str:
    """A rollout and its newest records as one object."""
    found = {
        "rollout": standing.entry.rollout.id,
        "state": standing.state,
        "silent_ms": silent,
        "verdict": standing.verdict,
        "score": standing.score,
        **more,
    }
    return encode_json(found).decode()
