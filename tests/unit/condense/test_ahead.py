import numpy as np
import pytest

from stream.condense.ahead import AHEAD_MS, decoded_of, reject_ahead, time_fault
from stream.formats.decoded import Decoded
from stream.sample import Telemetry

T0 = 1732300000000


def block(*times: int | None, positions: list[int] | None = None) -> Decoded:
    messages = [Telemetry("shop", "a", ts=time) for time in times]
    return Decoded.of(messages, range(len(times)) if positions is None else positions, [])


@pytest.mark.parametrize("positions", [[0, 1, 2, 3], [0, 2, 3, 5]])
def test_times_ahead_of_their_arrival(positions: list[int]) -> None:
    decoded = block(T0, T0 + AHEAD_MS, T0 + AHEAD_MS + 1, None, positions=positions)
    left = reject_ahead(decoded, [T0] * 6)
    assert [message.ts for message in left.messages] == [T0, T0 + AHEAD_MS, None]
    assert list(left.positions) == [positions[0], positions[1], positions[3]]
    assert [(fault.position, fault.error.reason) for fault in left.faults] == [(positions[2], "far_future")]
    assert np.isnan(left.times[2])


def test_each_record_has_its_own_arrival() -> None:
    """The position finds it, also where records before could not be read."""
    far = T0 + AHEAD_MS + 5
    left = reject_ahead(block(far, far, far, positions=[1, 3, 4]), [0, T0 + 5, 0, T0 + 4, T0 + 6])
    assert list(left.positions) == [1, 4]
    assert [fault.position for fault in left.faults] == [3]


def test_a_log_on_time_is_not_copied() -> None:
    steady = block(*(T0 + 1000 * number for number in range(30)))
    assert reject_ahead(steady, [T0] * 30) is steady


def test_nothing_is_ahead_of_nothing() -> None:
    empty = block()
    assert reject_ahead(empty, []) is empty
    assert reject_ahead(empty, [T0]) is empty


def test_earlier_faults_are_kept() -> None:
    wrong = reject_ahead(block(T0 + 2 * AHEAD_MS), [T0]).faults
    decoded = Decoded.of([Telemetry("shop", "a", ts=T0 + 3 * AHEAD_MS)], [1], wrong)
    assert [fault.position for fault in reject_ahead(decoded, [T0, T0]).faults] == [0, 1]


@pytest.mark.parametrize(
    ("message", "field"),
    [(Telemetry("shop", "a", ts=T0), "ts"), (Telemetry("shop", "a", end=T0 + 1, metrics=[]), "end")],
)
def test_a_fault_names_the_field_and_the_remedy(message: Telemetry, field: str) -> None:
    fault = time_fault((message, 7, float(T0)), "far_future", "more than 60 s after it arrived")
    remedy = "set the clock of its producer right"
    assert str(fault.error) == f"{field}: 2024-11-22T18:26:40Z is more than 60 s after it arrived; {remedy}"
    assert (fault.position, fault.error.reason) == (7, "far_future")


def test_what_is_left_has_its_times() -> None:
    single, batch = Telemetry("shop", "a", ts=T0), Telemetry("shop", "b", end=T0 + 9, metrics=[])
    left = decoded_of([(batch, 4, T0 + 8.0), (single, 5, float(T0))], [])
    assert (left.messages, list(left.positions), left.times.tolist()) == ([batch, single], [4, 5], [T0 + 8, T0])
