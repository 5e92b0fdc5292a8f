"""A stored state goes on as if it had never been stored, damage is noticed, and the size stays within its budget."""

import zlib
from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np
import pytest

from stream.codec import VERSION, dump, load
from stream.errors import StateError
from stream.monitor import step
from stream.outputs import Verdict
from stream.partial import Partial, Row
from stream.plan import Plan
from stream.policy import MetricRule
from stream.quantity import Duration
from stream.rollout import Cohort
from stream.summary import Count, Distribution, Gauge, Ratio, Summary
from tests.core_helpers import ROLLOUT, Drive, cohorts, lines, noisy, plan_of, row

KIB = 1024
HEAD = len(b"canary-state") + 1


def all_kinds(**settings: Any) -> Plan:
    """Panes of a minute, so that blocks are short."""
    return plan_of(
        MetricRule("latency"),
        MetricRule("errors", kind="ratio"),
        MetricRule("orders", kind="rate"),
        MetricRule("cpu", kind="gauge"),
        **{"pane": Duration(60_000), "bake_time": Duration(3_000_000), **settings},
    )


def rows_of(seed: int, pane: int) -> list[Row]:
    rng = np.random.default_rng((seed, pane))

    def reported(_cohort: Cohort, _number: int) -> list[tuple[str, Summary]]:
        return [
            ("latency", noisy(rng, 100)),
            ("errors", Ratio(int(rng.binomial(100, 0.02)), 100)),
            ("orders", Count(int(rng.poisson(20)))),
            ("cpu", Gauge.of_values(rng.normal(0.4, 0.01, 1))),
        ]

    return cohorts(reported, pane)


def states() -> Iterator[tuple[int, Drive]]:
    """A rollout before each of its panes; the last third has restarts."""
    drive = Drive(all_kinds())
    for pane in range(100, 128):
        yield pane, drive
        drive.close(pane, rows_of(1, pane))


def test_a_state_survives_at_any_pane_bit_for_bit() -> None:
    for pane, drive in states():
        stored = dump(drive.state)
        other = Drive(drive.plan, load(stored))
        assert dump(other.state) == stored
        other._offset = drive._offset
        whole = Drive(drive.plan, load(stored))
        whole._offset = drive._offset
        assert lines(other.close(pane, rows_of(1, pane))) == lines(whole.close(pane, rows_of(1, pane)))


def test_a_rollout_that_is_stored_before_every_pane_says_the_same() -> None:
    plain = Drive(all_kinds()).run(lambda pane: rows_of(2, pane), range(100, 128))
    stored = Drive(all_kinds())
    for pane in range(100, 128):
        stored.state = load(dump(stored.state))
        stored.close(pane, rows_of(2, pane))
    assert lines(stored.outputs) == lines(plain.outputs)
    assert dump(stored.state) == dump(plain.state)


def test_what_waits_is_stored_too() -> None:
    """Rows of open chunks and finished ones, samples under `n_min`, alerts, and a demand to stop."""
    plan = all_kinds(lateness=Duration(60_000), n_min=1000)
    drive = Drive(plan)
    for pane in (100, 101, 102):
        drive.close(pane, rows_of(3, pane), negative=2)
    ahead = Partial(ROLLOUT, "telemetry-1", 0, 5, 105 * 60_000, rows_of(3, 105), {105: {"no_cohort": 1}})
    drive.outputs += step(plan, drive.state, ahead)
    drive.stop("enough")
    restored = load(dump(drive.state))
    assert restored.sources["telemetry-1"].rows[105].keys() == {row.key for row in ahead.rows}
    assert restored.sources["telemetry-1"].kept_out == {105: {"no_cohort": 1}}
    assert restored.kept_out == {"negative": 6}
    assert restored.stopped == "enough"
    assert restored.location.intakes[0].waiting.keys() == set(range(6))
    assert dump(restored) == dump(drive.state)


def test_sums_beyond_64_bits_are_stored() -> None:
    plan = plan_of(MetricRule("bytes", kind="gauge", scale="log"))
    drive = Drive(plan)
    huge = row(3, "canary", "a", "bytes", Gauge.of_values(np.array([-1e40])), unit="By")
    step(plan, drive.state, Partial(ROLLOUT, "telemetry-0", 0, 1, 5, [huge]))
    restored = load(dump(drive.state))
    (summary,) = restored.sources["telemetry-0"].rows[3].values()
    assert isinstance(summary, Gauge)
    assert summary.mean == -1e40
    summary.merge(Gauge.of_values(np.array([1e40])))
    assert summary.mean == 0


def test_a_restored_state_can_be_changed() -> None:
    _, drive = next(states())
    drive.close(100, rows_of(1, 100))
    for array in (load(dump(drive.state)).location.sums, load(dump(drive.state)).location.founder):
        assert array.flags.writeable


def test_a_final_state_stays_final() -> None:
    drive = Drive(all_kinds()).run(lambda pane: rows_of(1, pane), range(100, 102))
    drive.stop("enough")
    drive.close(102, rows_of(1, 102))
    assert drive.verdict.final
    other = Drive(drive.plan, load(dump(drive.state)))
    other._offset = drive._offset
    assert other.close(103, rows_of(1, 103)) == []


