"""`canary start`: let the monitor judge a rollout from now on."""

import time
from typing import Annotated

import msgspec
import typer

from stream.adapters.new_rollout import new_rollout
from stream.quantity import Instant, parse_instant
from stream.words import moment
from topologies.broker_flags import Broker, Form, SettingsFile, read_settings


def start(
    file: Annotated[str, typer.Argument(metavar="FILE", help="The rollout file: YAML, TOML or JSON; - for stdin.")],
    id_: Annotated[
        str | None, typer.Option("--id", help="Its id, never used before; else the file's, else of app and time.")
    ] = None,
    from_: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="TIME",
            help="Samples before it do not count; else 10 s ahead. Milliseconds"
            " since 1970, or ISO 8601 with a zone; moved to the next start of a pane.",
        ),
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar="TIME", help="The rollout ends there; else with its verdict or deadline.")
    ] = None,
    broker: Broker = None,
    settings: SettingsFile = None,
    output: Form = "text",
) -> None:
    """Start a rollout, and print its id.

    Its samples count from the next start of a pane that is at least 10 s ahead.
    """
    from stream.adapters.kafka.rollouts import start as register  # noqa: PLC0415  # loads kafka-python

    chosen, now = read_settings(broker, settings), time.time_ns() // 1_000_000
    rollout = new_rollout(file, now, id_=id_, from_=_time("--from", from_), until=_time("--until", until))
    register(chosen, rollout)
    begin = rollout.from_.ms if rollout.from_ is not None else now
    if output == "json":
        ends = rollout.until.ms if rollout.until is not None else None
        typer.echo(msgspec.json.encode({"id": rollout.id, "app": rollout.app, "from": begin, "until": ends}).decode())
    else:
        typer.echo(f"{rollout.id}: started, from {moment(begin)} UTC")
    if begin < now:
        typer.echo("canary: `from` is past: what workers have read of that time already is missing", err=True)


def _time(name: str, text: str | None) -> Instant | None:
    if text is None:
        return None
    try:
        return parse_instant(int(text) if text.isdecimal() else text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=name) from None
