"""A rollout file on disk -> `Rollout`."""

from stream.adapters.files import read_text
from stream.document.parse import parse_document
from stream.document.rollout import read_rollout
from stream.errors import PolicyError
from stream.rollout import Rollout


def read_rollout_file(path: str) -> Rollout:
    """Read a YAML, TOML or JSON file, or standard input for `-`.

    Raises:
        PolicyError: it cannot be read, or something in it is wrong; one line that starts with the path.
    """
    document = parse_document(read_text(path), path)
    try:
        return read_rollout(document)
    except PolicyError as error:
        raise PolicyError(f"{path}: {error}") from None
