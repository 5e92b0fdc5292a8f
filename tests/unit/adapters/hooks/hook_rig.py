"""Chains of hooks with a clock that jumps from try to try, and hooks that do as they are told."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pytest

from stream.adapters.hooks import chains as module
from stream.adapters.hooks.alarm import Alarm
from stream.adapters.hooks.call import Call
from stream.adapters.hooks.chains import Chains
from stream.adapters.hooks.metrics import HookMetrics
from stream.hooks.book import Book
from stream.hooks.outcome import Outcome, of_status
from stream.hooks.rule import HooksFile
from stream.outputs import Action, Switch, Verdict
from stream.wire import encode_json
from tests.hook_helpers import hooks_file, verdict

START = 1_767_607_200_000
"""The clock at first, milliseconds UTC."""
OK, BUSY, GONE = of_status(200), of_status(503), of_status(410)


class Scripted:
    """A hook whose calls come to what the test says: the last of it again and again."""

    target = "https://deploy.example/"

    def __init__(self, clock: "Clock", *outcomes: Outcome | Exception) -> None:
        self._clock, self._outcomes = clock, list(outcomes) or [OK]
        self.calls: list[tuple[int, Call]] = []
        """Milliseconds since the start, and what was called."""
        self.gate: asyncio.Event | None = None
        """Where there is one, calls end when it is set."""
        self.running = self.most = 0
        self.closed = False

    async def fire(self, call: Call) -> Outcome:
        self.calls.append((self._clock.now - START, call))
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            if self.gate is not None:
                await self.gate.wait()
        finally:
            self.running -= 1
        outcome = self._outcomes.pop(0) if len(self._outcomes) > 1 else self._outcomes[0]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def close(self) -> None:
        self.closed = True

    @property
    def times(self) -> list[int]:
        return [at for at, _ in self.calls]


class Clock:
    """The time; sleeping moves it."""

    def __init__(self) -> None:
        self.now = START
        self.at_sleep: Callable[[], None] = lambda: None
        """Called before each sleep is over."""

    def __call__(self) -> int:
        return self.now

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)
        self.now += round(seconds * 1000)
        self.at_sleep()


class Rig:
    """Chains of a file, and what they did."""

    def __init__(
        self, clock: Clock, hooks: Iterable[Mapping[str, Any]], *, off: str | None = None, **scripts: Iterable[Any]
    ) -> None:
        rules = [{"url": "http://127.0.0.1/", **hook} for hook in hooks]
        self.clock = clock
        self.file: HooksFile = hooks_file(*rules)
        self.hooks = {rule.name: Scripted(clock, *scripts.get(rule.name, ())) for rule in self.file.hooks}
        self.book = Book()
        self.record: list[Action] = []
        self.refuse: Exception | None = None
        """Raised instead of recording."""
        self.metrics = HookMetrics(self.hooks)
        self.halted = False
        self.chains = Chains(self.file, self.hooks, self.book, self._record, self.metrics, off)

    async def _record(self, action: Action) -> None:
        if self.refuse is not None:
            raise self.refuse
        await asyncio.sleep(0)
        self.record.append(action)

    async def fire(self, said: Verdict | None = None) -> bool:
        return await self.chains.fire(said or now_verdict(), lambda: self.halted)

    def throw(self, stopped: bool, offset: int = 0) -> None:
        """The kill switch."""
        self.book.read(encode_json(Switch(stopped, 0, "eve", "Too many")), 0, offset)
        self.chains.wake()

    def story(self) -> list[str]:
        """Hook, attempt and outcome of each record."""
        return [f"{one.hook} {one.attempt} {one.outcome}" for one in self.record]

    def counted(self, hook: str, outcome: str) -> float | None:
        labels = {"hook": hook, "outcome": outcome}
        return self.metrics.registry.get_sample_value("canary_hook_requests_total", labels)


def now_verdict(rollout: str = "shop-1", **fields: Any) -> Verdict:
    """A verdict of the start."""
    return verdict(rollout, **{"at": START, **fields})


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A clock for the chains: waiting takes no time."""
    made = Clock()
    monkeypatch.setattr(module, "now_ms", made)
    monkeypatch.setattr(Alarm, "sleep", lambda _, seconds: made.sleep(seconds))
    return made
