"""`canary explain`: why a rollout stands as it does."""

import time
from typing import Annotated

import typer
from rich.console import Console

from stream.adapters.terminal.explain import Story, print_explanation
from topologies.broker_flags import Broker, Form, SettingsFile, read_settings
from topologies.commands.verdict import code_of, summary


def explain(
    rollout: Annotated[str, typer.Argument(metavar="ID", help="The rollout's id.")],
    broker: Broker = None,
    settings: SettingsFile = None,
    output: Form = "text",
) -> None:
    """Explain how a rollout stands, from its newest records. Ends with the code of `canary verdict`."""
    from stream.adapters.kafka.history import read_history  # noqa: PLC0415  # loads kafka-python

    found = read_history(read_settings(broker, settings), rollout)
    standing, silent = found.standing, found.standing.silent(time.time_ns() // 1_000_000)
    if output == "json":
        typer.echo(summary(standing, silent, divergences=found.divergences, alerts=found.alerts))
    else:
        story = Story(standing.entry.rollout)
        newest = (standing.score, standing.verdict)
        for one in (*found.divergences, *found.alerts, *(one for one in newest if one is not None)):
            story.add(one)
        print_explanation(Console(highlight=False, emoji=False, markup=False), story)
    raise typer.Exit(code_of(standing, silent))
