"""The faults of a run's brokers, played at their times."""

import threading
import time
from collections.abc import Sequence

from benchmarks.chaos.fleet import Event
from benchmarks.chaos.plan import Fault
from tests.broker_helpers import Broker

APART = 8.0
"""Seconds at least between the end of a fault and the next one: brokers may take their time to come back."""


class Outages(threading.Thread):
    """Plays faults, one after the other.

    Args:
        broker: what fails.
        faults: how, in order.
        begin: when the run begins, seconds UTC.
    """

    def __init__(self, broker: Broker, faults: Sequence[Fault], begin: float) -> None:
        super().__init__(name="outages")
        self._broker, self._faults, self._begin = broker, faults, begin
        self.events: list[Event] = []
        """What happened."""
        self.away: list[float] = []
        """How long each fault lasted, until the broker answered again, in seconds."""
        self.error: BaseException | None = None
        """Why a fault could not be played."""

    def run(self) -> None:
        """Play them."""
        due = 0.0
        try:
            for fault in self._faults:
                time.sleep(max(0.0, max(due, self._begin + fault.at) - time.time()))
                began = time.time()
                self._play(fault)
                self.away.append(time.time() - began)
                due = time.time() + APART
        except (Exception, AssertionError) as error:
            self.error = error

    def _play(self, fault: Fault) -> None:
        self._note(f"broker {fault.what}", fault)
        match fault.what:
            case "restart":
                self._broker.restart(fault.broker)
            case "kill":
                self._broker.kill(fault.broker)
                time.sleep(fault.length)
                self._broker.restart(fault.broker)
            case "pause":
                self._broker.pause(fault.broker)
                time.sleep(fault.length)
                self._broker.resume(fault.broker)
        self._note("broker back", fault)

    def _note(self, what: str, fault: Fault) -> None:
        self.events.append(Event(time.time(), what, f"broker {fault.broker}"))
