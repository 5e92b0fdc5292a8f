"""Outputs: as they were read, and as they should have been."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from tests.broker_helpers import Incoming


class Head(msgspec.Struct):
    """What every output has."""

    id: str
    rollout: str
    at: int
    type: str
    verdict: str = ""
    final: bool = False

    @property
    def number(self) -> int:
        """Its place among the rollout's outputs."""
        return int(self.id.rpartition("/")[2])


class Spoken(NamedTuple):
    """An output as it was read."""

    topic: str
    record: Incoming
    head: Head

    @property
    def final(self) -> bool:
        """Whether it is a final verdict."""
        return self.head.type == "verdict" and self.head.final


_head = msgspec.json.Decoder(Head).decode


def read_outputs(found: Sequence[tuple[str, Incoming]]) -> list[Spoken]:
    """Outputs as they were read, with their heads."""
    return [Spoken(topic, record, _head(record.value or b"")) for topic, record in found]


class Said(NamedTuple):
    """An output as the fold has it."""

    id: str
    value: bytes
    final: bool
