"""A rollout file made into a rollout that can be started: with an id of its own and the pane from which it counts."""

import re
from datetime import UTC, datetime

from msgspec.structs import replace

from stream.adapters.files import read_text
from stream.document.parse import parse_document
from stream.document.rollout import LONGEST_ID, read_rollout
from stream.errors import PolicyError
from stream.quantity import Instant
from stream.rollout import Rollout

AHEAD_MS = 10_000
"""A rollout starts so far ahead at least, so that every worker knows of it in time."""


def new_rollout(
    path: str,
    now_ms: int,
    *,
    id_: str | None = None,
    from_: Instant | None = None,
    until: Instant | None = None,
) -> Rollout:
    """Read a rollout file, `-` for standard input, and complete it.

    Args:
        path: the file.
        now_ms: the clock, milliseconds UTC.
        id_: instead of the file's; without either it is made of the app and the time.
        from_: instead of the file's; moved to the next start of a pane. Without either the first one 10 s ahead.
        until: instead of the file's.

    Raises:
        PolicyError: the file cannot be read, or something is wrong; one line that starts with the path.
    """
    document = parse_document(read_text(path), path)
    given = {"id": id_} if id_ is not None else {}
    made = {"id": _made_id(document.get("app"), now_ms)}
    if from_ is not None:
        document.pop("from", None)
    if until is not None:
        document["until"] = until.ms
    try:
        rollout = read_rollout({**made, **document, **given})
        start = next_pane(from_ or rollout.from_ or Instant(now_ms + AHEAD_MS), rollout.policy.pane.ms)
        if rollout.until is not None and rollout.until.ms <= start.ms:
            raise PolicyError(f"until: must be after `from` ({start}); got {rollout.until}")
    except PolicyError as error:
        raise PolicyError(f"{path}: {error}") from None
    return replace(rollout, from_=start)


def next_pane(time: Instant, pane_ms: int) -> Instant:
    """The start of a pane at or after a time; panes are counted from 1970.

    >>> str(next_pane(Instant(10_001), 10_000)), str(next_pane(Instant(20_000), 10_000))
    ('1970-01-01T00:00:20Z', '1970-01-01T00:00:20Z')
    """
    return Instant(-(-time.ms // pane_ms) * pane_ms)


def _made_id(app: object, now_ms: int) -> str:
    """Such as `checkout-20261125-213000`."""
    time = datetime.fromtimestamp(now_ms / 1000, UTC).strftime("%Y%m%d-%H%M%S")
    name = re.sub(r"[^\w.+~:-]+", "-", app if isinstance(app, str) else "rollout")
    return f"{name[: LONGEST_ID - len(time) - 1]}-{time}"
