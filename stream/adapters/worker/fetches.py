"""What aiokafka fetches, watched where it arrives and where it leaves."""

import time
from collections.abc import Collection, Mapping
from typing import Any

from aiokafka.consumer.fetcher import FetchResult
from aiokafka.structs import TopicPartition

from stream.adapters.worker.fetch_clock import FetchClock
from stream.adapters.worker.records import Record, leave_raw


class Fetches:
    """Hooks into the fetcher of one consumer, in the consumer's own thread.

    Records of the batched topics stay as aiokafka unpacks them, and the idle clock hears of every fetch.

    Args:
        fetcher: an aiokafka `Fetcher` that has not fetched yet.
        clock: told what happens.
        batched: topics whose records are not wrapped.
    """

    def __init__(self, fetcher: Any, clock: FetchClock, batched: Collection[str]) -> None:
        self._fetcher = fetcher
        self._clock = clock
        self._batched = batched
        self._assignment: Any = None
        self._newest: dict[TopicPartition, object] = {}
        self._stock_fetch = fetcher._proc_fetch_request
        self._stock_hand_out = fetcher.fetched_records
        fetcher._proc_fetch_request = self._fetch
        fetcher.fetched_records = self._hand_out

    async def _fetch(self, assignment: Any, node: int, request: Any) -> bool:
        """Send one fetch and take in the answer. aiokafka says nothing of the answer but what it leaves behind."""
        if not assignment.active:  # it has ended before its last fetch was sent
            return bool(await self._stock_fetch(assignment, node, request))
        self._follow(assignment)
        offsets = _offsets(request)
        for tp in offsets:
            self._newest[tp] = request
            assignment.state_value(tp).lso = None  # set by every good answer, and read by nobody else here
        sent, sent_at = time.time_ns() // 1_000_000, time.monotonic()
        try:
            news: bool = await self._stock_fetch(assignment, node, request)
        finally:
            if assignment is self._assignment and assignment.active:
                for tp, offset in offsets.items():
                    self._answer(tp, offset, request, sent, sent_at)
        return news

    def _answer(self, tp: TopicPartition, offset: int, request: object, sent: int, sent_at: float) -> None:
        state, fetched = self._assignment.state_value(tp), self._fetcher._records.get(tp)
        if isinstance(fetched, FetchResult) and tp.topic in self._batched:
            leave_raw(fetched._partition_records)
        if self._newest[tp] is not request:
            state.lso = None  # a former leader's answer, after the new one was asked
        elif state.lso is None:
            self._clock.unanswered(tp)
        else:
            at_end = fetched is None and state.highwater == offset
            self._clock.answered(tp, sent=sent, sent_at=sent_at, now=time.monotonic(), at_end=at_end)

    async def _hand_out(self, *args: Any, **kwargs: Any) -> Mapping[Any, list[Record]]:
        """Let records go to the application."""
        fetched: Mapping[Any, list[Record]] = await self._stock_hand_out(*args, **kwargs)
        # No other task has run since they were taken out, so that no fetch behind them has been sent.
        self._follow(getattr(self._fetcher._subscriptions.subscription, "assignment", None))
        now = time.monotonic()
        for tp, records in fetched.items():
            self._clock.handed_out(tp, records[-1].offset, now)
        return fetched

    def _follow(self, assignment: Any) -> None:
        if assignment is not self._assignment:
            self._assignment = assignment
            self._newest.clear()
            self._clock.restart()


def _offsets(request: Any) -> dict[TopicPartition, int]:
    """What a fetch request asks for: the first offset of each partition."""
    return {TopicPartition(topic, at): offset for topic, partitions in request.topics for at, offset, _ in partitions}
