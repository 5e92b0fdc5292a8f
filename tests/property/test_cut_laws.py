"""A log of disorder, of late, unwatched and wrong samples: where its chunks end changes no byte of the outputs."""

import json
from collections.abc import Iterator
from random import Random

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
        "metrics": ["latency", {"name": "cpu", "kind": "gauge"}],
    }
)


def log(seed: int) -> Iterator[bytes]:
    """One message each 50 ms."""
    rng = Random(seed)
    for now in range(T0, T0 + 1000 * SECONDS, 50):
        back = rng.choice((0, 0, 0, rng.randrange(1_500), rng.randrange(12_000)))
        metric, value = rng.choice((("latency", rng.uniform(1, 9)), ("unwatched", 1), ("cpu", 0.5), ("latency", -1)))
        version = rng.choice(("1", "2", "3"))
        instance = f"{version}-{rng.randrange(2)}"
        message = {"app": rng.choice(("shop", "shop", "cart")), "instance": instance, "version": version}
        yield json.dumps(message | {"ts": now - back, "metric": metric, "value": value}).encode()


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
