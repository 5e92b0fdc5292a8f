"""`canary hooks`: run the hooks, try them, stop them all."""

import asyncio
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from stream.adapters.written_settings import written_settings
from stream.errors import PolicyError
from stream.words import clock, duration, listed, moment
from topologies.broker_flags import Broker, Form, SettingsFile, read_settings
from topologies.exit_code import FAILED, MISUSED

if TYPE_CHECKING:
    from stream.adapters.hooks import Hook
    from stream.adapters.settings import Settings
    from stream.hooks.outcome import Outcome
    from stream.hooks.rule import HookRule, HooksFile
    from stream.outputs import Action

LISTEN = "127.0.0.1:9465"
"""Where a runner's metrics are, unless it is told: not where those of a worker on the same machine are."""
VARIABLE = "CANARY_HOOKS_FILE"

File = Annotated[
    str | None,
    typer.Argument(metavar="FILE", envvar=VARIABLE, show_envvar=False, help=f"The hooks file; else {VARIABLE}."),
]

hooks = typer.Typer(
    help="Call webhooks and commands on verdicts: run, try and stop them.",
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
"""The group of commands."""


@hooks.callback(invoke_without_command=True)
def _hooks(context: typer.Context) -> None:
    """Call webhooks and commands on verdicts: run, try and stop them.

    Without a command, and with CANARY_HOOKS_FILE, it runs the hooks of that file.
    """
    if context.invoked_subcommand is not None:
        return
    if not os.environ.get(VARIABLE):
        typer.echo(context.get_help(), err=True)
        raise typer.Exit(MISUSED)
    run(os.environ[VARIABLE])


@hooks.command()
def run(file: File = None, broker: Broker = None, settings: SettingsFile = None) -> None:
    """Fire the hooks of FILE at verdicts. Start as many as you like: they share the work.

    Ends with 0 after SIGTERM, with 1 when it cannot go on: a supervisor should start it again.
    """
    from stream.adapters.hooks.file import are_off, directory_of  # noqa: PLC0415  # loads aiohttp
    from stream.adapters.worker.journal import configure, worker_arguments  # noqa: PLC0415  # loads Faust
    from stream.adapters.worker.leave import Worker  # noqa: PLC0415
    from topologies.early_abort import build, look_around  # noqa: PLC0415

    path, found = _read(file)
    off = are_off(os.environ)
    chosen = _with_own_port(read_settings(broker, settings), settings)
    configure(chosen.log, chosen.log_level)
    runner = build(chosen, found, directory_of(path), look_around(chosen), off=off)
    typer.echo(f"canary: {path}: {listed([_short(rule) for rule in found.hooks])}", err=True)
    if off:
        typer.echo("canary: CANARY_HOOKS=off: nothing is called", err=True)
    code: int | None = Worker(runner.app, runner.health, **worker_arguments(chosen)).execute_from_commandline()
    raise typer.Exit(code or 0)


@hooks.command("test")
def call_once(
    file: File = None,
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="Only this hook.")] = None,
    output: Form = "text",
) -> None:
    """Call each hook of FILE once, really, with a message that asks for nothing; dry runs as well.

    Webhooks get the type `canary.test`, commands CANARY_TYPE=canary.test; the verdict is `continue` of app
    `canary-test`. No broker is needed. Ends with 1 if one failed.
    """
    from stream.adapters.hooks import make_hooks  # noqa: PLC0415  # loads aiohttp
    from stream.adapters.hooks.file import directory_of  # noqa: PLC0415

    path, found = _read(file)
    names = [rule.name for rule in found.hooks]
    if name is not None and name not in names:
        raise PolicyError(f"{name}: there is no such hook in {path}; there are {listed(names)}")
    chosen = {key: hook for key, hook in make_hooks(found, directory_of(path)).items() if name in (None, key)}
    failed = False
    for key, (outcome, seconds) in asyncio.run(_call(chosen)).items():
        failed |= not outcome.succeeded
        took = round(seconds * 1000)
        if output == "json":
            row = {"hook": key, "target": chosen[key].target, "ok": outcome.succeeded, "duration_ms": took}
            typer.echo(msgspec.json.encode({**row, "status": outcome.status, "text": outcome.text}).decode())
        else:
            word = "succeeded" if outcome.succeeded else "failed"
            typer.echo(f"{key}: {word} after {took} ms. {outcome.text}")
    if failed:
        raise typer.Exit(FAILED)


@hooks.command()
def check(file: File = None) -> None:
    """Check FILE, its secrets and programs, and show what each hook would do. Nothing is called."""
    from stream.adapters.hooks import make_hooks  # noqa: PLC0415  # loads aiohttp
    from stream.adapters.hooks.file import directory_of  # noqa: PLC0415
    from stream.document.hook_rules import doubts  # noqa: PLC0415

    path, found = _read(file)
    made = make_hooks(found, directory_of(path))
    typer.echo(f"{path}: ok\n")
    width = max(len(rule.name) for rule in found.hooks)
    for rule in found.hooks:
        typer.echo(f"  {rule.name:<{width}}  {rule.type} {made[rule.name].target}")
        typer.echo(f"  {'':<{width}}  {_told(found, rule)}")
    typer.echo(f"\n  Verdicts that are older than {found.max_age} fire nothing.")
    for text in doubts(found):
        typer.echo(f"  Doubtful: {text}.")


