"""How fast telemetry becomes rows: single samples, raw values in batches of 100, and lines of a recording.

Budget: 5 million values a second in batches. The yardstick in the same run is a plain loop that only decodes each
message and appends its values to lists by series: no checks, no histograms, no exact sums.

    python -m benchmarks.condense [--messages 200000]
"""

import argparse
import json
from collections import defaultdict
from collections.abc import Callable
from time import perf_counter

import msgspec
import numpy as np

from benchmarks.machine import machine
from stream.condense.chunk import Chunk
from stream.condense.series import Index
from stream.formats.native import decode
from stream.policy import MetricRule, Policy
from stream.replay.run import Replay
from stream.rollout import Rollout, Selector
from stream.sample import Telemetry

BLOCK, TURNS, VALUES = 4096, 3, 100
START = 1_732_300_000_000
METRICS = ("http.server.request.duration", "queue.wait", "db.query.duration", "process.cpu.utilization")
POLICY = Policy((*(MetricRule(name) for name in METRICS[:3]), MetricRule(METRICS[3], kind="gauge")))
ROLLOUT = Rollout("benchmark", "checkout", POLICY, baseline=Selector(version="2.4.0"), canary=Selector(version="2.4.1"))
Blocks = list[list[bytes]]


def singles(number: int, instances: int, a_second: int) -> Blocks:
    """One sample a message."""
    rng = np.random.default_rng(1)
    values, senders = rng.lognormal(4, 1, number).round(1), rng.integers(0, instances, number)
    records = []
    for at, (value, sender) in enumerate(zip(values.tolist(), senders.tolist(), strict=True)):
        name = METRICS[at % len(METRICS)]
        sample = _sender(sender) | {"ts": START + at * 1000 // a_second, "metric": name, "unit": "ms", "value": value}
        records.append(json.dumps(sample, separators=(",", ":")).encode())
    return _blocks(records)


def batches(number: int, instances: int) -> Blocks:
    """A hundred raw values a message."""
    rng = np.random.default_rng(2)
    records = []
    for at in range(number):
        values = rng.lognormal(4, 1, VALUES).round(2).tolist()
        entry = {"name": METRICS[0], "type": "samples", "unit": "ms", "values": values}
        end = START + at * 100
        message = _sender(at % instances) | {"start": end - 10_000, "end": end, "metrics": [entry]}
        records.append(json.dumps(message, separators=(",", ":")).encode())
    return _blocks(records, BLOCK // 4)


def condensed(blocks: Blocks) -> None:
    """What condense does: decode, check, resolve, summarise, one chunk a block."""
    index, offset = Index([ROLLOUT]), 0
    for block in blocks:
        chunk = Chunk(index, "log", offset)
        offset += len(block)
        chunk.add(decode(block), offset)
        chunk.partials()


def plain_loop(blocks: Blocks) -> None:
    """The yardstick."""
    read = msgspec.json.Decoder(Telemetry).decode
    lists: defaultdict[tuple[str, str, str | None], list[float]] = defaultdict(list)
    for block in blocks:
        for record in block:
            message = read(record)
            for entry in message.metrics or ():
                lists[message.app, message.instance, entry.name].extend(entry.values or ())
            if message.value is not None:
                lists[message.app, message.instance, message.metric].append(message.value)


def replayed(blocks: Blocks) -> None:
    """A whole replay, judging included."""
    for _ in Replay(ROLLOUT, {"recording": blocks}).outputs():
        pass


def best(work: Callable[[Blocks], None], blocks: Blocks) -> float:
    """The least seconds of a few turns."""
    times = []
    for _ in range(TURNS):
        began = perf_counter()
        work(blocks)
        times.append(perf_counter() - began)
    return min(times)


def _sender(number: int) -> dict[str, str]:
    return {"app": "checkout", "version": f"2.4.{number % 2}", "instance": f"checkout-7c9d-{number:05}"}


def _blocks(records: list[bytes], size: int = BLOCK) -> Blocks:
    return [records[at : at + size] for at in range(0, len(records), size)]


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=200_000)
    number = parser.parse_args().messages
    print(machine())
    print(f"{'':44}{'a second':>12}{'us each':>9}{'of the plain loop':>19}")
    for title, blocks, each, work in (
        ("single samples, 20 instances", singles(number, 20, 2_000), 1, condensed),
        ("single samples, 1,000 instances", singles(number, 1_000, 20_000), 1, condensed),
        (f"values in batches of {VALUES}", batches(max(1, number // 20), 20), VALUES, condensed),
        ("lines of a recording, judged", singles(number, 20, 2_000), 1, replayed),
    ):
        seconds, plain = best(work, blocks), best(plain_loop, blocks)
        amount = each * sum(map(len, blocks))
        print(f"{title:44}{amount / seconds:12,.0f}{seconds / amount * 1e6:9.2f}{plain / seconds:19.2f}")


if __name__ == "__main__":
    main()
