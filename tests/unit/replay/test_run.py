import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from stream.errors import SourceError
from stream.outputs import Alert, Divergence, Output, Score, Verdict
from stream.policy import MetricRule, Policy
from stream.quantity import Duration, Instant
from stream.replay.run import Replay
from stream.rollout import Rollout, Selector
from stream.wire import encode_json

T0 = 1732300000000
PANE = 10_000
POLICY = Policy((MetricRule("latency", critical=True), MetricRule("cpu", kind="gauge")), warmup=Duration(0))
SELECTORS: dict[str, Any] = {"baseline": Selector(version="1"), "canary": Selector(version="2")}
ROLLOUT = Rollout("shop-1", "shop", POLICY, **SELECTORS)


def line(**fields: Any) -> bytes:
    base = {"app": "shop", "instance": "a-1", "version": "1", "metric": "latency", "value": 1.0, "ts": T0}
    return json.dumps({name: value for name, value in {**base, **fields}.items() if value is not ...}).encode()


def log(panes: int, slower: float = 1.0, seed: int = 7) -> list[bytes]:
    """Latencies and loads of three instances a cohort, 40 values a pane each, nearly in order."""
    rng = np.random.default_rng(seed)
    samples = []
    for version, factor in (("1", 1.0), ("2", slower)):
        for instance in (f"{version}-{number}" for number in range(3)):
            for time in rng.integers(T0, T0 + panes * PANE, panes * 40).tolist():
                value = float(np.exp(rng.normal(4, 0.5))) * factor
                samples.append((time, {"version": version, "instance": instance, "value": value}))
                if time % 7 == 0:
                    samples.append((time, {"version": version, "instance": instance, "value": 0.5, "metric": "cpu"}))
    samples.sort(key=lambda sample: sample[0] + int(rng.integers(0, 4_000)))
    return [line(ts=time, **fields) for time, fields in samples]


def blocks(lines: list[bytes], size: int = 100) -> list[list[bytes]]:
    return [lines[at : at + size] for at in range(0, len(lines), size)]


def replay(rollout: Rollout = ROLLOUT, **sources: list[list[bytes]]) -> tuple[list[Output], Replay]:
    run = Replay(rollout, sources)
    return list(run.outputs()), run


def told(rollout: Rollout = ROLLOUT, **sources: list[list[bytes]]) -> list[bytes]:
    return [encode_json(output) for output in replay(rollout, **sources)[0]]


HEALTHY, WORSE = log(12), log(12, slower=2.0)


@pytest.mark.parametrize("lines", [HEALTHY, WORSE], ids=["healthy", "worse"])
def test_how_a_recording_is_cut_does_not_matter(lines: list[bytes]) -> None:
    whole = told(a=blocks(lines, len(lines)))
    middle = len(lines) // 3
    assert whole
    for size in (7, 1000):
        assert told(a=blocks(lines, size)) == whole
    assert told(a=blocks(lines[:middle]), b=blocks(lines[middle:])) == whole
    assert told(b=blocks(lines[middle:]), a=blocks(lines[:middle]), c=[]) == whole
    assert told(a=blocks(lines[::3], 30), b=blocks(lines[1::3], 500), c=blocks(lines[2::3])) == whole


