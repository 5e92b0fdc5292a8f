"""What an observer brings about: outputs, and what the registry must know."""

from typing import NamedTuple

from stream.outputs import Output
from stream.registry import Registration


class Ended(NamedTuple):
    """A rollout is over: the registry must say so, so that nothing feeds it any more."""

    registration: Registration


class Forgotten(NamedTuple):
    """A rollout that is over for long: its records may go."""

    rollout: str


Effect = Output | Ended | Forgotten
