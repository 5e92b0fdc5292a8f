"""Series and lanes: where the samples of one sender and metric go, found once and then known by a number.

A *series* is what the samples of one sender, metric and unit have in common. Each rollout of its app sends them down
one *lane*: into rows, or out with a reason. Both have numbers, so that samples are sorted by numpy.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from stream.arrays import Ints
from stream.cohort import Identity, resolve
from stream.partial import RowKey
from stream.policy import MetricRule, Policy
from stream.rollout import Cohort, Rollout
from stream.summary import SUMMARIES

KINDS = tuple(SUMMARIES)
"""Kinds of summaries, by code."""
REFUSALS: tuple[str, ...] = ("other_env", "no_cohort", "both_cohorts", "unwatched")
"""Why lanes lead out; the code of one is the complement of its place, which is negative."""
SERIES_LIMIT = 100_000
"""Series that are remembered; with more, all are found anew."""
LABEL_LIMIT = 256
"""A label longer than this selects nothing."""
_OF_MESSAGE = {
    "distribution": "distribution",
    "samples": "distribution",
    "exphist": "distribution",
    "gauge": "gauge",
    "count": "count",
    "rate": "count",
    "ratio": "ratio",
}
_FOREVER = 2**62


class Series(NamedTuple):
    """What makes two samples part of one series. Plain tuples with these places serve as keys."""

    app: str
    instance: str
    metric: str | None
    version: str | None
    cohort: Cohort | None
    unit: str
    kind: str | None
    boot: str
    env: str | None
    sound: bool
    """Whether its messages have a shape that is understood."""
    total: bool
    """Whether its samples are k of n."""
    labels: tuple[str | None, ...]
    """The values of the index's `labels`."""


def is_sound(series: Series) -> bool:
    """Whether `stream.check.shape_fault` finds nothing in its messages."""
    return series.sound and series.metric is not None and (not series.total or series.kind in (None, "ratio"))


class Lane(NamedTuple):
    """Where one rollout's part of a series goes."""

    rollout: int
    """The rollout's place in the index."""
    key: RowKey | None
    """The key of the rows, or None if the samples are kept out."""
    reason: str
    """Why they are kept out."""


