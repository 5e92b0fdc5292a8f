"""What a hook runner says about itself, for Prometheus. `docs/hooks.md` lists it.

>>> metrics = HookMetrics(["revert"])
>>> metrics.tried("revert", "succeeded", 0.04)
>>> metrics.registry.get_sample_value("canary_hook_requests_total", {"hook": "revert", "outcome": "succeeded"})
1.0
"""

import asyncio
from collections.abc import Callable, Iterable

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.exposition import choose_encoder

from stream import __version__

OUTCOMES = ("succeeded", "failed", "refused", "dry_run")
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
"""Seconds."""


class HookMetrics:
    """The metrics of one runner, in a registry of their own.

    Args:
        hooks: the names of the hooks.
    """

    def __init__(self, hooks: Iterable[str]) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # else counters have a second series each
        self.registry = CollectorRegistry()
        """Where they are."""
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        Info("canary_build", "The version of the runner.", registry=self.registry).info({"version": __version__})
        self._requests = Counter(
            "canary_hook_requests_total", "Tries of hooks, by outcome.", ("hook", "outcome"), registry=self.registry
        )
        self._duration = Histogram(
            "canary_hook_duration_seconds",
            "How long a call took, whatever came of it.",
            ("hook",),
            buckets=BUCKETS,
            registry=self.registry,
        )
        self._delay = Histogram(
            "canary_hook_delay_seconds",
            "From the record of a verdict to the first call about it.",
            buckets=BUCKETS,
            registry=self.registry,
        )
        self._skipped = Counter(
            "canary_hook_skipped_total", "Records of the verdicts' topic that are no verdicts.", registry=self.registry
        )
        self._pending = Gauge(
            "canary_hook_pending_verdicts",
            "Verdicts about which hooks are called or tried again.",
            registry=self.registry,
        )
        self._stopped = Gauge("canary_hooks_stopped", "1 while the hooks are stopped; else 0.", registry=self.registry)
        self._ready = Gauge(
            "canary_ready", "1 if the runner is ready, as /readyz says; else 0.", registry=self.registry
        )
        for hook in hooks:  # a counter that begins with its first event has no increase there
            for outcome in OUTCOMES:
                self._requests.labels(hook, outcome)
            self._duration.labels(hook)

    async def exposition(self, accept: str) -> tuple[bytes, str]:
        """All metrics as text, and its content type.

        Args:
            accept: the header of the request.
        """
        encode, content_type = choose_encoder(accept)
        return await asyncio.to_thread(encode, self.registry), content_type

    def tried(self, hook: str, outcome: str, seconds: float | None) -> None:
        """A hook was tried, or was not, by the outcome in the audit.

        Args:
            hook: its name.
            outcome: the word of the audit.
            seconds: how long the call took; None where none was made.
        """
        self._requests.labels(hook, outcome).inc()
        if seconds is not None:
            self._duration.labels(hook).observe(seconds)

    def began(self, seconds: float) -> None:
        """The first call about a verdict was begun so long after its record."""
        self._delay.observe(max(0.0, seconds))

    def skipped(self) -> None:
        """A record was no verdict."""
        self._skipped.inc()

    def pending(self, verdicts: int) -> None:
        """So many verdicts are under way."""
        self._pending.set(verdicts)

    def watch(self, stopped: Callable[[], bool]) -> None:
        """Ask at each scrape whether the hooks are stopped."""
        self._stopped.set_function(lambda: float(stopped()))

    def ready(self, ready: bool) -> None:
        """Whether the runner is ready."""
        self._ready.set(ready)
