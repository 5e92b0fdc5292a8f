"""What a worker says about itself, for Prometheus. `docs/metrics.md` lists it.

>>> from collections import Counter
>>> metrics = Metrics()
>>> metrics.read("canary.telemetry", 3, Counter(not_json=1))
>>> metrics.registry.get_sample_value("canary_messages_total", {"topic": "canary.telemetry", "result": "ok"})
2.0
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping
from itertools import product
from typing import get_args

from prometheus_client import CollectorRegistry, Info, PlatformCollector, ProcessCollector, disable_created_metrics
from prometheus_client.exposition import choose_encoder

from stream import __version__
from stream.adapters.worker.app_series import WORDS, AppSeries
from stream.adapters.worker.instruments import Intake, Judging, Keeping, forget
from stream.outputs import Alert, AlertKind, Output, Score, Verdict
from stream.rollout import Rollout

LATE = "late"
"""The reason of samples that came too late."""
FIRING, RESOLVED = "firing", "resolved"


class Metrics:
    """The metrics of one worker, in a registry of their own. All methods are cheap, and for the thread of the loop.

    Counters begin anew with every worker, and what a worker repeats after a crash counts again.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        # Else each counter and histogram has a second series, which nobody asks for.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        """Where they are."""
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        Info("canary_build", "The version of the worker.", registry=self.registry).info({"version": __version__})
        self._clock = clock
        self._intake, self._judging = Intake(self.registry), Judging(self.registry)
        self._keeping, self._apps = Keeping(self.registry), AppSeries(self.registry)
        self._watermark: tuple[float, float] | None = None
        self._judging.watermark.set_function(self._watermark_lag)
        for word in WORDS:  # a counter that begins with its first event has no increase there
            self._judging.verdicts.labels(word)
        for kind, status in product(get_args(AlertKind), (FIRING, RESOLVED)):
            self._judging.alerts.labels(kind, status)

    async def exposition(self, accept: str) -> tuple[bytes, str]:
        """All metrics as text, and its content type.

        Args:
            accept: the header of the request; OpenMetrics if it asks for that, else Prometheus's own format.
        """
        self._apps.tidy(self._clock())
        encode, content_type = choose_encoder(accept)
        return await asyncio.to_thread(encode, self.registry), content_type  # a thousand rollouts take a while

    def read(self, topic: str, messages: int, faults: Counter[str], faulty: int | None = None) -> None:
        """Messages of telemetry were read.

        Args:
            topic: where from.
            messages: how many, with the wrong ones.
            faults: what was wrong, by reason: a batch may have several.
            faulty: messages with a fault; by default one for each fault.
        """
        wrong = min(messages, faults.total() if faulty is None else faulty)
        self._intake.messages.labels(topic, "ok").inc(messages - wrong)
        self._intake.messages.labels(topic, "faulty").inc(wrong)
        for reason, number in faults.items():
            self._intake.faults.labels(topic, reason).inc(number)

    def dead_letters(self, topic: str, number: int) -> None:
        """Messages of `topic` were written to the dead letters."""
        self._intake.dead_letters.labels(topic).inc(number)

    def routed(self, accepted: int, kept_out: Mapping[str, int]) -> None:
        """Samples went into rows, or were kept out, by reason; a sample counts once for each rollout of its app."""
        self._intake.accepted.inc(accepted)
        for reason, number in kept_out.items():
            if reason == LATE:
                self._intake.late.inc(number)
            else:
                self._intake.unassigned.labels(reason).inc(number)

    def lag(self, topic: str, partition: int, seconds: float) -> None:
        """Reading of a partition is `seconds` behind; 0 where it is read to its end."""
        self._intake.lag.labels(topic, partition).set(seconds)

    def lost(self, topic: str, partition: int) -> None:
        """A partition is another worker's now."""
        forget(self._intake.lag, topic, partition)

    def tracks(self, series: int) -> None:
        """So many series of telemetry are remembered."""
        self._intake.series.set(series)

    def judged(self, seconds: float) -> None:
        """A closed pane of one rollout was judged, in `seconds`."""
        self._judging.tick.observe(seconds)

    def said(self, output: Output, rollout: Rollout, late_by: float) -> None:
        """An output was sent.

        Args:
            output: what.
            rollout: whose.
            late_by: seconds from the pane's end and the lateness to the sending; of scores.
        """
        match output:
            case Score():
                self._judging.delay.observe(max(0.0, late_by))
            case Verdict():
                self._judging.verdicts.labels(output.verdict).inc()
            case Alert():
                self._judging.alerts.labels(output.kind, output.status).inc()
        self._apps.say(output, rollout)

    def over(self, rollout: Rollout) -> None:
        """A rollout has ended: its series go, after some minutes in which its last word can be scraped."""
        self._apps.end(rollout, self._clock())

    def holds(self, rollouts: int) -> None:
        """So many rollouts run on this worker."""
        self._judging.active.set(rollouts)

    def watermark(self, seconds: float | None) -> None:
        """The watermark is `seconds` behind the clock now; it falls behind further until this is said again.

        None: there is no watermark, as no partition is owned or no source has told its time.
        """
        self._watermark = None if seconds is None else (seconds, self._clock())

    def waiting(self, messages: int) -> None:
        """So many messages of the partials log wait for the record of their rollout."""
        self._judging.waiting.set(messages)

    def dropped(self, messages: int) -> None:
        """So many more messages of the partials log were given up."""
        self._judging.dropped.inc(messages)

    def assigned(self, partitions: Mapping[str, int]) -> None:
        """The group has rebalanced: the worker owns so many partitions of each topic, perhaps others than before.

        What was said of partitions and running rollouts is forgotten; the new owners, maybe this worker, say it anew.
        """
        self._keeping.rebalances.inc()
        for gauge in (self._keeping.partitions, self._intake.lag):
            gauge.clear()
        for topic, number in partitions.items():
            self._keeping.partitions.labels(topic).set(number)
        self._apps.drop_running()
        self.holds(0)
        self.waiting(0)
        self.watermark(None)

    def acknowledged(self, records: int, seconds: float) -> None:
        """The broker has acknowledged records that were sent together, after `seconds`."""
        self._keeping.sent.inc(records)
        self._keeping.send.observe(seconds)

    def checkpointed(self, bytes: int, seconds: float) -> None:  # noqa: A002  # as one says it
        """A checkpoint was written: of so many bytes, in `seconds`."""
        self._keeping.checkpoints.inc()
        self._keeping.checkpoint_bytes.inc(bytes)
        self._keeping.checkpoint.observe(seconds)

    def restored(self, rollouts: int, seconds: float) -> None:
        """A partition's states were read: of so many rollouts, in `seconds`."""
        self._keeping.restored.inc(rollouts)
        self._keeping.restore.observe(seconds)

    def ready(self, ready: bool) -> None:
        """Whether the worker is ready."""
        self._keeping.ready.set(ready)

    def _watermark_lag(self) -> float:
        if self._watermark is None:
            return float("nan")
        seconds, said = self._watermark
        return seconds + self._clock() - said
