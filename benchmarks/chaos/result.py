"""What came of a run: what was read back, what was expected, and what was found."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from benchmarks.chaos.feed import Fed
from benchmarks.chaos.fleet import Event
from benchmarks.chaos.fold import Log
from benchmarks.chaos.plan import Run
from benchmarks.chaos.proof import EXCUSABLE, Proof
from benchmarks.chaos.spoken import Said, Spoken


@dataclass
class Result:
    """What came of a run."""

    run: Run
    fed: Fed = field(default_factory=Fed)
    log: Log = field(default_factory=dict)
    """The telemetry as it was read back."""
    outputs: list[Spoken] = field(default_factory=list)
    expected: dict[str, list[Said]] = field(default_factory=dict)
    """By rollout."""
    proof: Proof = field(default_factory=Proof)
    counts: Mapping[str, int] = field(default_factory=dict)
    """What happened to the workers."""
    events: list[Event] = field(default_factory=list)
    away: list[float] = field(default_factory=list)
    """How long each of the brokers' faults lasted, in seconds."""
    silences: Mapping[str, float] = field(default_factory=dict)
    """The longest, by cause, in seconds."""
    late: int = 0
    """Records that came too late though they were not meant to."""
    excuse: int = 0
    """Records of a run with findings that came when the clock had closed their panes."""
    caught_up: float = 0
    """Seconds from the end of the traffic to the last output."""

    @property
    def passed(self) -> bool:
        """Whether all is as it must be."""
        return not self.proof.wrong

    @property
    def void(self) -> bool:
        """Whether the findings prove nothing, as the traffic was not there in time."""
        return self.excuse > 0 and bool(self.proof.wrong) and self.proof.wrong.keys() <= EXCUSABLE