@hooks.command()
def stop(
    reason: Annotated[str, typer.Option(help="Why, one sentence; it stands in the audit.")] = "",
    broker: Broker = None,
    settings: SettingsFile = None,
) -> None:
    """Stop all hooks of all runners, those that wait for another try as well, until `canary hooks resume`."""
    from stream.adapters.hooks.switch import throw_switch  # noqa: PLC0415  # loads kafka-python

    before = throw_switch(read_settings(broker, settings), stopped=True, reason=reason)
    again = f"; they were already, by {before.by}" if before is not None and before.stopped else ""
    typer.echo(f"hooks are stopped{f': {reason}' if reason else ''}{again}")


@hooks.command()
def resume(broker: Broker = None, settings: SettingsFile = None) -> None:
    """Let hooks fire again. What was refused meanwhile is not made up for."""
    from stream.adapters.hooks.switch import throw_switch  # noqa: PLC0415  # loads kafka-python

    before = throw_switch(read_settings(broker, settings), stopped=False)
    typer.echo("hooks fire again" if before is not None and before.stopped else "hooks were not stopped")


@hooks.command()
def log(
    rollout: Annotated[str | None, typer.Argument(metavar="ROLLOUT", help="Only of this rollout, by its id.")] = None,
    broker: Broker = None,
    settings: SettingsFile = None,
    output: Form = "text",
) -> None:
    """Print every try that is on record, the oldest first, and whether the hooks are stopped."""
    from stream.adapters.hooks.switch import audit  # noqa: PLC0415  # loads kafka-python

    actions, switch = audit(read_settings(broker, settings), rollout)
    if output == "json":
        for action in actions:
            typer.echo(msgspec.json.encode(action).decode())
        return
    for action in actions:
        typer.echo(_line(action))
    if switch is not None and switch.stopped:
        why = f": {switch.reason}" if switch.reason else ""
        typer.echo(f"hooks are stopped since {moment(switch.at)} UTC, by {switch.by}{why}")


def _read(file: str | None) -> "tuple[str, HooksFile]":
    from stream.adapters.hooks.file import read_hooks_file  # noqa: PLC0415  # loads aiohttp

    if file is None:
        raise PolicyError(f"no hooks file is named; give FILE, or set {VARIABLE}")
    return file, read_hooks_file(file)


def _with_own_port(chosen: "Settings", file: Path | None) -> "Settings":
    return chosen if "listen" in written_settings(os.environ, file) else replace(chosen, listen=LISTEN)


async def _call(hooks: "dict[str, Hook]") -> "dict[str, tuple[Outcome, float]]":
    from stream.adapters.hooks.call import Call  # noqa: PLC0415  # loads aiohttp
    from stream.hooks.message import TEST, harmless_verdict  # noqa: PLC0415

    found = {}
    for name, hook in hooks.items():
        now, began = time.time_ns() // 1_000_000, time.monotonic()
        outcome = await hook.fire(Call(TEST, harmless_verdict(now), now))
        found[name] = outcome, time.monotonic() - began
        await hook.close()
    return found


def _short(rule: "HookRule") -> str:
    return f"{rule.name} ({'dry run' if rule.dry_run else 'armed'})"


def _told(file: "HooksFile", rule: "HookRule") -> str:
    """When a hook is called, and how."""
    from stream.document.hook_rules import fires_on  # noqa: PLC0415

    by = [other.name for other in file.hooks if other.escalate == rule.name]
    apps = f"app {listed(list(rule.apps))}" if rule.apps else "any app"
    when = f"when {listed(by)} fails" if by else f"on {fires_on(rule)} of {apps}"
    signed = ["signed" if rule.secret_file else "not signed"] if rule.type == "webhook" else []
    then = [f"then {rule.escalate}"] if rule.escalate else []
    parts = [when, "dry run" if rule.dry_run else "armed", *signed, f"at most {rule.timeout} a try", *then]
    return ", ".join(parts)


def _line(action: "Action") -> str:
    status = f" ({action.status})" if action.status is not None else ""
    took = f", {duration(action.duration_ms)}" if action.duration_ms else ""
    again = f" Again at {clock(action.retry_at)}." if action.retry_at is not None else ""
    then = f" Then {action.escalates_to}." if action.escalates_to is not None else ""
    outcome = action.outcome.replace("_", " ")
    return (
        f"{moment(action.at)}  {action.verdict}  {action.hook}: {outcome}{status}, attempt {action.attempt}{took}."
        f" {action.text}{again}{then}"
    )
