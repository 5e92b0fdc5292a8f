"""One run from its topics to its proof."""

import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from benchmarks.chaos import topics
from benchmarks.chaos.excuse import came_after_the_clock, came_late
from benchmarks.chaos.feed import Fed, Orders
from benchmarks.chaos.fleet import Fleet
from benchmarks.chaos.fold import fold, source_log, stopped_behind, unusable
from benchmarks.chaos.outages import Outages
from benchmarks.chaos.plan import Run
from benchmarks.chaos.proof import prove, prove_latest, prove_letters, prove_registry
from benchmarks.chaos.result import Result
from benchmarks.chaos.rollouts import PANE_MS, STOP, Start, starts
from benchmarks.chaos.silence import silences
from benchmarks.chaos.spoken import read_outputs
from stream.adapters.child import tied
from stream.adapters.topics import DEAD_LETTER, PARTIALS, ROLLOUTS, TELEMETRY, VERDICTS_LATEST, Topic
from stream.registry import Registration
from tests.broker_helpers import Broker, Incoming
from tests.worker_helpers import ROOT

SETTLE = 8.0
"""Seconds from the start of the workers to the first telemetry."""
AHEAD = 12.0
"""Seconds between a record of the registry and its `from`: `canary start` takes at least 10."""
PATIENCE = 90.0
"""Seconds after the traffic for the last outputs."""
LINGER = 1.0
"""Seconds from the last output to the end of the workers."""
TICK = 0.02


class Chaos:
    """A run on a broker.

    Args:
        run: what it is.
        broker: where.
        directory: for logs.
    """

    def __init__(self, run: Run, broker: Broker, directory: Path) -> None:
        self._run, self._broker, self._directory = run, broker, directory
        self.prefix = broker.fresh_prefix()
        self._environment = broker.environment(self.prefix, **run.settings)
        self._fleet = Fleet(self._environment, directory, run.workers, run.seed, broker.session)
        self._registered: dict[str, Registration] = {}
        self._writing: list[threading.Thread] = []
        self.result = Result(run)
        """What came of it, as far as it came."""

    def play(self) -> None:
        """Play it, and prove what came out."""
        topics.make(self._broker, self._environment)
        begin = time.time() + SETTLE
        end = begin + self._run.seconds
        with self._feeding(begin) as feed, topics.outlet(self._broker, self.prefix) as outlet:
            self._fleet.start()
            self._storm(begin, starts(round(1000 * begin), self._run.seconds, AHEAD))
            self._fleet.heal(time.time())
            self.result.fed = self._fed(feed)
            for writing in self._writing:
                writing.join()
            self._await_end(outlet)
            self._fleet.end()
            outlet.read_out()
        self._prove(outlet)
        self._measure(end)

    def close(self) -> None:
        """End what still runs."""
        self._fleet.close()
        self._broker.heal()

    @contextmanager
    def _feeding(self, begin: float) -> Iterator[subprocess.Popen[bytes]]:
        run = self._run
        orders = Orders(
            bootstrap=self._broker.bootstrap,
            topic=TELEMETRY.name(self.prefix),
            seed=run.seed,
            begin=round(1000 * begin),
            seconds=run.seconds,
            rate=run.rate,
            transactions=run.transactions,
            compression=run.compression,
        )
        command = tied([sys.executable, "-m", "benchmarks.chaos.feed", msgspec.json.encode(orders).decode()])
        with (self._directory / "feed.log").open("wb") as log:
            process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=log)
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def _fed(self, feed: subprocess.Popen[bytes]) -> Fed:
        """What was written, once all is acknowledged."""
        told, _ = feed.communicate(timeout=150)
        if feed.returncode:
            raise RuntimeError(f"the traffic ended with {feed.returncode}: {self._directory / 'feed.log'} says why")
        return msgspec.json.decode(told, type=Fed)

    def _storm(self, begin: float, started: list[Start]) -> None:
        """Everything that happens while the traffic flows."""
        outages = Outages(self._broker, self._run.faults, begin)
        outages.start()
        hits, records = deque(self._run.hits()), deque(sorted(_records(started), key=lambda one: one[0]))
        while (now := time.time() - begin) < self._run.seconds or outages.is_alive():
            while records and records[0][0] <= max(now, 0):
                self._register(records.popleft()[1])
            if hits and hits[0].at <= now and self._fleet.hit(hits[0].blow, hits[0].away, time.time()):
                hits.popleft()
            self._fleet.tend(time.time())
            time.sleep(TICK)
        self._fleet.events += outages.events
        self.result.away = outages.away
        if outages.error is not None:
            raise outages.error

    def _register(self, registrations: list[Registration]) -> None:
        """Write records of the registry, while all else goes on."""
        self._registered |= {one.rollout.id: one for one in registrations}
        writing = threading.Thread(target=topics.register, args=(self._broker, self.prefix, registrations))
        self._writing.append(writing)
        writing.start()

    def _await_end(self, outlet: topics.Outlet) -> None:
        """Fold the source log, and wait until all of it was said."""
        topic = TELEMETRY.name(self.prefix)
        log = self.result.log = source_log(self._broker.read_all(topic, 60), topic)
        wanted: set[str] = set()
        for name, registration in self._registered.items():
            if registration.stopped is None:
                self.result.expected[name] = fold(registration.rollout, log)
                wanted |= {one.id for one in self.result.expected[name]}
        stopped = {name for name, one in self._registered.items() if one.stopped is not None}

        def complete() -> bool:
            outputs = read_outputs(outlet.found)
            over = {one.head.rollout for one in outputs if one.final}
            return wanted <= {one.head.id for one in outputs} and stopped <= over

        outlet.read_until(complete, PATIENCE, lambda: self._fleet.tend(time.time()))
        time.sleep(LINGER)

    def _prove(self, outlet: topics.Outlet) -> None:
        result, read = self.result, self._read
        outputs = result.outputs = read_outputs(outlet.found)
        for name, registration in self._registered.items():
            if registration.stopped is not None:
                stop = stopped_behind(outputs, registration)
                result.expected[name] = fold(registration.rollout, result.log, stop)
        prove(result.proof, outputs, result.expected)
        prove_latest(result.proof, read(VERDICTS_LATEST), outputs)
        prove_registry(result.proof, read(ROLLOUTS), result.expected)
        prove_letters(result.proof, read(DEAD_LETTER), unusable(result.log))

    def _read(self, topic: Topic) -> list[Incoming]:
        return self._broker.read_all(topic.name(self.prefix), 60)

    def _measure(self, end: float) -> None:
        result, rollouts = self.result, {name: one.rollout for name, one in self._registered.items()}
        result.events, result.counts = sorted(self._fleet.events, key=lambda event: event.at), self._fleet.counts
        result.silences = silences(result.outputs, rollouts, result.events, round(1000 * end))
        wanted = {one.id for said in result.expected.values() for one in said}
        heard = {one.head.id: one.record.timestamp / 1000 for one in reversed(result.outputs) if one.head.id in wanted}
        result.caught_up = max(heard.values(), default=end) - end
        lateness = {one.policy.lateness.ms for one in rollouts.values()}
        result.late = came_late(result.log, min(lateness))
        if result.proof.wrong:
            result.excuse = came_after_the_clock(result.log, self._read(PARTIALS), PANE_MS, lateness)


def _records(started: Sequence[Start]) -> Iterator[tuple[float, list[Registration]]]:
    """What is written to the registry, and when."""
    for start in started:
        yield start.at, [Registration(start.rollout)]
        if start.stopped_at is not None:
            yield start.stopped_at, [Registration(start.rollout, STOP)]
