"""What a reader of the topics hears: outputs, rollouts that are started, stopped and ended, and how the broker is."""

from collections.abc import Iterable
from dataclasses import dataclass

from stream.outputs import Action, Output, Switch
from stream.registry import Registration


@dataclass(frozen=True)
class Registered:
    """A record of the registry."""

    rollout: str
    """The rollout's id."""
    registration: Registration | None
    """How it stands there; None where it was dropped, long after its end."""
    at: int
    """When that was written, milliseconds UTC."""


@dataclass(frozen=True)
class Away:
    """The broker has stopped to answer."""

    why: str
    """What went wrong, one sentence."""
    at: int
    """When it was noticed first, milliseconds UTC."""


@dataclass(frozen=True)
class Back:
    """The broker answers (again), and all that was there has been told."""


News = Registered | Output | Action | Switch | Away | Back
"""Repeats are among it, and in no order but within a topic's rollout."""


def in_order(found: Iterable[News]) -> list[News]:
    """What came at once, by time: topics bring what happened in the same moment one topic after the other.

    How the broker is and what is registered stay where they are among the rest.
    """
    ordered: list[News] = []
    outputs: list[Output | Action] = []
    for news in found:
        if isinstance(news, (Registered, Switch, Away, Back)):
            ordered += sorted(outputs, key=_place)
            ordered.append(news)
            outputs = []
        else:
            outputs.append(news)
    return ordered + sorted(outputs, key=_place)


def _place(output: News) -> tuple[int, int]:
    assert not isinstance(output, (Registered, Switch, Away, Back))
    number = output.id.rpartition("/")[2]
    return output.at, int(number) if number.isdecimal() else 0
