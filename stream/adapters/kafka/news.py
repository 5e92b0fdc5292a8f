"""What the topics say of rollouts: what matters of all that is there, then what comes, while someone listens."""

import time
from collections import OrderedDict
from collections.abc import Container, Iterable, Iterator
from threading import Event

import msgspec

from stream.adapters.kafka.outputs import latest_verdicts, newest, newest_divergences, newest_scores, read_output
from stream.adapters.kafka.probe import reach
from stream.adapters.kafka.records import Reader, Record, open_reader
from stream.adapters.kafka.rollouts import Entry, read_registry
from stream.adapters.settings import Settings
from stream.adapters.terminal.news import Away, Back, News, Registered
from stream.adapters.topics import ACTIONS, ALERTS, DIVERGENCES, ROLLOUTS, SCORES, VERDICTS
from stream.errors import PolicyError, SourceError
from stream.outputs import Action, Divergence, Output, Switch
from stream.registry import read_registration
from stream.wire import decoder

PAUSES = (1.0, 2.0, 4.0, 8.0, 15.0)
"""Seconds between tries to reach a broker that was there; the last one for ever."""
QUIET_SECONDS = 5.0
"""After so long without a record it is asked whether a broker is there."""
FOREVER = 1e9
"""Seconds."""
MOST_HELD, MOST_OF_ONE = 100, 10_000
"""Rollouts whose outputs wait for their registration, and outputs of one."""

_ACTION = decoder(Action | Switch)
_FOLLOWED = (ROLLOUTS, DIVERGENCES, ALERTS, SCORES, VERDICTS, ACTIONS)


def listen(settings: Settings, only: str | None, over: Event) -> Iterator[News]:
    """News, until `over` is set: how everything stands, `Back`, then what comes.

    Where the broker goes away, `Away` is told with every try to reach it, and then all of it again.

    Args:
        settings: where.
        only: the id of the one rollout that is wanted; all by default.
        over: ends it, within a second where the broker answers.

    Raises:
        CanaryError: there is no such rollout.
        SourceError: the first time: no broker, no way in, or no such topics.
    """
    reached, tries, since = False, 0, 0
    while not over.is_set():
        try:
            for news in _session(settings, only, over, first=not reached):
                if isinstance(news, Back):
                    reached, tries = True, 0
                yield news
        except SourceError as error:
            if not reached:
                raise
            since = since if tries else time.time_ns() // 1_000_000
            yield Away(str(error), since)
            over.wait(PAUSES[min(tries, len(PAUSES) - 1)])
            tries += 1


def evidence(settings: Settings, rollout: str) -> Iterator[News]:
    """The newest score and divergences of a rollout, however old.

    Raises:
        CanaryError: there is no such rollout.
        SourceError: no broker, no way in, no such topics, or the broker stops to answer.
    """
    with open_reader(settings) as reader:
        entry = read_registry(reader, settings.prefix).find(rollout)
        begins = entry.rollout.from_.ms if entry.rollout.from_ is not None else 0
        metrics = [rule.name for rule in entry.rollout.policy.metrics]
        yield from newest_scores(reader, settings.prefix, {rollout: begins}).values()
        yield from newest_divergences(reader, settings.prefix, rollout, metrics, begins).values()


def _session(settings: Settings, only: str | None, over: Event, *, first: bool) -> Iterator[News]:
    """The same, until the broker goes away."""
    topics = {topic.name(settings.prefix): topic for topic in _FOLLOWED}
    with open_reader(settings) as reader:
        starts = reader.ends(*topics)
        entries = read_registry(reader, settings.prefix)
        if first and only is not None:
            entries.find(only)
        yield from _present(reader, settings.prefix, entries.entries.values(), only)
        yield Back()
        heard, order = time.monotonic(), _Order(entries.entries)
        for record in reader.follow(starts, FOREVER):
            if over.is_set():
                return
            if record is not None:
                heard = time.monotonic()
                topic = topics[record.topic]
                for news in _told(record, topic is ROLLOUTS, topic is ACTIONS, only):
                    yield from order.of(news)
            elif time.monotonic() - heard > QUIET_SECONDS:
                reach(settings)
                heard = time.monotonic()


