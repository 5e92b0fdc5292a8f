"""`canary replay`: a recorded rollout through the same fold as a live one. No broker needed."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from stream.adapters.example import ROLLOUT, example_lines
from stream.adapters.rollout_file import read_rollout_file
from stream.adapters.telemetry_files import TelemetryFile
from stream.adapters.terminal.explain import Story, alert_line, print_explanation, verdict_line
from stream.adapters.terminal.glyph import readable
from stream.adapters.traffic import Fault
from stream.document.parse import parse_document
from stream.document.rollout import read_rollout
from stream.outputs import Alert, Output, Verdict
from stream.replay.lines import blocks
from stream.replay.run import Replay, Tally
from stream.rollout import Rollout
from stream.wire import encode_json
from stream.words import plain
from topologies.exit_code import ABORT, GOOD, INCONCLUSIVE

_CODES = {"promote": GOOD, "abort": ABORT}


def replay(
    telemetry: Annotated[
        list[str] | None,
        typer.Argument(metavar="TELEMETRY...", help="Native telemetry, a message a line: .jsonl, .gz, .zst, or -."),
    ] = None,
    rollout: Annotated[
        str | None, typer.Option("--rollout", "-r", help="The rollout file: YAML, TOML or JSON.")
    ] = None,
    output: Annotated[
        Literal["text", "json"], typer.Option("--output", "-o", help="For people, or every output, an object a line.")
    ] = "text",
    example: Annotated[bool, typer.Option("--example", help="Replay a sample that is made on the spot.")] = False,
    fault: Annotated[Fault, typer.Option(help="What befalls the sample's canary.")] = "latency",
) -> None:
    """Replay recorded telemetry and say what the verdict would have been.

    Ends with 0 for promote, 3 for abort, 4 where the data end without a decision or with an inconclusive one.
    """
    if example == bool(telemetry or rollout):
        wanted = (
            "TELEMETRY and --rollout, or --example" if not example else "--example alone, or TELEMETRY and --rollout"
        )
        raise typer.BadParameter(f"name {wanted}")
    if not example and not (telemetry and rollout):
        raise typer.BadParameter(f"name {'TELEMETRY' if rollout else '--rollout'} too")
    if telemetry is not None and len(set(telemetry)) != len(telemetry):
        raise typer.BadParameter("the same TELEMETRY twice", param_hint="TELEMETRY")
    plan = read_rollout(parse_document(ROLLOUT, "example.yaml")) if example else read_rollout_file(rollout or "")
    with ExitStack() as stack:
        files = [stack.enter_context(TelemetryFile(name)) for name in telemetry or ()]
        sources: Mapping[str, Iterable[list[bytes]]] = {file.name: file for file in files}
        if example:
            sources = {"the example": blocks((line + b"\n" for line in example_lines(fault)), limit=1 << 20)}
        run = Replay(plan, sources)
        outputs = stack.enter_context(_Progress(files, run)).follow(run.outputs())
        last = _print_json(outputs, run) if output == "json" else _print_text(outputs, plan, run)
    raise typer.Exit(_CODES.get(last.verdict, INCONCLUSIVE) if last is not None and last.final else INCONCLUSIVE)


def _print_json(outputs: Iterator[Output], run: Replay) -> Verdict | None:
    last = None
    for found in outputs:
        typer.echo(encode_json(found).decode())
        last = found if isinstance(found, Verdict) else last
    for line in _oddities(run.tally):
        typer.echo(f"canary: {line}", err=True)
    return last


def _print_text(outputs: Iterator[Output], rollout: Rollout, run: Replay) -> Verdict | None:
    console, story = Console(highlight=False, emoji=False, markup=False), Story(rollout)
    for found in outputs:
        story.add(found)
        if isinstance(found, Alert):
            console.print(alert_line(console, found), soft_wrap=True)
        if isinstance(found, Verdict):
            console.print(verdict_line(console, found), soft_wrap=True)
    console.print()
    print_explanation(console, story)
    for line in _oddities(run.tally):
        console.print(Text(readable(console, f"! {line}"), "yellow"), soft_wrap=True)
    return story.verdict


def _oddities(tally: Tally) -> Iterator[str]:
    """Lines that could not be used, by reason, with the first ones shown."""
    if tally.faults:
        parts = ", ".join(
            f"{plain(number)} {reason.replace('_', ' ')}" for reason, number in tally.faults.most_common()
        )
        yield f"of {plain(tally.lines)} lines some could not be used: {parts}"
        yield from tally.examples


class _Progress:
    """A bar on a terminal while files are read; nothing elsewhere."""

    def __init__(self, files: list[TelemetryFile], run: Replay) -> None:
        self._files, self._run = files, run
        console = Console(stderr=True)
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[lines]} lines"),
            TimeElapsedColumn(),
        )
        self._bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._task: TaskID | None = None

    def __enter__(self) -> "_Progress":
        self._bar.start()
        known = [file.size for file in self._files if file.size is not None]
        total = sum(known) if self._files and len(known) == len(self._files) else None
        self._task = self._bar.add_task("Replaying", total=total, lines="0")
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def follow(self, outputs: Iterator[Output]) -> Iterator[Output]:
        """Pass the outputs on, and move the bar."""
        for found in outputs:
            if self._task is not None and not self._bar.disable:
                done = sum(file.consumed for file in self._files)
                self._bar.update(self._task, completed=done, lines=plain(self._run.tally.lines))
            yield found
