import json
from collections import Counter
from typing import Any

import numpy as np
import pytest

from stream.condense import series
from stream.condense.chunk import Chunk
from stream.condense.series import Index
from stream.formats.native import decode
from stream.partial import Partial, Row
from stream.policy import MetricRule, Policy
from stream.quantity import Duration, Instant
from stream.rollout import Rollout, Selector
from stream.summary import Count, Distribution, Gauge, Ratio

T0 = 1732300000000
PANE = 10_000

RULES = (
    MetricRule("latency"),
    MetricRule("errors", of="requests"),
    MetricRule("failed", kind="ratio"),
    MetricRule("crashes", kind="rate"),
    MetricRule("cpu", kind="gauge"),
    MetricRule("wait", kind="distribution"),
)


def rollout(name: str = "r", app: str = "shop", **fields: Any) -> Rollout:
    return Rollout(name, app, fields.pop("policy", Policy(RULES)), **fields)


def single(metric: str = "latency", value: float | None = 1.0, ts: int = T0, **fields: Any) -> dict[str, Any]:
    base = {"app": "shop", "instance": "a", "cohort": "canary"}
    return base | {"ts": ts, "metric": metric, "value": value} | fields


def batch(*metrics: dict[str, Any], end: int = T0 + PANE, **fields: Any) -> dict[str, Any]:
    base = {"app": "shop", "instance": "a", "cohort": "canary"}
    return base | {"start": end - PANE, "end": end, "metrics": list(metrics)} | fields


def chunk_of(*messages: dict[str, Any], index: Index | None = None) -> Chunk:
    chunk = Chunk(index or Index([rollout()]), "log", 0)
    chunk.add(decode([json.dumps(message).encode() for message in messages]), len(messages))
    return chunk


def partial_of(*messages: dict[str, Any], index: Index | None = None) -> Partial:
    (partial,) = chunk_of(*messages, index=index).partials()
    return partial


def rows_of(*messages: dict[str, Any], index: Index | None = None) -> list[Row]:
    return partial_of(*messages, index=index).rows


def only(*messages: dict[str, Any]) -> Any:
    """The summary of the only row."""
    (row,) = rows_of(*messages)
    return row.summary


def rejected(partial: Partial) -> dict[str, int]:
    """What was kept out in all panes."""
    total: Counter[str] = Counter()
    for reasons in partial.kept_out.values():
        total.update(reasons)
    return dict(total)


def test_a_row_says_whose_it_is() -> None:
    (row,) = rows_of(single(value=100, unit="ms", boot="9f"))
    assert row.pane == T0 // PANE
    assert tuple(row.key) == ("canary", "a", "9f", "latency", "ms", "", "distribution")
    assert isinstance(row.summary, Distribution)
    assert (row.summary.count, row.summary.bins.tolist()) == (1, [212])


def test_samples_of_a_series_and_pane_share_a_row() -> None:
    rows = rows_of(single(), single(), single(ts=T0 + PANE), single(instance="b"), single(unit="s"), single(boot="2"))
    assert [(row.pane - T0 // PANE, row.key.instance, row.key.boot, row.key.unit) for row in rows] == [
        (0, "a", "", ""),
        (0, "a", "", "s"),
        (0, "a", "2", ""),
        (0, "b", "", ""),
        (1, "a", "", ""),
    ]


def test_versions_and_labels_do_not_split_rows() -> None:
    (row,) = rows_of(single(version="1"), single(version="2", labels={"x": "y"}), single(env="prod"))
    assert row.summary.count == 3  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("metric", "value", "fields", "kind"),
    [
        ("latency", 2.5, {}, Distribution),
        ("wait", 2.5, {}, Distribution),
        ("cpu", -0.5, {}, Gauge),
        ("crashes", 2, {}, Count),
        ("errors", 2, {}, Count),
        ("requests", 2, {}, Count),
        ("failed", 1, {}, Ratio),
        ("failed", 3, {"total": 7}, Ratio),
        ("latency", 3, {"total": 7}, Ratio),
        ("latency", 0.5, {"kind": "gauge"}, Gauge),
        ("latency", 5, {"kind": "count"}, Count),
        ("latency", 5, {"kind": "rate"}, Count),
        ("errors", 3, {"kind": "ratio", "total": 7}, Ratio),
        ("cpu", 0.5, {"kind": "distribution"}, Distribution),
    ],
)
def test_the_kind_of_a_single_sample(metric: str, value: float, fields: dict[str, Any], kind: type) -> None:
    assert type(only(single(metric, value, **fields))) is kind


