"""The idle clock by itself: when it speaks, and when it is silent."""

import pytest

from stream.adapters.worker.fetch_clock import PATIENCE, STEADY, FetchClock

TP = ("t", 0)
WAIT = 0.02


class Log:
    """Fetches of one partition, at times in seconds; the wall clock is 1,000 s ahead."""

    def __init__(self) -> None:
        self.clock = FetchClock(WAIT)

    def empty(self, at: float, took: float = WAIT, end: bool = True) -> None:
        sent = int((1000 + at) * 1000)
        self.clock.answered(TP, sent=sent, sent_at=at, now=at + took, at_end=end)

    def quiet_for(self, begin: float, end: float) -> None:
        at = begin
        while at < end:
            self.empty(at)
            at += 0.1

    def quiet(self, processed: int = -1) -> float | None:
        found = self.clock.quiet(TP, processed)
        return None if found is None else found / 1000 - 1000


def test_an_unknown_partition_is_silent() -> None:
    assert Log().quiet() is None


def test_idle_time_counts_after_five_seconds_and_is_that_of_the_sending() -> None:
    log = Log()
    log.quiet_for(0, STEADY)
    assert log.quiet() is None
    log.empty(WAIT + STEADY)
    assert log.quiet() == pytest.approx(WAIT + STEADY, abs=1e-3)
    log.empty(6, took=1)
    assert log.quiet() == pytest.approx(6, abs=1e-3)


def test_an_unanswered_fetch_starts_the_five_seconds_anew() -> None:
    log = Log()
    log.quiet_for(0, 6)
    log.clock.unanswered(TP)
    assert log.quiet() is None
    log.quiet_for(6, 6 + STEADY)
    assert log.quiet() is None
    log.empty(6.1 + STEADY)
    assert log.quiet() is not None


@pytest.mark.parametrize(("took", "counts"), [(PATIENCE, True), (PATIENCE + 0.2, False)])
def test_an_answer_that_comes_too_late_is_none(took: float, counts: bool) -> None:
    log = Log()
    log.quiet_for(0, 6)
    log.empty(6, took)
    assert (log.quiet() is not None) == counts


def test_a_pause_without_fetches_is_a_break() -> None:
    """The leader was away, and nobody was asked."""
    log = Log()
    log.quiet_for(0, 6)
    log.empty(9)
    assert log.quiet() is None


def test_a_pause_while_the_application_held_the_records_is_none() -> None:
    log = Log()
    log.quiet_for(0, 6)
    log.empty(6, end=False)
    log.clock.handed_out(TP, 41, 16)
    log.empty(16)
    assert log.quiet(42) == pytest.approx(16, abs=1e-3)


@pytest.mark.parametrize(("processed", "speaks"), [(-1, False), (0, False), (7, False), (8, True), (20, True)])
def test_silent_until_all_that_was_handed_out_is_processed(processed: int, speaks: bool) -> None:
    log = Log()
    log.quiet_for(0, 6)
    log.clock.handed_out(TP, 7, 6)
    log.empty(6)
    assert (log.quiet(processed) is not None) == speaks


def test_silent_where_records_or_an_open_transaction_are_in_the_way() -> None:
    log = Log()
    log.quiet_for(0, 6)
    log.empty(6, end=False)
    assert log.quiet() is None
    log.empty(6.1)
    assert log.quiet() is not None


def test_a_new_assignment_knows_nothing() -> None:
    log = Log()
    log.quiet_for(0, 6)
    log.clock.handed_out(TP, 7, 6)
    log.clock.restart()
    assert log.quiet(8) is None
    log.quiet_for(6, 12)
    assert log.quiet() is not None


def test_partitions_do_not_share_a_clock() -> None:
    log = Log()
    log.quiet_for(0, 6)
    log.clock.unanswered(("t", 1))
    assert log.quiet() is not None
    assert log.clock.quiet(("t", 1), -1) is None
