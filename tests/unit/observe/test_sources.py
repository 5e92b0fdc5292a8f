import pytest

from stream.observe import sources
from stream.observe.checkpoint import freeze_sources, thaw_sources
from stream.observe.sources import MOST_DROPPED, SourceClock, Sources
from stream.partial import ChunkEnd, SourceTime
from stream.policy import MetricRule
from stream.state import Source
from tests.core_helpers import plan_of
from tests.judge_helpers import state_of


def known(*events: SourceTime | ChunkEnd) -> Sources:
    found = Sources()
    for event in events:
        if isinstance(event, SourceTime):
            found.tell(event)
        else:
            found.end(event)
    return found


def test_times_only_go_on() -> None:
    found = Sources()
    assert found.tell(SourceTime("a", 5)) == -1
    assert found.tell(SourceTime("a", 9)) == 5
    assert found.tell(SourceTime("a", 7)) == 9
    assert found.clocks["a"].time == 9


def test_the_watermark_is_that_of_the_slowest() -> None:
    found = known(SourceTime("a", 5), SourceTime("b", 9))
    assert found.watermark(["a", "b"]) == 5
    assert found.watermark(["b"]) == 9
    assert found.watermark([]) == -1
    found.know(["b", "c"])
    assert found.watermark(["a", "b", "c"]) == -1, "one has not spoken"
    assert found.watermark(["b", "nobody heard of"]) == -1
    assert found.newest == 9
    assert Sources().newest == -1


def test_an_end_moves_no_time() -> None:
    found = known(SourceTime("a", 5), ChunkEnd("a", 0, 10, 99, 3))
    assert (found.watermark(["a"]), found.newest) == (5, 5)
    assert (found.clocks["a"].upto, found.clocks["a"].newest) == (10, 99)
    found.end(ChunkEnd("a", 10, 20, 7, 3))
    assert (found.clocks["a"].upto, found.clocks["a"].newest) == (20, 99)


@pytest.mark.parametrize("repeat", [ChunkEnd("a", 0, 10, 999, 1), ChunkEnd("a", 4, 8, 999, 1)])
def test_a_repeat_of_an_end_changes_nothing(repeat: ChunkEnd) -> None:
    """Also where a stalled worker tells it that knew less of the registry."""
    found, before = (known(ChunkEnd("a", 0, 10, 99, 3)) for _ in range(2))
    found.end(repeat)
    assert found == before
    assert found.missed(50, 3) is None


def test_who_missed_a_rollout() -> None:
    found = known(
        ChunkEnd("b", 0, 5, 100, 3), ChunkEnd("b", 5, 9, 50, 4), ChunkEnd("a", 0, 5, 40, 3), ChunkEnd("a", 5, 9, 200, 9)
    )
    assert found.missed(100, 4) == "b"
    assert found.missed(101, 4) is None
    assert found.missed(100, 3) is None, "the record was known to all"
    assert found.missed(40, 4) == "a", "the first by name"
    assert found.missed(150, 10) == "a"
    assert Sources().missed(0, 9) is None


def test_what_is_remembered_of_the_registry_is_bounded() -> None:
    found = Sources()
    for number in range(200):
        found.end(ChunkEnd("a", 10 * number, 10 * number + 10, 1_000 - number, number))
    ends = found.clocks["a"].ends
    assert len(ends) == sources.REMEMBERED
    assert (max(ends), ends[199]) == (199, 801)
    assert found.missed(1_000, 200) == "a", "the newest time of those that are taken together"
    assert found.missed(1_001, 200) is None
    assert found.missed(801, 199) == "a"


def test_what_is_remembered_of_dropped_rollouts_is_bounded() -> None:
    found = Sources()
    for number in range(MOST_DROPPED + 5):
        found.drop(f"r-{number}")
    assert len(found.dropped) == MOST_DROPPED
    assert (found.dropped[0], found.dropped[-1]) == ("r-5", f"r-{MOST_DROPPED + 4}")


def test_a_state_begins_behind_the_finished_chunks() -> None:
    state = state_of(plan_of(MetricRule("latency")))
    state.sources = {}
    found = known(ChunkEnd("a", 0, 10, 99, 3), SourceTime("a", 50))
    found.begin(state, ["a", "b"])
    assert state.sources == {"a": Source(newest=99, start=10, upto=10), "b": Source()}
    state.sources["a"].time = 70
    found.tell(SourceTime("b", 60))
    found.pass_on(state)
    assert {name: source.time for name, source in state.sources.items()} == {"a": 70, "b": 60}


def test_a_copy_does_not_change() -> None:
    found = known(SourceTime("a", 5), ChunkEnd("a", 0, 10, 99, 3))
    found.drop("r")
    copy = found.copy()
    assert copy == found
    found.tell(SourceTime("a", 6))
    found.end(ChunkEnd("a", 10, 20, 100, 3))
    found.drop("s")
    assert copy == Sources({"a": SourceClock(5, 10, 99, {3: 99})}, ["r"])
    assert thaw_sources(freeze_sources(copy)) == copy
