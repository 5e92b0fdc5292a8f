"""Distributions and gauges: each instance's mean of logarithms, quantiles and levels, compared between instances.

All metrics of a rollout are one set of arrays: V views (a metric's statistic) by U instances.
"""

from typing import Self

import numpy as np
from msgspec import Struct

from stream.array import Flags, Floats, Ints
from stream.compare.histogram import ResidualHistogram
from stream.compare.intake import Intake
from stream.compare.mixture import LN2
from stream.compare.restart import LEAST, Restarts, padded
from stream.compare.yardstick import Yardstick
from stream.plan import Plan
from stream.summary import Distribution, Gauge
from stream.summary.grid import LOG_UNIT

CHURN = 12.0
"""An instance's weight is n / (n + 12) after n panes."""
SKIPPED_SHARE = 0.1
"""A gauge on the log scale may skip this share of its panes for not being positive."""


class View(Struct, frozen=True):
    """One statistic of one metric."""

    metric: int
    """Position among the family's metrics."""
    share: float
    """The quantile's share; 0 for the mean (of logarithms, or of a gauge)."""

    @property
    def name(self) -> str:
        """As policies name it."""
        return f"p{self.share * 100:g}" if self.share else "mean"


class Location(Struct):
    """The accumulated state of every distribution and gauge of a rollout."""

    rules: list[int]
    """Positions in the policy of the family's metrics."""
    kinds: list[str]
    """Their kinds."""
    units: list[str]
    """Their units."""
    intakes: list[Intake]
    """What waits for enough samples, by metric."""
    histograms: list[ResidualHistogram | None]
    """By metric; None for gauges."""
    views: list[View]
    """All statistics, metric by metric."""
    sums: Floats
    """[V, U] running sums of residuals; of quantile views, over complete blocks."""
    counts: Floats
    """[V, U] panes in `sums`."""
    open: Floats
    """[V, U] panes in the open block, of quantile views."""
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
        return cls([], [], [], [], [], [], flat, flat, flat, flat, np.zeros((0, 0), bool), [], Restarts.empty())

    def begin(self, plan: Plan, rule: int, kind: str, unit: str, instances: int) -> None:
        """Take up a metric, seen for the first time."""
        metric = len(self.rules)
        self.rules.append(rule)
        self.kinds.append(kind)
        self.units.append(unit)
        self.intakes.append(Intake({}, [None, None]))
        self.skipped.append([0, 0])
        named = (plan.rules[rule].views or ("mean", "p50", "p95", "p99")) if kind == "distribution" else ("mean",)
        self.views += [View(metric, 0.0 if name == "mean" else float(name[1:]) / 100) for name in named]
        self.histograms.append(ResidualHistogram.empty(instances) if kind == "distribution" else None)
        self.grow(instances)

    def grow(self, instances: int) -> None:
        """Make room for views and instances."""
        shape = (len(self.views), instances)
        for name in ("sums", "counts", "open", "raw", "founder"):
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
    ) -> None:
        """Add a closed pane.

        Args:
            plan: the rollout's plan.
            pane: its number.
            rows: by metric of the family, by instance.
            canary: [U].
            sticks: by metric; None for one that cannot be compared, whose rows are passed over.
        """
        values = np.full(self.sums.shape, np.nan)
        for metric, stick in enumerate(sticks):
            if stick is None:
                continue
            least = plan.policy.n_min if self.kinds[metric] == "distribution" else 1
            ready = self.intakes[metric].take(pane, rows.get(metric, {}), canary, least)
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

    def _take(
        self, metric: int, ready: dict[int, Distribution | Gauge], canary: Flags, stick: Yardstick, values: Floats
    ) -> None:
        """Put one metric's pane into its histogram and into `values` [V, U] of mean views."""
        who = np.fromiter(ready, dtype=np.int64)
        rows = self._of(metric)
        if self.kinds[metric] == "gauge":
            found = [_gauge(summary, stick.log) for summary in ready.values() if isinstance(summary, Gauge)]
            values[rows[0], who] = found
            self.skipped[metric][0] += int(np.isnan(found).sum())
            self.skipped[metric][1] += len(found)
            return
        summaries = [summary for summary in ready.values() if isinstance(summary, Distribution)]
        histogram = self.histograms[metric]
        if histogram is None or not histogram.add(who, summaries, np.where(canary[who], 0, 1)):
            return
        for view in rows:
            if self.views[view].share:
                self.founder[view, who] |= not self._panes(view).any()
                self.open[view, who] += 1
            else:
                values[view, who] = [_mean_log(summary) for summary in summaries]

    def _of(self, metric: int) -> list[int]:
        return [i for i, view in enumerate(self.views) if view.metric == metric]

    def _panes(self, view: int) -> Floats:
        return np.asarray(self.counts[view] + self.open[view])

    def running(self) -> tuple[Floats, Floats]:
        """Running sums and panes [V, U] up to now, quantile views with the open block's quantile."""
        sums, counts = self.sums.copy(), self.counts.copy()
        for metric, histogram in enumerate(self.histograms):
            rows = [i for i in self._of(metric) if self.views[i].share]
            if histogram is not None and rows:
                shares = np.array([self.views[i].share for i in rows])
                found = histogram.quantiles(shares, block=True)
                panes = np.where(np.isfinite(found) & enough(histogram.samples(block=True), shares), self.open[rows], 0.0)
                sums[rows] += np.where(panes > 0, found, 0.0) * panes
                counts[rows] += panes
        return sums, counts

    def level(self, plan: Plan) -> tuple[Floats, Floats]:
        """Each instance's statistic since the start and its weight, [V, U]; the weight is 0 while it may not speak."""
        panes = self.counts + self.open
        least = plan.policy.min_panes
        speaking = panes >= np.where(self.founder, least, max(least, LEAST))
        values = self.sums / np.maximum(self.counts, 1)
        for metric, histogram in enumerate(self.histograms):
            rows = [i for i in self._of(metric) if self.views[i].share]
            if histogram is not None and rows:
                shares = np.array([self.views[i].share for i in rows])
                values[rows] = histogram.quantiles(shares)
                speaking[rows] &= np.isfinite(values[rows]) & enough(histogram.samples(), shares)
        return values, np.where(speaking & (panes > 0), panes / (panes + CHURN), 0.0)

    def values(self, view: int, canary: Flags, *, log: bool) -> tuple[float | None, float | None]:
        """The cohorts' values of a view since the start, canary first, in the metric's unit."""
        metric, share = self.views[view].metric, self.views[view].share
        histogram = self.histograms[metric]
        if share and histogram is not None:
            found = 2.0 ** histogram.positions(histogram.totals, histogram.total_zeros, np.array([share]))[0]
        else:
            sides = np.array([canary, ~canary], dtype=np.float64).T
            number = self.counts[view] @ sides
            found = np.where(number > 0, self.raw[view] @ sides / np.maximum(number, 1), np.nan)
            found = np.exp(found) if log else found
        canary_value, baseline_value = (float(value) if np.isfinite(value) else None for value in found)
        return canary_value, baseline_value

    def samples(self, metric: int, canary: Flags) -> tuple[int, int]:
        """Samples since the start, canary first; of a gauge, instance-panes."""
        histogram = self.histograms[metric]
        if histogram is not None:
            mine, theirs = (histogram.totals.sum(1) + histogram.total_zeros).tolist()
            return mine, theirs
        counts = self.counts[self._of(metric)[0]]
        return int(counts[canary].sum()), int(counts[~canary].sum())

    def close_block(self, canary: Flags, blocks: int, pane: int) -> None:
        """End a block: quantile views take its quantiles, and a restart begins."""
        self.sums, self.counts = self.running()
        self.open[:] = 0
        for histogram in self.histograms:
            if histogram is not None:
                histogram.close_block()
        self.restarts.close_block(self.sums, self.counts, canary, blocks, pane)


def enough(samples: Ints, shares: Floats) -> Flags:
    """Whether [U] samples carry a quantile, [Q, U]: one beyond it at least."""
    return np.asarray(samples * (1 - shares[:, None]) >= 1 - 1e-9)


def _gauge(summary: Gauge, log: bool) -> float:
    mean = summary.mean
    return mean if not log else float(np.log(mean)) if mean > 0 else np.nan


def _mean_log(summary: Distribution) -> float:
    positive = summary.count - summary.zeros
    return summary.logs / (positive * LOG_UNIT) * LN2 if positive else np.nan
