"""The flags of every command that talks to a broker."""

import os
from pathlib import Path
from typing import Annotated, Literal

import typer

from stream.adapters.settings import Settings

Broker = Annotated[
    str | None, typer.Option("--broker", metavar="HOST:PORT,...", help="Some brokers; else CANARY_BROKER.")
]
SettingsFile = Annotated[
    Path | None, typer.Option("--settings", metavar="FILE", help="A file of settings; else CANARY_SETTINGS.")
]

Form = Annotated[Literal["text", "json"], typer.Option("--output", "-o", help="For people, or one object.")]


def read_settings(broker: str | None, file: Path | None) -> Settings:
    """The settings in force: flags, then variables, then the file.

    Raises:
        PolicyError: a name or a value is wrong.
        CanaryError: no broker is named, or a secret's file cannot be read.
    """
    given = {"CANARY_BROKER": broker} if broker is not None else {}
    return Settings.read({**os.environ, **given}, file)
