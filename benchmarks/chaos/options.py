"""What the command line asks for."""

import argparse
from collections.abc import Sequence

from benchmarks.chaos.campaign import CAMPAIGN
from benchmarks.chaos.plan import Fault, Run
from tests.broker_kinds import ADDRESS, DATA, TOOL


def read(words: str | None) -> argparse.Namespace:
    """The options; `words` describe the program."""
    parser = argparse.ArgumentParser(description=words, formatter_class=argparse.RawDescriptionHelpFormatter)
    usual = Run()
    parser.add_argument("--seed", type=int, help="one run with this seed, as the next options say; else the campaign")
    parser.add_argument("--workers", type=int, default=usual.workers)
    parser.add_argument("--seconds", type=float, default=usual.seconds, help="how long traffic flows")
    parser.add_argument("--kills", type=int, default=usual.kills, help="kill -9 of a worker")
    parser.add_argument("--stalls", type=int, default=usual.stalls, help="SIGSTOP of a worker, beyond its session")
    parser.add_argument("--leaves", type=int, default=usual.leaves, help="SIGTERM of a worker")
    parser.add_argument("--calm", action="store_true", help="one blow at a time, with time to recover in between")
    parser.add_argument("--faults", type=_faults, default=(), help="of brokers: kill:1@20+7 restart:1@45 pause:2@30+9")
    parser.add_argument("--transactions", action="store_true", help="write the traffic in transactions")
    parser.add_argument("--compression", choices=("gzip", "zstd"), help="of the traffic")
    parser.add_argument("--broker", default="", help="host:port,... of an Apache Kafka; else one in Docker")
    parser.add_argument("--broker-tool", default="", help="a command that lets its brokers fail")
    parser.add_argument("--broker-data", default="", help="the tool's --data")
    parser.add_argument("--keep", action="store_true", help="keep what each run leaves behind, not only failed ones")
    parser.add_argument("--write", action="store_true", help="write the table of results too")
    return parser.parse_args()


def runs(options: argparse.Namespace) -> Sequence[Run]:
    """What is to be run."""
    if options.seed is None:
        return CAMPAIGN
    one = Run(
        seed=options.seed,
        workers=options.workers,
        seconds=options.seconds,
        kills=options.kills,
        stalls=options.stalls,
        leaves=options.leaves,
        calm=options.calm,
        faults=options.faults,
        transactions=options.transactions,
        compression=options.compression,
    )
    return [one]


def given(options: argparse.Namespace) -> dict[str, str]:
    """The broker that is named, in the words of the broker tests."""
    return {ADDRESS: options.broker, TOOL: options.broker_tool, DATA: options.broker_data}


def _faults(text: str) -> tuple[Fault, ...]:
    try:
        return tuple(sorted(map(Fault.read, text.split()), key=lambda fault: fault.at))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