class _Order:
    """Holds outputs back until their rollout is registered: topics are read side by side.

    Args:
        known: the rollouts that are registered.
    """

    def __init__(self, known: Iterable[str]) -> None:
        self._known = set(known)
        self._held: OrderedDict[str, list[News]] = OrderedDict()

    def of(self, news: News) -> Iterator[News]:
        """What is to be told by now."""
        if isinstance(news, Registered):
            self._known.add(news.rollout)
            yield news
            yield from self._held.pop(news.rollout, [])
        elif isinstance(news, (Switch, Away, Back)) or news.rollout in self._known:
            yield news
        else:
            self._held.setdefault(news.rollout, []).append(news)
            if len(self._held) > MOST_HELD or len(self._held[news.rollout]) > MOST_OF_ONE:
                self._held.popitem(last=False)  # nobody registers it any more


def _present(reader: Reader, prefix: str, entries: Iterable[Entry], only: str | None) -> Iterator[News]:
    """How everything stands."""
    known = {entry.rollout.id: entry for entry in entries if only in (None, entry.rollout.id)}
    for rollout, entry in known.items():
        yield Registered(rollout, entry.registration, entry.written_ms)
    yield from (verdict for verdict in latest_verdicts(reader, prefix).values() if verdict.rollout in known)
    begins = {
        rollout: entry.rollout.from_.ms if entry.rollout.from_ is not None else 0
        for rollout, entry in known.items()
        if only is not None or entry.registration.verdict is None
    }
    yield from newest_scores(reader, prefix, begins).values()
    yield from _divergences(reader, prefix, known, begins, only)
    for topic, action in ((ALERTS, False), (ACTIONS, True)):
        for record in reader.whole(topic.name(prefix)):
            yield from (news for news in _told(record, False, action, only) if _is_about(news, known))


def _is_about(news: News, known: Container[str]) -> bool:
    return isinstance(news, Switch) or getattr(news, "rollout", None) in known


def _divergences(
    reader: Reader, prefix: str, known: dict[str, Entry], begins: dict[str, int], only: str | None
) -> Iterator[Divergence]:
    """Of one rollout the newest of each metric; of all those that lie near the topic's end: others are soon to come."""
    if only is not None:
        metrics = [rule.name for entry in known.values() for rule in entry.rollout.policy.metrics]
        yield from newest_divergences(reader, prefix, only, metrics, begins.get(only, 0)).values()
    elif begins:
        window = next(reader.backwards(DIVERGENCES.name(prefix), min(begins.values())), [])
        found = [output for record in window if isinstance(output := read_output(record), Divergence)]
        yield from newest(found, lambda one: f"{one.rollout} {one.metric}").values()


def _told(record: Record, registry: bool, action: bool, only: str | None) -> Iterator[News]:
    """What a record says; nothing where it says nothing that can be read."""
    if registry:
        yield from _registered(record, only)
        return
    found: Output | Action | Switch | None = _read_action(record) if action else read_output(record)
    if found is not None and (isinstance(found, Switch) or only in (None, found.rollout)):
        yield found


def _registered(record: Record, only: str | None) -> Iterator[Registered]:
    rollout = (record.key or b"").decode("utf-8", "replace")
    if only not in (None, rollout):
        return
    if record.value is None:
        yield Registered(rollout, None, record.timestamp)
        return
    try:
        yield Registered(rollout, read_registration(record.key, record.value), record.timestamp)
    except PolicyError:  # it is nobody's rollout: workers put it to the dead letters, with the reason
        return


def _read_action(record: Record) -> Action | Switch | None:
    try:
        found: Action | Switch = _ACTION.decode(record.value or b"")
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    return found
