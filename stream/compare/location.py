"""Distributions and gauges: each instance's mean of logarithms, quantiles and levels, compared between instances.

All metrics of a rollout are one set of arrays: V views (a metric's statistic) by U instances.
"""

from typing import Self

import numpy as np
from msgspec import Struct

from stream.arrays import Flags, Floats
from stream.compare.histogram import ResidualHistogram
from stream.compare.intake import PATIENCE, Intake
from stream.compare.mixture import LN2
from stream.compare.restart import CHURN, LEAST, Restarts, padded
from stream.compare.view import Look, View
from stream.compare.yardstick import Yardstick
from stream.plan import Plan
from stream.policy import VIEWS
from stream.summary import Distribution, Gauge
from stream.summary.grid import LOG_UNIT

BEYOND = 2
"""Samples of an instance that must lie beyond a quantile before it counts."""
SKIPPED_SHARE = 0.1
"""A gauge on the log scale may skip this share of its panes for not being positive."""


class Location(Struct):
    """The accumulated state of every distribution and gauge of a rollout."""

    rules: list[int]
    """Positions in the policy of the family's metrics."""
    kinds: list[str]
    """Their kinds."""
    intakes: list[Intake]
    """What waits for enough samples, by metric."""
    histograms: list[ResidualHistogram | None]
    """By metric; None for gauges."""
    views: list[View]
    """All statistics, metric by metric; a mean before the quantiles."""
    starts: list[int]
    """By metric, its first view."""
    sums: Floats
    """[V, U] running sums of residuals; of quantile views, over complete blocks."""
    counts: Floats
    """[V, U] panes in `sums`."""
    open: Floats
    """[V, U] panes in the open block, of quantile views."""
    seen: Floats
    """[V, U] panes since the start, of blocks with too few samples for their quantile too."""
    raw: Floats
    """[V, U] running sums without the residual, of mean views: for display."""
    founder: Flags
    """[V, U] instances that were there in the first compared pane."""
    skipped: list[list[int]]
    """By metric: instance-panes skipped for not being positive, and all."""
    restarts: Restarts
    """Snapshots at block boundaries."""

    @classmethod
    def empty(cls) -> Self:
        """No metrics, no instances."""
        flat = np.zeros((0, 0))
        return cls([], [], [], [], [], [], flat, flat, flat, flat, flat, np.zeros((0, 0), bool), [], Restarts.empty())

    def begin(self, plan: Plan, rule: int, kind: str, instances: int) -> None:
        """Take up a metric, seen for the first time."""
        metric = len(self.rules)
        self.rules.append(rule)
        self.kinds.append(kind)
        self.intakes.append(Intake({}, [None, None]))
        self.skipped.append([0, 0])
        named = (plan.rules[rule].views or VIEWS) if kind == "distribution" else ("mean",)
        self.starts.append(len(self.views))
        self.views += sorted(View(metric, 0.0 if name == "mean" else float(name[1:]) / 100) for name in named)
        self.histograms.append(ResidualHistogram.empty(instances) if kind == "distribution" else None)
        self.grow(instances)

    def grow(self, instances: int) -> None:
        """Make room for views and instances."""
        shape = (len(self.views), instances)
        for name in ("sums", "counts", "open", "seen", "raw", "founder"):
            setattr(self, name, padded(getattr(self, name), shape))
        self.restarts.grow(*shape)
        for histogram in self.histograms:
            if histogram is not None:
                histogram.grow(instances)

    def observe(
        self,
        plan: Plan,
        pane: int,
        rows: dict[int, dict[int, Distribution | Gauge]],
        canary: Flags,
        sticks: list[Yardstick | None],
        patience: tuple[float, float] = (PATIENCE, PATIENCE),
    ) -> None:
        """Add a closed pane.

        Args:
            plan: the rollout's plan.
            pane: its number.
            rows: by metric of the family, by instance.
            canary: [U].
            sticks: by metric; None for one that cannot be compared, whose rows are passed over.
            patience: panes for which samples wait while the canary, or the baseline, is silent.
        """
        values = np.full(self.sums.shape, np.nan)
        for metric, stick in enumerate(sticks):
            if stick is None:
                continue
            least = plan.policy.n_min if self.kinds[metric] == "distribution" else 1
            ready = self.intakes[metric].take(pane, rows.get(metric, {}), canary, least, patience)
            if ready:
                self._take(metric, ready, canary, stick, values)
        here = np.isfinite(values)
        sides = np.array([canary, ~canary], dtype=np.float64).T
        number = here @ sides
        filled = np.where(here, values, 0.0)
        both = (number > 0).all(1)
        level = (filled @ sides / np.maximum(number, 1)).mean(1)
        used = here & both[:, None]
        self.founder |= used & (self.counts.sum(1) == 0)[:, None]
        self.sums += np.where(used, filled - level[:, None], 0.0)
        self.raw += np.where(used, filled, 0.0)
        self.counts += used
        self.seen += used

    def _take(
        self, metric: int, ready: dict[int, Distribution | Gauge], canary: Flags, stick: Yardstick, values: Floats
    ) -> None:
        """Put one metric's pane into its histogram and into `values` [V, U] of mean views."""
        who = np.fromiter(ready, dtype=np.int64)
        first = self.starts[metric]
        if self.kinds[metric] == "gauge":
            found = [_gauge(summary, stick.log) for summary in ready.values() if isinstance(summary, Gauge)]
            values[first, who] = found
            self.skipped[metric][0] += int(np.isnan(found).sum())
            self.skipped[metric][1] += len(found)
            return
        summaries = [summary for summary in ready.values() if isinstance(summary, Distribution)]
        histogram = self.histograms[metric]
        if histogram is None or not histogram.add(who, summaries, canary[who]):
            return
        rows = self._quantiles(metric)
        if rows.start < rows.stop:
            if not self.seen[rows.start].any():
                self.founder[rows, who] = True
            self.open[rows, who] += 1
            self.seen[rows, who] += 1
        if self.views[first].share == 0:
            values[first, who] = [_mean_log(summary) for summary in summaries]

    def _quantiles(self, metric: int) -> slice:
        """The metric's quantile views; where it has a mean view, that comes first."""
        first, last = self.starts[metric], self.starts[metric + 1] if metric + 1 < len(self.starts) else len(self.views)
        return slice(first + (self.views[first].share == 0), last)

    def look(self, plan: Plan, *, block: bool = False) -> Look:
        """All statistics as they stand; the open block's quantiles where restarts, or `block`, need them."""
        block = block or bool(self.restarts.blocks)
        least = plan.policy.min_panes
        speaking = (self.seen >= np.where(self.founder, least, max(least, LEAST))) & (self.seen > 0)
        values = self.sums / np.maximum(self.counts, 1)
        sums, counts, sampling = self.sums.copy(), self.counts.copy(), np.zeros(len(self.views))
        shown = np.full((len(self.views), 2), np.nan)
        for metric, histogram in enumerate(self.histograms):
            rows = self._quantiles(metric)
            if histogram is not None:
                shares = np.array([view.share for view in self.views[rows]])
                found, samples, noise, shown[rows] = histogram.read(shares, block=block)
                sampling[self.starts[metric] : rows.stop] = noise[rows.start == self.starts[metric] :]
                carried = np.isfinite(found) & (samples * (1 - shares[:, None, None]) >= BEYOND - 1e-9)
                values[rows] = found[:, 0]
                speaking[rows] &= carried[:, 0]
                if block:
                    open_ = np.where(carried[:, 1], self.open[rows], 0.0)
                    sums[rows] += np.where(open_ > 0, found[:, 1], 0.0) * open_
                    counts[rows] += open_
        age = np.where(speaking, self.seen, 0.0).sum(1) / np.maximum(speaking.sum(1), 1)
        weights = np.where(speaking, self.seen / (self.seen + CHURN), 0.0)
        return Look(values, weights, sums, counts, sampling, age, shown)

    def means(self, view: int, canary: Flags, *, log: bool) -> Floats:
        """The cohorts' means of a mean view since the start, [2], canary first, in the metric's unit; nan for none."""
        sides = np.array([canary, ~canary], dtype=np.float64).T
        number = self.counts[view] @ sides
        found = np.where(number > 0, self.raw[view] @ sides / np.maximum(number, 1), np.nan)
        return np.exp(found) if log else found

    def samples(self, metric: int, canary: Flags) -> tuple[int, int]:
        """Samples since the start, canary first; of a gauge, instance-panes."""
        histogram = self.histograms[metric]
        if histogram is not None:
            return histogram.samples()
        counts = self.counts[self.starts[metric]]
        return int(counts[canary].sum()), int(counts[~canary].sum())

    def close_block(self, plan: Plan, canary: Flags, blocks: int, pane: int) -> None:
        """End a block: quantile views take its quantiles, and a restart begins."""
        look = self.look(plan, block=True)
        self.sums, self.counts = look.sums, look.counts
        self.open[:] = 0
        for histogram in self.histograms:
            if histogram is not None:
                histogram.close_block()
        self.restarts.close_block(self.sums, self.counts, canary, blocks, pane)


def _gauge(summary: Gauge, log: bool) -> float:
    mean = summary.mean
    return mean if not log else float(np.log(mean)) if mean > 0 else np.nan


def _mean_log(summary: Distribution) -> float:
    positive = summary.count - summary.zeros
    return summary.logs / (positive * LOG_UNIT) * LN2 if positive else np.nan
