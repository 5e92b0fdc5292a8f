"""`canary topics`: create the topics, and check them."""

from dataclasses import asdict
from typing import Annotated

import msgspec
import typer

from stream.words import plural
from topologies.broker_flags import Broker, Form, SettingsFile, read_settings
from topologies.exit_code import FAILED

topics = typer.Typer(
    help="Create the topics, and check them.",
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
"""The group of commands."""


@topics.command()
def create(
    broker: Broker = None,
    settings: SettingsFile = None,
    replicas: Annotated[
        int | None, typer.Option(min=1, max=32767, help="Copies of each partition; else 3, or as many as brokers.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Create nothing; show what would be.")] = False,
    output: Form = "text",
) -> None:
    """Create the topics that are missing. Those that are there stay as they are."""
    from stream.adapters.kafka.admin import create as create_topics  # noqa: PLC0415  # loads kafka-python

    done = create_topics(read_settings(broker, settings), replicas=replicas, dry_run=dry_run)
    if output == "json":
        typer.echo(msgspec.json.encode({"dry_run": dry_run, **asdict(done)}).decode())
        return
    verb = "would be created" if dry_run else "created"
    for topic in done.created:
        config = " ".join(f"{name}={value}" for name, value in topic.config.items())
        copies = f"{topic.replicas} {'copy' if topic.replicas == 1 else 'copies'}"
        typer.echo(f"{topic.name}: {verb}, {plural(topic.partitions, 'partition')}, {copies}, {config}")
    for name in done.existing:
        typer.echo(f"{name}: was there")


@topics.command()
def check(broker: Broker = None, settings: SettingsFile = None, output: Form = "text") -> None:
    """Check that the topics are there and as the monitor needs them.

    Ends with 1 where something is wrong; remarks alone are no error.
    """
    from stream.adapters.kafka.admin import verify  # noqa: PLC0415  # loads kafka-python

    found = verify(read_settings(broker, settings))
    wrong = any(finding.severity == "error" for finding in found)
    if output == "json":
        typer.echo(msgspec.json.encode({"ok": not wrong, "findings": [asdict(finding) for finding in found]}).decode())
    else:
        for finding in found:
            typer.echo(f"{finding.severity}: {finding}")
        typer.echo("The topics are not right." if wrong else "The topics are right.")
    if wrong:
        raise typer.Exit(FAILED)
