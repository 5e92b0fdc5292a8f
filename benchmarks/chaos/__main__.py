"""Kill workers and brokers under live traffic, and prove that the outputs are those of the source log.

python -m benchmarks.chaos [--write]                              the campaign, on Apache Kafka in Docker
python -m benchmarks.chaos --seed 7 --workers 3 --kills 6         one run
python -m benchmarks.chaos --broker 127.0.0.1:9092 --broker-tool 'python broker.py' --broker-data DIR ...

A broker that is given is taken for Apache Kafka. It can fail with a tool, called as `TOOL kill|restart|pause|resume
NUMBER --data DIR`; one in Docker can anyway. What a failed run leaves behind is kept, and said where.
"""

import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from benchmarks.chaos.keep import keep
from benchmarks.chaos.options import given, read, runs
from benchmarks.chaos.plan import Run
from benchmarks.chaos.report import findings, line, table
from benchmarks.chaos.result import Result
from benchmarks.chaos.run import Chaos
from benchmarks.machine import machine
from tests.broker_helpers import Broker
from tests.broker_kinds import KINDS, Missing

RESULTS = Path(__file__).parents[1] / "results" / "chaos.md"


def main() -> None:
    """Run what is asked for; exit 1 if a run fails or there is no Apache Kafka."""
    options = read(__doc__)
    with ExitStack() as stack:
        try:
            broker = stack.enter_context(KINDS["given" if options.broker else "docker"](given(options)))
        except (Missing, AssertionError) as error:
            sys.exit(f"chaos needs an Apache Kafka, by --broker or in Docker: {error}")
        results = [_play(run, broker, keep_all=options.keep) for run in runs(options)]
        kind = broker.kind
    text = f"{machine()}; {kind} broker.\n\n{table(results)}\n"
    print(f"\n{text}")
    if options.write:
        RESULTS.write_text(f"# Chaos\n\n{text}", encoding="utf-8")
    sys.exit(not all(result.passed for result in results))


def _play(run: Run, broker: Broker, *, keep_all: bool) -> Result:
    directory = Path(tempfile.mkdtemp(prefix=f"chaos-{run.seed}-"))
    chaos = Chaos(run, broker, directory)
    try:
        chaos.play()
    finally:
        chaos.close()
    print(line(chaos.result), flush=True)
    if keep_all or not chaos.result.passed:
        keep(chaos.result, broker, chaos.prefix, directory)
        print(f"{findings(chaos.result)}kept in {directory}", flush=True)
    return chaos.result


if __name__ == "__main__":
    main()
