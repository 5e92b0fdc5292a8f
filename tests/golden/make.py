"""Whole output streams of small rollouts, kept in this directory, one record a line.

    python -m tests.golden.make

writes them anew. Telemetry is made with integers only, so that it is the same everywhere.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from stream.partial import Row
from stream.policy import MetricRule
from stream.quantity import Duration
from stream.rollout import Cohort
from stream.summary import Count, Distribution, Gauge, Summary
from tests.core_helpers import PANE, SECOND, Drive, cohorts, lines, percent, plan_of

HERE = Path(__file__).parent
FIRST = 173_230_020
"""The first pane begins at 2024-11-22 18:30:00 UTC."""
RULES = (
    MetricRule(
        "http.server.request.duration",
        critical=True,
        tolerate=percent(10),
        promote=percent(40),
        views=("mean", "p50", "p95"),
    ),
    MetricRule("http.server.errors", of="http.server.requests", promote=percent(200)),
    MetricRule("process.cpu.utilization", kind="gauge", group="saturation"),
)


def chance(seed: int) -> Iterator[int]:
    """Numbers from 0 to 999 that look like chance."""
    while True:
        seed = (6364136223846793005 * seed + 1442695040888963407) % 2**64
        yield (seed >> 33) % 1000


class Traffic:
    """Three instances a side, each with its own level; what is wrong with the canary is said by pane."""

    def __init__(
        self, seed: int, *, slower: Callable[[int], int] = lambda _pane: 0, silent: Callable[[int], bool] | None = None
    ) -> None:
        self._chance = chance(seed)
        self._slower = slower
        """Per mille that the canary is slower, by pane from 0."""
        self._silent = silent or (lambda _pane: False)

    def rows(self, pane: int) -> list[Row]:
        """One pane, with its absolute number; to be called in order."""
        at = pane - FIRST

        def reported(cohort: Cohort, number: int) -> list[tuple[str, Summary]]:
            slower = self._slower(at) if cohort == "canary" else 0
            return self._reported(1000 + slower, number)

        return cohorts(reported, pane, canary=0 if self._silent(at) else 3)

    def _reported(self, factor: int, number: int) -> list[tuple[str, Summary]]:
        values = [self._latency() * factor * (100 + number) / 128_000 for _ in range(60)]
        errors = sum(next(self._chance) < 30 for _ in range(60))
        cpu = 400 + 5 * number + next(self._chance) % 20
        return [
            ("http.server.request.duration", Distribution.of_values(np.array(values))),
            ("http.server.requests", Count(60)),
            ("http.server.errors", Count(errors)),
            ("process.cpu.utilization", Gauge.of_values(np.array([cpu / 1024]))),
        ]

    def _latency(self) -> int:
        """Around 100; one in fifty is three times as much."""
        level = 60 + sum(next(self._chance) for _ in range(4)) // 50
        return level * (3 if next(self._chance) < 20 else 1)


def told(traffic: Traffic, panes: int, **settings: Any) -> list[bytes]:
    """The records of a rollout."""
    plan = plan_of(
        *RULES, from_ms=FIRST * PANE, warmup=Duration(20 * SECOND), lateness=Duration(5 * SECOND), **settings
    )
    return lines(Drive(plan).run(traffic.rows, range(FIRST, FIRST + panes)).outputs)


def abort() -> list[bytes]:
    """The canary becomes half as slow again in the ninth pane."""
    return told(Traffic(1, slower=lambda pane: 500 if pane >= 8 else 0), 40)


def promote() -> list[bytes]:
    """Nothing is wrong."""
    return told(Traffic(2), 60, bake_time=Duration(120 * SECOND))


def silence() -> list[bytes]:
    """The canary is silent from the tenth pane to the fifteenth, and from the twentieth on."""
    silent = {*range(9, 15), *range(19, 99)}
    return told(
        Traffic(3, silent=silent.__contains__), 60, bake_time=Duration(240 * SECOND), deadline=Duration(240 * SECOND)
    )


STREAMS: dict[str, Callable[[], list[bytes]]] = {"abort": abort, "promote": promote, "silence": silence}
"""By name of the file."""


def path(name: str) -> Path:
    """Where a stream is kept."""
    return HERE / f"{name}.jsonl"


def main() -> None:
    """Write all streams."""
    for name, make in STREAMS.items():
        records = make()
        path(name).write_bytes(b"".join(record + b"\n" for record in records))
        print(f"{path(name).name}: {len(records)} records")


if __name__ == "__main__":
    main()
