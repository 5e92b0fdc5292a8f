"""`canary stop`: end a rollout by hand."""

from typing import Annotated

import typer

from topologies.broker_flags import Broker, SettingsFile, read_settings


def stop(
    rollout: Annotated[str, typer.Argument(metavar="ID", help="The rollout's id.")],
    reason: Annotated[str | None, typer.Option(help="Why, one sentence; it stands in the verdict.")] = None,
    broker: Broker = None,
    settings: SettingsFile = None,
) -> None:
    """Stop a rollout: its verdict becomes a final `inconclusive`. One that has ended stays as it is."""
    from stream.adapters.kafka import rollouts  # noqa: PLC0415  # loads kafka-python

    before = rollouts.stop(read_settings(broker, settings), rollout, reason or rollouts.STOPPED).registration
    if before.verdict is not None:
        typer.echo(f"{rollout}: had ended already, with {before.verdict}")
    elif before.stopped is not None:
        typer.echo(f"{rollout}: was stopped already: {before.stopped}")
    else:
        typer.echo(f"{rollout}: stopped")
