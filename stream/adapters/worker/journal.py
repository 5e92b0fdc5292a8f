"""A worker's log, on standard error: one line a record, for people or as JSON.

Libraries are heard one level less than our own code, and tracebacks are told only where everything is asked for. What
is said again and again, as by aiokafka while a broker is away, is told once in `QUIET` seconds, with how often.
"""

import json
import logging
import re
import sys
import threading
import traceback
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, TextIO

from stream.adapters.settings import LogForm, LogLevel, Settings

LIBRARIES = ("faust", "mode", "aiokafka", "kafka", "aiohttp", "asyncio", "concurrent")
"""Loggers that are not ours."""
SUBCLASSES = ("batch_consumer", "consumer_thread", "health", "leave", "transport")
"""Modules whose loggers tell what Faust does: it logs by the module of a service's class."""
QUIET = 30.0
"""Seconds for which the same words of the same logger are told once only."""
MOST_WORDS = 1000
"""Different words that are remembered for that."""

_PLACE = re.compile(r"^\[\^-*([^\]]*)\]: ")  # where in its tree of services mode says something
_LEVELS = MappingProxyType(
    {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
)
_THEIRS = MappingProxyType({**_LEVELS, "debug": logging.INFO, "info": logging.WARNING})


def configure(form: LogForm, level: LogLevel) -> None:
    """Let the whole process log to standard error, and nowhere else. May be called again.

    Args:
        form: `text`: time, level, message. `json`: an object with `time`, `level`, `logger`, `message`, and `error`
            where an exception is told. Times are UTC.
        level: from which on; with `debug` tracebacks are told too, in lines of their own or as `traceback`.
    """
    everything = level == "debug"
    handler = Journal(quiet=0.0 if everything else QUIET)
    handler.setFormatter((JsonLine if form == "json" else TextLine)(traces=everything))
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(_LEVELS[level])
    for name in (*LIBRARIES, *(f"{__package__}.{module}" for module in SUBCLASSES)):
        logging.getLogger(name).setLevel(_THEIRS[level])
    logging.captureWarnings(capture=True)
    threading.excepthook = _tell_of_thread


def worker_arguments(settings: Settings) -> dict[str, Any]:
    """Arguments of `faust.Worker` with which it leaves logging and standard output alone."""
    return {
        "loglevel": settings.log_level,
        "override_logging": False,  # else it replaces all handlers by one of its own on standard output
        "redirect_stdouts": False,
        "quiet": True,  # no banner and no words between
        "debug": False,
    }


class Journal(logging.StreamHandler[TextIO]):
    """Writes to standard error; leaves out what it has told less than `quiet` seconds ago."""

    def __init__(self, quiet: float) -> None:
        super().__init__(sys.stderr)
        self._quiet = quiet
        self._told: dict[tuple[str, str], tuple[float, int]] = {}  # when, and how often it was left out since

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record, with how often it was left out before, or leave it out."""
        key = record.name, _message(record)
        at, left_out = self._told.get(key, (float("-inf"), 0))
        if 0 <= record.created - at < self._quiet:
            self._told[key] = at, left_out + 1
            return
        self._told.pop(key, None)
        self._told[key] = record.created, 0
        if len(self._told) > MOST_WORDS:
            del self._told[next(iter(self._told))]
        record.left_out = left_out
        super().emit(record)


class TextLine(logging.Formatter):
    """A line for people."""

    def __init__(self, *, traces: bool) -> None:
        super().__init__()
        self._traces = traces

    def format(self, record: logging.LogRecord) -> str:
        """The record as text, in one line unless there is a traceback to tell."""
        error = _error(record)
        told = f"{_time(record)} {record.levelname.lower()} {_message(record)}{_again(record)}"
        if error is None:
            return told
        trace = f"\n{_trace(error)}" if self._traces else ""
        return f"{told}{_unless_told(error, told)}{trace}"


class JsonLine(logging.Formatter):
    """A line for programs."""

    def __init__(self, *, traces: bool) -> None:
        super().__init__()
        self._traces = traces

    def format(self, record: logging.LogRecord) -> str:
        """The record as a JSON object, in one line."""
        told = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": f"{_message(record)}{_again(record)}",
        }
        error = _error(record)
        if error is not None:
            told["error"] = _named(error)
            if self._traces:
                told["traceback"] = _trace(error)
        return json.dumps(told, ensure_ascii=False)


def _time(record: logging.LogRecord) -> str:
    at = datetime.fromtimestamp(record.created, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _message(record: logging.LogRecord) -> str:
    """What is told, in one line."""
    try:
        message = record.getMessage()
    except (TypeError, ValueError):  # a library's arguments do not fit its text: still worth telling
        message = f"{record.msg} {record.args}"
    return _PLACE.sub(r"\1: ", " ".join(message.split()))


def _again(record: logging.LogRecord) -> str:
    left_out = getattr(record, "left_out", 0)
    return f" ({left_out} times more since it was told last)" if left_out else ""


def _tell_of_thread(args: threading.ExceptHookArgs) -> None:
    """A thread has died: one line, not a traceback on standard error."""
    name = args.thread.name if args.thread is not None else "a thread"
    error = args.exc_value
    logging.getLogger(__name__).error("%s ended", name, exc_info=error)


def _error(record: logging.LogRecord) -> BaseException | None:
    return record.exc_info[1] if record.exc_info else None


def _named(error: BaseException) -> str:
    name, words = type(error).__name__, " ".join(str(error).split())
    return words if words.startswith(name) else f"{name}: {words}" if words else name


def _unless_told(error: BaseException, told: str) -> str:
    """The error, where neither its words nor its name are in the line already."""
    words = " ".join(str(error).split())
    return "" if type(error).__name__ in told or (words and words in told) else f" ({_named(error)})"


def _trace(error: BaseException) -> str:
    return "".join(traceback.format_exception(error)).rstrip()
