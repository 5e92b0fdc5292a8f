"""Which samples go into which rows, and which are kept out: not asked for, out of the rollout's time, or late."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numpy as np

from stream.arrays import AnyArray, Flags, Ints
from stream.condense.series import REFUSALS, Index, Table
from stream.partial import LATE

Kept = Counter[tuple[str, int, str]]
"""Numbers of samples by rollout, pane and reason."""

_FAR = 2**62


@dataclass(frozen=True, slots=True, eq=False)
class Routed:
    """Samples on their way into rows; one that several rollouts want is there for each."""

    lane: Ints
    """The lane of each."""
    rollout: Ints
    """The place of its rollout in the index."""
    pane: Ints
    """Its pane."""
    which: Ints
    """Its place among the samples that were to be routed."""

    def all_of(self, number: int) -> bool:
        """Whether these are all of `number` samples, each once and in order."""
        return len(self.which) == number and bool((self.which == np.arange(number)).all())

    def take(self, chosen: Flags) -> Self:
        """The chosen ones."""
        return type(self)(self.lane[chosen], self.rollout[chosen], self.pane[chosen], self.which[chosen])


def assign(table: Table, series: Ints, time: Ints, newest: Ints, samples: Ints, kept: Kept) -> Routed:
    """Find the rows of samples, late ones included; those that are kept out are counted in `kept`.

    Args:
        table: knows the series.
        series: [n] the series of each.
        time: [n] its event time, milliseconds UTC.
        newest: [n] the newest event time in the log before it; -1 for none.
        samples: [n] how many samples it stands for.
        kept: grows by those that are kept out.
    """
    index = table.index
    lane, which = table.spread(series)
    at, rollout, kind = time[which], table.rollout(lane), table.kind(lane)
    routed = Routed(lane, rollout, at // index.pane_ms[rollout], which)
    inside = kind >= 0
    outs = [(REFUSALS[~code], kind == code) for code in np.unique(kind[~inside]).tolist()]
    outs.append(("before_from", inside & (at < index.from_ms[rollout])))
    outs.append(("after_until", inside & (at >= index.until_ms[rollout])))
    for reason, out in outs:
        if out.any():
            inside &= ~out
            those = which[out]
            count(index, rollout[out], at[out], newest[those], samples[those], reason, kept)
    return routed if inside.all() else routed.take(inside)


def drop_late(
    table: Table, routed: Routed, time: Ints, newest: Ints, size: Callable[[Routed], AnyArray], kept: Kept
) -> Routed:
    """Those that are not late; late ones are counted, by the `size` that they would have had in rows.

    It comes last, and counts like rows: whether a chunk knows that a sample is late depends on where it began.
    """
    late = is_late(table.index, routed.rollout, time[routed.which], newest[routed.which])
    if not late.any():
        return routed
    lost = routed.take(late)
    sizes = size(lost).astype(object)  # the sum of a few may be beyond 64 bits
    count(table.index, lost.rollout, time[lost.which], newest[lost.which], sizes, LATE, kept)
    return routed.take(~late)


def is_late(index: Index, rollout: Ints, time: Ints, newest: Ints) -> Flags:
    """Whether the panes of samples had to be closed before them."""
    length = index.pane_ms[rollout]
    return (time // length + 1) * length + index.lateness_ms[rollout] <= newest


def count(index: Index, rollout: Ints, time: Ints, newest: Ints, samples: AnyArray, reason: str, kept: Kept) -> None:
    """Count samples as kept out, in their own panes; late ones as such, in the panes of the newest times before them.

    What is late is late, whatever else is wrong with it, so that others who know more of the log can still tell.
    Samples from before the rollout stay in their own panes, which are none of its.
    """
    late = is_late(index, rollout, time, newest) & (time >= index.from_ms[rollout])
    _add(index, rollout[~late], time[~late], samples[~late], reason, kept)
    _add(index, rollout[late], newest[late], samples[late], LATE, kept)


def _add(index: Index, rollout: Ints, time: Ints, samples: AnyArray, reason: str, kept: Kept) -> None:
    """Add samples to the panes of times."""
    at = time // index.pane_ms[rollout]
    first, number = int(at.min(initial=_FAR)), len(index.rollouts)
    places, which = np.unique((at - first) * number + rollout, return_inverse=True)
    sums = np.zeros(len(places), dtype=samples.dtype)
    np.add.at(sums, which, samples)
    for place, total in zip(places.tolist(), sums.tolist(), strict=True):
        kept[index.rollouts[place % number].id, first + place // number, reason] += total
