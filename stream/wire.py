"""Messages as JSON and back, with the types that JSON does not know: durations and the like, and arrays of integers."""

from typing import Any, get_origin

import msgspec
import numpy as np
from msgspec.json import Decoder

from stream.exact import Exact
from stream.quantity import Duration, Instant, Tolerance, decode_quantity, encode_quantity

_QUANTITIES = (Duration, Instant, Tolerance)


def encode_json(message: object) -> bytes:
    """Write a message.

    >>> encode_json({"pane": Duration(10_000), "bins": np.array([3, 4])})
    b'{"pane":"10s","bins":[3,4]}'
    """
    return msgspec.json.encode(message, enc_hook=_encode)


def decoder(kind: Any) -> Decoder[Any]:
    """A reader of messages of a type or a union; wrong ones raise msgspec's errors, with the path of the field.

    >>> decoder(dict[str, Duration]).decode(b'{"pane":"10s"}')
    {'pane': Duration(ms=10000)}
    """
    return Decoder(kind, dec_hook=_decode)


def _encode(value: object) -> Any:
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, Exact):
        return int(value)
    return encode_quantity(value)


def _decode(kind: Any, value: Any) -> object:
    if kind in _QUANTITIES:
        return decode_quantity(kind, value)
    if kind is Exact:
        return Exact(msgspec.convert(value, int))
    if np.ndarray in (kind, get_origin(kind)):
        try:
            return np.array(msgspec.convert(value, list[int]), dtype=np.int64)
        except OverflowError:
            raise ValueError("an integer is too large for 64 bits") from None
    raise NotImplementedError(f"cannot read {kind}")
