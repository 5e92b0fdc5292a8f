from stream.formats.decoded import Decoded
from stream.replay.jump import Jumps
from stream.sample import Telemetry

T0 = 1732300000000
PANE = 10_000
BAR = 3_600_000 + 10 * PANE
FUTURE = T0 + 2 * BAR


def block(*times: int | None, first: int = 0) -> Decoded:
    return Decoded.of([Telemetry("shop", "a", ts=time) for time in times], range(first, first + len(times)), [])


def run(times: list[int | None], size: int = 1000) -> tuple[list[int | None], list[tuple[int, str]]]:
    """Times that pass, and positions and reasons of the rest, read in blocks of `size`."""
    jumps = Jumps(PANE)
    parts = [jumps.admit(block(*times[at : at + size], first=at)) for at in range(0, len(times), size)]
    parts.append(jumps.end())
    passed = [message.ts for part in parts for message in part.messages]
    return passed, [(fault.position, fault.error.reason) for part in parts for fault in part.faults]


STEADY: list[int | None] = [T0 + 1000 * number for number in range(30)]


def check(times: list[int | None], passed: list[int | None], faults: list[tuple[int, str]]) -> None:
    for size in (1, 2, 7, 11, 12, 1000):
        assert run(times, size) == (passed, faults)


def test_steady_times_pass() -> None:
    check(STEADY, STEADY, [])


def test_a_steady_block_is_not_copied() -> None:
    jumps = Jumps(PANE)
    jumps.admit(block(*STEADY))
    steady = block(*STEADY)
    assert jumps.admit(steady) is steady


def test_short_files() -> None:
    check([], [], [])
    check([T0], [T0], [])
    check([T0, T0 + 1], [T0, T0 + 1], [])
    check([T0, FUTURE], [T0], [(1, "far_future")])
    check([FUTURE, T0, T0], [T0, T0], [(0, "far_future")])


def test_one_wrong_line_at_the_start() -> None:
    check([FUTURE, *STEADY], STEADY, [(0, "far_future")])
    check([T0 - 2 * BAR, *STEADY], STEADY, [(0, "far_past")])


def test_one_wrong_line_later() -> None:
    check([*STEADY, FUTURE, *STEADY], [*STEADY, *STEADY], [(30, "far_future")])


def test_the_bar() -> None:
    last = STEADY[-1]
    assert last is not None
    check([*STEADY, last + BAR, last], [*STEADY, last + BAR, last], [])
    check([*STEADY, last + BAR + 1, last], [*STEADY, last], [(30, "far_future")])


def test_ten_further_lines_confirm_a_jump() -> None:
    after: list[int | None] = [FUTURE + number for number in range(11)]
    check([*STEADY, *after], [*STEADY, *after], [])
    check([*STEADY, *after[:10]], STEADY, [(position, "far_future") for position in range(30, 40)])


def test_a_normal_line_in_between_begins_the_count_anew() -> None:
    times = [*STEADY, *[FUTURE] * 10, T0, *[FUTURE] * 10, T0]
    far = [(position, "far_future") for position in (*range(30, 40), *range(41, 51))]
    check(times, [*STEADY, T0, T0], far)


def test_a_recording_with_gaps_passes() -> None:
    times: list[int | None] = [T0 + part * 2 * BAR + 1000 * number for part in range(3) for number in range(20)]
    check(times, times, [])


def test_the_wildest_of_those_that_confirm_is_not_believed() -> None:
    wild = FUTURE + 10 * BAR
    times = [*STEADY, FUTURE, wild, *[FUTURE] * 9, FUTURE + 1]
    check(times, [*STEADY, *[FUTURE] * 10, FUTURE + 1], [(31, "far_future")])


def test_times_that_cannot_be_used_pass_and_count_for_nothing() -> None:
    times = [*STEADY, FUTURE, None, 17, *[FUTURE] * 10]
    passed, faults = run(times)
    assert sorted(passed, key=str) == sorted(times, key=str)
    assert faults == []
    assert run([None, 5]) == ([None, 5], [])


def test_backward_jumps_are_not_this_filters_business() -> None:
    times = [*STEADY, T0 - 5 * BAR, T0]
    check(times, times, [])


def test_the_text_says_what_to_do() -> None:
    jumps = Jumps(PANE)
    jumps.admit(block(*STEADY, FUTURE))
    (fault,) = jumps.end().faults
    assert str(fault.error).startswith("ts: 2024-11-22T")
    assert "clock" in str(fault.error)
