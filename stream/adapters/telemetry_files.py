"""Files of telemetry: one message a line, plain or compressed, or standard input. Read once, in bounded memory."""

import os
import stat
import sys
import zlib
from collections.abc import Iterator
from typing import BinaryIO, Self

import zstandard

from stream.errors import SourceError
from stream.formats.native import LIMIT
from stream.replay.lines import blocks

READ = 1 << 18
"""Bytes that are read at once."""
SQUEEZED = 1 << 9
"""Bytes of a zstd file that are expanded at once: to 16 MiB at most, however well they were compressed."""
MAGIC = {"gzip": b"\x1f\x8b", "zstd": b"\x28\xb5\x2f\xfd"}
SUFFIXES = {".gz": "gzip", ".zst": "zstd"}
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class TelemetryFile:
    """Blocks of lines of one file; `-` is standard input. What the file holds tells whether it is compressed.

    Raises:
        SourceError: the file cannot be opened, or is not what its name says.
    """

    def __init__(self, path: str, limit: int = LIMIT) -> None:
        self.name = "standard input" if path == "-" else path
        """For messages."""
        self.consumed = 0
        """Bytes read so far, as stored."""
        self._limit = limit
        self._stream = _open(path, self.name)
        self.size = _size(self._stream)
        """Bytes in all; None where nobody knows."""
        self._head = self._read(4)
        while len(self._head) < 4 and (more := self._read(4 - len(self._head))):  # a pipe gives what it has
            self._head += more
        self._packing = next((name for name, magic in MAGIC.items() if self._head.startswith(magic)), None)
        named = next((packing for suffix, packing in SUFFIXES.items() if path.endswith(suffix)), None)
        if named is not None and named != self._packing:
            self.close()
            raise SourceError(f"{self.name}: not {named} data; give it the ending that fits, such as .jsonl")

    def __iter__(self) -> Iterator[list[bytes]]:
        """Read on to the end.

        Raises:
            SourceError: the file cannot be read, is damaged, or ends too early.
        """
        unpack = {"gzip": self._gunzip, "zstd": self._unzstd, None: self._plain}[self._packing]
        yield from blocks(unpack(), self._limit)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; standard input stays open."""
        if self._stream is not sys.stdin.buffer:
            self._stream.close()

    def _read(self, size: int) -> bytes:
        try:
            data = self._stream.read(size) or b""
        except OSError as error:
            raise SourceError(f"{self.name}: cannot be read: {_why(error)}") from error
        self.consumed += len(data)
        return data

    def _stored(self) -> Iterator[bytes]:
        """The bytes as they are."""
        data, self._head = self._head, b""
        while data:
            yield data
            data = self._read(READ)

    def _plain(self) -> Iterator[bytes]:
        stored = self._stored()
        yield next(stored, b"").removeprefix(BYTE_ORDER_MARK)
        yield from stored

    def _gunzip(self) -> Iterator[bytes]:
        unpacker = zlib.decompressobj(wbits=31)
        try:
            for stored in self._stored():
                data = stored
                while data := data.lstrip(b"\0") if unpacker.eof else data:  # members may be padded
                    if unpacker.eof:
                        unpacker = zlib.decompressobj(wbits=31)
                    yield unpacker.decompress(data, READ)
                    data = unpacker.unconsumed_tail or unpacker.unused_data
            yield unpacker.flush()
        except zlib.error as error:
            raise self._damaged("gzip", error) from error
        if not unpacker.eof:
            raise self._cut("gzip")

    def _unzstd(self) -> Iterator[bytes]:
        unpacker = zstandard.ZstdDecompressor().decompressobj()
        try:
            for stored in self._stored():
                for start in range(0, len(stored), SQUEEZED):
                    data = stored[start : start + SQUEEZED]
                    while data:
                        if unpacker.eof:
                            unpacker = zstandard.ZstdDecompressor().decompressobj()
                        yield unpacker.decompress(data)
                        data = unpacker.unused_data
        except zstandard.ZstdError as error:
            raise self._damaged("zstd", error) from error
        if not unpacker.eof:
            raise self._cut("zstd")

    def _damaged(self, packing: str, error: Exception) -> SourceError:
        return SourceError(f"{self.name}: damaged {packing} data ({error}); fetch it again")

    def _cut(self, packing: str) -> SourceError:
        return SourceError(
            f"{self.name}: the {packing} data end too early; wait until it is written, or fetch it again"
        )


def _open(path: str, name: str) -> BinaryIO:
    if path == "-":
        return sys.stdin.buffer
    try:
        if os.path.isdir(path):
            raise SourceError(f"{name}: a folder; name the files in it, such as {os.path.join(path, '*.jsonl')}")
        return open(path, "rb", buffering=0)
    except (OSError, ValueError) as error:
        raise SourceError(f"{name}: cannot be opened: {_why(error)}") from error


def _why(error: Exception) -> str:
    text = error.strerror if isinstance(error, OSError) else str(error)
    return (text or str(error)).lower()


def _size(stream: BinaryIO) -> int | None:
    try:
        found = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return None
    return found.st_size if stat.S_ISREG(found.st_mode) else None
