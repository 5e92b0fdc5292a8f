"""The kill switch and the audit, for commands: by kafka-python, blocking."""

import getpass
import os
import time

import msgspec

from stream.adapters.hooks.records import SWITCH_PARTITION
from stream.adapters.kafka.connect import open_producer
from stream.adapters.kafka.credentials import REQUEST_MS
from stream.adapters.kafka.records import Reader, open_reader
from stream.adapters.settings import Settings
from stream.adapters.topics import ACTIONS
from stream.hooks.book import SWITCH_KEY
from stream.outputs import Action, Switch
from stream.wire import decoder, encode_json

_ENTRY = decoder(Action | Switch)


def throw_switch(settings: Settings, *, stopped: bool, reason: str = "") -> Switch | None:
    """Stop all hooks of all runners, or let them fire again. Returns when the brokers have it for good.

    Args:
        settings: where.
        stopped: whether to stop.
        reason: why, one sentence.

    Returns:
        The switch as it was before; None where it was never thrown.

    Raises:
        SourceError: no broker, no way in, or no such topic.
    """
    topic = ACTIONS.name(settings.prefix)
    switch = Switch(stopped, time.time_ns() // 1_000_000, _user(), reason)
    with open_reader(settings) as reader:
        before = newest_switch(_entries(reader, topic))
    with open_producer(settings) as producer:
        sent = producer.send(topic, encode_json(switch), key=SWITCH_KEY, partition=SWITCH_PARTITION)
        sent.get(2 * REQUEST_MS / 1000)
    return before


def audit(settings: Settings, rollout: str | None = None) -> tuple[list[Action], Switch | None]:
    """Every attempt on record, or those of a rollout, without repeats, by time; and the switch as it is.

    Raises:
        SourceError: no broker, no way in, or no such topic.
    """
    with open_reader(settings) as reader:
        entries = _entries(reader, ACTIONS.name(settings.prefix))
    actions = [one for one in entries if isinstance(one, Action) and rollout in (None, one.rollout)]
    found = sorted({one.id: one for one in actions}.values(), key=lambda one: (one.at, one.attempt))
    return found, newest_switch(entries)


def newest_switch(entries: list[Action | Switch]) -> Switch | None:
    """The kill switch, as it was thrown last."""
    return next((one for one in reversed(entries) if isinstance(one, Switch)), None)


def _entries(reader: Reader, topic: str) -> list[Action | Switch]:
    """What the topic holds; records of the switch are in order, as they lie in one partition."""
    found = []
    for record in reader.whole(topic):
        try:
            found.append(_ENTRY.decode(record.value or b""))
        except (msgspec.MsgspecError, UnicodeDecodeError):
            continue
    return found


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # a container's user may have no name
        return f"user {os.getuid()}"
