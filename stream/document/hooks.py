"""A hooks file's plain data -> `HooksFile`.

>>> file = read_hooks({"hooks": [{"name": "page", "type": "command", "command": ["./page", "--now"]}]})
>>> file.hooks[0].command, file.hooks[0].dry_run, str(file.max_age)
(('./page', '--now'), True, '15m')
"""

from collections.abc import Iterator, Mapping
from typing import cast

import msgspec
import msgspec.inspect as mi

from stream.document.field_name import meant
from stream.document.hook_rules import RULES
from stream.document.mistake import below, find_mistake
from stream.errors import PolicyError
from stream.hooks.rule import HookRule, HooksFile
from stream.quantity import decode_quantity

_FILE = cast(mi.StructType, mi.type_info(HooksFile)).fields
_HOOK = cast(mi.StructType, mi.type_info(HookRule)).fields
_ALIASES = {
    "app": "apps",
    "args": "command",
    "argv": "command",
    "cmd": "command",
    "dryrun": "dry_run",
    "endpoint": "url",
    "exec": "command",
    "fallback": "escalate",
    "host": "hosts",
    "kind": "type",
    "next": "escalate",
    "run": "command",
    "secret": "secret_file",
    "then": "escalate",
    "uri": "url",
    "verdict": "on",
    "verdicts": "on",
    "when": "on",
}
"""What other tools call our fields."""


def read_hooks(document: Mapping[str, object]) -> HooksFile:
    """Read a hooks file.

    Raises:
        PolicyError: one line that starts with the path of the field: what is wrong, and the remedy.
    """
    relaxed = _relaxed(document)
    for mistake in _unknown_names(relaxed):
        raise PolicyError(mistake)
    try:
        file = msgspec.convert(relaxed, HooksFile, dec_hook=decode_quantity)
    except msgspec.ValidationError as error:
        raise PolicyError(find_mistake(relaxed, _FILE) or str(error)) from None
    for rule in RULES:
        for mistake in rule(file):
            raise PolicyError(mistake)
    return file


def _relaxed(document: Mapping[str, object]) -> dict[str, object]:
    """Short forms that can only mean one thing, written out: one word for a list of one."""
    relaxed = dict(document)
    hooks = document.get("hooks")
    if isinstance(hooks, list):
        relaxed["hooks"] = [_listed(hook, "on", "apps", "hosts") if isinstance(hook, dict) else hook for hook in hooks]
    return _listed(relaxed, "allow_hosts")


def _listed(fields: Mapping[str, object], *names: str) -> dict[str, object]:
    return {name: [value] if name in names and isinstance(value, str) else value for name, value in fields.items()}


def _unknown_names(document: Mapping[str, object]) -> Iterator[str]:
    hooks = document.get("hooks")
    yield from _unknown(document, _FILE, "")
    for number, hook in enumerate(hooks if isinstance(hooks, list) else ()):
        if isinstance(hook, dict):
            yield from _unknown(hook, _HOOK, f"hooks[{number}]")


def _unknown(found: Mapping[str, object], fields: tuple[mi.Field, ...], path: str) -> Iterator[str]:
    known = [field.encode_name for field in fields]
    for name in found:
        if name in known:
            continue
        alias = _ALIASES.get(str(name).lower().replace("-", "_"))
        near = meant(str(name), known)
        hint = f'here it is called "{alias}"; ' if alias in known else f'did you mean "{near}"? ' if near else ""
        place = "belongs to a hook, in `hooks`; " if not hint and name in _names(_HOOK) else ""
        place = "belongs to the file, beside `hooks`; " if not hint and name in _names(_FILE) else place
        yield f"{below(path, name)}: unknown field; {hint or place}known: {', '.join(known)}"


def _names(fields: tuple[mi.Field, ...]) -> list[str]:
    return [field.encode_name for field in fields]
