"""The rows of a chunk as they grow: samples are kept as columns, and condensed together when rows are asked for."""

from copy import copy

import numpy as np

from stream.arrays import AnyArray, Floats, Ints
from stream.condense.groups import PLAIN, distributions, merged, numbered
from stream.condense.series import KINDS, Table
from stream.exact import Exact
from stream.partial import Row, RowKey
from stream.summary import Summary
from stream.summary.distribution import Distribution

MANY_VALUES = 1 << 18
"""Values that are kept as they are before they are condensed; more would not fit the processor's cache."""

Cell = tuple[int, RowKey]


class Cells:
    """Summaries by rollout, pane and key. A summary that was handed out is never changed."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._summaries: dict[str, dict[Cell, Summary]] = {}
        self._changed: dict[str, set[Cell]] = {}
        self._values: list[tuple[AnyArray, ...]] = []
        self._plain: list[tuple[AnyArray, ...]] = []
        self._kept = 0

    def use(self, table: Table) -> None:
        """Take lanes of this table from now on."""
        if table is not self._table:
            self.settle()
            self._table = table

    def add_values(self, lane: Ints, pane: Ints, weight: Ints, length: Ints, values: Floats) -> None:
        """Add lists of a distribution's values, each value standing for `weight` of them; `values` holds them all."""
        self._values.append((lane, pane, weight, length, values))
        self._keep(len(values))

    def add_plain(self, lane: Ints, pane: Ints, value: Floats, total: Floats) -> None:
        """Add numbers that are no distribution's."""
        self._plain.append((lane, pane, value, total))
        self._keep(len(value))

    def add_summary(self, lane: int, pane: int, summary: Summary) -> None:
        """Add a summary of the lane's kind."""
        rollout, cell = self._place(lane, pane)
        summaries = self._summaries.setdefault(rollout, {})
        before = summaries.get(cell)
        if before is not None:
            both = copy(before)
            both.merge(summary)  # type: ignore[arg-type]  # the kind is part of the key
            summary = both
        summaries[cell] = summary
        self._changed.setdefault(rollout, set()).add(cell)

    def changed(self) -> dict[str, list[Row]]:
        """By rollout's id, the rows that changed since the last call, by pane and key."""
        self.settle()
        rows = {
            rollout: [Row(*cell, self._summaries[rollout][cell]) for cell in sorted(cells)]
            for rollout, cells in self._changed.items()
        }
        self._changed = {}
        return rows

    def settle(self) -> None:
        """Condense what was kept."""
        if self._values:
            self._settle_values()
        if self._plain:
            self._settle_plain()
        self._values, self._plain, self._kept = [], [], 0

    def _keep(self, values: int) -> None:
        self._kept += values
        if self._kept > MANY_VALUES:
            self.settle()

    def _settle_values(self) -> None:
        lane, pane, weight, length, values = map(np.concatenate, zip(*self._values, strict=True))
        weights, code = numbered(weight)
        lanes, panes, codes, group = self._groups(lane, pane, code, len(weights))
        found = distributions(np.repeat(group, length), len(lanes), values)
        if len(weights) == 1:
            self._add_distributions(lanes, panes, [_weighted(summary, int(weights[0])) for summary in found])
            return
        for number, at, summary, which in zip(lanes, panes, found, codes, strict=True):
            self.add_summary(number, at, _weighted(summary, int(weights[which])))

    def _add_distributions(self, lanes: list[int], panes: list[int], found: list[Distribution]) -> None:
        """Add summaries of different cells: those that were there before are merged together."""
        old: list[tuple[dict[Cell, Summary], Cell]] = []
        pairs: list[tuple[Distribution, Distribution]] = []
        for lane, pane, summary in zip(lanes, panes, found, strict=True):
            rollout, cell = self._place(lane, pane)
            summaries = self._summaries.setdefault(rollout, {})
            before = summaries.setdefault(cell, summary)
            if before is not summary:
                assert isinstance(before, Distribution)  # the kind is part of the key
                old.append((summaries, cell))
                pairs.append((before, summary))
            self._changed.setdefault(rollout, set()).add(cell)
        for (summaries, cell), both in zip(old, merged(pairs), strict=True):
            summaries[cell] = both

    def _place(self, lane: int, pane: int) -> tuple[str, Cell]:
        """The rollout and the cell of a lane's samples in a pane."""
        place = self._table.lanes[lane]
        assert place.key is not None  # lanes that lead out have no rows
        return self._table.index.rollouts[place.rollout].id, (pane, place.key)

    def _settle_plain(self) -> None:
        lane, pane, value, total = map(np.concatenate, zip(*self._plain, strict=True))
        kinds = self._table.kind(lane)
        for kind in np.unique(kinds).tolist():
            chosen = kinds == kind
            lanes, panes, _, group = self._groups(lane[chosen], pane[chosen], np.zeros(1, dtype=np.int64), 1)
            found = PLAIN[KINDS[kind]](group, len(lanes), value[chosen], total[chosen])
            for number, at, summary in zip(lanes, panes, found, strict=True):
                self.add_summary(number, at, summary)

    def _groups(self, lane: Ints, pane: Ints, code: Ints, codes: int) -> tuple[list[int], list[int], list[int], Ints]:
        """Lane, pane and code of each group, and the group of each sample."""
        first = int(pane.min(initial=2**62))
        number = len(self._table.lanes)
        unique, group = numbered(((pane - first) * number + lane) * codes + code)
        place = unique // codes
        return (place % number).tolist(), (place // number + first).tolist(), (unique % codes).tolist(), group


def _weighted(summary: Distribution, weight: int) -> Distribution:
    """The summary with each sample counted `weight` times."""
    if weight == 1:
        return summary
    count, zeros, logs = summary.count * weight, summary.zeros * weight, Exact(summary.logs * weight)
    return Distribution(count, zeros, logs, summary.scale, summary.bins, summary.counts * weight)
