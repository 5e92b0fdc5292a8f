"""`canary demo`: a rollout from its start to the rollback, on this machine, in less than 90 s."""

import os
import random
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from stream.adapters.security import read_secret
from stream.adapters.signals import ends_orderly
from stream.adapters.traffic import Fault
from stream.errors import CanaryError
from stream.excerpt import excerpt
from topologies.broker_flags import SettingsFile, read_settings

if TYPE_CHECKING:
    from stream.adapters.demo.act import Part
    from stream.adapters.demo.stage import Wish

CANARY = (sys.executable, "-P", "-c", "from topologies.command import main; main()")
"""The command line of `canary`, as this process has it."""
AHEAD, AHEAD_ELSEWHERE = 3.0, 10.0
"""Seconds until a rollout begins: where its worker is about to start, and where workers run already."""

Befalls = Annotated[Fault, typer.Option(help="What befalls the canary after 20 s.")]
Healthy = Annotated[bool, typer.Option("--healthy", help="Nothing does: the same as --fault none.")]
Brokers = Annotated[
    str | None, typer.Option("--broker", metavar="HOST:PORT,...", help="Some brokers; else one is started.")
]
Prefix = Annotated[
    str | None, typer.Option(metavar="PREFIX", help="Of the topics; else a fresh one, deleted at the end.")
]
Seed = Annotated[int | None, typer.Option(min=0, help="Of the traffic; else by chance.")]
Monitor = Annotated[
    bool, typer.Option("--monitor/--no-monitor", help="Whether to run a worker and hooks; else they run elsewhere.")
]
Listen = Annotated[str | None, typer.Option(metavar="HOST:PORT", help="Where hooks may call /rollback and /promote.")]
SecretFile = Annotated[
    str | None, typer.Option(metavar="FILE", help="The secret that signs these calls, where hooks run elsewhere.")
]
For = Annotated[float | None, typer.Option("--for", metavar="SECONDS", min=0, help="Let traffic go on for so long.")]
Loop = Annotated[bool, typer.Option("--loop", help="Begin again and again, until --for or Ctrl-C.")]


def demo(  # noqa: PLR0913, PLR0917  # an argument for each option
    fault: Befalls = "latency",
    healthy: Healthy = False,
    broker: Brokers = None,
    prefix: Prefix = None,
    seed: Seed = None,
    monitor: Monitor = True,
    listen: Listen = None,
    secret_file: SecretFile = None,
    for_: For = None,
    loop: Loop = False,
    settings: SettingsFile = None,
) -> None:
    """Show a bad canary being stopped: broker, traffic, monitor and hooks, all on this machine, in less than 90 s.

    Ends with 0 when it went as announced. Ctrl-C ends it at once, and leaves nothing behind.
    """
    from stream.adapters.demo.act import Part  # noqa: PLC0415  # loads kafka-python
    from stream.adapters.demo.stage import Wish  # noqa: PLC0415

    if broker is None and not monitor:
        raise typer.BadParameter("name the broker of the worker too, by --broker", param_hint="--no-monitor")
    if secret_file is not None and monitor:
        raise typer.BadParameter("only with --no-monitor: here the hooks get a secret", param_hint="--secret-file")
    given = read_settings(broker, settings) if broker is not None else None
    secret = read_secret(secret_file, "--secret-file") if secret_file is not None else None
    chosen = seed if seed is not None else random.randrange(1_000_000)
    part = Part("none" if healthy else fault, chosen, AHEAD if monitor else AHEAD_ELSEWHERE)
    _play(Wish(given, prefix, monitor, _address(listen), secret), part, for_, loop=loop)


def _play(wish: "Wish", part: "Part", seconds: float | None, *, loop: bool) -> None:
    """Play it, once or again and again.

    Raises:
        CanaryError: it did not go as announced.
    """
    from stream.adapters.demo.act import play  # noqa: PLC0415  # loads kafka-python
    from stream.adapters.demo.stage import set_up  # noqa: PLC0415

    console = Console(highlight=False, emoji=False, markup=False)
    live = sys.stdout.isatty() and not console.is_dumb_terminal
    began = time.monotonic()
    until = began + seconds if seconds is not None else None
    with ends_orderly(), set_up(wish, CANARY, os.environ) as stage:
        short = play(stage, part, console, live=live, until=None if loop else until)
        while loop and (until is None or time.monotonic() < until):
            part = replace(part, seed=part.seed + 1)
            short = play(stage, part, console, live=live)
    if short is not None:
        raise CanaryError(f"the demo did not end as announced: {short} (seed {part.seed})")
    console.print(f"\nAs announced, after {time.monotonic() - began:.0f} s.")


def _address(text: str | None) -> tuple[str, int] | None:
    """A host and a port."""
    if text is None:
        return None
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65_535:
        raise typer.BadParameter(f"must be host:port; got {excerpt(text)}", param_hint="--listen")
    return host.strip("[]"), int(port)
