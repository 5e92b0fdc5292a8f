"""The monitor: one Faust app with both stages. `canary run` starts it, or `faust -A topologies.monitor worker`.

telemetry ──▶ condense ──▶ partials ──▶ observe ──▶ divergences, scores, alerts, verdicts
rollouts  ──▶ register ──────┘
"""

import os
from collections.abc import Mapping
from typing import NamedTuple

from stream.adapters.settings import Settings
from stream.adapters.worker.collector import collect_rarely
from stream.adapters.worker.condenser import Condenser
from stream.adapters.worker.health import HealthServer, HealthService
from stream.adapters.worker.layout import Layout
from stream.adapters.worker.metrics import Metrics
from stream.adapters.worker.observer_stage import ObserverStage
from stream.adapters.worker.outbox import Outbox
from stream.adapters.worker.preflight import look_around
from stream.adapters.worker.registrar import Registrar
from stream.adapters.worker.registry_follower import RegistryFollower
from stream.adapters.worker.transport import App, Fetch
from topologies.app_settings import app_settings

QUEUE = 32
"""Batches that wait for a stage."""


class Monitor(NamedTuple):
    """What a worker runs."""

    app: App
    health: HealthService


def build(settings: Settings, partitions: Mapping[str, int], *, idempotent: bool) -> Monitor:
    """Wire the stages to their topics.

    Args:
        settings: the worker's settings.
        partitions: partitions of each topic of telemetry and of the partials.
        idempotent: whether the broker has idempotent producers.
    """
    layout = Layout(settings, partitions)
    batched = frozenset({*layout.telemetry, layout.partials, layout.rollouts})
    fetch = Fetch(wait_ms=int(settings.fetch_wait))
    app = App(settings.group, batched=batched, fetch=fetch, idempotent=idempotent, **app_settings(settings))
    outbox, metrics, registry = Outbox(app), Metrics(), RegistryFollower(settings)
    condenser = Condenser(app, outbox, layout, registry, metrics)
    observer = ObserverStage(app, outbox, layout, metrics)
    registrar = Registrar(app, outbox, layout)

    telemetry = [app.batch_topic(name, maxsize=QUEUE) for name in layout.telemetry]
    for topic in telemetry:
        app.agent(topic, name=f"condense-{topic.get_topic_name()}")(condenser.process)
    app.agent(app.batch_topic(layout.partials, maxsize=QUEUE), name="observe")(observer.process)
    app.agent(app.batch_topic(layout.rollouts, maxsize=QUEUE), name="register")(registrar.process)
    for work in (collect_rarely, registry.run, condenser.run, observer.run, observer.report):
        app.task(work)

    def missing() -> list[str]:
        parts = {"registry read": registry.ready.is_set(), "partitions assigned": condenser.assigned}
        return [name for name, there in parts.items() if not there]

    return Monitor(app, HealthService(HealthServer(settings.listen, metrics, missing)))


def __getattr__(name: str) -> App:
    """`app`, from the environment, for `faust -A topologies.monitor`."""
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    settings = Settings.read(os.environ)
    found = look_around(settings)
    return build(settings, found.partitions, idempotent=found.idempotent).app
