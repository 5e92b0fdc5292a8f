"""What a hook is given: an id that is the same at every try, a body, variables.

>>> message_id("checkout-2.4.1/172", "revert")
'checkout-2%2E4%2E1/172/revert'
"""

import re

from msgspec import Struct
from msgspec.structs import replace

from stream.outputs import Side, Verdict
from stream.quantity import LATEST_MS, Instant
from stream.wire import encode_json

LARGEST = 20_000
"""Bytes of a body, at most."""
LONGEST_TEXT = 2_000
"""Characters of a sentence that had to be cut."""
LONGEST_VARIABLE = 4_000
TEST = "canary.test"
"""The type of a message that says nothing of a rollout."""

_ODD = re.compile(r"[^!-~]|[%.]")  # Standard Webhooks: no full stop in an id that others choose in part


class Message(Struct, frozen=True):
    """A message of Standard Webhooks."""

    type: str
    """`canary.verdict.` and the verdict, or `canary.test`."""
    timestamp: str
    """When the verdict came about, RFC 3339."""
    data: Verdict
    """The verdict's record; of very long ones some sentences are left out."""


def verdict_type(verdict: Verdict) -> str:
    """The type of the message about a verdict."""
    return f"canary.verdict.{verdict.verdict}"


def message_id(verdict: str, hook: str) -> str:
    """By what receivers drop repeats: printable ASCII without `.`; what is not, and `%`, as `%` and hexadecimal digits.

    Args:
        verdict: id of the verdict.
        hook: name of the hook.
    """
    return _ODD.sub(lambda odd: "".join(f"%{byte:02X}" for byte in odd[0].encode()), f"{verdict}/{hook}")


def body_of(kind: str, verdict: Verdict) -> bytes:
    """The body, the same at every try, of at most 20,000 bytes.

    Args:
        kind: the type of the message.
        verdict: what it is about.

    Raises:
        ValueError: the verdict is none of the monitor's and does not fit.
    """
    time = str(Instant(min(verdict.at, LATEST_MS - 1)))
    whole = encode_json(Message(kind, time, verdict))
    if len(whole) > LARGEST:
        short = replace(
            verdict, text=_cut(verdict.text, LONGEST_TEXT), explanation=_cut(verdict.explanation, LONGEST_TEXT)
        )
        for kept in (16, 4, 0):
            left_out = len(verdict.also) - kept
            also = [_cut(text, LONGEST_TEXT) for text in verdict.also[:kept]]
            shorter = replace(short, also=[*also, f"And {left_out} more."] if left_out > 0 else also)
            whole = encode_json(Message(kind, time, shorter))
            if len(whole) <= LARGEST:
                break
        else:
            raise ValueError(f"the verdict takes {len(whole)} bytes, and a body has at most {LARGEST}")
    return whole


def variables_of(kind: str, verdict: Verdict, identity: str) -> dict[str, str]:
    """What a command finds in its environment.

    Args:
        kind: the type of the message.
        verdict: what it is about.
        identity: id of the message.
    """
    found = {
        "CANARY_TYPE": kind,
        "CANARY_ID": identity,
        "CANARY_ROLLOUT": verdict.rollout,
        "CANARY_APP": verdict.app,
        "CANARY_VERDICT": verdict.verdict,
        "CANARY_TEXT": verdict.text,
    }
    return {name: _cut(text.replace("\0", ""), LONGEST_VARIABLE) for name, text in found.items()}


def harmless_verdict(now_ms: int) -> Verdict:
    """A verdict about no rollout, that asks for nothing: to see whether a hook can be reached.

    Args:
        now_ms: milliseconds UTC.
    """
    nobody = Side(None, 0, 0)
    return Verdict(
        id=f"canary-test/{now_ms}",
        rollout="canary-test",
        at=now_ms,
        app="canary-test",
        verdict="continue",
        previous=None,
        final=False,
        rule="test",
        metric=None,
        score=None,
        confidence=0.0,
        baseline=nobody,
        canary=nobody,
        started=now_ms,
        policy="test@1",
        fingerprint="00000000",
        text="This is a test: nothing is to be done.",
        also=[],
        explanation="Fired by hand, with `canary hooks test`.",
    )


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 3]}..."
