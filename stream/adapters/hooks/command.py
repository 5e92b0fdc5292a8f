"""Hooks that run a program: the verdict on standard input and in variables, no shell in between."""

import asyncio
import os
import shutil
import signal
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from stream.adapters.hooks.call import Call
from stream.errors import PolicyError
from stream.excerpt import excerpt
from stream.hooks.message import variables_of
from stream.hooks.outcome import Outcome, of_exit
from stream.hooks.rule import HookRule, HooksFile
from stream.wire import encode_json

TAIL = 4096
"""Bytes of the output that are kept, the last ones."""
LONGEST_LINE = 200
"""Characters of the last line that are told."""
AFTER = 0.2
"""Seconds in which the output of a program that has ended may still come: what it started may hold the pipe open."""


class Command:
    """A command. It runs in the hooks file's directory, and goes on if this process is killed.

    Args:
        rule: the hook.
        file: what it stands in.
        directory: where relative paths begin.

    Raises:
        PolicyError: there is no such program.
    """

    def __init__(self, rule: HookRule, _: HooksFile, directory: Path) -> None:
        self._rule, self._directory = rule, directory
        self._command = list(rule.command or ())
        program = self._command[0]
        if shutil.which(str(directory / program) if os.sep in program else program) is None:
            raise PolicyError(
                f'command of hook "{rule.name}": there is no program {excerpt(program)}'
                + (f" in {directory}" if os.sep in program else " in PATH")
                + ", or it may not be run"
            )

    @property
    def target(self) -> str:
        """The program; its arguments may hold secrets."""
        return self._command[0]

    async def fire(self, call: Call) -> Outcome:
        """Run it once."""
        async with _output() as (tail, pipe):
            try:
                process = await asyncio.create_subprocess_exec(
                    *self._command,
                    stdin=PIPE,
                    stdout=pipe,
                    stderr=pipe,
                    cwd=self._directory,
                    env=self._environment(call),
                    start_new_session=True,
                )
            except (OSError, ValueError) as error:
                why = getattr(error, "strerror", None) or type(error).__name__
                return Outcome(False, f"The command cannot be run: {why.lower()}.")
            finally:
                os.close(pipe)
            assert process.stdin is not None
            try:
                process.stdin.write(encode_json(call.verdict))
                process.stdin.close()
                code = await asyncio.wait_for(process.wait(), self._rule.timeout.ms / 1000)
                await tail.end(AFTER)
            except TimeoutError:
                await _kill(process)
                text = f"The command did not end within {self._rule.timeout}; it was killed."
                return Outcome(False, text, passing=True)
            finally:
                await _close(process.stdin)
        return of_exit(code, tail.last_line())

    async def close(self) -> None:
        """Nothing to let go of."""

    def _environment(self, call: Call) -> dict[str, str]:
        """This process's environment, but for our own settings: passwords of Kafka are among them."""
        outer = {name: value for name, value in os.environ.items() if not name.startswith("CANARY_")}
        return outer | variables_of(call.type, call.verdict, f"{call.verdict.id}/{self._rule.name}")


class _Tail(asyncio.Protocol):
    """Keeps the end of what is read from a pipe."""

    def __init__(self) -> None:
        self._kept = bytearray()
        self._over = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        self._kept += data
        del self._kept[:-TAIL]

    def connection_lost(self, _: Exception | None) -> None:
        self._over.set()

    async def end(self, seconds: float) -> None:
        """Wait until all is read, but no longer than that."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._over.wait(), seconds)

    def last_line(self) -> str:
        """The last line that is not empty."""
        lines = [line for line in self._kept.decode("utf-8", "replace").splitlines() if line.strip()]
        last = "".join(c if c.isprintable() else " " for c in lines[-1]).strip() if lines else ""
        return last if len(last) <= LONGEST_LINE else f"{last[: LONGEST_LINE - 3]}..."


@asynccontextmanager
async def _output() -> AsyncIterator[tuple[_Tail, int]]:
    """A pipe for a program's output: its end that is read, and the one to write to, for the caller to close.

    Not asyncio's own: that one would stay open for as long as anything that the program has started lives.
    """
    reading, writing = os.pipe()
    tail = _Tail()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: tail, os.fdopen(reading, "rb", 0))
    try:
        yield tail, writing
    finally:
        transport.close()


async def _close(stdin: asyncio.StreamWriter) -> None:
    """Let go of what a program reads from, whether it has read all of it or not."""
    if stdin.transport.get_write_buffer_size():
        stdin.transport.abort()
    with suppress(ConnectionError):
        await stdin.wait_closed()


async def _kill(process: Process) -> None:
    """End it and what it started, and see it off."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()
