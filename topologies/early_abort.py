"""The hook runner: one Faust app that fires hooks at verdicts. `canary hooks run` starts it.

verdicts ──▶ hooks ──▶ webhooks, commands
                └────▶ actions (the audit)
"""

from pathlib import Path
from typing import NamedTuple

from stream.adapters.hooks import make_hooks
from stream.adapters.hooks.chains import Chains
from stream.adapters.hooks.file import ARMED
from stream.adapters.hooks.follower import Follower
from stream.adapters.hooks.ledger import Ledger
from stream.adapters.hooks.metrics import HookMetrics
from stream.adapters.hooks.runner import Runner
from stream.adapters.kafka.admin import partitions_of
from stream.adapters.kafka.probe import probe
from stream.adapters.settings import Settings
from stream.adapters.topics import ACTIONS, VERDICTS
from stream.adapters.worker.health import HealthServer, HealthService
from stream.adapters.worker.transport import App, Fetch
from stream.errors import SourceError
from stream.hooks.rule import HooksFile
from topologies.app_settings import app_settings

QUEUE = 4
"""Batches that wait for the runner."""


class EarlyAbort(NamedTuple):
    """What a hook runner runs."""

    app: App
    health: HealthService


class Surroundings(NamedTuple):
    """What was found before the start."""

    partitions: int
    """Partitions of the topic of actions."""
    idempotent: bool
    """Whether the broker has idempotent producers."""


def look_around(settings: Settings) -> Surroundings:
    """Find out whether hooks can run here.

    Raises:
        SourceError: no broker, no way in, or a topic is missing; one line that says what to do.
    """
    cluster = probe(settings)
    wanted = [topic.name(settings.prefix) for topic in (VERDICTS, ACTIONS)]
    found = partitions_of(settings, wanted)
    for name in wanted:
        if name not in found:
            raise SourceError(f"{name}: there is no such topic; run `canary topics create`, or mend CANARY_PREFIX")
    return Surroundings(found[ACTIONS.name(settings.prefix)], cluster.idempotent)


def build(settings: Settings, file: HooksFile, directory: Path, around: Surroundings, *, off: bool) -> EarlyAbort:
    """Wire the hooks to their topics.

    Args:
        settings: where.
        file: the hooks.
        directory: where relative paths in the file begin.
        around: what was found.
        off: whether this runner may call nothing.

    Raises:
        CanaryError: a secret or a program is not there.
    """
    hooks = make_hooks(file, directory)
    verdicts = VERDICTS.name(settings.prefix)
    app = App(
        f"{settings.prefix}-hooks",
        batched=frozenset({verdicts}),
        fetch=Fetch(wait_ms=int(settings.fetch_wait), min_bytes=1),
        idempotent=around.idempotent,
        **app_settings(settings),
    )
    ledger, metrics = Ledger(app, settings.prefix), HookMetrics(hooks)
    follower = Follower(settings, around.partitions)
    why = f"hooks are off in this runner ({ARMED}=off)" if off else None
    chains = Chains(file, hooks, follower.book, ledger.record, metrics, why)
    runner = Runner(app, chains, follower, ledger, metrics)
    metrics.watch(lambda: chains.stopped is not None)

    app.agent(app.batch_topic(verdicts, maxsize=QUEUE), name="hooks")(runner.process)
    for work in (follower.run, runner.keep_stopped):
        app.task(work)
    app.on_partitions_revoked.connect(runner.on_revoked)
    app.on_partitions_assigned.connect(runner.on_assigned)
    app.on_before_shutdown.connect(runner.leave)

    def missing() -> list[str]:
        parts = {"actions read": follower.ready.is_set(), "partitions assigned": runner.assigned}
        return [name for name, there in parts.items() if not there]

    server = HealthServer(settings.listen, metrics, missing)
    return EarlyAbort(app, HealthService(server))
