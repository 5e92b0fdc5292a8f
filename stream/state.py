"""All that a rollout's monitor remembers: plain data, so that it can be stored at any pane and go on elsewhere."""

from typing import Literal, NamedTuple

import numpy as np
from msgspec import Struct, field

from stream.arrays import Flags
from stream.compare.counts import Counts
from stream.compare.location import Location
from stream.outputs import VerdictWord
from stream.partial import RowKey
from stream.rollout import Cohort
from stream.summary import Summary

SIDES: tuple[Cohort, Cohort] = ("canary", "baseline")
"""The cohorts in the order of all pairs in a state: 0 the canary, 1 the baseline."""


class Source(Struct):
    """A source of telemetry, as far as it was read."""

    time: int = -1
    """It has delivered everything older than this, milliseconds UTC."""
    newest: int = -1
    """The newest event time of its finished chunks; rows of panes that it had passed are late."""
    start: int = -1
    """First offset of its open chunk."""
    upto: int = -1
    """Offset after the last record in the open chunk's rows."""
    chunk_newest: int = -1
    """The newest event time in the open chunk."""
    rows: dict[int, dict[RowKey, Summary]] = {}
    """Rows of the open chunk, by pane."""
    taken: dict[int, dict[RowKey, int]] = {}
    """Samples of the open chunk that the latest closed panes have, by pane and row."""
    kept_out: dict[int, dict[str, int]] = {}
    """Samples of the open chunk that were kept out, by pane that is not closed yet and reason."""


class Unit(NamedTuple):
    """One life of an instance in one cohort: what is compared."""

    cohort: Cohort
    instance: str
    boot: str


class Units(Struct):
    """All units seen, in the order of their numbers."""

    names: list[Unit] = []
    """By number."""
    index: dict[Unit, int] = {}
    """Their numbers."""
    first: list[int] = []
    """The pane of each unit's first sample."""
    last: list[int] = []
    """The pane of its newest sample."""

    @property
    def canary(self) -> Flags:
        """[U] whether a unit is the canary's."""
        return np.array([unit.cohort == "canary" for unit in self.names], dtype=bool)


class Feed(Struct):
    """When a cohort reported."""

    last: int | None = None
    """The newest pane with samples."""
    gaps: list[int] = []
    """The two longest distances between panes with samples, longest first."""
    number: int = 0
    """How many distances there were."""


class Metric(Struct):
    """What a metric of the policy turned out to be."""

    kind: Literal["distribution", "ratio", "rate", "gauge"] | None = None
    """None before its first sample."""
    unit: str = ""
    """The unit of its first sample."""
    place: int = -1
    """Its position in its family's state."""
    fed: list[int | None] = field(default_factory=lambda: [None, None])
    """The newest pane with samples of the canary and of the baseline."""
    error: str | None = None
    """Why it cannot be compared, in words."""
    error_pane: int = -1
    """The newest pane in which that showed."""


class Firing(Struct):
    """An alert that fires."""

    since: int
    """When it began, milliseconds UTC."""
    metric: str | None = None
    instance: str | None = None


class State(Struct):
    """One rollout's monitor."""

    rollout: str
    """The rollout's id."""
    fingerprint: str
    """The policy this state was made under."""
    sources: dict[str, Source]
    """By name."""
    metrics: list[Metric]
    """By position in the policy."""
    units: Units = field(default_factory=Units)
    feeds: list[Feed] = field(default_factory=lambda: [Feed(), Feed()])
    """Of the canary and of the baseline."""
    location: Location = field(default_factory=Location.empty)
    """Distributions and gauges."""
    counts: Counts = field(default_factory=Counts.empty)
    """Ratios and rates."""
    rows: dict[int, dict[RowKey, Summary]] = {}
    """Rows of finished chunks, by pane that is not closed yet."""
    kept_out_later: dict[int, dict[str, int]] = {}
    """Samples of finished chunks that were kept out, by pane that is not closed yet and reason."""
    kept_out: dict[str, int] = {}
    """Samples kept out of closed panes, by reason."""
    begun: int | None = None
    """The first pane."""
    next: int | None = None
    """The pane to close next."""
    origin: int | None = None
    """The first compared pane: where blocks are counted from."""
    passing: int = 0
    """Panes in a row with a passing score."""
    sequence: int = 0
    """Outputs so far."""
    firing: dict[str, Firing] = {}
    """Alerts that fire, by key."""
    verdict: VerdictWord | None = None
    """The newest verdict."""
    final: bool = False
    """Whether it is the last one."""
    stopped: str | None = None
    """Why someone ended the rollout."""
    failed: str | None = None
    """Why it cannot be judged."""
