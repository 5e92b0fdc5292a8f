"""The registry in Kafka: start, stop and find rollouts."""

from collections.abc import Mapping
from dataclasses import dataclass

from msgspec.structs import replace

from stream.adapters.kafka.admin import verify
from stream.adapters.kafka.records import Reader, open_reader, write
from stream.adapters.settings import Settings
from stream.adapters.topics import ROLLOUTS
from stream.errors import CanaryError, PolicyError, SourceError
from stream.registry import Registration, read_registration, write_registration
from stream.rollout import Rollout
from stream.words import listed as in_a_row

STOPPED = "Stopped by hand."
"""The reason of a stop without one."""


@dataclass(frozen=True)
class Entry:
    """A rollout in the registry."""

    registration: Registration
    """As it stands there."""
    written_ms: int
    """When it was started, stopped or ended, whichever was last; milliseconds UTC by the clock of who wrote it."""

    @property
    def rollout(self) -> Rollout:
        """The rollout."""
        return self.registration.rollout


@dataclass(frozen=True)
class Registry:
    """All of it."""

    entries: Mapping[str, Entry]
    """By id, in the order in which they were started."""
    used: frozenset[str]
    """All ids that were ever seen there, those of records that cannot be read among them."""

    def find(self, rollout: str) -> Entry:
        """A rollout by its id.

        Raises:
            CanaryError: there is none; the line lists those that there are.
        """
        if rollout not in self.entries:
            known = f"there are {in_a_row(list(self.entries)[::-1])}" if self.entries else "none was started"
            raise CanaryError(f"{rollout}: no such rollout; {known}")
        return self.entries[rollout]


def read_registry(reader: Reader, prefix: str) -> Registry:
    """Read the registry to its end.

    Raises:
        SourceError: the topic is missing, or the broker no longer answers.
    """
    entries: dict[str, Entry] = {}
    used: set[str] = set()
    for record in reader.whole(ROLLOUTS.name(prefix)):
        rollout = (record.key or b"").decode("utf-8", "replace")
        used.add(rollout)
        if record.value is None:
            entries.pop(rollout, None)
            continue
        try:
            entries[rollout] = Entry(read_registration(record.key, record.value), record.timestamp)
        except PolicyError:  # it is nobody's rollout: workers put it to the dead letters, with the reason
            continue
    return Registry(entries, frozenset(used))


def listed(settings: Settings) -> Registry:
    """The registry as it is now.

    Raises:
        SourceError: no broker, no way in, or no such topic.
    """
    with open_reader(settings) as reader:
        return read_registry(reader, settings.prefix)


def start(settings: Settings, rollout: Rollout) -> None:
    """Put a rollout into the registry, for the workers to judge.

    Raises:
        CanaryError: its id is or was in use.
        SourceError: no broker, no way in, or topics that are missing or wrong.
    """
    wrong = [finding for finding in verify(settings) if finding.severity == "error"]
    if wrong:
        more = f" (and {len(wrong) - 1} more; see `canary topics check`)" if len(wrong) > 1 else ""
        raise SourceError(f"{wrong[0]}{more}")
    registry = listed(settings)
    if rollout.id in registry.used:
        raise CanaryError(f"{rollout.id}: this id is in use or was, and none is used again; give another by --id")
    _write(settings, Registration(rollout))


def stop(settings: Settings, rollout: str, reason: str = STOPPED) -> Entry:
    """End a rollout: its verdict becomes a final `inconclusive` with the reason. One that has ended stays as it is.

    Returns:
        The rollout as it was before.

    Raises:
        CanaryError: there is no such rollout.
        SourceError: no broker, no way in, or no such topic.
    """
    entry = listed(settings).find(rollout)
    if entry.registration.verdict is None and entry.registration.stopped is None:
        _write(settings, replace(entry.registration, stopped=reason))
    return entry


def _write(settings: Settings, registration: Registration) -> None:
    key = registration.rollout.id.encode()
    write(settings, ROLLOUTS.name(settings.prefix), [(key, write_registration(registration))])
