"""Outputs of the example, as the monitor would write them for a rollout that ends now."""

from collections.abc import Iterable
from functools import cache

from msgspec.structs import replace

from stream.adapters.example import ROLLOUT, example_lines
from stream.adapters.kafka.connect import open_producer
from stream.adapters.settings import Settings
from stream.adapters.traffic import Fault
from stream.adapters.worker.announce import records_of
from stream.document.parse import parse_document
from stream.document.rollout import read_rollout
from stream.outputs import Output
from stream.replay.lines import blocks
from stream.replay.run import Replay


@cache
def _example(fault: Fault) -> tuple[Output, ...]:
    lines = blocks((line + b"\n" for line in example_lines(fault)), limit=1 << 20)
    return tuple(Replay(read_rollout(parse_document(ROLLOUT, "example.yaml")), {"example": lines}).outputs())


def example(fault: Fault, rollout: str, end_ms: int, seconds: int | None = None) -> list[Output]:
    """The example's outputs, moved in time and to another id.

    Args:
        fault: what befalls the canary.
        rollout: the id.
        end_ms: the event time of the last one.
        seconds: only those of the first so many seconds.
    """
    outputs = _example(fault)
    if seconds is not None:
        outputs = tuple(output for output in outputs if output.at <= outputs[0].at + 1000 * seconds)
    shift = end_ms - outputs[-1].at
    return [
        replace(output, id=f"{rollout}/{output.id.rpartition('/')[2]}", rollout=rollout, at=output.at + shift)
        for output in outputs
    ]


def announce(settings: Settings, outputs: Iterable[Output]) -> None:
    """Write outputs to their topics as a worker does."""
    with open_producer(settings) as producer:
        sent = [
            producer.send(record.topic, record.value, key=record.key, headers=list(record.headers))
            for output in outputs
            for record in records_of(output, settings.prefix)
        ]
        for future in sent:
            future.get(30)
