"""What a run says of itself: a line, and a row of the table."""

from collections.abc import Sequence

from benchmarks.chaos.result import Result

HEAD = (
    "| seed | workers | chunk, checkpoint | kill -9 | stalls | leaves | broker faults | ended | messages | outputs "
    "| repeats | silence | result |"
)


def line(result: Result) -> str:
    """One line for the record."""
    run, proof = result.run, result.proof
    settings = ", ".join(f"{name} {value:g}" for name, value in run.settings.items())
    what = "".join(
        [" in transactions" if run.transactions else "", f" in {run.compression}" if run.compression else ""]
    )
    found = "".join(f", {number} {kind}" for kind, number in proof.wrong.items())
    return (
        f"{_verdict(result)} seed {run.seed}: {run.workers} workers, {run.seconds:g} s, {settings}; {_blows(result)}, "
        f"broker {_faults(result)}, {result.counts.get('ended', 0)} ended by themselves, "
        f"{result.counts.get('untidy', 0)} left untidily; {result.fed.sent:,} messages{what}, {result.late} came too "
        f"late, {proof.letters} dead letters, {proof.outputs:,} outputs, {proof.repeats:,} repeats{found}; "
        f"silence {_silences(result)}; caught up {result.caught_up:.1f} s after the traffic"
    )


def row(result: Result) -> str:
    """A row of the table."""
    run, counts = result.run, result.counts
    cells = [
        run.seed,
        run.workers,
        f"{run.settings['chunk']:,.0f}, {run.settings['checkpoint']:g} s",
        counts.get("kill", 0),
        counts.get("stall", 0),
        counts.get("leave", 0),
        _faults(result),
        counts.get("ended", 0),
        f"{result.fed.sent:,}",
        f"{result.proof.outputs:,}",
        f"{result.proof.repeats:,}",
        _silences(result),
        _verdict(result),
    ]
    return f"| {' | '.join(map(str, cells))} |"


def table(results: Sequence[Result]) -> str:
    """All runs."""
    rule = "|".join(["---"] * (HEAD.count("|") - 1))
    total = {what: sum(result.counts.get(what, 0) for result in results) for what in ("kill", "stall", "leave")}
    words = (
        f"{sum(result.passed for result in results)} of {len(results)} runs passed: {total['kill']} kill -9, "
        f"{total['stall']} stalls, {total['leave']} leaves."
    )
    return "\n".join([HEAD, f"|{rule}|", *map(row, results), "", words])


def findings(result: Result) -> str:
    """What was found, with examples."""
    proof = result.proof
    void = f"void: {result.excuse} samples came when the clock had closed their panes\n" if result.void else ""
    return void + "\n".join(
        f"{number} {kind}:\n" + "".join(f"  {example}\n" for example in proof.examples[kind])
        for kind, number in proof.wrong.items()
    )


def _verdict(result: Result) -> str:
    return "PASS" if result.passed else "VOID" if result.void else "FAIL"


def _blows(result: Result) -> str:
    return ", ".join(
        f"{result.counts.get(what, 0)} {word}"
        for what, word in (("kill", "kill -9"), ("stall", "stalls"), ("leave", "leaves"))
    )


def _faults(result: Result) -> str:
    pairs = zip(result.run.faults, result.away, strict=False)
    return ", ".join(f"{fault} ({away:.0f} s)" for fault, away in pairs) or "none"


def _silences(result: Result) -> str:
    return ", ".join(f"{cause} {seconds:.1f} s" for cause, seconds in sorted(result.silences.items())) or "none"
