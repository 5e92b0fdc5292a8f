"""What a run is: how many workers, which faults, and what chance makes of it. The same seed makes the same plan."""

import random
import re
from dataclasses import dataclass
from typing import Literal, get_args

Blow = Literal["kill", "stall", "leave"]
"""kill -9; SIGSTOP for longer than the session; SIGTERM."""
BLOWS: tuple[Blow, ...] = get_args(Blow)
What = Literal["kill", "pause", "restart"]
"""Of a broker: kill -9, SIGSTOP, an orderly restart."""
BACK: dict[What, Literal["restart", "resume"]] = {"kill": "restart", "pause": "resume"}
CHUNKS, CHECKPOINTS = (500, 2000, 16384), (0.3, 1.0, 3.0)
FIRST, LAST = 4.0, 3.0
"""Seconds at the beginning and the end of a run without blows."""
AWAY = {"kill": (0.2, 4.0), "leave": (0.5, 4.0), "stall": (1.0, 9.0)}
"""Seconds until a worker is back; of a stalled one, beyond the session."""
_FAULT = re.compile(r"(kill|pause|restart):(\d)@(\d+)(?:\+(\d+))?")


@dataclass(frozen=True)
class Fault:
    """A broker fails."""

    what: What
    broker: int
    """From 1."""
    at: float
    """Seconds of the run."""
    length: float
    """Seconds until it is back; an orderly restart takes as long as it takes."""

    @classmethod
    def read(cls, text: str) -> "Fault":
        """Of `kill:1@20+7`.

        Raises:
            ValueError: it is none.
        """
        match = _FAULT.fullmatch(text)
        if match is None or (match[1] == "restart") != (match[4] is None):
            raise ValueError(
                f"{text}: must be kill:BROKER@SECOND+SECONDS, pause:BROKER@SECOND+SECONDS or restart:BROKER@SECOND"
            )
        what: What = match[1]  # type: ignore[assignment]  # the pattern has no others
        return cls(what, int(match[2]), float(match[3]), float(match[4] or 0))

    def __str__(self) -> str:
        length = "" if self.what == "restart" else f"+{self.length:g}"
        return f"{self.what}:{self.broker}@{self.at:g}{length}"


@dataclass(frozen=True)
class Hit:
    """Something befalls a worker, whichever runs then."""

    at: float
    """Seconds of the run."""
    blow: Blow
    away: float
    """Seconds until it is back; of a stall, beyond the session."""


@dataclass(frozen=True)
class Run:
    """One run."""

    seed: int = 1
    workers: int = 2
    seconds: float = 50
    """How long traffic flows."""
    kills: int = 5
    stalls: int = 1
    leaves: int = 1
    calm: bool = False
    """One blow at a time, with time to recover in between: so that a silence has one cause."""
    faults: tuple[Fault, ...] = ()
    rate: float = 1200
    """Messages a second."""
    transactions: bool = False
    """Write the traffic in transactions, of which a quarter is aborted."""
    compression: str | None = None
    """Of the traffic: gzip or zstd; aiokafka reads the others as well."""

    @property
    def settings(self) -> dict[str, float]:
        """What chance makes of the workers' settings."""
        rng = random.Random(f"settings {self.seed}")
        return {"chunk": rng.choice(CHUNKS), "checkpoint": rng.choice(CHECKPOINTS)}

    def hits(self) -> list[Hit]:
        """What befalls the workers, in order."""
        rng = random.Random(f"hits {self.seed}")
        counts: dict[Blow, int] = {"kill": self.kills, "stall": self.stalls, "leave": self.leaves}
        if self.calm:
            blows = [blow for blow, number in counts.items() for _ in range(number)]
            rng.shuffle(blows)
            step = (self.seconds - FIRST) / max(1, len(blows))
            return [Hit(FIRST + place * step, blow, AWAY[blow][0]) for place, blow in enumerate(blows)]
        last = {"kill": self.seconds - LAST, "stall": 0.7 * self.seconds, "leave": self.seconds - LAST}
        found = [
            Hit(rng.uniform(FIRST, last[blow]), blow, rng.uniform(*AWAY[blow]))
            for blow, number in counts.items()
            for _ in range(number)
        ]
        return sorted(found, key=lambda hit: hit.at)
