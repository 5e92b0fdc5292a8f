"""A worker as `canary run` starts it, that notes down when it was assigned its partitions, and what it read when.

BENCH_MESSAGES: notes `read` once so many messages of telemetry were condensed. BENCH_OBSERVE=0: the second stage is
left to another worker.
"""

import os
import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

from faust.types import TP, ConsumerMessage

from benchmarks.broker.notes import note
from stream.adapters.worker.batch_consumer import BatchConsumer
from stream.adapters.worker.metrics import Metrics
from stream.adapters.worker.transport import BatchTransport
from topologies import command, monitor

GOAL = int(os.environ.get("BENCH_MESSAGES", "0"))


class Consumer(BatchConsumer):
    """Notes down the assignment, and the first batch of telemetry."""

    _begun = False

    def _batch(self, tp: TP, records: list[Any]) -> ConsumerMessage:
        if not self._begun and tp.topic.endswith(".telemetry"):
            self._begun = True
            note("first", messages=len(records))
        return super()._batch(tp, records)

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """The group has rebalanced."""
        note("assigned", partitions=len(assigned))
        await super().on_partitions_assigned(assigned, generation_id)


class Counts(Metrics):
    """Notes down when all is condensed, and how many rollouts were restored."""

    _messages = _rollouts = 0

    def read(self, topic: str, messages: int, faults: Counter[str], faulty: int | None = None) -> None:
        """Messages were condensed."""
        super().read(topic, messages, faults, faulty)
        before, self._messages = self._messages, self._messages + messages
        if before < GOAL <= self._messages:
            note("read", messages=self._messages)

    def restored(self, rollouts: int, seconds: float) -> None:
        """A partition's states were read."""
        super().restored(rollouts, seconds)
        self._rollouts += rollouts
        note("restored", rollouts=self._rollouts, seconds=seconds)


def alone(build: Callable[..., monitor.Monitor]) -> Callable[..., monitor.Monitor]:
    """Build without the second stage."""

    def made(*args: Any, **more: Any) -> monitor.Monitor:
        found = build(*args, **more)
        del found.app.agents["observe"]
        return found

    return made


def main() -> None:
    """Run until SIGTERM."""
    BatchTransport.Consumer = Consumer
    monitor.Metrics = Counts  # type: ignore[attr-defined]
    if os.environ.get("BENCH_OBSERVE") == "0":
        monitor.build = alone(monitor.build)
    sys.argv = ["canary", "run"]
    command.main()


if __name__ == "__main__":
    main()
