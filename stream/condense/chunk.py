"""Telemetry to rows: everything a stretch of one source's log contributes to each rollout.

A *chunk* is a stretch of the log; what it contributes is a function of its records and of the index alone, however they
are handed over. Lateness too: a sample is late if the chunk has seen a time, earlier in the log, at which its pane had
to be closed. Sums are exact, so that chunks merge to the same as one.
"""

from collections import Counter
from functools import partial

import numpy as np

from stream.arrays import AnyArray, Flags, Floats, Ints
from stream.condense.cells import Cells
from stream.condense.columns import Histogram, Lists, Plain, Wrong
from stream.condense.layout import lay_out
from stream.condense.route import Kept, Routed, assign, count, drop_late
from stream.condense.series import KINDS, Index
from stream.formats.check import fits, misfit
from stream.formats.decoded import Decoded, Fault
from stream.partial import Partial, Row

DISTRIBUTION, COUNT, RATIO = map(KINDS.index, ("distribution", "count", "ratio"))
OUTSIDE = frozenset({"before_from", "after_until"})
"""Samples kept out for these reasons are no part of the rollout."""


class Chunk:
    """A stretch of one source's log, in the making.

    >>> from stream.formats.native import decode
    >>> from stream.policy import MetricRule, Policy
    >>> from stream.rollout import Rollout
    >>> index = Index([Rollout("shop-1", "shop", Policy((MetricRule("latency"),)))])
    >>> chunk = Chunk(index, "telemetry-0", 0)
    >>> line = b'{"app":"shop","instance":"a","cohort":"canary","ts":1732300000123,"metric":"latency","value":7}'
    >>> [fault.error.reason for fault in chunk.add(decode([line, b"oops"]), upto=2)]
    ['not_json']
    >>> [partial] = chunk.partials()
    >>> partial.rows[0].pane, partial.rows[0].key.cohort, partial.rows[0].summary.count
    (173230000, 'canary', 1)
    """

    def __init__(self, index: Index, source: str, start: int) -> None:
        self.source = source
        """The source's name."""
        self.start = self.upto = start
        """Offset of the first record, and offset after the last one."""
        self.newest = -1
        """The newest event time, over all apps; -1 for none."""
        self.accepted: Counter[str] = Counter()
        """Samples in rows, by rollout."""
        self.kept_out: Kept = Counter()
        """Samples kept out of rows, by rollout, pane and reason; those without a usable time are in none. Partials tell
        of those within the rollout's time only: the others depend on when the rollout became known."""
        self._told: Counter[str] = Counter()
        self._first_panes = index.first_panes
        self._index = index
        self._table = index.table()
        self._cells = Cells(self._table)

    def use(self, index: Index) -> None:
        """Resolve the records that come next by another index."""
        self._index = index
        self._first_panes = self._first_panes | index.first_panes

    def add(self, decoded: Decoded, upto: int) -> list[Fault]:
        """Take the next records of the log.

        Args:
            decoded: the records, read.
            upto: offset after the last of them.

        Returns:
            Records, and entries of batches, that cannot be used: for the dead letters.
        """
        self._table = self._index.table()
        self._cells.use(self._table)
        block = lay_out(decoded, self._table)
        newest = np.maximum.accumulate(np.concatenate(([self.newest], block.times)))
        self.newest, self.upto = int(newest[-1]), upto
        clock = np.stack((block.times, newest[:-1]))
        self._count_wrong(block.wrong, decoded.times, newest)
        unfit = self._add_plain(block.plain, clock)
        self._add_lists(block.lists, clock)
        self._add_histograms(block.histograms, clock)
        faults = [Fault(decoded.positions[wrong.message], wrong.error) for wrong in block.wrong + unfit]
        return decoded.faults + faults

    def partials(self) -> list[Partial]:
        """What changed since the last call: one for each rollout with new rows or samples kept out, by id."""
        rows = self._cells.changed()
        kept_out: dict[str, dict[int, dict[str, int]]] = {}
        totals: Counter[str] = Counter()
        for (rollout, pane, reason), number in sorted(self.kept_out.items()):
            if reason not in OUTSIDE and pane >= self._first_panes[rollout]:
                kept_out.setdefault(rollout, {}).setdefault(pane, {})[reason] = number
                totals[rollout] += number
        news = rows.keys() | {rollout for rollout, total in totals.items() if total != self._told[rollout]}
        self._told = totals
        return [self._partial(rollout, rows.get(rollout, []), kept_out.get(rollout, {})) for rollout in sorted(news)]

    def _partial(self, rollout: str, rows: list[Row], kept_out: dict[int, dict[str, int]]) -> Partial:
        return Partial(rollout, self.source, self.start, self.upto, self.newest, rows, kept_out)

    def _add_plain(self, plain: Plain, clock: Ints) -> list[Wrong]:
        """Take plain numbers; return those that do not fit the kind that a rule gives them."""
        (time, newest), ones = clock[:, plain.message], _ones(len(plain.series))
        routed = assign(self._table, plain.series, time, newest, ones, self.kept_out)
        fine = _fits(self._table.kind(routed.lane), plain.value[routed.which], plain.total[routed.which])
        unfit = self._unfit(plain, routed.take(~fine), clock)
        routed = routed if fine.all() else routed.take(fine)
        routed = drop_late(self._table, routed, time, newest, partial(self._sizes, plain), self.kept_out)
        value, total = plain.value[routed.which], plain.total[routed.which]
        measured = self._table.kind(routed.lane) == DISTRIBUTION
        if measured.any():
            each = _ones(int(np.count_nonzero(measured)))
            self._cells.add_values(routed.lane[measured], routed.pane[measured], each, each, value[measured])
        if not measured.all():
            summed = ~measured
            self._cells.add_plain(routed.lane[summed], routed.pane[summed], value[summed], total[summed])
        self._accept(routed.rollout, _ones(len(routed.rollout)))
        return unfit

    def _unfit(self, plain: Plain, routed: Routed, clock: Ints) -> list[Wrong]:
        """Say why numbers do not fit, once for each, and count them in every rollout."""
        told: dict[int, Wrong] = {}
        reasons = []
        for kind, which in zip(self._table.kind(routed.lane).tolist(), routed.which.tolist(), strict=True):
            total = None if np.isnan(plain.total[which]) else float(plain.total[which])
            error = misfit(KINDS[kind], float(plain.value[which]), total)
            assert error is not None  # it says why `fits` does not
            told[which] = Wrong(int(plain.message[which]), -1, 1, error)
            reasons.append(error.reason)
        time, newest = clock[:, plain.message[routed.which]]
        self._count(routed.rollout, time, newest, _ones(len(reasons)), np.array(reasons, dtype=str))
        return list(told.values())

    def _add_lists(self, lists: Lists, clock: Ints) -> None:
        if not len(lists.series):
            return
        routed = self._route(lists.series, lists.message, lists.length, lists.length * lists.weight, clock)
        chosen = lists if routed.all_of(len(lists.series)) else lists.take(routed.which)
        self._cells.add_values(routed.lane, routed.pane, chosen.weight, chosen.length, chosen.values)
        self._accept(routed.rollout, chosen.length)

    def _add_histograms(self, histograms: list[Histogram], clock: Ints) -> None:
        if not histograms:
            return
        series = np.array([histogram.series for histogram in histograms], dtype=np.int64)
        message = np.array([histogram.message for histogram in histograms], dtype=np.int64)
        size = np.array([histogram.summary.count for histogram in histograms], dtype=object)
        routed = self._route(series, message, _ones(len(series)), size, clock)
        for lane, pane, which in zip(routed.lane.tolist(), routed.pane.tolist(), routed.which.tolist(), strict=True):
            self._cells.add_summary(lane, pane, histograms[which].summary)
        self._accept(routed.rollout, _ones(len(routed.lane)))

    def _sizes(self, plain: Plain, routed: Routed) -> AnyArray:
        """What plain numbers come to in rows: events, trials, or one sample."""
        kinds, value, total = self._table.kind(routed.lane), plain.value[routed.which], plain.total[routed.which]
        trials = np.where(np.isnan(total), 1.0, total)
        sizes: AnyArray = np.select([kinds == COUNT, kinds == RATIO], [value, trials], 1.0).astype(np.int64)
        return sizes

    def _route(self, series: Ints, message: Ints, samples: Ints, size: AnyArray, clock: Ints) -> Routed:
        time, newest = clock[:, message]
        routed = assign(self._table, series, time, newest, samples, self.kept_out)
        return drop_late(self._table, routed, time, newest, lambda late: size[late.which], self.kept_out)

    def _accept(self, rollout: Ints, samples: Ints) -> None:
        index = self._table.index
        sums = np.zeros(len(index.rollouts), dtype=np.int64)
        np.add.at(sums, rollout, samples)
        for number in np.flatnonzero(sums).tolist():
            self.accepted[index.rollouts[number].id] += int(sums[number])

    def _count_wrong(self, wrong: list[Wrong], times: Floats, newest: Ints) -> None:
        """Count what cannot be used in every rollout that would have had it."""
        known = [one for one in wrong if one.series >= 0 and not np.isnan(times[one.message])]
        if known:
            lane, which = self._table.spread(np.array([one.series for one in known]))
            inside = self._table.kind(lane) >= 0
            lane, which = lane[inside], which[inside]
            message = np.array([one.message for one in known])[which]
            samples = np.array([one.samples for one in known])[which]
            reasons = np.array([one.error.reason for one in known])[which]
            at = times[message].astype(np.int64)
            self._count(self._table.rollout(lane), at, newest[message], samples, reasons)

    def _count(self, rollout: Ints, time: Ints, newest: Ints, samples: Ints, reasons: AnyArray) -> None:
        for reason in np.unique(reasons).tolist():
            at = reasons == reason
            count(self._table.index, rollout[at], time[at], newest[at], samples[at], reason, self.kept_out)


def _fits(kinds: Ints, values: Floats, totals: Floats) -> Flags:
    """Whether numbers can be samples of these kinds, by their codes."""
    fine = np.ones(len(kinds), dtype=bool)
    for code in np.flatnonzero(np.bincount(kinds, minlength=1)).tolist():
        chosen = kinds == code
        fine[chosen] = fits(KINDS[code], values[chosen], totals[chosen])
    return fine


def _ones(number: int) -> Ints:
    return np.ones(number, dtype=np.int64)
