"""The live monitor on a broker, measured part by part, against the budgets.

    python -m benchmarks.broker [--write] [PART ...]

The broker is the one of CANARY_TEST_BROKER=host:port, else Apache Kafka in a container, else the embedded one. Only
ratios within a part are comparable between machines, and only on one that has nothing else to do.
"""

import argparse
import os
from collections.abc import Callable
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

from benchmarks.broker import delay, many, recovery, throughput
from benchmarks.machine import machine
from tests.broker_helpers import Broker
from tests.broker_kinds import any_broker

RESULTS = Path(__file__).parents[1] / "results" / "live.md"
PARTS: dict[str, tuple[str, Callable[[Broker], None]]] = {
    "singles": ("Single samples through condense", throughput.singles),
    "batches": ("Batches of samples through condense", throughput.batches),
    "delay": ("Added delay", delay.delay),
    "many": ("A thousand rollouts", many.both),
    "recovery": ("Recovery and checkpoints", recovery.recovery),
}


def main() -> None:
    """Measure, print, and with `--write` keep what was printed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help=f"write {RESULTS.name} too")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"some of {', '.join(PARTS)}; else all")
    options = parser.parse_args()
    if unknown := set(options.parts) - PARTS.keys():
        parser.error(f"no part is called {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    with any_broker(os.environ) as (broker, words):
        text = f"# The live monitor\n\nMeasured by `make bench-broker` on {machine()}.\nBroker: {words}.\n"
        print(text)
        for name in options.parts or PARTS:
            text += part(broker, *PARTS[name])
    if options.write:
        RESULTS.write_text(text, encoding="utf-8")


def part(broker: Broker, title: str, measure: Callable[[Broker], None]) -> str:
    """Measure one part; what it says, with the load of the machine before and after."""
    before, out = load(), StringIO()
    with redirect_stdout(out):
        measure(broker)
    text = f"\n## {title}\n\nLoad average {before} before, {load()} after.\n\n{out.getvalue().rstrip()}\n"
    print(text, flush=True)
    return text


def load() -> str:
    """Of the last minute."""
    return f"{os.getloadavg()[0]:.1f}"


if __name__ == "__main__":
    main()
