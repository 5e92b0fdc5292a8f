"""A log of disorder, of late, unwatched and wrong samples: where its chunks end changes no byte of the outputs."""

import json
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from stream.document.rollout import read_rollout
from stream.outputs import Score
from stream.replay.run import Replay
from stream.wire import encode_json

T0 = 1_732_300_000_000
SECONDS = 25
ROLLOUT = read_rollout(
    {
        "id": "shop-1",
        "app": "shop",
        "from": T0 + 5_000,
        "baseline": {"version": "1"},
        "canary": {"version": "2"},
        "pane": "1s",
        "lateness": "1s",
        "warmup": "0s",
        "n_min": 1,
        "metrics": [
            "latency",
            {"name": "cpu", "kind": "gauge"},
            {"name": "errors", "of": "requests"},
            {"name": "hits", "kind": "ratio"},
            "wait",
        ],
    }
)


SINGLES: tuple[dict[str, Any], ...] = (
    {"metric": "latency", "value": 7},
    {"metric": "latency", "value": -1},
    {"metric": "unwatched", "value": 1},
    {"metric": "cpu", "value": 0.5},
    {"metric": "hits", "value": 3, "total": 50},
    {"metric": "hits", "value": 1},
)
BATCH: tuple[dict[str, Any], ...] = (
    {"name": "requests", "type": "count", "value": 100},
    {"name": "errors", "type": "count", "value": 2},
    {"name": "latency", "type": "samples", "values": [5, 6, 7], "weight": 10},
    {"name": "wait", "type": "exphist", "offset": 3, "counts": [4, 5]},
)


def log(seed: int) -> Iterator[bytes]:
    """One message each 50 ms."""
    rng = Random(seed)
    for now in range(T0, T0 + 1000 * SECONDS, 50):
        at = now - rng.choice((0, 0, 0, rng.randrange(1_500), rng.randrange(12_000)))
        version = rng.choice(("1", "2", "3"))
        told: dict[str, Any] = {"app": rng.choice(("shop", "shop", "cart")), "version": version}
        told |= {"instance": f"{version}-{rng.randrange(2)}"}
        if rng.random() < 0.7:
            told |= {"ts": at} | rng.choice(SINGLES)
        else:
            told |= {"start": at - 999, "end": at + 1, "metrics": BATCH}
        yield json.dumps(told).encode()


def told(lines: list[bytes], size: int) -> list[bytes]:
    replay = Replay(ROLLOUT, {"log": [lines[at : at + size] for at in range(0, len(lines), size)]})
    return [encode_json(output) for output in replay.outputs() if isinstance(output, Score)]


@pytest.mark.parametrize("seed", range(8))
def test_no_cut_changes_what_is_counted(seed: int) -> None:
    lines = list(log(seed))
    whole = told(lines, len(lines))
    assert b'"late":' in whole[-1]
    assert b'"unwatched":' in whole[-1]
    assert b'"negative":' in whole[-1]
    for size in (1, 2, 7, 50):
        assert told(lines, size) == whole, f"cut at every {size} messages"
