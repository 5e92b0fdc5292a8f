"""The messages between condense and observe: what one source contributed to one rollout, and what moves its time.

Rows of a chunk replace the rows that were sent before for the same chunk; a chunk is known by its first offset. The log
of these messages is all that observe knows: its outputs are a function of it.
"""

from typing import NamedTuple

from msgspec import Struct

from stream.rollout import Cohort, Rollout
from stream.summary import Summary

LATE = "late"
"""The reason of samples whose pane had to be closed before them."""


class RowKey(NamedTuple):
    """Whose samples a row holds, within one pane of one rollout."""

    cohort: Cohort
    """`baseline` or `canary`."""
    instance: str
    """The instance that reported."""
    boot: str
    """The life of the instance; empty where the producer names none."""
    metric: str
    """The metric's name."""
    unit: str
    """The metric's unit, as reported."""
    stratum: str
    """A part of the traffic that is compared with its like only; empty for all of it."""
    kind: str
    """The kind of summary, a key of `SUMMARIES`: a series that reports two kinds is two rows."""


class Row(Struct, array_like=True, frozen=True):
    """The summary of one series in one pane."""

    pane: int
    """The pane's number: its start in milliseconds divided by its length."""
    key: RowKey
    """Whose samples these are."""
    summary: Summary
    """The digest."""


class Partial(Struct, tag="partial", frozen=True):
    """Rows of one chunk of one source, all of one rollout."""

    rollout: str
    """The rollout's id."""
    source: str
    """The source: a telemetry partition, or a file."""
    start: int
    """Offset of the first record of the chunk: its identity."""
    upto: int
    """Offset after the last record that is in these rows; more than before, else this is a repeat."""
    newest: int
    """The newest event time of the chunk up to here, over all apps, in milliseconds UTC; -1 for none."""
    rows: list[Row]
    """What changed since the last partial of this chunk, each row whole."""
    kept_out: dict[int, dict[str, int]] = {}
    """Samples of the chunk that were kept out up to here, by pane and reason. The pane is the sample's own; where it is
    late, the reason is that and the pane that of the newest time before it: all that was kept out of a pane is known
    when the pane closes."""
    more: bool = False
    """Whether more rows up to `upto` follow in further messages; only the last of them moves the source."""


class ChunkEnd(Struct, tag="end", frozen=True):
    """A chunk of a source is over and all its rows are sent. It goes to every rollout, fed by the chunk or not."""

    source: str
    """The source."""
    start: int
    """Offset of the first record of the chunk."""
    upto: int
    """Offset after its last record."""
    newest: int
    """The newest event time in it, over all apps, in milliseconds UTC; -1 for none."""
    registry: int = -1
    """Offset of the newest record of the registry that was known when the chunk was read to its end."""


class SourceTime(Struct, tag="time", frozen=True):
    """A source's time: it has delivered everything older, idle or busy. It moves the watermark and nothing else."""

    source: str
    """The source."""
    time: int
    """Milliseconds UTC."""


class Stop(Struct, tag="stop", frozen=True):
    """The rollout ends without a verdict on its evidence, because someone said so."""

    rollout: str
    """The rollout's id."""
    reason: str
    """One sentence for people."""


class Failure(Struct, tag="failure", frozen=True):
    """The rollout cannot be judged and ends; that is an error of the monitor, not of the canary."""

    rollout: str
    """The rollout's id."""
    reason: str
    """What went wrong and what to do, for people."""


class Registered(Struct, tag="rollout", frozen=True):
    """A copy of a record of the registry: the rollout begins, or what is known of it changes."""

    rollout: Rollout
    """The rollout."""
    offset: int
    """The record's offset in the registry."""
    sources: list[str] = []
    """All sources of telemetry there are."""
    stopped: str | None = None
    """Why someone ended it."""
    verdict: str | None = None
    """Its final verdict, if it has one."""


Event = Partial | SourceTime | ChunkEnd | Stop | Failure
"""What moves the monitor of one rollout."""
Message = Event | Registered
"""What the log holds."""


def late_start(rollout: str, source: str) -> Failure:
    """The failure of a rollout that begins in the past of a source."""
    return Failure(
        rollout,
        f"This rollout begins in the past of {source}, which was read on before the rollout was known: samples are "
        "missing. Start it anew, without `from` or with one that is still to come.",
    )
