"""Yardstick: a plain Faust agent, an event a message, that decodes as condense does and sums in a dictionary.

python -m benchmarks.broker.stock BROKER TOPIC MESSAGES
"""

import sys

import faust
import msgspec

from benchmarks.broker.notes import note
from benchmarks.broker.scene import SOURCES
from stream.sample import Telemetry


def main() -> None:
    """Read so many messages, note down when, and end."""
    broker, name, goal = sys.argv[1], sys.argv[2], int(sys.argv[3])
    app = faust.App(
        f"{name}-stock",
        broker=f"kafka://{broker}",
        store="memory://",
        consumer_auto_offset_reset="earliest",
        topic_partitions=SOURCES,
        topic_disable_leader=True,
        table_standby_replicas=0,
        web_enabled=False,
    )
    topic = app.topic(name, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")
    decode = msgspec.json.Decoder(Telemetry).decode
    sums: dict[tuple[str, str, str | None], list[float]] = {}

    @app.agent(topic)
    async def agent(stream: faust.StreamT[bytes]) -> None:
        number = 0
        async for value in stream:
            if not number:
                note("first", messages=1)
            sample = decode(value)
            row = sums.setdefault((sample.app, sample.instance, sample.metric), [0, 0.0])
            row[0] += 1
            row[1] += sample.value or 0.0
            number += 1
            if number == goal:
                note("read", messages=number)

    faust.Worker(app, loglevel="error", quiet=True).execute_from_commandline()


if __name__ == "__main__":
    main()
