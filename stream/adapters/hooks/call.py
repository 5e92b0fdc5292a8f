"""One call of a hook, as all types of hooks are given it."""

from typing import NamedTuple

from stream.outputs import Verdict


class Call(NamedTuple):
    """What is to be said, and when."""

    type: str
    """The type of the message: `canary.verdict.abort`, ..., or `canary.test`."""
    verdict: Verdict
    """What it is about."""
    at: int
    """When this try was begun, milliseconds UTC."""
