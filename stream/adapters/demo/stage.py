"""What the demo runs on: a broker, topics, the monitor's worker, the hooks, and who they call. It goes as it came."""

import json
import secrets
import sys
import tempfile
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import IO

from stream.adapters.demo.children import Children
from stream.adapters.demo.receiver import Deployment, Received, Receiver
from stream.adapters.embedded_broker import EmbeddedBroker
from stream.adapters.kafka.admin import create
from stream.adapters.kafka.connect import open_admin
from stream.adapters.settings import Settings
from stream.adapters.topics import TELEMETRY
from stream.errors import CanaryError

LOOPBACK = "127.0.0.1"
SESSION = "3"
"""Seconds: the session time-out of the groups on the embedded broker, where joining takes half of it."""
GRACE_EMBEDDED, GRACE = 0.3, 5.0
"""Seconds for worker and hooks to end by themselves: what is left on the embedded broker is nobody's."""


@dataclass(frozen=True)
class Wish:
    """How the demo is wanted."""

    given: Settings | None = None
    """A broker that runs already; the embedded one by default."""
    prefix: str | None = None
    """Of the topics; by default a fresh one, whose topics are deleted at the end, or where the monitor runs elsewhere
    that of its settings."""
    monitor: bool = True
    """Whether to run a worker and the hooks; else they run elsewhere."""
    listen: tuple[str, int] | None = None
    """Host and port where hooks can roll back and promote; a free port of loopback by default, and none where the hooks
    run elsewhere."""
    secret: str | None = None
    """`whsec_...` that such calls must be signed with, where the hooks run elsewhere."""


@dataclass(frozen=True)
class Stage:
    """What there is."""

    settings: Settings
    """Where the topics are."""
    receiver: Receiver | None
    """Who obeys the hooks; None where they call somewhere else."""
    children: Children
    """The worker and the hooks."""
    words: str
    """What there is, a sentence."""

    @property
    def obeyed(self) -> dict[str, Received] | None:
        """The orders of hooks so far, by id; None where they call somewhere else."""
        return self.receiver.received if self.receiver is not None else None

    def takes_orders_for(self, rollout: str, deployment: Deployment) -> None:
        """From now on hooks can roll this one back or promote it."""
        if self.receiver is not None:
            self.receiver.obey(rollout, deployment)

    def check(self) -> None:
        """Whether the worker and the hooks still run.

        Raises:
            CanaryError: one has ended.
        """
        self.children.check()


@contextmanager
def set_up(wish: Wish, canary: Sequence[str], environment: Mapping[str, str]) -> Iterator[Stage]:
    """Set it up; at the end of the block nothing of it is left.

    Args:
        wish: how.
        canary: the command line of `canary`, without arguments.
        environment: this process's variables.

    Raises:
        CanaryError: no broker can be had, it refuses, or a port is in use.
    """
    with ExitStack() as stack:
        secret = _made_secret() if wish.monitor and sys.platform == "linux" else wish.secret
        receiver = None
        if wish.monitor or wish.listen is not None:
            receiver = stack.enter_context(Receiver(*(wish.listen or (LOOPBACK, 0)), secret))
        settings, words = _broker(stack, wish)
        made = create(settings).created
        if wish.given is not None and wish.prefix is None and wish.monitor:
            stack.callback(_delete, settings, [topic.name for topic in made])
        grace = GRACE_EMBEDDED if wish.given is None else GRACE
        children = stack.enter_context(Children(canary, grace))
        there = "a worker and the hook runner start" if wish.monitor else "worker and hooks run elsewhere"
        stage = Stage(settings, receiver, children, f"{words}; {there}.")
        if wish.monitor and receiver is not None:
            variables = _variables(settings, environment, embedded=wish.given is None)
            children.start("worker", ["run"], variables)
            _start_hooks(stack, children, receiver, secret, variables)
        yield stage


def _broker(stack: ExitStack, wish: Wish) -> tuple[Settings, str]:
    if wish.given is not None:
        prefix = wish.prefix or (f"demo-{secrets.token_hex(4)}" if wish.monitor else wish.given.prefix)
        group, telemetry = f"{prefix}-monitor", (TELEMETRY.name(prefix),)
        settings = replace(wish.given, prefix=prefix, group=group, telemetry=telemetry)
        return settings, f"Broker at {', '.join(settings.brokers)}, topics {prefix}.*"
    named = {"CANARY_PREFIX": wish.prefix} if wish.prefix is not None else {}
    settings = Settings.read({"CANARY_BROKER": LOOPBACK, "CANARY_SESSION": SESSION, **named})
    try:
        broker = stack.enter_context(EmbeddedBroker())
    except CanaryError as error:
        raise CanaryError(f"{error}; or name a broker: canary demo --broker HOST:PORT") from None
    return replace(settings, brokers=(broker.bootstrap,)), f"Embedded broker at {broker.bootstrap}"


def _variables(settings: Settings, environment: Mapping[str, str], *, embedded: bool) -> dict[str, str]:
    """All variables of the children: where the topics are, and how to get in where the broker is given."""
    ours = {name: value for name, value in environment.items() if not (embedded and name.startswith("CANARY_"))}
    session = {"CANARY_SESSION": SESSION} if embedded else {}
    ours.pop("CANARY_HOOKS", None)
    return (
        ours
        | session
        | {
            "CANARY_BROKER": ",".join(settings.brokers),
            "CANARY_PREFIX": settings.prefix,
            "CANARY_GROUP": settings.group,
            "CANARY_TELEMETRY": ",".join(settings.telemetry),
            "CANARY_LISTEN": "off",
        }
    )


def _start_hooks(
    stack: ExitStack, children: Children, receiver: Receiver, secret: str | None, variables: Mapping[str, str]
) -> None:
    """Two webhooks that tell the deployment what to do, and a command that only says why."""
    descriptor = stack.enter_context(_nameless(secret)).fileno() if secret is not None else None
    signed = {"secret_file": f"/dev/fd/{descriptor}"} if descriptor is not None else {}
    hooks = [
        {
            "name": order,
            "type": "webhook",
            "on": [verdict],
            "url": f"http://{receiver.address}/{order}",
            "dry_run": False,
            **signed,
        }
        for order, verdict in (("rollback", "abort"), ("promote", "promote"))
    ]
    say = {
        "name": "say-why",
        "type": "command",
        "on": ["abort", "promote", "inconclusive"],
        "command": ["printenv", "CANARY_TEXT"],
        "dry_run": False,
    }
    file = json.dumps({"allow_hosts": [receiver.address.rpartition(":")[0]], "hooks": [*hooks, say]})
    files = [descriptor] if descriptor is not None else []
    children.start("hook runner", ["hooks", "run", "-"], variables, given=file.encode(), files=files)


def _made_secret() -> str:
    return f"whsec_{b64encode(secrets.token_bytes(32)).decode()}"


def _nameless(text: str) -> IO[bytes]:
    """A file without a name, which on Linux a child that inherits it can read again and again."""
    with ExitStack() as stack:
        file = stack.enter_context(tempfile.TemporaryFile())
        file.write(text.encode())
        file.flush()
        stack.pop_all()
    return file


def _delete(settings: Settings, topics: list[str]) -> None:
    with open_admin(settings) as admin:
        admin.delete_topics(topics)


def next_second(now: float, ahead: float) -> int:
    """The start of a pane of the demo that is so many seconds ahead, milliseconds UTC.

    >>> next_second(1.2, 3.0)
    5000
    """
    return -int(-(now + ahead) // 1) * 1000
