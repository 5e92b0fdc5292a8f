"""The `canary` command: data on standard output, messages on standard error, one line each."""

import io
import os
import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer

from stream import __version__
from stream.errors import CanaryError, PolicyError
from topologies.commands.check import check
from topologies.commands.demo import demo
from topologies.commands.explain import explain
from topologies.commands.hooks import hooks
from topologies.commands.list_rollouts import list_rollouts
from topologies.commands.replay import replay
from topologies.commands.run import run as work
from topologies.commands.schema import schema
from topologies.commands.start import start
from topologies.commands.stop import stop
from topologies.commands.topics import topics
from topologies.commands.verdict import verdict
from topologies.commands.watch import watch
from topologies.exit_code import FAILED, INTERRUPTED, MISUSED

COMMANDS: dict[str, Callable[..., Any] | typer.Typer] = {
    "demo": demo,
    "run": work,
    "start": start,
    "stop": stop,
    "list": list_rollouts,
    "watch": watch,
    "verdict": verdict,
    "explain": explain,
    "replay": replay,
    "check": check,
    "hooks": hooks,
    "topics": topics,
    "schema": schema,
}
"""The commands, and groups of commands, by name, in the order of the help."""

app = typer.Typer(
    name="canary",
    help="Judge a rollout against its baseline while the events arrive.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"canary {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _canary(
    context: typer.Context,
    _: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help(), err=True)
        raise typer.Exit(MISUSED)


for _name, _command in COMMANDS.items():
    if isinstance(_command, typer.Typer):
        app.add_typer(_command, name=_name)
    else:
        app.command(_name)(_command)


def main() -> None:
    """Run `canary` with the process's arguments, and leave with its exit code."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command; what the user can mend becomes one line on standard error."""
    _never_fail_to_print()
    try:
        code = app(arguments, prog_name="canary", standalone_mode=False)
        print(end="", flush=True)
    except PolicyError as error:
        return _complain(str(error), MISUSED)
    except CanaryError as error:
        return _complain(str(error), FAILED)
    except typer.TyperException as error:
        return _complain(_usage(error), error.exit_code)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except OSError as error:
        return _complain(str(error), FAILED)
    return code if isinstance(code, int) else 0


def _complain(text: str, code: int) -> int:
    print("canary:", " ".join(text.split()), file=sys.stderr)
    return code


def _usage(error: typer.TyperException) -> str:
    """What is wrong with the arguments, and where to read more."""
    path = getattr(getattr(error, "ctx", None), "command_path", "canary")
    words = error.format_message().replace("Value error, ", "").rstrip(".")
    return f"{words}; see `{path} --help`"


def _never_fail_to_print() -> None:
    """Where a terminal cannot show a character, escape it."""
    for out in (sys.stdout, sys.stderr):
        if isinstance(out, io.TextIOWrapper):
            out.reconfigure(errors="backslashreplace")
