"""The workers of a run and their supervisor: it kills, stalls and ends them as planned, and starts again what ended."""

import random
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.chaos.plan import Blow
from tests.worker_helpers import Worker

PAUSE = 1.0
"""Seconds after which a worker that ended by itself is started again."""


@dataclass(frozen=True)
class Event:
    """What happened to a worker or a broker, and when."""

    at: float
    """Seconds UTC."""
    what: str
    whom: str


@dataclass(eq=False)
class _Member:
    worker: Worker
    back: float | None = None
    """When to start or to wake it, seconds UTC; None while it runs undisturbed."""
    stalled: bool = False


@dataclass
class Fleet:
    """Some workers.

    Args:
        environment: of each.
        directory: where their logs go.
        number: how many.
        seed: chooses whom a blow hits.
        session: seconds after which the group goes on without a stalled one.
    """

    environment: Mapping[str, str]
    directory: Path
    number: int
    seed: int
    session: float
    events: list[Event] = field(default_factory=list)
    """What happened."""
    counts: Counter[str] = field(default_factory=Counter)
    """How often: kill, stall, leave, ended (by itself), and `untidy` (did not leave with 0)."""

    def __post_init__(self) -> None:
        self._rng = random.Random(f"fleet {self.seed}")
        self._members = [
            _Member(Worker(self.environment, self.directory / f"worker-{i + 1}.log")) for i in range(self.number)
        ]

    def start(self) -> None:
        """Start all."""
        for member in self._members:
            member.worker.start()

    def hit(self, blow: Blow, away: float, now: float) -> bool:
        """Let a blow hit one that runs; false if none does."""
        able = [member for member in self._members if member.back is None and member.worker.running]
        if not able:
            return False
        member = self._rng.choice(able)
        self._note(now, blow, member)
        self.counts[blow] += 1
        match blow:
            case "kill":
                member.worker.kill()
            case "stall":
                member.worker.stall()
                member.stalled = True
                away += self.session
            case "leave":
                threading.Thread(target=self._leave, args=(member,)).start()
        member.back = now + away
        return True

    def tend(self, now: float) -> None:
        """Bring back who is due, and note who ended by itself."""
        for member in self._members:
            if member.back is None and not member.worker.running:
                self.counts["ended"] += 1
                self._note(now, "ended", member)
                member.back = now + PAUSE
            if member.back is not None and member.back <= now:
                self._bring_back(member, now)

    def heal(self, now: float) -> None:
        """Let all be due."""
        for member in self._members:
            if member.back is not None:
                member.back = now
        self.tend(now)

    def end(self) -> None:
        """Ask all to end, and wait until they have."""
        running = [member for member in self._members if member.worker.running]
        leaving = [threading.Thread(target=self._leave, args=(member,)) for member in running]
        for one in leaving:
            one.start()
        for one in leaving:
            one.join()

    def close(self) -> None:
        """End all, whatever their state."""
        for member in self._members:
            if member.worker.running:
                member.worker.kill()

    def _bring_back(self, member: _Member, now: float) -> None:
        """Wake it or start it again; one that is still leaving has to wait."""
        if member.worker.running and not member.stalled:
            return
        if member.worker.running:
            member.worker.wake()
        else:
            member.worker.start()
        self._note(now, "wake" if member.stalled else "start", member)
        member.back, member.stalled = None, False

    def _leave(self, member: _Member) -> None:
        try:
            code = member.worker.terminate()
        except subprocess.TimeoutExpired:
            member.worker.kill()
            code = -signal.SIGKILL
        self._note(time.time(), f"left with {code}", member)
        self.counts["untidy"] += code not in (0, -signal.SIGTERM)  # the latter ends one that has not begun to work

    def _note(self, now: float, what: str, member: _Member) -> None:
        self.events.append(Event(now, what, member.worker.path.stem))
