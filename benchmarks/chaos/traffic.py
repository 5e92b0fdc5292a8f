"""What the apps report, moment by moment: two versions of each, in any order, some of it late, some of it unusable."""

import random
from collections.abc import Iterator
from typing import NamedTuple

from benchmarks.chaos.rollouts import APPS, BASELINE, CANARY, FAULTY, IDLE

INSTANCES = 3
"""Of each version of each app."""
PARTITIONS = 4
DISORDER_MS = 400
"""Samples come up to so much out of order ..."""
LATE_MS = (4_000, 7_000)
"""... and a few come so late that every pane is closed."""
LATE, WRONG = 0.004, 0.002
"""The shares of late and of unusable messages."""
ONSET, SLOWER = 0.5, 1.8
"""From this share of the run on, the faulty canary is slower by this factor."""
REPORT_MS = 1_000
"""Counters, gauges and lists of values are reported as often by each instance."""
MEANT = ',"meant":"late"'
"""A field that marks the late ones, which no reader knows."""
_WRONG = (
    b"\xff\xfe\x00",
    b"oops",
    b'{"app":"cart","instance":',
    b'{"app":"cart","ts":1732300000123,"metric":"latency","value":1}',
    b'{"app":"pay","instance":"x","ts":"now","metric":"latency","value":1}',
)


class Message(NamedTuple):
    """A record for the topic of telemetry."""

    partition: int
    key: bytes | None
    value: bytes


class Traffic:
    """All apps of a run. Times are milliseconds UTC.

    Args:
        seed: of the choices.
        begin: when it begins.
        seconds: how long it lasts.
        rate: messages a second, about.
    """

    def __init__(self, seed: int, begin: int, seconds: float, rate: float) -> None:
        self._rng = random.Random(seed)
        self._begin, self._seconds, self._rate = begin, seconds, rate
        self._number = 0
        self._reported = begin // REPORT_MS
        self._shift = {name: self._rng.gauss(0, 0.03) for name in _instances()}

    def until(self, now: int) -> Iterator[Message]:
        """What is due until `now`, which is measured at `now`."""
        while self._number < (now - self._begin) / 1000 * self._rate:
            self._number += 1
            yield self._wrong(now) if self._rng.random() < WRONG else self._sample(now)
        while self._reported < now // REPORT_MS:
            self._reported += 1
            for name in _instances():
                if self._is_live(name[0], now):
                    yield self._report(name, self._reported * REPORT_MS)

    def _is_live(self, app: str, now: int) -> bool:
        share = (now - self._begin) / 1000 / self._seconds
        return app != IDLE or share < 0.3 or 0.55 < share < 0.75

    def _sample(self, now: int) -> Message:
        rng = self._rng
        app = rng.choice(APPS)
        if not self._is_live(app, now):
            app = APPS[0]
        version, number = rng.choice((BASELINE, CANARY)), rng.randrange(INSTANCES)
        late = rng.random() < LATE
        ts = now - (rng.randint(*LATE_MS) if late else int(DISORDER_MS * rng.random() ** 3))
        value = 40 * self._level(app, version, number, now) * rng.lognormvariate(0, 0.4)
        return self._message(
            app,
            f'{{"app":"{app}","instance":"{app}-{version}-{number}","version":"{version}","ts":{ts},'
            f'"metric":"latency","value":{value:.3f},"unit":"ms"{MEANT if late else ""}}}',
        )

    def _level(self, app: str, version: str, number: int, now: int) -> float:
        slow = app == FAULTY and version == CANARY and now - self._begin > ONSET * self._seconds * 1000
        return (1 + self._shift[app, version, number]) * (SLOWER if slow else 1)

    def _report(self, name: tuple[str, str, int], end: int) -> Message:
        app, version, number = name
        rng, level = self._rng, 1 + self._shift[name]
        requests = rng.randint(80, 120)
        errors = sum(rng.random() < 0.02 for _ in range(requests))
        values = ",".join(f"{5 * level * rng.lognormvariate(0, 0.5):.3f}" for _ in range(20))
        return self._message(
            app,
            f'{{"app":"{app}","instance":"{app}-{version}-{number}","version":"{version}","start":{end - REPORT_MS},'
            f'"end":{end},"metrics":[{{"name":"requests","type":"count","value":{requests}}},'
            f'{{"name":"errors","type":"count","value":{errors}}},'
            f'{{"name":"cpu","type":"gauge","unit":"1","value":{0.4 * level + rng.gauss(0, 0.01):.4f}}},'
            f'{{"name":"database","type":"samples","unit":"ms","values":[{values}]}}]}}',
        )

    def _wrong(self, now: int) -> Message:
        """Bytes that cannot be read, or a time two hours ahead."""
        ahead = (
            f'{{"app":"pay","instance":"clock","version":"1.0","ts":{now + 7_200_000},"metric":"latency","value":1}}'
        )
        value = self._rng.choice((*_WRONG, ahead.encode()))
        return Message(self._rng.randrange(PARTITIONS), None, value)

    def _message(self, app: str, text: str) -> Message:
        """Some are keyed, and none is where its key would have it."""
        key = app.encode() if self._rng.random() < 0.5 else None
        return Message(self._rng.randrange(PARTITIONS), key, text.encode())


def _instances() -> list[tuple[str, str, int]]:
    return [(app, version, number) for app in APPS for version in (BASELINE, CANARY) for number in range(INSTANCES)]
