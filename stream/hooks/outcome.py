"""What came of one call of a hook."""

from typing import NamedTuple

from stream.words import plural

GONE = 410
"""HTTP: the receiver does not want to be called any more."""
PASSING = frozenset({408, 425, 429})
"""HTTP statuses of the client's fault that another try may mend."""
LONGEST_WAIT_MS = 30_000
"""How long a receiver may put off the next try."""


class Outcome(NamedTuple):
    """What came of it."""

    succeeded: bool
    """Whether the receiver has taken it."""
    text: str
    """What happened, one sentence, without secrets."""
    status: int | None = None
    """HTTP status or exit code."""
    passing: bool = False
    """Whether another try may succeed."""
    refused: bool = False
    """Whether we do not call there, or the receiver does not let us, for good."""
    wait_ms: int = 0
    """Milliseconds that the receiver asks us to wait before the next try."""

    @property
    def gone(self) -> bool:
        """Whether the hook must not be called again at all."""
        return self.refused and self.status == GONE


def refused(why: str) -> Outcome:
    """A call that was not made: why, in words that can begin a sentence."""
    return Outcome(False, f"{why[:1].upper()}{why[1:]}.", refused=True)


def of_status(status: int, wait_ms: int | None = None) -> Outcome:
    """What an HTTP status means.

    Args:
        status: of the answer.
        wait_ms: what the answer asks to wait; None where it does not.

    >>> of_status(503).passing, of_status(404).passing, of_status(302).refused
    (True, False, True)
    """
    if 200 <= status < 300:
        return Outcome(True, f"The receiver took it ({status}).", status)
    if 300 <= status < 400:
        return Outcome(False, f"It redirects ({status}), and redirects are not followed.", status, refused=True)
    if status == GONE:
        text = "The receiver is gone (410); it is not called again until this runner starts anew."
        return Outcome(False, text, status, refused=True)
    if status in PASSING or 500 <= status < 600:
        wait = min(max(0, wait_ms or 0), LONGEST_WAIT_MS)
        asks = f" and asks to wait {plural((wait_ms or 0) // 1000, 'second')}" if wait else ""
        return Outcome(False, f"The receiver answered {status}{asks}.", status, passing=True, wait_ms=wait)
    return Outcome(False, f"The receiver answered {status}: another try is no use.", status)


def of_exit(code: int, said: str) -> Outcome:
    """What the end of a command means.

    Args:
        code: its exit code; negative for the signal that ended it.
        said: the last line that it printed.
    """
    how = f"ended with {code}" if code >= 0 else f"was ended by signal {-code}"
    text = f"The command {how}{f': {said}' if said else ''}"
    return Outcome(code == 0, text if text.endswith((".", "!", "?")) else f"{text}.", code, passing=code != 0)
