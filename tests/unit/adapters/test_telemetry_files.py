import gzip
import io
import os
import sys
import tracemalloc
from pathlib import Path

import pytest
import zstandard

from stream.adapters.telemetry_files import TelemetryFile
from stream.errors import SourceError
from stream.formats.native import decode
from stream.replay.lines import BYTES, LINES

TEXT = b"".join(b'{"n":%d}\n' % number for number in range(10_000))
LINES_OF_TEXT = TEXT.splitlines()


def read(path: Path | str, limit: int = 1000) -> list[bytes]:
    with TelemetryFile(str(path), limit) as file:
        return [line for block in file for line in block]


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def error(path: Path | str) -> str:
    with pytest.raises(SourceError) as raised:
        read(path)
    assert "\n" not in str(raised.value)
    return str(raised.value)


PACKED = {
    "a.jsonl": TEXT,
    "a.jsonl.gz": gzip.compress(TEXT),
    "a.jsonl.zst": zstandard.compress(TEXT),
    "without_an_ending": gzip.compress(TEXT),
    "other.txt": zstandard.compress(TEXT),
    "members.gz": gzip.compress(TEXT[:777]) + gzip.compress(TEXT[777:]) + b"\0" * 512,
    "frames.zst": zstandard.compress(TEXT[:777]) + zstandard.compress(TEXT[777:]),
}


@pytest.mark.parametrize("name", PACKED)
def test_plain_and_packed(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, PACKED[name])
    assert read(path) == LINES_OF_TEXT
    with TelemetryFile(str(path)) as file:
        assert file.size == len(PACKED[name])
        for _ in file:
            pass
        assert file.consumed == file.size


def test_a_frame_of_unknown_length(tmp_path: Path) -> None:
    packer = zstandard.ZstdCompressor().compressobj()
    path = write(tmp_path / "a.zst", packer.compress(TEXT) + packer.flush())
    assert read(path) == LINES_OF_TEXT


def test_blocks_are_not_larger_than_they_need_be(tmp_path: Path) -> None:
    with TelemetryFile(str(write(tmp_path / "a", TEXT))) as file:
        assert [len(block) for block in file] == [LINES, LINES, len(LINES_OF_TEXT) - 2 * LINES]
    long = b"x" * 100_000 + b"\n"
    with TelemetryFile(str(write(tmp_path / "b", long * 100))) as file:
        sizes = [sum(map(len, block)) for block in file]
    assert sum(sizes) == 100 * 100_000
    assert max(sizes) < 2 * BYTES


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (b"", []),
        (b"\n\n  \n\t\r\n", []),
        (b"a", [b"a"]),
        (b"a\nb", [b"a", b"b"]),
        (b"a\r\nb\r\n\r\nc\r", [b"a", b"b", b"c"]),
        (b"\xef\xbb\xbfa\n\xef\xbb\xbfb", [b"a", b"\xef\xbb\xbfb"]),
        (b"\xef\xbb\xbf", []),
        (b" a \n\nb", [b" a ", b"b"]),
        (b"\x00\n", [b"\x00"]),
    ],
)
def test_lines(tmp_path: Path, data: bytes, lines: list[bytes]) -> None:
    assert read(write(tmp_path / "a", data)) == lines


@pytest.mark.parametrize("name", ["a", "a.gz", "a.zst"])
def test_a_line_that_is_too_long_is_cut_in_little_memory(tmp_path: Path, name: str) -> None:
    data = b"a\n" + b"x" * 50_000_000 + b"\nb\n" + b"y" * 50_000_000
    packed = {"a": data, "a.gz": gzip.compress(data, 1), "a.zst": zstandard.compress(data)}
    path = write(tmp_path / name, packed.pop(name))
    packed.clear()
    del data
    tracemalloc.start()
    lines = read(path, limit=1000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert lines[0] == b"a"
    assert lines[2] == b"b"
    assert [len(line) > 1000 for line in lines] == [False, True, False, True]
    assert peak < 40_000_000
    assert [fault.error.reason for fault in decode([lines[1], lines[3]], limit=1000).faults] == ["too_large"] * 2


def test_a_line_just_within_the_limit(tmp_path: Path) -> None:
    path = write(tmp_path / "a", b"x" * 1000 + b"\n" + b"y" * 1001)
    assert [len(line) for line in read(path, limit=1000)] == [1000, 1001]


@pytest.mark.parametrize("name", ["a.gz", "a.zst"])
def test_a_file_that_is_cut(tmp_path: Path, name: str) -> None:
    packed = PACKED["a.jsonl" + name[1:]]
    for length in (5, len(packed) // 2, len(packed) - 1):
        path = write(tmp_path / name, packed[:length])
        assert error(path).startswith(f"{path}: the ")
        assert "end too early" in error(path)


def test_what_comes_before_the_cut_is_read(tmp_path: Path) -> None:
    path = write(tmp_path / "a.gz", gzip.compress(os.urandom(100_000).hex().encode().replace(b"0", b"\n"))[:50_000])
    with TelemetryFile(str(path)) as file:
        blocks = iter(file)
        assert next(blocks)
        with pytest.raises(SourceError):
            next(blocks)


@pytest.mark.parametrize("name", ["a.gz", "a.zst"])
def test_a_damaged_file(tmp_path: Path, name: str) -> None:
    pack = gzip.compress if name == "a.gz" else zstandard.ZstdCompressor(write_checksum=True).compress
    packed = bytearray(pack(TEXT))
    packed[len(packed) // 2] ^= 0xFF
    assert "damaged" in error(write(tmp_path / name, bytes(packed)))


def test_something_else_after_the_packed_data(tmp_path: Path) -> None:
    assert "damaged gzip data" in error(write(tmp_path / "a.gz", gzip.compress(TEXT) + b"plain"))
    assert "damaged zstd data" in error(write(tmp_path / "a.zst", zstandard.compress(TEXT) + b"plain"))


@pytest.mark.parametrize("data", [b"", b"{", TEXT, zstandard.compress(TEXT)])
def test_a_file_that_is_not_what_its_name_says(tmp_path: Path, data: bytes) -> None:
    path = write(tmp_path / "a.jsonl.gz", data)
    assert error(path).startswith(f"{path}: not gzip data")


def test_paths_that_cannot_be_read(tmp_path: Path) -> None:
    missing = tmp_path / "missing.jsonl"
    assert error(missing) == f"{missing}: cannot be opened: no such file or directory"
    assert "a folder" in error(tmp_path)
    assert "cannot be opened" in error("a\0b")
    if os.geteuid():
        closed = write(tmp_path / "closed", TEXT)
        closed.chmod(0)
        assert "permission denied" in error(closed)


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    for data in (TEXT, gzip.compress(TEXT)):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        assert read("-") == LINES_OF_TEXT
        assert not sys.stdin.closed
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\x1f\x8b")))
    assert error("-").startswith("standard input: ")


def test_a_pipe(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = os.open(path, os.O_RDWR)
    os.write(writer, b'{"a":1}\n{"b":2}\n')
    with TelemetryFile(str(path)) as file:
        os.close(writer)
        assert file.size is None
        assert [line for block in file for line in block] == [b'{"a":1}', b'{"b":2}']
