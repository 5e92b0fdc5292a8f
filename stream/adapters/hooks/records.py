"""What hooks write, as records: attempts with CloudEvents headers, keyed by the rollout, and the kill switch."""

from stream.adapters.topics import ACTIONS
from stream.adapters.worker.outbox import Record, headers_of
from stream.hooks.book import SWITCH_KEY
from stream.outputs import Action, Switch
from stream.quantity import Instant
from stream.wire import encode_json

SWITCH_PARTITION = 0
"""Where the switch's records lie, so that their order is that of the log."""


def action_record(action: Action, prefix: str) -> Record:
    """An attempt."""
    headers = {
        "ce_specversion": "1.0",
        "ce_id": action.id,
        "ce_source": "/canary",
        "ce_type": "canary.action",
        "ce_subject": action.rollout,
        "ce_time": str(Instant(action.at)),
        "content-type": "application/json",
    }
    return Record(ACTIONS.name(prefix), action.rollout.encode(), encode_json(action), None, headers_of(headers))


def switch_record(switch: Switch, prefix: str) -> Record:
    """The kill switch."""
    return Record(ACTIONS.name(prefix), SWITCH_KEY, encode_json(switch), SWITCH_PARTITION)
