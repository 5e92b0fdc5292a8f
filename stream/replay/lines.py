"""Bytes to lines, in blocks, in bounded memory whatever the bytes are."""

from collections.abc import Iterable, Iterator

LINES = 4096
"""Lines of a full block."""
BYTES = 1 << 20
"""Bytes after which a block is full with fewer lines."""


def blocks(chunks: Iterable[bytes], limit: int) -> Iterator[list[bytes]]:
    r"""Cut a stream of bytes into lines, without their ends; blank lines are left out.

    A line longer than `limit` comes cut to at least `limit` + 1 bytes, so that it is known to be too long.

    >>> list(blocks([b'{"a":', b'1}\r\n\n{"b":2}'], limit=100))
    [[b'{"a":1}', b'{"b":2}']]
    """
    block: list[bytes] = []
    size = 0
    for lines in _lines(chunks, limit):
        size += sum(map(len, lines))
        block += lines
        while len(block) >= LINES:
            yield block[:LINES]
            del block[:LINES]
            size = sum(map(len, block))
        if size >= BYTES:
            yield block
            block, size = [], 0
    if block:
        yield block


def _lines(chunks: Iterable[bytes], limit: int) -> Iterator[list[bytes]]:
    """The lines that each chunk completes."""
    rest, skipping = b"", False
    for chunk in chunks:
        lines = (rest + chunk).split(b"\n")
        rest = lines.pop()
        if skipping and not lines:
            rest = b""
            continue
        found = _clean(lines[1:] if skipping else lines, chunk)
        skipping = False
        if len(rest) > limit:
            found.append(rest[: limit + 1])
            rest, skipping = b"", True
        yield found
    yield _clean([rest], rest)


def _clean(lines: list[bytes], chunk: bytes) -> list[bytes]:
    if b"\r" in chunk:
        lines = [line.removesuffix(b"\r") for line in lines]
    return [line for line in lines if line and not line.isspace()]
