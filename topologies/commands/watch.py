"""`canary watch`: how rollouts stand, live."""

import sys
import time
from collections import OrderedDict
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console

from stream.adapters.signals import ends_orderly
from stream.adapters.subscribe import REMEMBERED
from stream.adapters.terminal.board import Board
from stream.adapters.terminal.inbox import Inbox
from stream.adapters.terminal.navigation import Navigation
from stream.adapters.terminal.screen import Screen
from stream.adapters.terminal.ticker import Ticker
from stream.outputs import Action, Alert, Divergence, Score, Verdict
from stream.wire import encode_json
from topologies.broker_flags import Broker, SettingsFile, read_settings

if TYPE_CHECKING:
    from stream.adapters.terminal.news import News

PAUSE = 0.1
"""Seconds between looks for news where nothing is drawn."""
RECORDS = (Divergence, Alert, Score, Verdict, Action)
"""What is told as JSON: the records of the topics."""


def watch(
    rollout: Annotated[
        str | None, typer.Argument(metavar="ROLLOUT", help="Only this rollout, by its id; else all of them.")
    ] = None,
    all_: Annotated[bool, typer.Option("--all", "-a", help="Also those that ended more than seven days ago.")] = False,
    broker: Broker = None,
    settings: SettingsFile = None,
    output: Annotated[
        Literal["text", "json"], typer.Option("--output", "-o", help="For people, or every record, an object a line.")
    ] = "text",
) -> None:
    """Watch rollouts live, those that need someone first, until `q` or Ctrl-C.

    Where the output is no terminal, it tells what changes, a line each.
    """
    from stream.adapters.kafka.news import evidence, listen  # noqa: PLC0415  # loads kafka-python

    chosen, board = read_settings(broker, settings), Board(rollout)
    console = Console(highlight=False, emoji=False, markup=False)
    with ends_orderly(), Inbox(partial(listen, chosen, rollout), partial(evidence, chosen)) as inbox:
        if output == "json":
            _tell_records(inbox)
        elif sys.stdout.isatty() and not console.is_dumb_terminal:
            page = Navigation() if rollout is None else Navigation("rollout", rollout, only=True)
            Screen(console, board, page, everything=all_).run(inbox)
        else:
            _tell_changes(inbox, Ticker(console, board, everything=all_), console)


def _tell_records(inbox: Inbox) -> None:
    told: OrderedDict[str, None] = OrderedDict()
    for news in _coming(inbox):
        if isinstance(news, RECORDS) and news.id not in told:
            typer.echo(encode_json(news).decode())
            told[news.id] = None
            if len(told) > REMEMBERED:
                told.popitem(last=False)


def _tell_changes(inbox: Inbox, ticker: Ticker, console: Console) -> None:
    for news in _coming(inbox):
        now = time.time_ns() // 1_000_000
        for line in ticker.take(news, now) if news is not None else ticker.look(now):
            console.print(line.text, soft_wrap=True)


def _coming(inbox: Inbox) -> "Iterator[News | None]":
    """News as they come; None now and then."""
    while True:
        yield from inbox.take()
        yield None
        time.sleep(PAUSE)
