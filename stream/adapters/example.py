"""A sample rollout to try things on: its file, and its telemetry as lines."""

from collections.abc import Iterator

import msgspec

from stream.adapters.traffic import Fault, Traffic

ROLLOUT = """\
# A rollout file: what is compared, and how it is judged. `canary check FILE` shows every default.
id: checkout-2.4.1
app: checkout
baseline: {version: 2.4.0}
canary: {version: 2.4.1}
bake_time: 8m
metrics:
  - name: http.server.request.duration   # a distribution: mean, p50, p95 and p99
    worse: higher
    tolerate: 5%
    critical: true
  - name: http.server.errors             # a ratio: k of n
    of: http.server.requests
    tolerate: 25%
    critical: true
  - name: process.cpu.utilization        # a gauge
    worse: higher
    tolerate: 2pp
    group: saturation
"""
SECONDS = 1_200
ONSET = 240
START_MS = 1_767_607_200_000
"""2026-01-05 10:00:00 UTC."""


def example_lines(fault: Fault, seed: int = 1) -> Iterator[bytes]:
    """Twenty minutes of five instances a side, one JSON message each; the fault comes after four."""
    traffic, encode = Traffic(seed=seed, start_ms=START_MS, fault=fault, onset=ONSET), msgspec.json.Encoder().encode
    for second in range(SECONDS):
        for message in traffic.second(second):
            yield encode(message)
