"""Fires hooks at a verdict: tries, tries again, and escalates, as the record says; every try goes on record."""

import asyncio
import logging
import time
import traceback
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress

from stream.adapters.hooks import Hook
from stream.adapters.hooks.alarm import Alarm
from stream.adapters.hooks.call import Call
from stream.adapters.hooks.metrics import HookMetrics
from stream.hooks.book import Book
from stream.hooks.message import verdict_type
from stream.hooks.outcome import GONE, Outcome, refused
from stream.hooks.rule import HookRule, HooksFile
from stream.hooks.step import Attempted, Done, Escalate, conclude, next_step, not_tried
from stream.outputs import Action, Verdict

logger = logging.getLogger(__name__)
AT_ONCE = 16
"""Calls of one hook at the same time."""

Halted = Callable[[], bool]


def now_ms() -> int:
    """Milliseconds UTC."""
    return time.time_ns() // 1_000_000


class Chains:
    """Fires the hooks of a file.

    Args:
        file: the hooks.
        hooks: what to call, by name.
        book: what is on record.
        record: puts a try on record; returns when it is there for good.
        metrics: what there is to say.
        off: why this runner may call nothing, whatever the kill switch says; None where it may.
    """

    def __init__(
        self,
        file: HooksFile,
        hooks: Mapping[str, Hook],
        book: Book,
        record: Callable[[Action], Awaitable[None]],
        metrics: HookMetrics,
        off: str | None = None,
    ) -> None:
        self._file, self._hooks, self._book, self._record = file, hooks, book, record
        self._metrics, self._off = metrics, off
        self._slots = {rule.name: asyncio.Semaphore(AT_ONCE) for rule in file.hooks}
        self._gone: set[str] = set()
        self._alarm = Alarm()
        self._under_way = 0
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def stopped(self) -> str | None:
        """Why nothing may be called now; None while it may."""
        return self._off or self._book.stopped

    async def fire(self, verdict: Verdict, halted: Halted, written: int | None = None) -> bool:
        """Let all hooks of a verdict come to their end.

        Args:
            verdict: what they are about.
            halted: whether to begin no further try; asked before each, and after each `wake`.
            written: when the verdict's record was written, milliseconds UTC.

        Returns:
            Whether they have come to it; not if they were halted.

        Raises:
            KafkaError: a try could not be put on record.
        """
        chains: dict[str, asyncio.Task[bool]] = {}

        def chain(rule: HookRule) -> asyncio.Task[bool]:
            if rule.name not in chains:  # two hooks may escalate to the same one
                chains[rule.name] = asyncio.create_task(self._follow(rule, verdict, halted, chain, written))
            return chains[rule.name]

        try:
            return all(await asyncio.gather(*map(chain, self._file.first(verdict.verdict, verdict.app))))
        finally:
            for task in chains.values():
                task.cancel()
            await asyncio.gather(*chains.values(), return_exceptions=True)

    def wake(self) -> None:
        """Let those that wait for their next try look again whether they may go on."""
        self._alarm.ring()

    async def settle(self, seconds: float) -> bool:
        """Wait until no try is under way, but no longer than that: whether none is."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), seconds)
        return self._idle.is_set()

    async def close(self) -> None:
        """Let go of all connections."""
        for hook in self._hooks.values():
            await hook.close()

    async def _follow(
        self,
        rule: HookRule,
        verdict: Verdict,
        halted: Halted,
        chain: Callable[[HookRule], asyncio.Task[bool]],
        written: int | None,
    ) -> bool:
        """Do what the record says is next, until nothing is."""
        while not halted():
            step = next_step(self._book.attempts(verdict.id, rule.name))
            match step:
                case Done():
                    return True
                case Escalate(name):
                    following = self._file.find(name)
                    if following is None:
                        logger.error(
                            "%s: hook %s should follow %s, and is in the file no more", verdict.id, name, rule.name
                        )
                        return True
                    return await asyncio.shield(chain(following))
            wait = step.at - now_ms()
            if wait > 0 and self.stopped is None:
                await self._alarm.sleep(wait / 1000)
                continue
            async with self._slots[rule.name]:
                # What was waited for here may have changed everything.
                if not halted() and next_step(self._book.attempts(verdict.id, rule.name)) == step:
                    if step.attempt == 1 and written is not None:
                        self._metrics.began((now_ms() - written) / 1000)
                    await self._try(rule, verdict, step.attempt)
        return False

    async def _try(self, rule: HookRule, verdict: Verdict, attempt: int) -> None:
        """Make one try, or say why none is made, and put it on record."""
        self._under_way += 1
        self._idle.clear()
        try:
            action, seconds = await self._attempt(rule, verdict, attempt)
            await self._record(action)
            self._book.take(action)
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._idle.set()
        self._metrics.tried(rule.name, action.outcome, seconds)
        level = logging.WARNING if seconds is not None and action.outcome != "succeeded" else logging.INFO
        logger.log(level, "%s: %s. %s", action.id, action.outcome.replace("_", " "), action.text)

    async def _attempt(self, rule: HookRule, verdict: Verdict, attempt: int) -> tuple[Action, float | None]:
        """The record of a try, and how many seconds the call took, if one was made."""
        began, hook = now_ms(), self._hooks[rule.name]
        call = Attempted(verdict.id, verdict.rollout, rule, hook.target)
        age = began - verdict.at
        if age > self._file.max_age.ms:
            why = f"The verdict is too old: {age // 1000} s, and max_age is {self._file.max_age}."
            return not_tried(call, attempt, began, why), None
        if self.stopped is not None:
            return not_tried(call, attempt, began, refused(self.stopped).text), None
        if rule.dry_run:
            why = f"It would call {hook.target}; `dry_run: false` arms the hook."
            return not_tried(call, attempt, began, why, dry_run=True), None
        before = self._book.attempts(verdict.id, rule.name)
        if rule.name in self._gone:
            outcome = refused(f"the receiver said that it is gone ({GONE}); start this runner anew to call it again")
            return conclude(call, attempt, began, began, outcome, before), None
        started = time.monotonic()
        outcome = await _guarded(hook, Call(verdict_type(verdict), verdict, began))
        seconds = time.monotonic() - started
        if outcome.gone:
            self._gone.add(rule.name)
        return conclude(call, attempt, began, began + round(seconds * 1000), outcome, before), seconds


async def _guarded(hook: Hook, call: Call) -> Outcome:
    """Call a hook. What it should have caught itself is a failed try, not the end of the runner."""
    try:
        return await hook.fire(call)
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]  # its text might hold what nobody should read
        logger.error("%s: %s at %s:%d", hook.target, type(error).__name__, place.filename, place.lineno or 0)
        return Outcome(False, f"The hook itself is broken: {type(error).__name__}.", passing=True)
