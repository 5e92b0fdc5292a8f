import inspect
import json
import re
import subprocess
import sys
import textwrap
from datetime import datetime
from pathlib import Path

import faust
import mode
import pytest

from stream.adapters.settings import Settings
from stream.adapters.worker.journal import worker_arguments

ROOT = Path(__file__).resolve().parents[4]
LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (debug|info|warning|error|critical) (.*)")


def told(code: str, form: str = "text", level: str = "warning") -> list[str]:
    """The lines that code logs, in a process of its own; it must not write to standard output."""
    start = f"""
        import logging, threading, time, warnings
        from stream.adapters.worker.journal import configure
        configure({form!r}, {level!r})
        ours, theirs = logging.getLogger("stream.a"), logging.getLogger("aiokafka.b")
    """
    program = textwrap.dedent(start) + textwrap.dedent(code)
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env={"TZ": "Asia/Tokyo"}, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    return done.stderr.splitlines()


def words(lines: list[str]) -> list[tuple[str, str]]:
    """Level and message of text lines."""
    found = [LINE.fullmatch(line) for line in lines]
    return [(match[1], match[2]) for match in found if match is not None]


def test_a_record_is_one_line() -> None:
    lines = told("ours.warning('%d of\\n  %s', 3, 'x')")
    assert words(lines) == [("warning", "3 of x")]


def test_times_are_utc() -> None:
    lines = told("ours.error('%d', time.time())")
    match = LINE.fullmatch(lines[0])
    assert match is not None
    at = datetime.fromisoformat(lines[0].split(" ")[0]).timestamp()
    assert abs(at - float(match[2])) < 5


ALL = """
for level in ("debug", "info", "warning", "error"):
    getattr(ours, level)(f"ours {level}")
    getattr(theirs, level)(f"theirs {level}")
    getattr(logging.getLogger("stream.adapters.worker.transport"), level)(f"Faust's {level}")
"""


@pytest.mark.parametrize(
    ("level", "ours", "theirs"),
    [
        ("debug", "debug info warning error", "info warning error"),
        ("info", "info warning error", "warning error"),
        ("warning", "warning error", "warning error"),
        ("error", "error", "error"),
    ],
)
def test_libraries_are_heard_less(level: str, ours: str, theirs: str) -> None:
    found = words(told(ALL, level=level))
    assert [message for _, message in found if message.startswith("ours")] == [f"ours {word}" for word in ours.split()]
    for who in ("theirs", "Faust's"):
        heard = [message for _, message in found if message.startswith(who)]
        assert heard == [f"{who} {word}" for word in theirs.split()]


FAIL = """
try:
    raise ValueError("no\\nway")
except ValueError:
    ours.exception("it failed")
    ours.error("it failed: no way", exc_info=True)
    ours.error("it failed: ValueError('no\\nway')", exc_info=True)
"""


def test_an_exception_is_named_in_the_line() -> None:
    assert words(told(FAIL)) == [
        ("error", "it failed (ValueError: no way)"),
        ("error", "it failed: no way"),
        ("error", "it failed: ValueError('no way')"),
    ]


def test_a_traceback_is_told_where_everything_is() -> None:
    lines = told(FAIL, level="debug")
    assert lines[1] == "Traceback (most recent call last):"
    record = json.loads(told(FAIL, "json", "debug")[0])
    assert record["traceback"].startswith("Traceback")
    assert record["error"] == "ValueError: no way"


def test_json_is_an_object_a_line() -> None:
    lines = told('ours.error("say \\"%s\\"\\n", "ü")\n' + FAIL, "json")
    first, second, third, _ = map(json.loads, lines)
    assert first == {"time": first["time"], "level": "error", "logger": "stream.a", "message": 'say "ü"'}
    assert re.fullmatch(r"\S+\.\d{3}Z", first["time"])
    assert second == {**second, "message": "it failed", "error": "ValueError: no way"}
    assert sorted(third) == ["error", "level", "logger", "message", "time"]


def test_what_does_not_fit_its_arguments_is_told_all_the_same() -> None:
    assert words(told("theirs.error('%d things', 'many')")) == [("error", "%d things ('many',)")]


def test_places_in_modes_tree_of_services_are_left_out() -> None:
    assert words(told("theirs.error('[^---Agent: x]: Crashed')")) == [("error", "Agent: x: Crashed")]


AGAIN = """
from stream.adapters.worker import journal
for _ in range(500):
    theirs.error("cannot connect to %d", 1)
    theirs.error("cannot connect to %d", 2)
ours.error("cannot connect to 1")
handler, = logging.getLogger().handlers
record = logging.makeLogRecord({"name": "aiokafka.b", "levelname": "ERROR", "msg": "cannot connect to 1"})
record.created = time.time() + journal.QUIET
handler.handle(record)
"""


def test_the_same_words_are_told_once_in_a_while() -> None:
    assert [message for _, message in words(told(AGAIN))] == [
        "cannot connect to 1",
        "cannot connect to 2",
        "cannot connect to 1",
        "cannot connect to 1 (499 times more since it was told last)",
    ]
    assert len(told(AGAIN, level="debug")) == 1002


def test_words_without_number_are_not_remembered() -> None:
    code = """
    from stream.adapters.worker import journal
    for number in range(3 * journal.MOST_WORDS):
        ours.error("number %d", number)
    handler, = logging.getLogger().handlers
    ours.error("%d", len(handler._told))
    """
    assert words(told(code))[-1] == ("error", "1000")


def test_a_thread_that_dies_is_one_line() -> None:
    code = """
    def die():
        raise OSError("gone")
    thread = threading.Thread(target=die, name="consumer")
    thread.start()
    thread.join()
    """
    assert words(told(code)) == [("error", "consumer ended (OSError: gone)")]


def test_warnings_are_records() -> None:
    ((level, message),) = words(told("warnings.warn('old')"))
    assert level == "warning"
    assert "UserWarning: old" in message


def test_it_may_be_configured_again() -> None:
    lines = told("configure('json', 'error'); configure('text', 'info'); ours.info('x')")
    assert words(lines) == [("info", "x")]


def test_faust_takes_the_arguments() -> None:
    arguments = worker_arguments(Settings.read({"CANARY_BROKER": "kafka"}))
    known = {*inspect.signature(faust.Worker.__init__).parameters, *inspect.signature(mode.Worker.__init__).parameters}
    assert set(arguments) <= known


def test_a_worker_of_faust_leaves_logging_and_standard_output_alone() -> None:
    code = """
    import asyncio, sys
    import faust
    from stream.adapters.settings import Settings
    from stream.adapters.worker.journal import worker_arguments
    before = list(logging.getLogger().handlers), sys.stdout, sys.stderr
    settings = Settings.read({"CANARY_BROKER": "kafka"})
    app = faust.App("x", broker="kafka://127.0.0.1:9", web_enabled=False)
    worker = faust.Worker(app, **worker_arguments(settings))
    async def start():
        await worker.default_on_first_start()
        worker.say("banner")
        worker.carp("banner")
    worker.loop.run_until_complete(start())
    assert (list(logging.getLogger().handlers), sys.stdout, sys.stderr) == before
    ours.error("heard")
    """
    assert words(told(code)) == [("error", "heard")]
