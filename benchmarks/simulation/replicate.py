"""One simulated rollout: all columns over the same traffic."""

from collections.abc import Sequence
from zlib import crc32

import numpy as np
from msgspec import Struct

from benchmarks.simulation.columns import Column, Fold, Outcome, Part, columns_of
from benchmarks.simulation.scenarios import SCENARIOS, Scenario
from benchmarks.simulation.traffic import traffic


class Task(Struct, frozen=True, order=True):
    """Which rollout."""

    seed: int
    """Of the whole simulation."""
    replicate: int
    """Counted from 0."""
    scenario: str
    """Name of the scenario."""
    part: Part
    """Which columns."""

    def generator(self) -> np.random.Generator:
        """The rollout's own stream of random numbers, whoever runs it and when; both parts see the same traffic."""
        return np.random.default_rng([self.seed, crc32(self.scenario.encode()), self.replicate])


class Result(Struct, frozen=True):
    """What came of it."""

    task: Task
    code: str
    """Digest of the code that judged it."""
    outcomes: dict[str, Outcome]
    """By column."""


def run(task: Task, code: str) -> Result:
    """Simulate a rollout with the columns of its part."""
    scenario = SCENARIOS[task.scenario]
    return Result(task, code, simulate(scenario, columns_of(scenario, task.part), task.generator()))


def simulate(scenario: Scenario, columns: Sequence[Column], rng: np.random.Generator) -> dict[str, Outcome]:
    """What came of each column. A column stops at its final verdict, the traffic when all have."""
    folds = [Fold.begin(column, scenario) for column in columns]
    for pane in traffic(scenario.setting, rng):
        live = [fold for fold in folds if not fold.done]
        if not live:
            break
        for fold in live:
            fold.take(pane)
    return {fold.column.name: fold.outcome for fold in folds}
