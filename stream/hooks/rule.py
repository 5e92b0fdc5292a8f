"""What to do about verdicts: the hooks file, and which of its hooks fire by themselves.

>>> revert = HookRule("revert", "webhook", escalate="page", url="https://deploy.example/revert")
>>> file = HooksFile((revert, HookRule("page", "command", command=("./page",))))
>>> [rule.name for rule in file.first("abort", "checkout")], file.first("promote", "checkout")
(['revert'], [])
"""

from fnmatch import fnmatchcase
from typing import Annotated, Literal

from msgspec import Meta, Struct

from stream.outputs import VerdictWord
from stream.quantity import Duration

HookType = Literal["webhook", "command"]
Name = Annotated[str, Meta(max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$(?!\n)")]

USUAL_ON: tuple[VerdictWord, ...] = ("abort",)
"""The verdicts on which a hook fires that does not say."""


class HookRule(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One hook: what it calls, and for which verdicts."""

    name: Annotated[Name, Meta(description="letters, digits, `_` and `-`; it stands in ids, metrics and the audit")]
    type: Annotated[HookType, Meta(description="what it is")]
    on: Annotated[
        Annotated[tuple[VerdictWord, ...], Meta(min_length=1)] | None,
        Meta(description="the verdicts on which it fires; else abort"),
    ] = None
    apps: Annotated[
        tuple[str, ...], Meta(description="names or shell patterns of apps (`checkout-*`); else of all apps")
    ] = ()
    escalate: Annotated[
        Name | None, Meta(description="the hook that is tried next when this one has failed for good")
    ] = None
    dry_run: Annotated[bool, Meta(description="only record what would be called; false arms the hook")] = True
    timeout: Annotated[Duration, Meta(description="how long one try may take, 100ms to 10m")] = Duration(5_000)
    url: Annotated[str | None, Meta(description="webhook: where to; http or https")] = None
    secret_file: Annotated[
        str | None, Meta(description="webhook: a file with the secret, `whsec_...`, that signs the calls")
    ] = None
    hosts: Annotated[
        tuple[str, ...] | None, Meta(description="webhook: the hosts it may call; else those of `allow_hosts`")
    ] = None
    command: Annotated[
        Annotated[tuple[str, ...], Meta(min_length=1)] | None,
        Meta(description="command: the program and its arguments, without a shell"),
    ] = None

    def concerns(self, verdict: VerdictWord, app: str) -> bool:
        """Whether it is for such a verdict of an app."""
        apps = not self.apps or any(fnmatchcase(app, pattern) for pattern in self.apps)
        return apps and verdict in (self.on or USUAL_ON)


class HooksFile(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """All hooks of a runner."""

    hooks: Annotated[tuple[HookRule, ...], Meta(min_length=1, max_length=100, description="the hooks")]
    allow_hosts: Annotated[
        tuple[str, ...],
        Meta(description="hosts that webhooks may call: names, `*.example.com`, addresses, networks (`10.0.0.0/8`)"),
    ] = ()
    max_age: Annotated[Duration, Meta(description="an older verdict fires nothing, 1m to 7d")] = Duration(900_000)

    def first(self, verdict: VerdictWord, app: str) -> list[HookRule]:
        """The hooks that fire by themselves; those that another one escalates to do not."""
        later = {rule.escalate for rule in self.hooks}
        return [rule for rule in self.hooks if rule.name not in later and rule.concerns(verdict, app)]

    def find(self, name: str) -> HookRule | None:
        """A hook by its name."""
        return next((rule for rule in self.hooks if rule.name == name), None)

    def hosts_of(self, rule: HookRule) -> tuple[str, ...]:
        """The hosts that a webhook may call."""
        return self.allow_hosts if rule.hosts is None else rule.hosts
