"""A process that writes the traffic of a run at real speed, so that nothing else starves it.

Run as `python -m benchmarks.chaos.feed ORDERS`, with `Orders` as JSON; at its end it prints `Fed` as JSON.
"""

import logging
import random
import sys
import time
from typing import Any

import msgspec
from kafka import KafkaProducer

from benchmarks.chaos.traffic import Traffic

TICK = 0.01
"""Seconds between two looks at the clock."""
SPANS = (0.1, 0.5)
"""Seconds of a transaction."""
DROPPED = 0.25
"""The share of transactions that are aborted."""


class Orders(msgspec.Struct, frozen=True, kw_only=True):
    """What to write."""

    bootstrap: str
    topic: str
    seed: int
    begin: int
    """When the traffic begins, milliseconds UTC."""
    seconds: float
    rate: float
    """Messages a second."""
    transactions: bool = False
    compression: str | None = None


class Fed(msgspec.Struct):
    """What was written."""

    sent: int = 0
    failed: int = 0
    """Messages that the brokers never acknowledged."""
    aborted: int = 0
    """Transactions that were aborted."""
    error: str = ""
    """Of the messages that failed, the first one's."""


class Feed:
    """Writes until the end of the traffic."""

    def __init__(self, orders: Orders) -> None:
        self._orders, self.fed = orders, Fed()
        self._rng = random.Random(orders.seed)
        named = {"transactional_id": orders.topic} if orders.transactions else {}
        self._producer = KafkaProducer(
            bootstrap_servers=orders.bootstrap,
            acks="all",
            enable_idempotence=True,
            linger_ms=5,
            compression_type=orders.compression,
            delivery_timeout_ms=120_000,
            request_timeout_ms=5_000,  # a frozen broker must not hold back what its successor would take
            reconnect_backoff_max_ms=500,
            metadata_max_age_ms=5_000,
            **named,
        )

    def run(self) -> Fed:
        """Write in time, then wait for the last acknowledgement."""
        orders = self._orders
        traffic = Traffic(orders.seed, orders.begin, orders.seconds, orders.rate)
        end, due = orders.begin + 1000 * orders.seconds, 0.0
        if orders.transactions:
            self._producer.init_transactions()
            self._producer.begin_transaction()
        while (now := time.time_ns() // 1_000_000) < end:
            for message in traffic.until(now):
                self._send(message.partition, message.key, message.value)
            if orders.transactions and now > due:
                due = now + 1000 * self._rng.uniform(*SPANS)
                self._turn(last=False)
            time.sleep(TICK)
        if orders.transactions:
            self._turn(last=True)
        self._producer.flush(120)
        self._producer.close(10)
        return self.fed

    def _send(self, partition: int, key: bytes | None, value: bytes) -> None:
        future = self._producer.send(self._orders.topic, value, key=key, partition=partition)
        future.add_errback(self._note)
        self.fed.sent += 1

    def _turn(self, *, last: bool) -> None:
        """End a transaction; what is aborted is in the log as well."""
        if not last and self._rng.random() < DROPPED:
            self._producer.flush(60)
            self._producer.abort_transaction()
            self.fed.aborted += 1
        else:
            self._producer.commit_transaction()
        if not last:
            self._producer.begin_transaction()

    def _note(self, error: Any) -> None:
        self.fed.failed += 1
        self.fed.error = self.fed.error or repr(error)


def main(argument: str) -> None:
    """Write what is ordered."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    print(msgspec.json.encode(Feed(msgspec.json.decode(argument, type=Orders)).run()).decode())


if __name__ == "__main__":
    main(sys.argv[1])
