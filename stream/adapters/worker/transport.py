"""Micro-batches: a Faust stream that carries one event per partition *batch* of the topics that are named.

All other topics take Faust's own path. Of a batched topic

- `event.value` is the list of `Record`s, `event.message.tp` their partition, `event.message.generation_id` the group's
  generation in which they were fetched. After *any* rebalance every partition is read again from its commit.
- An ack says that the stream is done with the batch. It never moves the commit: `consumer.release(tp, offset)` does,
  and means that everything below `offset` is processed and its effects are acknowledged by the broker.

Apps with Faust tables are not served: their changelogs would be dropped with the streams during a rebalance.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import faust
from faust.transport.drivers import aiokafka as driver
from faust.types.transports import ConsumerT, ProducerT, TransportT
from mode.supervisors import CrashingSupervisor

from stream.adapters.worker.batch_consumer import BatchConsumer
from stream.adapters.worker.patience import make_patient


@dataclass(frozen=True, slots=True)
class Fetch:
    """How the worker fetches."""

    wait_ms: int = 20
    """Milliseconds that the broker may wait for `min_bytes`. Faust asks for 1,500: the delay of a lone record."""
    min_bytes: int = 65536
    """Bytes that the broker gathers within that time. With 1 it answers for every few records, which costs CPU."""
    committed_only: bool = True
    """Leave out records of aborted transactions, and wait at open ones."""


class IdempotentProducer(driver.Producer):
    """Faust's producer, idempotent."""

    app: "App"

    def _settings_extra(self) -> Mapping[str, Any]:
        return {**super()._settings_extra(), "enable_idempotence": self.app.idempotent}

    def _new_producer(self, transactional_id: str | None = None) -> Any:
        producer = super()._new_producer(transactional_id)
        make_patient(producer.client)
        return producer


class BatchTransport(driver.Transport):
    """Faust's transport with the parts above."""

    Consumer: ClassVar[type[ConsumerT]] = BatchConsumer
    Producer: ClassVar[type[ProducerT]] = IdempotentProducer


class App(faust.App):
    """A Faust app that reads some topics in micro-batches.

    Args:
        *args: of `faust.App`.
        batched: the topics.
        fetch: how all topics are fetched.
        idempotent: let the producer number what it sends, so that a retry neither repeats nor reorders, and nothing is
            given up: a short time-out is safe then. The embedded broker cannot.
        **conf: settings of `faust.App`.
    """

    consumer: BatchConsumer
    """Where batches are released."""

    def __init__(
        self, *args: Any, batched: frozenset[str], fetch: Fetch | None = None, idempotent: bool = True, **conf: Any
    ) -> None:
        self.batched = batched
        self.fetch = fetch or Fetch()
        self.idempotent = idempotent
        # Faust's own choice starts a failed agent anew behind the batch it failed at, which nobody would read again.
        super().__init__(*args, **{"agent_supervisor": CrashingSupervisor, **conf})

    def _new_transport(self) -> TransportT:
        return BatchTransport(self.conf.broker_consumer, self)

    def _create_directories(self) -> None:
        """Faust makes directories for tables, which we have none of."""

    def batch_topic(self, name: str, *, maxsize: int = 32) -> Any:
        """Declare a batched topic.

        Args:
            name: one of `batched`.
            maxsize: batches, not records, that may wait for the agent; then its partitions are not fetched.
        """
        if name not in self.batched:
            raise ValueError(f"{name} is not batched; batched are {', '.join(sorted(self.batched)) or 'none'}")
        topic = self.topic(name, key_type=bytes, key_serializer="raw", value_type=None, value_serializer="raw")
        topic.maxsize = maxsize  # faust-streaming 0.15.3 ignores the argument of `topic`
        return topic
