"""`canary schema`: the JSON Schemas of messages and rollout files."""

import json
from pathlib import Path
from typing import Annotated

import typer

from stream.adapters.files import write_text
from stream.schema import schemas


def schema(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="Which one; without it all, as one object.")
    ] = None,
    directory: Annotated[
        Path | None,
        typer.Option("--dir", metavar="DIR", help="Write each to DIR/NAME.schema.json instead of printing it."),
    ] = None,
) -> None:
    """Print JSON Schemas of files and messages.

    The one of the rollout file is for editors, those of the messages are for programs; they follow version 2020-12.
    """
    found = schemas()
    if name is not None and name not in found:
        raise typer.BadParameter(f"no schema {name!r}; there are {', '.join(found)}", param_hint="NAME")
    chosen = {name: found[name]} if name is not None else found
    if directory is not None:
        for each, text in chosen.items():
            write_text(directory / f"{each}.schema.json", _dump(text) + "\n")
        return
    typer.echo(_dump(chosen[name] if name is not None else chosen))


def _dump(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
