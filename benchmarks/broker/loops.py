"""Yardsticks: a loop around confluent-kafka's `consume()`, bare or with the work of condense.

    python -m benchmarks.broker.loops BROKER TOPIC bare|work|rarely MESSAGES BATCH BEGINS

With `work` the messages are decoded and summarised by the same code as in a worker, in chunks of the same size; what
Faust, sending and committing cost is all that is missing. With `rarely` garbage is looked for as rarely as in a worker.
"""

import asyncio
import sys
from collections.abc import Iterator

from confluent_kafka import Consumer, TopicPartition

from benchmarks.broker.notes import note
from benchmarks.broker.scene import SOURCES
from benchmarks.broker.throughput import FLEET
from stream.adapters.worker.collector import collect_rarely
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
        messages = consumer.consume(min(batch, goal - number), 1.0)  # for more than there are it would wait
        number += len(messages)
        yield [message.value() or b"" for message in messages]
    note("read", messages=number)
    consumer.close()


def bare(found: Iterator[list[bytes]]) -> int:
    """Count bytes."""
    return sum(sum(map(len, values)) for values in found)


def working(found: Iterator[list[bytes]], begins: int) -> int:
    """Do what condense does: decode, check, resolve, summarise, a chunk after the other. Returns the number of rows."""
    index, offset = Index(FLEET.rollouts(begins)), 0
    chunk, rows = Chunk(index, "loop", 0), 0
    for values in found:
        offset += len(values)
        chunk.add(decode(values), offset)
        if offset - chunk.start >= CHUNK:
            rows += sum(len(partial.rows) for partial in chunk.partials())
            chunk = Chunk(index, "loop", offset)
    return rows


def main() -> None:
    """Run one loop."""
    broker, topic, work, *numbers = sys.argv[1:]
    goal, batch, begins = map(int, numbers)
    if work == "rarely":
        asyncio.run(collect_rarely())
    found = batches(broker, topic, goal, batch)
    print(bare(found) if work == "bare" else working(found, begins))


if __name__ == "__main__":
    main()
