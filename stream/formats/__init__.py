"""Wire bytes to messages: pure decoders, one format a file.

To add one, write a file with such a function and name it in `FORMATS`.
"""

from collections.abc import Sequence
from typing import Protocol

from stream.formats import native
from stream.formats.decoded import Decoded


class Decode(Protocol):
    """Reads a block of records; whatever the bytes are, what cannot be used is a fault in the result."""

    def __call__(self, records: Sequence[bytes], first: int = 0, limit: int = native.LIMIT) -> Decoded:
        """Number the records from `first`; longer ones than `limit` bytes are faults."""
        ...


FORMATS: dict[str, Decode] = {
    "native": native.decode,
}
