"""Yardsticks: a loop around confluent-kafka's `consume()`, bare or with the work of condense.

python -m benchmarks.broker.loops BROKER TOPIC MESSAGES BATCH BEGINS [APPS INSTANCES METRICS]

Without a fleet nothing is done with the messages. With one they are decoded and summarised by the same code as in a
worker, in chunks of the same size; what Faust, sending and committing cost is all that is missing.
"""

import sys
from collections.abc import Iterator

from confluent_kafka import Consumer, TopicPartition

from benchmarks.broker.notes import note
from benchmarks.broker.scene import SOURCES
from benchmarks.broker.traffic import Fleet
from stream.condense.chunk import Chunk
from stream.condense.series import Index
from stream.condense.source_log import CHUNK
from stream.formats.native import decode


def batches(broker: str, topic: str, goal: int, batch: int) -> Iterator[list[bytes]]:
    """The values of the topic, up to `batch` at a time; the time to connect is not counted, the first fetch is."""
    consumer = Consumer(
        {
            "bootstrap.servers": broker,
            "group.id": f"{topic}-loop",
            "enable.auto.commit": False,
            "fetch.queue.backoff.ms": 1,
        }
    )
    consumer.list_topics(topic, timeout=10)
    consumer.assign([TopicPartition(topic, number, 0) for number in range(SOURCES)])
    note("first", messages=0)
    number = 0
    while number < goal:
        messages = consumer.consume(batch, 1.0)
        number += len(messages)
        yield [message.value() or b"" for message in messages]
    note("read", messages=number)
    consumer.close()


def bare(found: Iterator[list[bytes]]) -> None:
    """Count bytes."""
    print(sum(sum(map(len, values)) for values in found))


def working(found: Iterator[list[bytes]], fleet: Fleet, begins: int) -> None:
    """Do what condense does: decode, check, resolve, summarise, a chunk after the other."""
    index, offset = Index(fleet.rollouts(begins)), 0
    chunk, rows = Chunk(index, "loop", 0), 0
    for values in found:
        offset += len(values)
        chunk.add(decode(values), offset)
        if offset - chunk.start >= CHUNK:
            rows += sum(len(partial.rows) for partial in chunk.partials())
            chunk = Chunk(index, "loop", offset)
    print(rows)


def main() -> None:
    """Run one loop."""
    broker, topic = sys.argv[1:3]
    goal, batch, begins, *sizes = map(int, sys.argv[3:])
    found = batches(broker, topic, goal, batch)
    if sizes:
        apps, instances, metrics = sizes
        working(found, Fleet(apps, instances, metrics), begins)
    else:
        bare(found)


if __name__ == "__main__":
    main()