def test_the_panes_up_to_the_newest_sample_are_closed_and_no_more() -> None:
    outputs, run = replay(a=blocks(HEALTHY))
    first, last = T0 // PANE + 1, T0 // PANE + 12
    assert [score.at // PANE for score in outputs if isinstance(score, Score)] == [*range(first, last + 1)]
    assert [output.verdict for output in outputs if isinstance(output, Verdict)] == ["continue"]
    assert not [output for output in outputs if isinstance(output, Alert) and output.kind == "no_data"]
    assert not run.state.final


def test_telemetry_of_others_moves_time() -> None:
    others = [line(app="cart", ts=T0 + 14 * PANE)]
    outputs, _ = replay(a=blocks(HEALTHY + others))
    last = max(output.at for output in outputs)
    assert last == T0 + 13 * PANE


def test_reading_stops_at_a_final_verdict() -> None:
    read = []

    def source() -> Iterator[list[bytes]]:
        for number, block in enumerate(blocks(WORSE + log(100, 2.0), 200)):
            read.append(number)
            yield block

    run = Replay(ROLLOUT, {"a": source()})
    outputs = list(run.outputs())
    assert isinstance(outputs[-1], Verdict)
    assert (outputs[-1].verdict, outputs[-1].final) == ("abort", True)
    assert len(read) < 40
    assert run.state.final


def test_the_oldest_source_is_read_next() -> None:
    order = []

    def source(name: str, lines: list[bytes]) -> Iterator[list[bytes]]:
        for block in blocks(lines):
            order.append((name, json.loads(block[0])["ts"]))
            yield block

    list(Replay(ROLLOUT, {name: source(name, HEALTHY[at::2]) for at, name in enumerate("ab")}).outputs())
    assert {name for name, _ in order[:2]} == {"a", "b"}
    times = [time for _, time in order]
    assert all(after > before - 2 * PANE for before, after in zip(times, times[2:], strict=False))


def test_the_tally() -> None:
    lines = [line(), b"{", line(version="2"), line(version="3"), line(metric="disk"), line(value=-1), line(app="cart")]
    _, run = replay(a=blocks(lines, 2))
    assert (run.tally.lines, run.tally.matched) == (7, 2)
    assert run.tally.faults == {"not_json": 1, "negative": 1}
    assert run.tally.rejected == {"no_cohort": 1, "unwatched": 1, "negative": 1}
    assert run.tally.examples[0].startswith("a, line 2: message: ")
    assert run.tally.examples[1].startswith("a, line 6: value: -1 is negative")


def test_a_wild_time_is_not_believed() -> None:
    wild = [line(ts=T0 + 10**9), *HEALTHY[:50], line(ts=T0 + 10**10), *HEALTHY[50:], line(ts=T0 + 10**10)]
    outputs, run = replay(a=blocks(wild))
    assert run.tally.faults == {"far_future": 3}
    assert [encode_json(output) for output in outputs] == told(a=blocks(HEALTHY))


def test_a_very_short_recording() -> None:
    outputs, run = replay(a=[[line()]])
    assert run.tally.matched == 1
    assert {type(output) for output in outputs} >= {Divergence, Score}


def nothing(*lines: bytes, **fields: Any) -> str:
    with pytest.raises(SourceError) as raised:
        replay(Rollout("shop-1", "shop", **{"policy": POLICY, **SELECTORS, **fields}), a=[[*lines]])
    assert "\n" not in str(raised.value)
    return str(raised.value)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"app": "shap"}, 'app "shap" only; the rollout wants "shop"'),
        ({"metric": "duration"}, 'metric "duration" only; the rollout wants "latency" and "cpu"'),
        ({"version": "3"}, 'version "3"'),
        ({"version": "3"}, 'baseline wants version "1", canary version "2"'),
        ({"version": ...}, "version none"),
    ],
)
def test_no_sample_matches(fields: dict[str, Any], words: str) -> None:
    text = nothing(line(**fields), b"{")
    assert text.startswith("a: none of 2 lines has a sample of either cohort: ")
    assert words in text


def test_no_sample_matches_for_another_reason() -> None:
    assert "there is not one line" in nothing()
    assert "none of 1 line can be used; a, line 1: message: not JSON" in nothing(b"oops")
    assert "no message has a metric" in nothing(
        line(metric=..., value=..., ts=..., start=T0, end=T0 + 1, metrics=[]),
    )
    assert 'env "test" and none only; the rollout wants "prod"' in nothing(line(env="test"), line(), env="prod")
    assert "older than `from`" in nothing(line(), from_=Instant(T0 + PANE))
    assert "as new as `until`" in nothing(line(), until=Instant(T0))
    assert "both cohorts match" in nothing(line(), canary=Selector(instances=("a-*",)))
    assert "not one of its samples can be used; a, line 1: value: -1" in nothing(line(value=-1))
    assert "no selectors" in nothing(line(), baseline=None, canary=None)
    labelled = nothing(line(), baseline=None, canary=Selector(labels={"track": "canary"}, instances=("b", "c")))
    assert 'baseline wants messages with its name as "cohort"' in labelled
    assert 'canary label "track" "canary" and instance "b" and "c"' in labelled