def test_what_an_instance_reports_as_two_kinds_is_two_rows() -> None:
    rows = rows_of(single(), single(kind="gauge"), single(total=3))
    assert [(row.key.kind, type(row.summary)) for row in rows] == [
        ("distribution", Distribution),
        ("gauge", Gauge),
        ("ratio", Ratio),
    ]


def test_trials_and_events_are_summed() -> None:
    ratio = only(single("failed", 0), single("failed", 1), single("failed", 3, total=10))
    assert (ratio.hits, ratio.trials) == (4, 12)
    assert only(single("crashes", 2), single("crashes", 2**53), single("crashes", 2**53)).events == 2**54 + 2
    gauge = only(single("cpu", 0.25), single("cpu", 1e200), single("cpu", -1e200))
    assert (gauge.count, gauge.total) == (3, 2**30)


def test_entries_of_a_batch() -> None:
    rows = rows_of(
        batch(
            {"name": "latency", "type": "samples", "values": [1, 0, 2]},
            {"name": "wait", "type": "samples", "values": [1, 0, 2], "weight": 10},
            {"name": "requests", "type": "count", "value": 500},
            {"name": "failed", "type": "ratio", "value": 3, "total": 500},
            {"name": "cpu", "type": "gauge", "value": 0.5},
            {"name": "idle", "type": "gauge", "value": 0.5},
        )
    )
    found: dict[str, Any] = {row.key.metric: row.summary for row in rows}
    assert {row.pane for row in rows} == {T0 // PANE}
    assert found.keys() == {"latency", "wait", "requests", "failed", "cpu"}
    assert (found["latency"].count, found["latency"].zeros, found["latency"].counts.tolist()) == (3, 1, [1, 1])
    assert (found["wait"].count, found["wait"].zeros, found["wait"].counts.tolist()) == (30, 10, [10, 10])
    assert found["wait"].logs == 10 * found["latency"].logs
    assert found["requests"].events == 500
    assert (found["failed"].hits, found["failed"].trials, found["cpu"].mean) == (3, 500, 0.5)


def test_histograms_and_values_share_a_row() -> None:
    histogram = {"name": "latency", "type": "exphist", "scale": 4, "offset": 100, "counts": [5, 0, 1], "zero": 2}
    row = only(batch(histogram, {"name": "latency", "type": "samples", "values": [100.0]}), single(value=100.0))
    assert (row.count, row.zeros, row.scale) == (10, 2, 4)
    assert row.bins.tolist() == [100, 102, 106]
    assert row.counts.tolist() == [5, 1, 2]


def test_an_empty_list_or_histogram_is_nothing() -> None:
    empty = {"name": "latency", "type": "samples", "values": []}
    nothing = {"name": "latency", "type": "exphist", "counts": [0, 0]}
    assert chunk_of(batch(empty, nothing), batch()).partials() == []
    assert only(batch({"name": "requests", "type": "count", "value": 0})).events == 0


def test_who_is_kept_out() -> None:
    index = Index([rollout(env="prod", baseline=Selector(version="1"), canary=Selector(labels={"track": "c"}))])
    partial = partial_of(
        single(env="prod"),
        single(env="test"),
        single(cohort=None, env="prod", version="2"),
        single(cohort=None, env="prod", version="1", labels={"track": "c"}),
        single("disk", env="prod"),
        single("disk", env="test"),
        single(app="cart", env="prod"),
        index=index,
    )
    assert rejected(partial) == {"both_cohorts": 1, "no_cohort": 1, "other_env": 2, "unwatched": 1}
    assert partial.kept_out.keys() == {T0 // PANE}
    assert [row.summary.count for row in partial.rows] == [1]  # type: ignore[union-attr]


def test_labels_are_looked_up_before_attributes() -> None:
    index = Index([rollout(baseline=Selector(labels={"track": "b"}), canary=Selector(labels={"track": "c"}))])
    rows = rows_of(
        single(cohort=None, labels={"track": "c"}, attrs={"track": "b"}),
        single(cohort=None, attrs={"track": "b"}),
        batch({"name": "latency", "type": "samples", "values": [1], "attrs": {"track": "b"}}, cohort=None),
        index=index,
    )
    assert [(row.key.cohort, row.summary.count) for row in rows] == [  # type: ignore[union-attr]
        ("baseline", 2),
        ("canary", 1),
    ]


def test_a_sample_feeds_every_rollout_of_its_app() -> None:
    slow = Policy((MetricRule("latency", kind="gauge"),), pane=Duration(60_000))
    index = Index([rollout("z"), rollout("b", policy=slow), rollout("c", app="cart")])
    first, second = chunk_of(single(), single("cpu"), index=index).partials()
    assert (first.rollout, second.rollout) == ("b", "z")
    assert [(row.pane, row.key.kind) for row in first.rows] == [(T0 // 60_000, "gauge")]
    assert [(row.pane, row.key.kind) for row in second.rows] == [
        (T0 // PANE, "gauge"),
        (T0 // PANE, "distribution"),
    ]
    assert rejected(first) == {"unwatched": 1}


def test_the_same_list_feeds_two_rollouts() -> None:
    index = Index([rollout("a"), rollout("b"), rollout("c", until=Instant(T0))])
    entries = (
        {"name": "latency", "type": "samples", "values": [1, 2]},
        {"name": "wait", "type": "samples", "values": [3]},
    )
    chunk = chunk_of(batch(*entries), batch(*entries, cohort=None), single(), index=index)
    counts = {partial.rollout: [row.summary.count for row in partial.rows] for partial in chunk.partials()}  # type: ignore[union-attr]
    assert counts == {"a": [3, 1], "b": [3, 1], "c": []}
    assert dict(chunk.accepted) == {"a": 4, "b": 4}


def test_from_and_until() -> None:
    index = Index([rollout(from_=Instant(T0), until=Instant(T0 + PANE))])
    times = (T0 - 1, T0, T0 + PANE - 1, T0 + PANE)
    chunk = chunk_of(*(single(ts=time) for time in times), index=index)
    (partial,) = chunk.partials()
    assert {reason for _, _, reason in chunk.kept_out} == {"after_until", "before_from"}
    assert partial.kept_out == {}
    assert partial.rows[0].summary.count == 2  # type: ignore[union-attr]
    assert partial.newest == T0 + PANE


def test_late_is_what_comes_after_the_end_of_its_pane_and_lateness() -> None:
    def late_at(newest: int) -> dict[str, int]:
        return rejected(partial_of(single(ts=newest, app="other"), single(ts=T0), single(ts=newest)))

    assert late_at(T0 + PANE + 4_999) == {}
    assert late_at(T0 + PANE + 5_000) == {"late": 1}


def test_a_sample_from_before_the_rollout_is_none_of_its_own_however_late_it_comes() -> None:
    """Whether a chunk knows that it is late depends on where the chunk began."""
    index = Index([rollout(from_=Instant(T0))])
    for old in (single("unknown", ts=T0 - 1), single(value=-1, ts=T0 - 1), single(ts=T0 - 1, cohort=None)):
        for before in ([], [single(ts=T0 + 3 * PANE)]):
            (partial,) = chunk_of(*before, old, single(ts=T0 + 3 * PANE), index=index).partials()
            assert partial.kept_out == {}, f"{old} after {before}"


def test_order_within_a_record_decides_lateness() -> None:
    late = T0 + 3 * PANE
    partial = partial_of(single(ts=T0), single(ts=late), single(ts=T0), single(ts=T0 + PANE), single(ts=T0 + 2 * PANE))
    assert rejected(partial) == {"late": 2}
    assert partial.kept_out == {late // PANE: {"late": 2}}
    assert [row.pane - T0 // PANE for row in partial.rows] == [0, 2, 3]


def test_a_wrong_message_does_not_move_time() -> None:
    future = T0 + 10 * PANE
    for wrong in (
        single(ts=future, value=None),
        single(ts=future, v=9),
        single(ts=future, value=1e300),
        batch(end=future, metric="m"),
        single(ts=future * 10),
    ):
        partial = partial_of(wrong, single())
        assert partial.newest == T0
        assert not rejected(partial).get("late")
    assert partial_of(single(ts=future, app="other"), single(ts=future + 5_000)).newest == future + 5_000
    assert rejected(partial_of(single("failed", 7, ts=future), single())) == {"late": 1, "no_denominator": 1}


def test_wrong_samples_of_a_rollout_are_counted_in_their_pane() -> None:
    partial = partial_of(
        single(value=-1),
        single("crashes", 1.5),
        single(value=1e300, ts=T0 + PANE),
        single("disk", 1e300),
        batch({"name": "latency", "type": "samples", "values": [1, -1, 1]}),
    )
    assert partial.kept_out == {
        T0 // PANE: {"negative": 4, "not_whole": 1},
        T0 // PANE + 1: {"out_of_range": 1},
    }


def test_a_misfit_is_one_fault_whatever_the_number_of_rollouts() -> None:
    chunk = Chunk(Index([rollout("a"), rollout("b")]), "log", 0)
    faults = chunk.add(decode([json.dumps(single(value=-1)).encode()]), 1)
    assert [(fault.position, fault.error.reason) for fault in faults] == [(0, "negative")]
    assert sorted(name for name, _, _ in chunk.kept_out) == ["a", "b"]


def test_partials_hold_what_changed_whole() -> None:
    chunk = Chunk(Index([rollout()]), "log", 7)

    def add(upto: int, *messages: dict[str, Any]) -> list[Partial]:
        chunk.add(decode([json.dumps(message).encode() for message in messages]), upto)
        return chunk.partials()

    (first,) = add(9, single(), single(instance="b"))
    assert (first.source, first.start, first.upto, first.newest) == ("log", 7, 9, T0)
    (second,) = add(12, single(), single("disk"), single("cpu"))
    assert [(row.key.instance, row.key.metric) for row in second.rows] == [("a", "cpu"), ("a", "latency")]
    assert second.rows[1].summary.count == 2  # type: ignore[union-attr]
    assert first.rows[0].summary.count == 1  # type: ignore[union-attr]
    assert (second.upto, rejected(second)) == (12, {"unwatched": 1})
    assert add(13, single(app="other", ts=T0 + 1)) == []
    assert chunk.newest == T0 + 1
    (third,) = add(14, single("disk"))
    assert (third.rows, rejected(third), third.newest) == ([], {"unwatched": 2}, T0 + 1)
    assert chunk.partials() == []


def test_another_index_holds_for_what_comes_next() -> None:
    chunk = chunk_of(single(), index=Index([rollout("b")]))
    chunk.use(Index([rollout("a"), rollout("b")]))
    chunk.add(decode([json.dumps(single()).encode()]), 2)
    counts = {partial.rollout: partial.rows[0].summary.count for partial in chunk.partials()}  # type: ignore[union-attr]
    assert counts == {"a": 1, "b": 2}


def test_more_series_than_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(series, "SERIES_LIMIT", 10)
    index = Index([rollout()])
    chunk = Chunk(index, "log", 0)
    for number in range(100):
        messages = [single(instance=str(number % 20)), single(instance=f"x{number}", app="other")]
        chunk.add(decode([json.dumps(message).encode() for message in messages]), 2 * number + 2)
        assert len(index.table().numbers) < 14
    (partial,) = chunk.partials()
    assert [row.summary.count for row in partial.rows] == [5] * 20  # type: ignore[union-attr]


def test_no_rollouts() -> None:
    chunk = chunk_of(single(), batch({"name": "latency", "type": "samples", "values": [1]}), index=Index([]))
    assert chunk.partials() == []
    assert chunk.newest == T0 + PANE - 1


def test_nothing() -> None:
    chunk = Chunk(Index([rollout()]), "log", 0)
    assert chunk.add(decode([]), 0) == []
    assert (chunk.partials(), chunk.newest) == ([], -1)


def test_values_are_condensed_before_they_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stream.condense.cells.MANY_VALUES", 100)
    values = np.arange(1.0, 91.0).tolist()
    chunk = Chunk(Index([rollout()]), "log", 0)
    for number in range(5):
        message = batch({"name": "latency", "type": "samples", "values": values})
        chunk.add(decode([json.dumps(message).encode()]), number + 1)
    (partial,) = chunk.partials()
    whole = Distribution.of_values(np.array(values * 5))
    (row,) = partial.rows
    assert isinstance(row.summary, Distribution)
    assert (row.summary.count, row.summary.logs) == (450, whole.logs)
    assert row.summary.counts.tolist() == whole.counts.tolist()
