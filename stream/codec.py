"""A state as bytes and back, bit for bit: floats in binary, a version in front, nothing that could run."""

import zlib
from typing import Any

import msgspec
import numpy as np

from stream.errors import StateError
from stream.exact import Exact
from stream.state import State

VERSION = 1
_HEAD = b"canary-state"
_DTYPES = {"<f8": np.float64, "<i8": np.int64, "|b1": np.bool_}


def dump(state: State) -> bytes:
    """Store a state. A state of 20 instances and 10 metrics takes under 256 KB."""
    packed = msgspec.msgpack.encode(state, enc_hook=_encode)
    return _HEAD + bytes([VERSION]) + zlib.compress(packed, 1)


def load(data: bytes) -> State:
    """Restore a state.

    Raises:
        StateError: these bytes are no state, are damaged, or come from another version of this code.
    """
    if not data.startswith(_HEAD) or len(data) <= len(_HEAD):
        raise StateError("these bytes are no state of a rollout")
    version = data[len(_HEAD)]
    if version != VERSION:
        raise StateError(f"the state has version {version}, this code reads version {VERSION}: start the rollout anew")
    try:
        packed = zlib.decompress(data[len(_HEAD) + 1 :])
        return msgspec.msgpack.decode(packed, type=State, dec_hook=_decode)
    except (zlib.error, msgspec.MsgspecError, ValueError, TypeError, LookupError) as error:
        raise StateError(f"the state is damaged: {error}") from None


def _encode(value: object) -> Any:
    if isinstance(value, np.ndarray):
        planes = np.ascontiguousarray(value).reshape(-1, 1).view(np.uint8).T
        return value.dtype.str, value.shape, planes.tobytes()  # bytes of one weight lie together: they compress
    if isinstance(value, Exact):
        return value.packed()
    raise NotImplementedError(f"cannot store {type(value).__name__}")


def _decode(kind: Any, value: Any) -> object:
    if kind is Exact:
        return Exact(value)
    name, shape, data = value
    dtype = np.dtype(_DTYPES[name])
    return np.frombuffer(data, dtype=np.uint8).reshape(dtype.itemsize, -1).T.copy().view(dtype).reshape(shape)