def stored_state() -> bytes:
    drive = Drive(all_kinds()).run(lambda pane: rows_of(1, pane), range(100, 102))
    return dump(drive.state)


def test_a_damaged_byte_never_goes_unnoticed() -> None:
    """Some bits do not matter to the compression; then the state is whole."""
    stored, noticed = stored_state(), 0
    for place in range(len(stored)):
        damaged = bytearray(stored)
        damaged[place] ^= 1 << place % 8
        try:
            assert dump(load(bytes(damaged))) == stored
        except StateError:
            noticed += 1
    assert noticed > 0.9 * len(stored)


@pytest.mark.parametrize("length", [0, 1, HEAD - 1, HEAD, HEAD + 1, HEAD + 100, -1])
def test_a_torn_state_is_noticed(length: int) -> None:
    stored = stored_state()
    with pytest.raises(StateError):
        load(stored[: length if length >= 0 else len(stored) + length])


def test_another_version_is_refused_with_a_remedy() -> None:
    stored = bytearray(stored_state())
    stored[HEAD - 1] = VERSION + 1
    with pytest.raises(StateError, match=rf"^the state has version {VERSION + 1}, .*: start the rollout anew$"):
        load(bytes(stored))


@pytest.mark.parametrize(
    "content",
    [
        7,
        {},
        {"rollout": "a", "fingerprint": "b", "sources": {}, "metrics": [], "passing": "x"},
        {"rollout": "a", "fingerprint": "b", "sources": {}, "metrics": [], "counts": {"events": ["<f8", [2], b"123"]}},
        {"rollout": "a", "fingerprint": "b", "sources": {}, "metrics": [], "counts": {"events": ["<f2", [0], b""]}},
        {"rollout": "a", "fingerprint": "b", "sources": {}, "metrics": [], "counts": {"events": 5}},
    ],
    ids=["number", "empty", "wrong type", "short array", "strange array", "no array"],
)
def test_what_is_no_state_is_refused(content: object) -> None:
    packed = stored_state()[:HEAD] + zlib.compress(msgspec.msgpack.encode(content))
    with pytest.raises(StateError):
        load(packed)


class Budget:
    """A rollout of 20 instances and 10 metrics whose histograms repeat every few panes, so that panes are cheap."""

    def __init__(self, *mix: str) -> None:
        kinds = [mix[number % len(mix)] for number in range(10)]
        self.rules = [MetricRule(f"m{number}", kind=kind) for number, kind in enumerate(kinds)]  # type: ignore[arg-type]
        self.rng = np.random.default_rng(5)
        self.pool = [noisy(self.rng, 100, 100) for _ in range(97)]
        self.plan = plan_of(*self.rules, deadline=Duration(7_200_000), bake_time=Duration(7_200_000), alpha=1e-9)

    def rows(self, pane: int) -> list[Row]:
        def reported(_cohort: Cohort, _number: int) -> list[tuple[str, Summary]]:
            return [(rule.name, self._summary(rule.kind)) for rule in self.rules]

        return cohorts(reported, pane, canary=10, baseline=10)

    def _summary(self, kind: str | None) -> Summary:
        if kind == "distribution":
            one = self.pool[int(self.rng.integers(len(self.pool)))]
            return Distribution(one.count, one.zeros, one.logs, one.scale, one.bins, one.counts)
        if kind == "gauge":
            return Gauge.of_values(self.rng.normal(0.4, 0.02, 1))
        return Ratio(int(self.rng.binomial(100, 0.01)), 100)


USUAL = ("distribution", "distribution", "ratio", "distribution", "distribution", "gauge")


@pytest.mark.slow
@pytest.mark.parametrize(
    "mix",
    [
        USUAL,
        ("distribution",),
    ],
    ids=["usual", "distributions"],
)
def test_a_state_stays_small_for_two_hours(mix: tuple[str, ...]) -> None:
    budget = Budget(*mix)
    drive = Drive(budget.plan)
    sizes: dict[int, int] = {}
    for pane in range(719):
        drive.close(pane, budget.rows(pane))
        sizes[pane] = len(dump(drive.state)) if pane % 30 == 15 or pane == 718 else 0
    assert not drive.of(Verdict)[-1].final
    assert max(sizes.values()) < 256 * KIB
    growth = [sizes[pane + 30] - sizes[pane] for pane in range(135, 680, 30)]
    assert max(growth) < 12 * KIB, "more than one restart's snapshot a block"


def test_a_state_does_not_grow_with_samples() -> None:
    """Between two block boundaries nothing is added but counts."""
    budget = Budget(*USUAL)
    drive = Drive(budget.plan)
    sizes = []
    for pane in range(29):
        drive.close(pane, budget.rows(pane))
        sizes.append(len(dump(drive.state)))
    assert sizes[-1] < 1.35 * sizes[9]
    assert sizes[-1] < 64 * KIB
