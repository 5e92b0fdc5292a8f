"""Text files, with errors that say what to do."""

import sys
from difflib import get_close_matches
from pathlib import Path

from stream.errors import CanaryError, PolicyError

LARGEST = 4_000_000
"""Bytes in a file that is read whole."""
STDIN = "-"


def read_text(path: str) -> str:
    """The text of a UTF-8 file that a person wrote, or of standard input for `-`.

    Raises:
        PolicyError: it cannot be read, is larger than 4 MB, or is not UTF-8; one line that starts with the path.
    """
    try:
        if path == STDIN:
            data = sys.stdin.buffer.read(LARGEST + 1)
        else:
            with Path(path).open("rb") as file:
                data = file.read(LARGEST + 1)
    except FileNotFoundError:
        raise PolicyError(f"{path}: {_missing(Path(path))}") from None
    except IsADirectoryError:
        raise PolicyError(f"{path}: is a directory; name a file in it") from None
    except PermissionError:
        raise PolicyError(f"{path}: no permission to read it") from None
    except (OSError, ValueError) as error:
        raise PolicyError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if len(data) > LARGEST:
        raise PolicyError(f"{path}: larger than {LARGEST // 1_000_000} MB")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise PolicyError(f"{path}:{line}: not UTF-8; save it as UTF-8") from None


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 file, with the directories it lies in.

    Raises:
        CanaryError: it cannot be written; one line that starts with the path.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CanaryError(f"{path}: cannot be written: {error.strerror or error}") from None


def _missing(path: Path) -> str:
    directory = path.parent.resolve()
    if not directory.is_dir():
        return f"no such file: there is no directory {directory}"
    try:
        names = [entry.name for entry in directory.iterdir() if entry.is_file()]
    except OSError:
        names = []
    near = get_close_matches(path.name, names, n=3, cutoff=0.6)
    return f"no such file (in {directory})" + (f"; did you mean {' or '.join(near)}?" if near else "")
