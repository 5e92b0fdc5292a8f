"""The settings of everything that talks to Kafka: `CANARY_...` variables, or one file with the same names.

Flags win over variables, variables over the file.

>>> settings = Settings.read({"CANARY_BROKER": "kafka-1:9094,kafka-2"})
>>> settings.brokers, settings.group, settings.telemetry
(('kafka-1:9094', 'kafka-2:9092'), 'canary-monitor', ('canary.telemetry',))
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import Literal, Self, cast, get_args

from stream.adapters.security import Security
from stream.adapters.topics import TELEMETRY, TOPICS
from stream.adapters.written_settings import NAMES, SECURITY, variable, written_settings
from stream.errors import CanaryError, PolicyError
from stream.excerpt import excerpt

LogForm = Literal["text", "json"]
LogLevel = Literal["debug", "info", "warning", "error"]

PORT = 9092
"""Of a broker, where none is given."""
OFF = "off"
"""What `listen` says for no server at all."""
LONGEST_PREFIX = 200
_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")
_ADDRESS = re.compile(r"(?P<host>\[[0-9A-Fa-f:.%]+\]|[^\s,:/@\[\]]+)(?::(?P<port>[0-9]{1,5}))?")


@dataclass(frozen=True)
class Settings:
    """What a worker or a command needs to know. Made by `read`; secrets are not shown."""

    brokers: tuple[str, ...]
    """`host:port` of some brokers of the cluster."""
    prefix: str = "canary"
    """What our topics' names begin with."""
    group: str = "canary-monitor"
    """The consumer group of the workers."""
    telemetry: tuple[str, ...] = ("canary.telemetry",)
    """The topics that are watched."""
    security: Security = field(default_factory=Security)
    """How to get in."""
    listen: str = "127.0.0.1:9464"
    """`host:port` of a worker's /metrics, /livez and /readyz, or `off`."""
    chunk: int = 16_384
    """Messages of a partition that are summarised and committed together."""
    checkpoint: float = 2.0
    """Seconds between two checkpoints."""
    session: float = 10.0
    """Seconds after which a worker that is not heard of loses its partitions."""
    fetch_wait: float = 20.0
    """Milliseconds that a broker may wait for more data."""
    log: LogForm = "text"
    """How a worker's log is written: for people, or a JSON object a line."""
    log_level: LogLevel = "warning"
    """From which level on."""

    @classmethod
    def read(cls, environment: Mapping[str, str], file: Path | None = None) -> Self:
        """Read the settings from variables, and from the file that is given or that `CANARY_SETTINGS` names.

        Raises:
            PolicyError: a name or a value is wrong; one line that names the variable, or the file and the field.
            CanaryError: no broker is named, or the file of a secret cannot be read.
        """
        written = written_settings(environment, file)
        texts = {name: found.text for name, found in written.items()}
        try:
            return cls._of(texts)
        except CanaryError as error:
            name, _, words = str(error).partition(": ")
            if name not in NAMES:
                raise
            if name in written and not written[name].place.startswith(variable("")):
                raise type(error)(f"{written[name].place}: {words}") from None
            raise type(error)(f"{variable(name)}: {_with_variables(words)}") from None

    @classmethod
    def _of(cls, texts: Mapping[str, str]) -> Self:
        if "broker" not in texts:
            raise CanaryError("no broker is named; set CANARY_BROKER=host:port[,host:port], or give --broker")
        prefix = texts.get("prefix", cls.prefix)
        if not _TOPIC.fullmatch(prefix) or len(prefix) > LONGEST_PREFIX:
            raise PolicyError(f"prefix: must be letters, digits, `.`, `_` and `-`; got {excerpt(prefix)}")
        return cls(
            brokers=read_brokers(texts["broker"]),
            prefix=prefix,
            group=texts.get("group", f"{prefix}-monitor"),
            telemetry=_telemetry(texts.get("telemetry", TELEMETRY.name(prefix)), prefix),
            security=Security.of({name: texts[name] for name in SECURITY if name in texts}),
            listen=_listen(texts.get("listen", cls.listen)),
            chunk=int(_number(texts, "chunk", cls.chunk, 1, 1_000_000)),
            checkpoint=_number(texts, "checkpoint", cls.checkpoint, 0.1, 600),
            session=_number(texts, "session", cls.session, 1, 1_800),
            fetch_wait=_number(texts, "fetch_wait", cls.fetch_wait, 1, 10_000),
            log=cast(LogForm, _word(texts, "log", cls.log, get_args(LogForm))),
            log_level=cast(LogLevel, _word(texts, "log_level", cls.log_level, get_args(LogLevel))),
        )


def read_brokers(text: str) -> tuple[str, ...]:
    """Brokers as people write them, each with its port.

    Raises:
        PolicyError: one is no address, or there is none.
    """
    return tuple(dict.fromkeys(_address("broker", item, PORT) for item in _items("broker", text)))


def _items(name: str, text: str) -> list[str]:
    items = list(dict.fromkeys(item.strip() for item in text.split(",") if item.strip()))
    if not items:
        raise PolicyError(f"{name}: names nothing; got {excerpt(text)}")
    return items


def _address(name: str, text: str, port: int | None) -> str:
    """`host:port`, with the usual port where there is one and none is given."""
    match = _ADDRESS.fullmatch(text)
    if match is None or not 0 <= int(match["port"] or 0) < 65_536 or (match["port"] is None and port is None):
        raise PolicyError(f"{name}: must be host:port; got {excerpt(text)}")
    return f"{match['host']}:{int(match['port']) if match['port'] is not None else port}"


def _listen(text: str) -> str:
    return OFF if text.lower() == OFF else _address("listen", text, None)


def _telemetry(text: str, prefix: str) -> tuple[str, ...]:
    topics = _items("telemetry", text)
    ours = {topic.name(prefix) for topic in TOPICS if topic is not TELEMETRY}
    for topic in topics:
        if not _TOPIC.fullmatch(topic) or topic in (".", ".."):
            raise PolicyError(f"telemetry: must be names of topics with commas between them; got {excerpt(topic)}")
        if topic in ours:
            raise PolicyError(f"telemetry: {topic} is a topic that the monitor itself writes; name those of telemetry")
    return tuple(topics)


def _number(texts: Mapping[str, str], name: str, default: float, low: float, high: float) -> float:
    """A number in its range; a whole one where the default is."""
    if name not in texts:
        return default
    whole = isinstance(default, int)
    try:
        number = int(texts[name]) if whole else float(texts[name])
    except ValueError:
        number = float("nan")
    if not isfinite(number) or not low <= number <= high:
        kind = "a whole number" if whole else "a number"
        raise PolicyError(f"{name}: must be {kind} from {low:g} to {high:,.0f}; got {excerpt(texts[name])}")
    return number


def _word(texts: Mapping[str, str], name: str, default: str, words: tuple[str, ...]) -> str:
    word = texts.get(name, default).lower()
    if word not in words:
        raise PolicyError(f"{name}: must be one of {', '.join(words)}; got {excerpt(texts[name])}")
    return word


def _with_variables(words: str) -> str:
    """A sentence about settings, for someone who gave variables."""
    return re.sub(rf"\b(?:{'|'.join(sorted(SECURITY, key=len, reverse=True))})\b", lambda m: variable(m[0]), words)
