"""The demo's traffic through the pure fold: how a seed of it ends, without a broker and a clock."""

from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from stream.adapters.demo.scene import DEADLINE_SECONDS, INSTANCES, ONSET, RATE, SERVICE, Scene, demo_rollout
from stream.adapters.traffic import Traffic
from stream.outputs import Alert, Verdict
from stream.replay.lines import blocks
from stream.replay.run import Replay

START = 1_767_607_200_000


class End(NamedTuple):
    """How it ended."""

    verdict: Verdict
    """The last one."""
    seconds: int
    """Of traffic before it."""
    alerts: list[Alert]
    """Those that fired."""


def ended(scene: Scene, seed: int) -> End:
    """Play a scene."""
    run = Replay(demo_rollout("demo", START), {"traffic": blocks(_lines(scene, seed), limit=1 << 14)})
    outputs = list(run.outputs())
    verdict = [one for one in outputs if isinstance(one, Verdict)][-1]
    fired = [one for one in outputs if isinstance(one, Alert) and one.status == "firing"]
    return End(verdict, (verdict.at - START) // 1000, fired)


def _lines(scene: Scene, seed: int) -> Iterator[bytes]:
    traffic = Traffic(
        seed=seed,
        start_ms=START,
        instances=INSTANCES,
        rate=RATE,
        fault=scene.fault,
        onset=ONSET,
        character=SERVICE,
    )
    encode = msgspec.json.Encoder().encode
    for second in range(DEADLINE_SECONDS + 5):
        for message in traffic.second(second):
            yield encode(message) + b"\n"
