"""What is on record: the attempts of all hooks, and the kill switch."""

from collections import OrderedDict
from typing import NamedTuple

import msgspec

from stream.outputs import Action, Switch
from stream.wire import decoder

SWITCH_KEY = b"!switch"
"""The key of the kill switch's records; no rollout's id needs to fear it, as attempts are told by their content."""
KEPT_MS = 91 * 86_400_000
"""How long attempts are remembered: longer than the topic of verdicts keeps what could be read again."""

_ENTRY = decoder(Action | Switch)


class Thrown(NamedTuple):
    """The kill switch, as it was thrown last."""

    switch: Switch
    """How."""
    written: int
    """When the record was written, milliseconds UTC."""
    offset: int
    """Its place in the log."""


class Book:
    """The records of the topic of actions, as far as they matter for what to do next."""

    def __init__(self) -> None:
        self.thrown: Thrown | None = None
        """The newest record of the switch."""
        self._attempts: OrderedDict[tuple[str, str], dict[int, Action]] = OrderedDict()

    @property
    def stopped(self) -> str | None:
        """Why no hook may be called; None while they may."""
        if self.thrown is None or not self.thrown.switch.stopped:
            return None
        switch = self.thrown.switch
        return f"hooks are stopped by {switch.by}{f': {switch.reason}' if switch.reason else ''}"

    def attempts(self, verdict: str, hook: str) -> list[Action]:
        """What was tried about a verdict by a hook.

        Args:
            verdict: id of the verdict.
            hook: name of the hook.
        """
        return list(self._attempts.get((verdict, hook), {}).values())

    def read(self, value: bytes | None, written: int, offset: int) -> bool:
        """Take a record of the topic; one that was taken before changes nothing: whether it is one of ours.

        Args:
            value: of the record.
            written: the record's timestamp, milliseconds UTC.
            offset: its place in its partition's log; those of the switch lie in one partition.
        """
        try:
            entry: Action | Switch = _ENTRY.decode(value or b"")
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return False
        if isinstance(entry, Switch):
            if self.thrown is None or offset > self.thrown.offset:
                self.thrown = Thrown(entry, written, offset)
        else:
            self.take(entry)
        return True

    def take(self, action: Action) -> None:
        """Take an attempt."""
        tries = self._attempts.setdefault((action.verdict, action.hook), {})
        known = tries.get(action.attempt)
        if known is None or known.outcome != "succeeded":
            tries[action.attempt] = action
        self._forget(action.at)

    def _forget(self, now: int) -> None:
        """Let go of what is too old, the oldest first."""
        while self._attempts:
            tries = next(iter(self._attempts.values()))
            if max(one.at for one in tries.values()) > now - KEPT_MS:
                return
            self._attempts.popitem(last=False)
