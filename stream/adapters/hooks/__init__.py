"""Hooks that really call something. To add a type: a module with a class like `Webhook`, and a line in `HOOKS`."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from stream.adapters.hooks.call import Call
from stream.adapters.hooks.command import Command
from stream.adapters.hooks.webhook import Webhook
from stream.hooks.outcome import Outcome
from stream.hooks.rule import HookRule, HooksFile, HookType


class Hook(Protocol):
    """Something that can be called about a verdict."""

    @property
    def target(self) -> str:
        """What is called, without secrets, for the audit."""

    async def fire(self, call: Call) -> Outcome:
        """Call it once, within the time-out of its rule. What goes wrong is in the outcome."""

    async def close(self) -> None:
        """Let go of what it holds."""


HOOKS: Mapping[HookType, Callable[[HookRule, HooksFile, Path], Hook]] = {"webhook": Webhook, "command": Command}
"""What makes a hook of each type: of its rule, the file that it stands in, and the file's directory."""


def make_hooks(file: HooksFile, directory: Path) -> dict[str, Hook]:
    """All hooks of a file, by name.

    Args:
        file: the file.
        directory: where relative paths in it begin.

    Raises:
        CanaryError: a secret or a program is not there; one line that names the field and the remedy.
    """
    return {rule.name: HOOKS[rule.type](rule, file, directory) for rule in file.hooks}
