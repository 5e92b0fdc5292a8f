"""The demo as it goes: what has happened, when it is over, and whether it ended as announced."""

from dataclasses import dataclass
from typing import Protocol

from stream.adapters.demo.fleet import Second, average
from stream.adapters.demo.receiver import Received
from stream.adapters.demo.scene import DEADLINE_SECONDS, INSTANCES, ONSET, Scene
from stream.adapters.terminal.board import Board, Card
from stream.adapters.traffic import BASELINE_VERSION, CANARY_VERSION
from stream.outputs import Alert
from stream.words import figures, percent

AFTER_SECONDS = 3
"""Seconds of traffic that show the effect of a hook."""
VERDICT_PATIENCE, EFFECT_PATIENCE, HOOK_PATIENCE = 30.0, 20.0, 5.0
"""Seconds that the verdict may take beyond the deadline, the effect beyond the verdict, and a hook where none need be
called."""


@dataclass(frozen=True)
class Step:
    """Something that happened."""

    at: int
    """When, milliseconds UTC."""
    text: str
    """What, a sentence."""


class Instances(Protocol):
    """The fleet, as far as it is looked at."""

    def recent(self) -> list[Second]:
        """How the last seconds were."""

    def check(self) -> None:
        """Whether they still run; raises CanaryError."""


class Show:
    """Looks at the clock, the fleet and the board, and tells.

    Args:
        scene: what is to happen.
        rollout: the rollout's id.
        begins: when the traffic begins, milliseconds UTC.
        fleet: the instances.
        board: what the monitor has said.
        obeyed: the orders that hooks gave, by id; None where the hooks call somewhere else.
    """

    def __init__(
        self,
        scene: Scene,
        rollout: str,
        begins: int,
        fleet: Instances,
        board: Board,
        obeyed: dict[str, Received] | None,
    ) -> None:
        self.steps: list[Step] = []
        """What has happened so far."""
        self.over = False
        """Whether there is no more to see."""
        self.effect: str | None = None
        """What the hook brought about, once that is seen."""
        self._scene, self._rollout, self._begins = scene, rollout, begins
        self._fleet, self._board, self._obeyed = fleet, board, obeyed
        self._before: Second | None = None
        self._told: set[str] = set()
        self._looked = 0
        self._ended: int | None = None

    @property
    def card(self) -> Card | None:
        """The rollout on the board."""
        return self._board.cards.get(self._rollout)

    def tell(self, name: str, at: int, text: str) -> bool:
        """Tell something once.

        Args:
            name: by which it is known whether it was told.
            at: when it happened, milliseconds UTC.
            text: what, a sentence.
        """
        if name in self._told:
            return False
        self._told.add(name)
        self.steps.append(Step(at, text))
        return True

    def look(self, now: int) -> list[Step]:
        """What is new.

        Args:
            now: the clock, milliseconds UTC.

        Raises:
            CanaryError: telemetry cannot be sent any more.
        """
        self._fleet.check()
        known = self._looked
        if now >= self._begins:
            each = f"{INSTANCES} of {BASELINE_VERSION}, {INSTANCES} of {CANARY_VERSION}"
            self.tell("traffic", self._begins, f"{2 * INSTANCES} instances of checkout report: {each}.")
        final = self.card.final if self.card is not None else None
        onset = self._begins + 1000 * ONSET
        if now >= onset and final is None:
            self.tell("onset", onset, self._scene.happens)
        orders = list((self._obeyed or {}).values())
        if orders and self._before is None:
            self._before = average(self._fleet.recent())
        if final is not None:
            self._ended = now if self._ended is None else self._ended
            for order in orders:
                self._obey(now, order)
        self._look_at_the_effect(now)
        self._end(now)
        self._looked = len(self.steps)
        return self.steps[known:]

    def shortfall(self) -> str | None:
        """What did not go as announced; None where all did."""
        scene, card = self._scene, self.card
        final = card.final if card is not None else None
        if card is None or final is None:
            return "the monitor gave no final verdict in time"
        if final.verdict != scene.verdict:
            return f"the verdict was {final.verdict}, and {scene.verdict} was announced"
        if scene.metric not in (None, final.metric):
            return f"the verdict was {final.verdict} because of {final.metric}, and not of {scene.metric}"
        if scene.alert is not None and not any(_fires(alert, scene) for alert in card.story.alerts):
            return f"no alert of kind {scene.alert} was raised"
        if scene.verdict != "inconclusive" and self._obeyed is not None and self.effect is None:
            return "the hook had no effect"
        return None

    def countdown(self, now: int) -> str:
        """What is still to happen, in a few words."""
        if now < self._begins:
            return "the instances start"
        left = self._begins + 1000 * ONSET - now
        return f"fault in {left // 1000 + 1} s" if left > 0 and self._scene.fault != "none" else ""

    def _obey(self, now: int, order: Received) -> None:
        signed = ", its signature is right" if order.signed else ""
        done = (
            f"all {INSTANCES} instances of {CANARY_VERSION} are stopped"
            if order.order == "rollback"
            else f"all instances get {CANARY_VERSION}"
        )
        self.tell(order.identity, now, f"Webhook {order.order} came{signed}: {done}.")

    def _look_at_the_effect(self, now: int) -> None:
        if self._before is None or self._ended is None or self.effect is not None:
            return
        after = [second for second in self._fleet.recent() if second.number > self._before.number + 1]
        if len(after) >= AFTER_SECONDS:
            mean = average(after)
            assert mean is not None
            self.effect = _effect(self._scene, self._before, mean)
            self.tell("effect", now, self.effect)

    def _end(self, now: int) -> None:
        if self._ended is None:
            limit = self._begins + 1000 * (DEADLINE_SECONDS + VERDICT_PATIENCE)
            self.over = now > limit
            return
        since = (now - self._ended) / 1000
        called = self.card is not None and bool(self.card.actions)
        if self._scene.verdict == "inconclusive" or self._obeyed is None:
            self.over = since > (1.0 if called else HOOK_PATIENCE)
        else:
            self.over = (self.effect is not None and called) or since > EFFECT_PATIENCE


def _fires(alert: Alert, scene: Scene) -> bool:
    return alert.kind == scene.alert and alert.status == "firing"


def _effect(scene: Scene, before: Second, after: Second) -> str:
    """What users and operators notice."""
    was, is_ = (round(one.requests[CANARY_VERSION]) for one in (before, after))
    got = f"{CANARY_VERSION} answers "
    got += f"{is_} requests a second, {was} before" if is_ else f"no requests any more, {was} a second before"
    match scene.shows:
        case "latency":
            seen = f"all requests take {figures(after.latency)} ms on average, {figures(before.latency)} ms before"
        case "failing":
            seen = f"{_share(after.failing)} of all requests fail, {_share(before.failing)} before"
        case _:
            seen = f"an instance uses {_share(after.cpu)} of a CPU, {_share(before.cpu)} before"
    return f"Effect: {got}; {seen}."


def _share(share: float) -> str:
    return percent(share).lstrip("+")
