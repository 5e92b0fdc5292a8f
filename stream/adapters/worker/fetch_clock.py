"""The idle clock: up to which time a partition is known to hold nothing that was not read.

A fetch that comes back empty at the end of the log says: what was written before it was sent has been read. So the time
of its sending may move the watermark where no record does. After an assignment or an unanswered fetch producers may
still hold back what they could not write; until fetches were answered for `STEADY` seconds, the clock is silent.
"""

from typing import NamedTuple

STEADY = 5.0
"""Seconds of answered fetches before idle time counts."""
PATIENCE = 2.0
"""Seconds beyond the fetch's own wait after which an answer counts as missing, though it comes."""


class _Partition(NamedTuple):
    """What is known of one partition. Replaced as a whole, so that another thread reads what fits together."""

    handed: int | None = None
    """The last offset that left the fetcher in this assignment."""
    since: float | None = None
    """Monotonic seconds: the first answer since the assignment or the last unanswered fetch."""
    seen: float | None = None
    """Monotonic seconds: the last answer, or the last time that records left the fetcher and made room for a fetch."""
    idle: int | None = None
    """Milliseconds UTC: the sending of the newest fetch, if it came back empty at the end of the log and counts."""


class FetchClock:
    """The clocks of all partitions of one assignment. One thread writes, any may ask.

    Args:
        wait: seconds that the broker may hold back an answer.
    """

    def __init__(self, wait: float) -> None:
        self._patience = wait + PATIENCE
        self._partitions: dict[tuple[str, int], _Partition] = {}

    def restart(self) -> None:
        """Forget everything: there is a new assignment."""
        self._partitions = {}

    def unanswered(self, tp: tuple[str, int]) -> None:
        """A fetch of `tp` was not answered, or with an error."""
        self._partitions[tp] = self._of(tp)._replace(since=None, idle=None)

    def answered(self, tp: tuple[str, int], *, sent: int, sent_at: float, now: float, at_end: bool) -> None:
        """A fetch of `tp` was answered.

        Args:
            tp: the partition.
            sent: milliseconds UTC at which the fetch was sent.
            sent_at: the same in monotonic seconds.
            now: monotonic seconds.
            at_end: there was nothing in it, and the log ends where it began.
        """
        known = self._of(tp)
        since = now if known.since is None or now - (known.seen or now) > self._patience else known.since
        idle = sent if at_end and sent_at - since >= STEADY else None
        self._partitions[tp] = known._replace(since=since, seen=now, idle=idle)

    def handed_out(self, tp: tuple[str, int], offset: int, now: float) -> None:
        """Records of `tp` left the fetcher, the last of them at `offset`; `now` in monotonic seconds."""
        self._partitions[tp] = self._of(tp)._replace(handed=offset, seen=now)

    def quiet(self, tp: tuple[str, int], processed: int) -> int | None:
        """When `tp` was last seen with nothing left to process.

        Args:
            tp: the partition.
            processed: the application's next offset; -1 if it has had no record in this assignment.

        Returns:
            Milliseconds UTC, or None where that is not known: see `Consumer.quiet`.
        """
        known = self._of(tp)
        if known.handed is not None and known.handed >= processed:
            return None
        return known.idle

    def _of(self, tp: tuple[str, int]) -> _Partition:
        return self._partitions.get(tp, _Partition())
