"""Which topics there are, with how many partitions, and what goes where."""

from collections.abc import Mapping
from dataclasses import dataclass

from faust.types import TP

from stream.adapters.settings import Settings
from stream.adapters.topics import DEAD_LETTER, PARTIALS, ROLLOUTS, STATES
from stream.adapters.worker.outbox import Record, partition_of


@dataclass(frozen=True)
class Layout:
    """The topics of one monitor."""

    settings: Settings
    partitions: Mapping[str, int]
    """Partitions of each topic of telemetry and of the partials."""

    @property
    def prefix(self) -> str:
        """Of our topics."""
        return self.settings.prefix

    @property
    def telemetry(self) -> tuple[str, ...]:
        """The topics that are watched."""
        return self.settings.telemetry

    @property
    def partials(self) -> str:
        """The log between condense and observe."""
        return PARTIALS.name(self.prefix)

    @property
    def rollouts(self) -> str:
        """The registry."""
        return ROLLOUTS.name(self.prefix)

    @property
    def states(self) -> str:
        """The checkpoints."""
        return STATES.name(self.prefix)

    @property
    def dead_letter(self) -> str:
        """What cannot be read."""
        return DEAD_LETTER.name(self.prefix)

    @property
    def sources(self) -> list[str]:
        """All partitions of telemetry."""
        return [source(TP(topic, number)) for topic in self.telemetry for number in range(self.partitions[topic])]

    def to_rollout(self, rollout: str, value: bytes) -> Record:
        """A message of the partials log for one rollout."""
        return Record(self.partials, rollout.encode(), value, partition_of(rollout, self.partitions[self.partials]))

    def to_all(self, name: str, value: bytes) -> list[Record]:
        """A message about a source, for every partition of the log."""
        count = self.partitions[self.partials]
        return [Record(self.partials, name.encode(), value, number) for number in range(count)]


def source(tp: TP) -> str:
    """The name of a partition of telemetry as a source.

    >>> source(TP("canary.telemetry", 3))
    'canary.telemetry-3'
    """
    return f"{tp.topic}-{tp.partition}"
