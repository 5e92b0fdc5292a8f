"""One rollout of the demo, from its start to the effect of the hook, in front of whoever watches."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from rich.console import Console
from rich.text import Text

from stream.adapters.demo.fleet import Fleet
from stream.adapters.demo.scene import INSTANCES, ONSET, RATE, SCENES, SERVICE, demo_rollout, made_id
from stream.adapters.demo.show import Show
from stream.adapters.demo.stage import Stage, next_second
from stream.adapters.kafka.news import listen
from stream.adapters.kafka.rollouts import start
from stream.adapters.terminal.board import Board
from stream.adapters.terminal.explain import paragraph, print_explanation
from stream.adapters.terminal.glyph import readable
from stream.adapters.terminal.inbox import Inbox
from stream.adapters.terminal.lines import hanging
from stream.adapters.terminal.navigation import Navigation
from stream.adapters.terminal.news import News
from stream.adapters.terminal.rollout_page import BAR_FROM, SPAN_FROM, action_words
from stream.adapters.terminal.screen import Screen
from stream.adapters.terminal.ticker import Line, Ticker, folded, line
from stream.adapters.traffic import Fault, Traffic
from stream.words import clock

NOTES = 3
"""So many of the newest steps stand above the live view."""
PAUSE = 0.1
"""Seconds between looks where nothing is drawn."""


@dataclass(frozen=True)
class Part:
    """What is played."""

    fault: Fault
    """What befalls the canary."""
    seed: int
    """Of the traffic."""
    ahead: float
    """Seconds until the rollout begins."""


class Audience:
    """Shows what happens: live, or a line each; in both cases it keeps the lines.

    Args:
        console: where to.
        stage: what the demo runs on.
        board: what the monitor has said.
        show: what happens.
        live: whether the console can be drawn on.
    """

    def __init__(self, console: Console, stage: Stage, board: Board, show: Show, *, live: bool) -> None:
        self._console, self._stage, self._board, self._show, self._live = console, stage, board, show, live
        self._ticker = Ticker(console, board)
        self._lines: list[Line] = []

    def watch(self, inbox: Inbox) -> None:
        """Show it until it is over.

        Raises:
            CanaryError: a part of the demo has ended.
            KeyboardInterrupt: someone quits.
        """
        self._look()
        if not self._live:
            while not self._look():
                for news in inbox.take():
                    self._take(news)
                time.sleep(PAUSE)
            return
        page = Navigation("rollout", self._board.only, only=True)
        screen = Screen(self._console, self._board, page, notes=self._notes, take=self._take)
        if screen.run(inbox, self._look):
            raise KeyboardInterrupt
        for kept in sorted(self._lines, key=lambda told: told.at):
            for one in folded(self._console, kept.text):
                self._console.print(one, soft_wrap=True)

    def _look(self) -> bool:
        """Look at everything but the news; whether it is over."""
        self._stage.check()
        now = _now()
        for step in self._show.look(now):
            self._tell(line(step.at, "demo", Text(readable(self._console, step.text))))
        for told in self._ticker.look(now):
            self._tell(told)
        return self._show.over

    def _take(self, news: News) -> bool:
        for told in self._ticker.take(news, _now()):
            self._tell(told)
        return True

    def _tell(self, told: Line) -> None:
        self._lines.append(told)
        if not self._live:
            self._console.print(told.text, soft_wrap=True)

    def _notes(self) -> Iterator[Text]:
        """What stands above the live view."""
        console, countdown = self._console, self._show.countdown(_now())
        for step in self._show.steps[-NOTES:]:
            yield from hanging(console, clock(step.at), "demo", step.text)
        if countdown:
            yield from hanging(console, "", "", f"... {countdown}")


def play(stage: Stage, part: Part, console: Console, *, live: bool, until: float | None = None) -> str | None:
    """Play it, and tell how it ended.

    Args:
        stage: what the demo runs on.
        part: what is played.
        console: where it is shown.
        live: whether the console can be drawn on.
        until: the time, of `time.monotonic`, up to which traffic goes on after the end.

    Returns:
        What did not go as announced; None where all did.

    Raises:
        CanaryError: a part of the demo has ended, or the broker.
        KeyboardInterrupt: someone quits.
    """
    scene, begins = SCENES[part.fault], next_second(time.time(), part.ahead)
    rollout = demo_rollout(made_id(_now()), begins)
    start(stage.settings, rollout)
    traffic = Traffic(
        seed=part.seed,
        start_ms=begins,
        instances=INSTANCES,
        rate=RATE,
        fault=part.fault,
        onset=ONSET,
        character=SERVICE,
    )
    board = Board(rollout.id)
    with Fleet(stage.settings, traffic, begins) as fleet:
        stage.takes_orders_for(rollout.id, fleet)
        show = Show(scene, rollout.id, begins, fleet, board, stage.obeyed)
        show.tell("stage", _now(), stage.words)
        with Inbox(partial(listen, stage.settings, rollout.id)) as inbox:
            Audience(console, stage, board, show, live=live).watch(inbox)
        _conclude(console, show)
        while until is not None and time.monotonic() < until:
            stage.check()
            time.sleep(PAUSE)
    return show.shortfall()


def _conclude(console: Console, show: Show) -> None:
    """Why, and what came of it."""
    card = show.card
    if card is None:
        return
    console.print()
    print_explanation(console, card.story, bar_from=BAR_FROM, span_from=SPAN_FROM)
    console.print()
    hooks = "; ".join(action_words(action) for action in card.actions.values())
    rows = [("Hooks", f"{hooks}.")] if hooks else []
    rows += [("Effect", show.effect.removeprefix("Effect: "))] if show.effect is not None else []
    for label, text in rows:
        for one in paragraph(console, label, text):
            console.print(one, soft_wrap=True)


def _now() -> int:
    return time.time_ns() // 1_000_000
