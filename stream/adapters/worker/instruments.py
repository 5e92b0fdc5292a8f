"""The worker's metrics as Prometheus has them: names, labels, buckets, and what each says."""

from contextlib import suppress
from functools import partial

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

FAST = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)
"""Seconds: buckets of what should take milliseconds."""
SLOW = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
"""Seconds: buckets of what may wait for a broker."""


def forget(gauge: Gauge, *labels: object) -> None:
    """Remove a series, if it is there."""
    with suppress(KeyError):  # of older versions of the library
        gauge.remove(*labels)


class Intake:
    """Telemetry, as it is read."""

    def __init__(self, registry: CollectorRegistry) -> None:
        counter, gauge = partial(Counter, registry=registry), partial(Gauge, registry=registry)
        self.messages = counter(
            "canary_messages_total",
            "Messages of telemetry read; faulty is one that cannot be used, in whole or in part.",
            ("topic", "result"),
        )
        self.faults = counter(
            "canary_decode_errors_total",
            "What was wrong with messages, or with entries of a batch; the dead letters have each.",
            ("topic", "reason"),
        )
        self.dead_letters = counter(
            "canary_dead_letters_total",
            "Messages written to the dead-letter topic, by the topic they came from.",
            ("topic",),
        )
        self.accepted = counter("canary_observations_total", "Samples that count for a rollout.")
        self.late = counter(
            "canary_late_observations_total", "Samples that came after their pane had to be closed, and do not count."
        )
        self.unassigned = counter(
            "canary_unassigned_observations_total",
            "Samples of a watched app that count for no cohort, by the reason.",
            ("reason",),
        )
        self.lag = gauge(
            "canary_consumer_lag_seconds",
            "Age of the newest message read of a partition when it was read: how far reading is behind.",
            ("topic", "partition"),
        )
        self.series = gauge("canary_tracked_series", "Series of telemetry that the worker remembers.")


class Judging:
    """Rollouts, as they are judged."""

    def __init__(self, registry: CollectorRegistry) -> None:
        counter, gauge = partial(Counter, registry=registry), partial(Gauge, registry=registry)
        self.active = gauge("canary_analysis_active", "Running rollouts that this worker judges.")
        self.tick = Histogram(
            "canary_tick_duration_seconds",
            "Time to judge one closed pane of one rollout.",
            buckets=FAST,
            registry=registry,
        )
        self.delay = Histogram(
            "canary_end_to_end_delay_seconds",
            "From the moment a pane could be closed (its end and the lateness) until its score was sent.",
            buckets=SLOW,
            registry=registry,
        )
        self.watermark = gauge(
            "canary_watermark_lag_seconds",
            "How far the time up to which everything was read is behind the clock; NaN while it is not known.",
        )
        self.verdicts = counter("canary_verdicts_total", "Changes of a verdict, by the new one.", ("verdict",))
        self.alerts = counter(
            "canary_alerts_total", "Alerts that began (firing) or ended (resolved), by kind.", ("kind", "status")
        )
        self.waiting = gauge(
            "canary_waiting_messages", "Messages of the monitor's own log that wait for the record of their rollout."
        )
        self.dropped = counter(
            "canary_dropped_messages_total",
            "Messages of the monitor's own log that were given up, as their rollout was never registered.",
        )


class Keeping:
    """What the worker owns, sends and keeps."""

    def __init__(self, registry: CollectorRegistry) -> None:
        counter, gauge = partial(Counter, registry=registry), partial(Gauge, registry=registry)
        histogram = partial(Histogram, registry=registry)
        self.ready = gauge("canary_ready", "1 if the worker is ready, as /readyz says; else 0.")
        self.partitions = gauge("canary_assigned_partitions", "Partitions that the worker owns.", ("topic",))
        self.rebalances = counter(
            "canary_rebalances_total", "Times that the worker was given another set of partitions."
        )
        self.sent = counter("canary_sent_records_total", "Records that the broker has acknowledged.")
        self.send = histogram(
            "canary_send_duration_seconds",
            "From sending records until the broker has acknowledged all of them.",
            buckets=SLOW,
        )
        self.checkpoints = counter("canary_checkpoints_total", "Checkpoints written.")
        self.checkpoint_bytes = counter("canary_checkpoint_bytes_total", "Bytes of states in checkpoints.")
        self.checkpoint = histogram(
            "canary_checkpoint_duration_seconds", "Time until a checkpoint was written and acknowledged.", buckets=SLOW
        )
        self.restored = counter("canary_restored_rollouts_total", "Rollouts whose state was read from a checkpoint.")
        self.restore = histogram(
            "canary_restore_duration_seconds", "Time to read the checkpoints of a partition.", buckets=SLOW
        )
