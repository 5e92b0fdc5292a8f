"""Outputs as records: plain JSON with CloudEvents headers (binary content mode), keyed by the rollout."""

from stream.adapters.topics import ALERTS, DIVERGENCES, ROLLOUTS, SCORES, VERDICTS, VERDICTS_LATEST, Topic
from stream.adapters.worker.outbox import Record, headers_of
from stream.observe.effect import Effect, Ended, Forgotten
from stream.outputs import Alert, Divergence, Output, Score, Verdict
from stream.quantity import Instant
from stream.registry import write_registration
from stream.wire import encode_json

TOPICS: dict[type[Output], Topic] = {Divergence: DIVERGENCES, Alert: ALERTS, Score: SCORES, Verdict: VERDICTS}
"""Where each kind of output goes."""


def records_of(effect: Effect, prefix: str) -> list[Record]:
    """What to send for an effect.

    Args:
        effect: of the observer.
        prefix: of the topics' names.
    """
    match effect:
        case Ended(registration):
            key = registration.rollout.id.encode()
            return [Record(ROLLOUTS.name(prefix), key, write_registration(registration))]
        case Forgotten(rollout):
            topics = (ROLLOUTS, VERDICTS_LATEST)
            return [Record(topic.name(prefix), rollout.encode(), None) for topic in topics]
    topics = (TOPICS[type(effect)], *((VERDICTS_LATEST,) if isinstance(effect, Verdict) else ()))
    key, value, headers = effect.rollout.encode(), encode_json(effect), headers_of(_cloud_event(effect))
    return [Record(topic.name(prefix), key, value, None, headers) for topic in topics]


def _cloud_event(output: Output) -> dict[str, str]:
    """CloudEvents 1.0, Kafka protocol binding, section 3.2."""
    return {
        "ce_specversion": "1.0",
        "ce_id": output.id,
        "ce_source": "/canary",
        "ce_type": f"canary.{type(output).__name__.lower()}",
        "ce_subject": output.rollout,
        "ce_time": str(Instant(output.at)),
        "content-type": "application/json",
    }
