"""Partials as records that a broker takes."""

from collections.abc import Iterator

from msgspec.structs import replace

from stream.partial import Partial
from stream.wire import encode_json

LARGEST = 900_000
"""Bytes of a record: a broker takes 1 MB unless it is told otherwise."""


def pieces(partial: Partial, largest: int = LARGEST) -> Iterator[bytes]:
    """A partial in records of at most `largest` bytes; a row that has more by itself is left out.

    >>> [len(piece) for piece in pieces(Partial("shop-1", "telemetry-0", 0, 9, -1, []))]
    [128]
    """
    whole = encode_json(partial)
    if len(whole) <= largest or not partial.rows:
        yield whole
    elif len(partial.rows) == 1:
        yield encode_json(replace(partial, rows=[]))
    else:
        half = len(partial.rows) // 2
        yield from pieces(replace(partial, rows=partial.rows[:half], kept_out={}, more=True), largest)
        yield from pieces(replace(partial, rows=partial.rows[half:]), largest)