class Index:
    """The rollouts that are fed, and the series seen since the last clearing."""

    def __init__(self, rollouts: Iterable[Rollout]) -> None:
        self.rollouts = sorted(rollouts, key=lambda rollout: rollout.id)
        """By id; a rollout's place here is its number."""
        selectors = [chosen for rollout in self.rollouts for chosen in (rollout.baseline, rollout.canary) if chosen]
        self.labels = tuple(sorted({name for chosen in selectors for name in chosen.labels}))
        """Names of labels that select cohorts; the others need not be looked at."""
        self.pane_ms = _ints(rollout.policy.pane.ms for rollout in self.rollouts)
        self.lateness_ms = _ints(rollout.policy.lateness.ms for rollout in self.rollouts)
        self.from_ms = _ints(rollout.from_.ms if rollout.from_ else -_FOREVER for rollout in self.rollouts)
        self.until_ms = _ints(rollout.until.ms if rollout.until else _FOREVER for rollout in self.rollouts)
        panes = (self.from_ms // self.pane_ms).tolist()
        self.first_panes = {rollout.id: pane for rollout, pane in zip(self.rollouts, panes, strict=True)}
        """The pane of each rollout's `from`."""
        self._by_app: dict[str, list[int]] = {}
        for number, rollout in enumerate(self.rollouts):
            self._by_app.setdefault(rollout.app, []).append(number)
        self._kinds = [watched(rollout.policy) for rollout in self.rollouts]
        self._table = Table(self)

    def table(self) -> "Table":
        """The present table, or a new one if that is full; numbers are good for one table only."""
        if len(self._table.numbers) > SERIES_LIMIT:
            self._table = Table(self)
        return self._table

    def lanes(self, series: Series) -> list[Lane]:
        """The lanes of a series: one for each rollout of its app."""
        if not is_sound(series):
            return []
        labels = {name: value for name, value in zip(self.labels, series.labels, strict=True) if value is not None}
        who = Identity(series.app, series.instance, series.env, series.version, series.cohort, labels)
        lanes = []
        for number in self._by_app.get(series.app, ()):
            cohort, reason = resolve(self.rollouts[number], who)
            kind = _kind(series, self._kinds[number])
            if reason == "other_env" or (kind is not None and cohort is None):
                lanes.append(Lane(number, None, reason or ""))
            elif cohort is None or kind is None:
                lanes.append(Lane(number, None, "unwatched"))
            else:
                key = RowKey(cohort, series.instance, series.boot, series.metric or "", series.unit, "", kind)
                lanes.append(Lane(number, key, ""))
        return lanes


class Table:
    """Numbers of series and lanes."""

    def __init__(self, index: Index) -> None:
        self.index = index
        self.numbers: dict[tuple[Any, ...], int] = {}
        """By `Series`, as a plain tuple."""
        self.lanes: list[Lane] = []
        """By number."""
        self._lane_numbers: dict[Lane, int] = {}
        self._words: dict[str, str] = {}  # one copy of each text, for memory
        self._sound = Column()
        self._start, self._size, self._targets = Column(), Column(), Column()
        self._rollout, self._kind = Column(), Column()

    def number(self, key: tuple[Any, ...]) -> int:
        """The number of a series, which is new or known."""
        number = self.numbers.get(key)
        if number is None:
            key = tuple(self._words.setdefault(part, part) if isinstance(part, str) else part for part in key)
            number = self.numbers[key] = len(self.numbers)
            series = Series._make(key)
            targets = [self._lane(lane) for lane in self.index.lanes(series)]
            self._sound.append(is_sound(series))
            self._start.append(len(self._targets))
            self._size.append(len(targets))
            for target in targets:
                self._targets.append(target)
        return number

    def sound(self, series: Ints) -> Ints:
        """Whether messages of these series have a shape that is understood: 1 or 0."""
        return self._sound.array[series]

    def spread(self, series: Ints) -> tuple[Ints, Ints]:
        """All lanes of these series, and for each the place of its series in the argument."""
        sizes, starts = self._size.array[series], self._start.array[series]
        which = np.repeat(np.arange(len(series)), sizes)
        if sizes.max(initial=0) < 2:
            return self._targets.array[starts[which]], which
        within = np.arange(len(which)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        return self._targets.array[starts[which] + within], which

    def rollout(self, lanes: Ints) -> Ints:
        """The places of the lanes' rollouts in the index."""
        return self._rollout.array[lanes]

    def kind(self, lanes: Ints) -> Ints:
        """The places of the lanes' kinds in `KINDS`, or the codes of `REFUSALS`."""
        return self._kind.array[lanes]

    def _lane(self, lane: Lane) -> int:
        number = self._lane_numbers.get(lane)
        if number is None:
            number = self._lane_numbers[lane] = len(self.lanes)
            self.lanes.append(lane)
            self._rollout.append(lane.rollout)
            self._kind.append(~REFUSALS.index(lane.reason) if lane.key is None else KINDS.index(lane.key.kind))
        return number


class Column:
    """Integers that are appended one by one and read as an array."""

    def __init__(self) -> None:
        self._array: Ints = np.zeros(0, dtype=np.int64)
        self._new: list[int] = []

    def __len__(self) -> int:
        return len(self._array) + len(self._new)

    def append(self, value: int) -> None:
        """Add one."""
        self._new.append(value)

    @property
    def array(self) -> Ints:
        """All of them."""
        if self._new:
            self._array = np.concatenate((self._array, np.array(self._new, dtype=np.int64)))
            self._new = []
        return self._array


def watched(policy: Policy) -> dict[str, str]:
    """The metrics that a policy names, and the kind of summary of samples that do not say what they are.

    >>> watched(Policy((MetricRule("latency"), MetricRule("errors", of="requests"), MetricRule("cpu", kind="gauge"))))
    {'latency': 'distribution', 'errors': 'count', 'cpu': 'gauge', 'requests': 'count'}
    """
    kinds = {rule.name: _of_rule(rule) for rule in policy.metrics}
    return kinds | {rule.of: "count" for rule in policy.metrics if rule.of is not None and rule.of not in kinds}


def _of_rule(rule: MetricRule) -> str:
    if rule.kind in ("distribution", "gauge"):
        return rule.kind
    if rule.kind == "rate" or rule.of is not None:
        return "count"
    return "ratio" if rule.kind == "ratio" else "distribution"


def _kind(series: Series, kinds: dict[str, str]) -> str | None:
    """The kind of summary of a series; what its messages say wins over the rule."""
    assert series.metric is not None  # the caller has looked
    rule = kinds.get(series.metric)
    if rule is None:
        return None
    if series.kind is not None:
        return _OF_MESSAGE[series.kind]
    return "ratio" if series.total else rule


def _ints(values: Iterable[int]) -> Ints:
    return np.array(list(values), dtype=np.int64)


def label_values(
    labels: Mapping[str, str] | None, attrs: Mapping[str, str] | None, names: Sequence[str]
) -> tuple[str | None, ...]:
    """The values of the named labels; attributes stand in for labels that are not there.

    >>> label_values({"track": "canary"}, {"track": "stable", "zone": "b"}, ("track", "zone", "pod"))
    ('canary', 'b', None)
    """
    present = map({**(attrs or {}), **(labels or {})}.get, names)
    return tuple(value if value is not None and len(value) <= LABEL_LIMIT else None for value in present)
