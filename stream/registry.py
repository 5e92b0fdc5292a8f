"""The registry of rollouts: what `canary.rollouts` holds, one record a rollout, keyed by its id.

>>> from stream.document.rollout import read_rollout
>>> started = Registration(read_rollout({"id": "shop-1", "app": "shop", "metrics": ["latency"]}))
>>> data = write_registration(started)
>>> data
b'{"rollout":{"id":"shop-1","app":"shop","metrics":[{"name":"latency"}]}}'
>>> read_registration(b"shop-1", data) == started
True
"""

import msgspec
from msgspec import Struct

from stream.document.rollout import read_rollout, write_rollout
from stream.errors import PolicyError
from stream.rollout import Rollout
from stream.wire import encode_json


class Registration(Struct, frozen=True, omit_defaults=True):
    """A rollout that was started."""

    rollout: Rollout
    """The rollout; `until` is set once it is over, so that nothing feeds it any more."""
    stopped: str | None = None
    """Why someone ended it, one sentence for people."""
    verdict: str | None = None
    """The final verdict, once there is one: nothing feeds or judges it any more."""


class _Record(Struct, frozen=True, omit_defaults=True):
    rollout: dict[str, object]
    stopped: str | None = None
    verdict: str | None = None


def write_registration(registration: Registration) -> bytes:
    """The record's value: the rollout in the form of its file."""
    return encode_json(_Record(write_rollout(registration.rollout), registration.stopped, registration.verdict))


def read_registration(key: bytes | None, value: bytes) -> Registration:
    """Read a record of the registry.

    Raises:
        PolicyError: one line that starts with the path of the field, for the dead letters.
    """
    try:
        record = msgspec.json.decode(value, type=_Record)
        rollout = read_rollout(record.rollout)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise PolicyError(f"registration: {error}; write it with `canary start`") from None
    if key is None or key.decode("utf-8", "replace") != rollout.id:
        raise PolicyError(f"id: {rollout.id} is not the record's key; key the record by the id")
    return Registration(rollout, record.stopped, record.verdict)
