"""A hooks file on disk -> `HooksFile`."""

from collections.abc import Mapping
from pathlib import Path

from stream.adapters.files import STDIN, read_text
from stream.document.hooks import read_hooks
from stream.document.parse import parse_document
from stream.errors import PolicyError
from stream.excerpt import excerpt
from stream.hooks.rule import HooksFile

FILE, ARMED = "CANARY_HOOKS_FILE", "CANARY_HOOKS"
"""The variables that name the file, and that stop this runner's hooks with `off`."""


def read_hooks_file(path: str) -> HooksFile:
    """Read a YAML, TOML or JSON file, or standard input for `-`.

    Raises:
        PolicyError: it cannot be read, or something in it is wrong; one line that starts with the path.
    """
    text = read_text(path)
    if all(not line.strip() or line.lstrip().startswith("#") for line in text.splitlines()):
        raise PolicyError(f"{path}: empty; it needs `hooks`")
    document = parse_document(text, path)
    try:
        return read_hooks(document)
    except PolicyError as error:
        raise PolicyError(f"{path}: {error}") from None


def directory_of(path: str) -> Path:
    """Where relative paths in a hooks file begin: its own directory."""
    return Path.cwd() if path == STDIN else Path(path).absolute().parent


def are_off(environment: Mapping[str, str]) -> bool:
    """Whether the environment stops all hooks of this process.

    Raises:
        PolicyError: the variable says neither `on` nor `off`.
    """
    word = environment.get(ARMED, "").strip().lower() or "on"
    if word not in ("on", "off"):
        raise PolicyError(f"{ARMED}: must be on or off; got {excerpt(environment[ARMED])}")
    return word == "off"
