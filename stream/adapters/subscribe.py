"""The monitor's verdicts for programs that are no workers: `from stream import subscribe`.

for verdict in subscribe("kafka:9092"):
    print(verdict.rollout, verdict.verdict, verdict.text)
"""

import os
from collections import OrderedDict
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, cast, overload

from stream.adapters.settings import Settings, read_brokers
from stream.errors import PolicyError
from stream.outputs import Output, Verdict
from stream.words import listed

if TYPE_CHECKING:
    from stream.adapters.kafka.outputs import Kind

REMEMBERED = 50_000
"""Ids by which repeats are known."""


@overload
def subscribe(  # noqa: D418  # public functions have docstrings here, each of their signatures too
    broker: str | None = None,
    *,
    rollout: str | None = None,
    kinds: tuple[Literal["verdict"]] = ("verdict",),
    from_beginning: bool = False,
    group: str | None = None,
    timeout: float | None = None,
    settings: Settings | None = None,
) -> Iterator[Verdict]:
    """Verdicts."""


@overload
def subscribe(  # noqa: D418  # public functions have docstrings here, each of their signatures too
    broker: str | None = None,
    *,
    rollout: str | None = None,
    kinds: "Sequence[Kind]",
    from_beginning: bool = False,
    group: str | None = None,
    timeout: float | None = None,
    settings: Settings | None = None,
) -> Iterator[Output]:
    """Outputs of the kinds named."""


def subscribe(
    broker: str | None = None,
    *,
    rollout: str | None = None,
    kinds: "Sequence[Kind]" = ("verdict",),
    from_beginning: bool = False,
    group: str | None = None,
    timeout: float | None = None,
    settings: Settings | None = None,
) -> Iterator[Output]:
    """Read outputs as they come, each once. Connects at once, then waits for each one.

    Close it (`.close()`, or let go of it) to leave the broker.

    Args:
        broker: `host:port,...`; instead of the one in the settings.
        rollout: only those of this one.
        kinds: which ones: `verdict`, `score`, `alert`, `divergence`.
        from_beginning: also those that are there already; with a group only the first time.
        group: a consumer group, which shares the outputs and goes on where it ended. An output is committed when the
            next one is asked for, so that one is repeated if the program ends between the two.
        timeout: end after so many seconds without one; None never ends.
        settings: where and how to connect; by default the `CANARY_...` variables.

    Raises:
        SourceError: no broker answers or lets us in, or there are no such topics.
        PolicyError: an argument or a setting is wrong.
        CanaryError: no broker is named.
    """
    from stream.adapters.kafka.outputs import TOPIC_OF  # noqa: PLC0415  # loads kafka-python
    from stream.adapters.kafka.subscription import outputs  # noqa: PLC0415

    unknown: list[str] = [kind for kind in kinds if kind not in TOPIC_OF]
    if unknown or not kinds:
        raise PolicyError(f"kinds: must be some of {', '.join(TOPIC_OF)}; got {listed(unknown)}")
    found = outputs(_settings(broker, settings), tuple(kinds), from_beginning, group, timeout)
    next(found)  # connects, so that what comes from now on is not missed
    return _chosen(cast(Generator[Output], found), rollout)


def _settings(broker: str | None, settings: Settings | None) -> Settings:
    if settings is None:
        return Settings.read({**os.environ, **({"CANARY_BROKER": broker} if broker is not None else {})})
    return replace(settings, brokers=read_brokers(broker)) if broker is not None else settings


def _chosen(outputs: Generator[Output], rollout: str | None) -> Iterator[Output]:
    """Those of one rollout, or all; without repeats."""
    seen: OrderedDict[str, None] = OrderedDict()
    with closing(outputs):
        for output in outputs:
            if output.id in seen or rollout not in (None, output.rollout):
                continue
            seen[output.id] = None
            if len(seen) > REMEMBERED:
                seen.popitem(last=False)
            yield output
