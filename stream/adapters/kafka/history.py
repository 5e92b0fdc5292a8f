"""What the topics say of one rollout: enough to explain how it stands."""

from dataclasses import dataclass, replace

from stream.adapters.kafka.outputs import alerts_of, newest_divergences, newest_scores
from stream.adapters.kafka.records import open_reader
from stream.adapters.kafka.rollouts import read_registry
from stream.adapters.kafka.standings import Standing, standings
from stream.adapters.settings import Settings
from stream.outputs import Alert, Divergence


@dataclass(frozen=True)
class History:
    """The newest records of a rollout."""

    standing: Standing
    """Its registration, verdict and score."""
    divergences: tuple[Divergence, ...]
    """The newest of each metric, in the order of the policy."""
    alerts: tuple[Alert, ...]
    """All of them, in order."""


def read_history(settings: Settings, rollout: str) -> History:
    """Read what there is of a rollout.

    Raises:
        CanaryError: there is no such rollout.
        SourceError: no broker, no way in, no such topic, or the broker no longer answers.
    """
    with open_reader(settings) as reader:
        entry = read_registry(reader, settings.prefix).find(rollout)
        (standing,) = standings(reader, settings.prefix, [entry])
        if standing.score is None:
            found = newest_scores(reader, settings.prefix, {rollout: standing.begin_ms})
            standing = replace(standing, score=found.get(rollout))
        metrics = [rule.name for rule in entry.rollout.policy.metrics]
        divergences = newest_divergences(reader, settings.prefix, rollout, metrics, standing.begin_ms)
        alerts = alerts_of(reader, settings.prefix, rollout, standing.begin_ms)
    return History(standing, tuple(divergences.values()), tuple(alerts))
