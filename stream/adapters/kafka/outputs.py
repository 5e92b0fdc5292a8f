"""The monitor's outputs as the topics carry them."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Literal, TypeVar

import msgspec

from stream.adapters.kafka.records import Reader, Record
from stream.adapters.topics import ALERTS, DIVERGENCES, SCORES, VERDICTS, VERDICTS_LATEST, Topic
from stream.outputs import Alert, Divergence, Output, Score, Verdict
from stream.wire import decoder

Kind = Literal["verdict", "score", "alert", "divergence"]
TOPIC_OF: Mapping[Kind, Topic] = {"verdict": VERDICTS, "score": SCORES, "alert": ALERTS, "divergence": DIVERGENCES}
"""Where each kind of output lies."""
SKEW_MS = 60_000
"""How far the clocks of two machines may differ."""

_OUTPUT = decoder(Divergence | Alert | Score | Verdict)
T = TypeVar("T", Divergence, Alert, Score, Verdict)


def read_output(record: Record) -> Output | None:
    """The output in a record; None for a tombstone, and for what is none: topics may hold what others wrote."""
    if record.value is None:
        return None
    try:
        found: Output = _OUTPUT.decode(record.value)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    return found


def sequence(output: Output) -> int:
    """The number in its id: outputs of a rollout are numbered from 1 on.

    Records come in the order of their numbers, but for repeats.
    """
    number = output.id.rpartition("/")[2]
    return int(number) if number.isdecimal() else 0


def latest_verdicts(reader: Reader, prefix: str) -> dict[str, Verdict]:
    """The newest verdict of each rollout."""
    return newest(_outputs(reader.whole(VERDICTS_LATEST.name(prefix)), Verdict), lambda verdict: verdict.rollout)


def newest_scores(reader: Reader, prefix: str, since: Mapping[str, int]) -> dict[str, Score]:
    """The newest score of each rollout that has one.

    Args:
        reader: what to read by.
        prefix: of the topics.
        since: the rollouts, with the time from which on they may have one, milliseconds UTC.
    """
    found: dict[str, Score] = {}
    for window in _windows(reader, SCORES.name(prefix), since.values()):
        for rollout, score in newest(_outputs(window, Score), lambda score: score.rollout).items():
            if rollout in since:
                found.setdefault(rollout, score)
        if found.keys() == since.keys():
            break
    return found


def newest_divergences(
    reader: Reader, prefix: str, rollout: str, metrics: Iterable[str], since_ms: int
) -> dict[str, Divergence]:
    """The newest divergence of each metric of a rollout that has one, in the order of the metrics."""
    wanted, found = dict.fromkeys(metrics), dict[str, Divergence]()
    for window in _windows(reader, DIVERGENCES.name(prefix), [since_ms]):
        own = (output for output in _outputs(window, Divergence) if output.rollout == rollout)
        for metric, divergence in newest(own, lambda divergence: divergence.metric).items():
            found.setdefault(metric, divergence)
        if wanted.keys() <= found.keys():
            break
    return {metric: found[metric] for metric in wanted if metric in found}


def alerts_of(reader: Reader, prefix: str, rollout: str, since_ms: int) -> list[Alert]:
    """All alerts of a rollout, without repeats, in order."""
    records = reader.whole(ALERTS.name(prefix), since_ms - SKEW_MS)
    own = (alert for alert in _outputs(records, Alert) if alert.rollout == rollout)
    return sorted({alert.id: alert for alert in own}.values(), key=sequence)


def newest(outputs: Iterable[T], key: Callable[[T], str]) -> dict[str, T]:
    """The output with the largest number for each key; a repeat may come after it."""
    found: dict[str, T] = {}
    for output in outputs:
        name = key(output)
        if name not in found or sequence(output) > sequence(found[name]):
            found[name] = output
    return found


def _windows(reader: Reader, topic: str, since: Iterable[int]) -> Iterator[list[Record]]:
    begins = list(since)
    return reader.backwards(topic, min(begins) - SKEW_MS) if begins else iter(())


def _outputs(records: Iterable[Record], kind: type[T]) -> Iterator[T]:
    for record in records:
        output = read_output(record)
        if isinstance(output, kind):
            yield output
