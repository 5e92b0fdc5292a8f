"""Settings as they are written: text by name, with the place where each stands."""

from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple

from stream.adapters.files import read_text
from stream.document.parse import parse_document
from stream.errors import PolicyError
from stream.excerpt import excerpt

SECURITY = (
    "security_protocol",
    "sasl_mechanism",
    "sasl_username",
    "sasl_password",
    "sasl_password_file",
    "sasl_token_file",
    "ssl_ca",
    "ssl_certificate",
    "ssl_key",
)
WORKER = ("listen", "chunk", "checkpoint", "session", "fetch_wait", "log", "log_level")
NAMES = ("broker", "prefix", "group", "telemetry", *SECURITY, *WORKER)
"""All settings, as a file has them; a variable is `CANARY_` and the name in capitals."""
FILE = "CANARY_SETTINGS"
"""The variable that names the file."""

_LISTS = ("broker", "telemetry")
_NUMBERS = ("chunk", "checkpoint", "session", "fetch_wait")
_PASSWORDS = ("sasl_password", "sasl_password_file")
_VARIABLES = "CANARY_"


class Written(NamedTuple):
    """One setting that is given."""

    text: str
    """Its value; of a list, the items with commas between them."""
    place: str
    """Where it stands: the variable, or the file and the field."""


def variable(name: str) -> str:
    """The variable of a setting.

    >>> variable("fetch_wait")
    'CANARY_FETCH_WAIT'
    """
    return _VARIABLES + name.upper()


def written_settings(environment: Mapping[str, str], file: Path | None) -> dict[str, Written]:
    """Every setting that is given by a variable, else by the file; an empty variable counts as not given.

    Raises:
        PolicyError: the file cannot be read, a name in it is unknown, or a variable's name is misspelt.
    """
    _refuse_misspelt(environment)
    path = str(file) if file is not None else environment.get(FILE) or None
    in_file = _from_file(path) if path is not None else {}
    texts = {name: _trimmed(name, environment.get(variable(name), "")) for name in NAMES}
    given = {name: Written(text, variable(name)) for name, text in texts.items() if text}
    if any(name in given for name in _PASSWORDS):
        in_file = {name: found for name, found in in_file.items() if name not in _PASSWORDS}
    return {**in_file, **given}


def _from_file(path: str) -> dict[str, Written]:
    text = read_text(path)
    if all(not line.strip() or line.lstrip().startswith("#") for line in text.splitlines()):
        return {}
    found = {}
    for name, value in parse_document(text, path).items():
        place = f"{path}: {name}"
        if name not in NAMES:
            near = get_close_matches(name.lower().removeprefix(_VARIABLES.lower()), NAMES, n=1, cutoff=0.7)
            hint = f'did you mean "{near[0]}"? ' if near else ""
            raise PolicyError(f"{place}: unknown setting; {hint}known: {', '.join(NAMES)}")
        if value is not None:
            found[name] = Written(_as_text(name, value, place), place)
    return found


def _as_text(name: str, value: object, place: str) -> str:
    if name in _LISTS and isinstance(value, list) and value and all(isinstance(item, str) for item in value):
        return ",".join(value)
    if isinstance(value, str) and value.strip():
        return _trimmed(name, value)
    if isinstance(value, int | float) and not isinstance(value, bool) and name in _NUMBERS:
        return str(value)
    wanted = "a number" if name in _NUMBERS else "text or a list of texts" if name in _LISTS else "text, in quotes"
    shown = "" if name == "sasl_password" else f"; got {excerpt(value)}"
    raise PolicyError(f"{place}: must be {wanted}{shown}")


def _trimmed(name: str, text: str) -> str:
    """Without the spaces around it; those of a password may belong to it."""
    return text if name == "sasl_password" and text.strip() else text.strip()


def _refuse_misspelt(environment: Mapping[str, str]) -> None:
    """A misspelt variable would be a setting that silently does not hold."""
    known = [variable(name) for name in NAMES] + [FILE]
    short = {name.removeprefix(_VARIABLES): name for name in known}
    for name in environment:
        if not name.startswith(_VARIABLES) or name in known:
            continue
        near = get_close_matches(name.removeprefix(_VARIABLES), short, n=1, cutoff=0.88)
        if near:
            raise PolicyError(f"{name}: no such setting; did you mean {short[near[0]]}?")
