"""What a hooks file must satisfy beyond its types, and what in it is legal but seldom meant.

Each rule yields its mistakes, each one line: path, what, remedy. Nothing depends on a doubt.
"""

from collections.abc import Callable, Iterator

from stream.hooks.host import host_of, is_entry, is_listed, is_local
from stream.hooks.rule import USUAL_ON, HookRule, HooksFile
from stream.quantity import Duration
from stream.words import listed

_OWN = {"webhook": ("url", "secret_file", "hosts"), "command": ("command",)}
"""The fields that only hooks of one type have."""
_MAIN = {"webhook": "url", "command": "command"}
SECRET = "whsec_"
"""What a secret begins with."""
_MINUTE, _DAY = 60_000, 86_400_000

Rule = Callable[[HooksFile], Iterator[str]]


def doubts(file: HooksFile) -> list[str]:
    """Everything doubtful, in the order of the hooks."""
    return [text for number, rule in enumerate(file.hooks) for text in _doubts(file, rule, f"hooks[{number}]")]


def _doubts(file: HooksFile, rule: HookRule, path: str) -> Iterator[str]:
    host = host_of(rule.url or "")
    if host is not None and not rule.secret_file:
        yield f"{path}.secret_file: without a secret the receiver cannot tell our calls from others'"
    if host is not None and (rule.url or "").lower().startswith("http:") and not is_local(host):
        yield f"{path}.url: http is read, and can be changed, by everyone on the way; https is not"
    following = file.find(rule.escalate or "")
    if following is not None and following.dry_run and not rule.dry_run:
        yield f'{path}.escalate: "{following.name}" is a dry run, so that nothing is called when this hook fails'


def _names(file: HooksFile) -> Iterator[str]:
    first: dict[str, int] = {}
    for number, rule in enumerate(file.hooks):
        if rule.name in first:
            yield f'hooks[{number}].name: "{rule.name}" is already the name of hooks[{first[rule.name]}]'
        first.setdefault(rule.name, number)


def _types(file: HooksFile) -> Iterator[str]:
    for number, rule in enumerate(file.hooks):
        for kind, names in _OWN.items():
            for name in names:
                if kind != rule.type and getattr(rule, name) is not None:
                    yield f"hooks[{number}].{name}: only a {kind} has it; this is a {rule.type}"
        if getattr(rule, _MAIN[rule.type]) is None:
            yield f"hooks[{number}].{_MAIN[rule.type]}: missing; a {rule.type} needs it"
        if (rule.secret_file or "").strip().startswith(SECRET):
            yield f"hooks[{number}].secret_file: is the secret itself; put that into a file, and name the file here"
        if rule.command is not None and not rule.command[0]:
            yield f"hooks[{number}].command: the first entry must name a program"


def _urls(file: HooksFile) -> Iterator[str]:
    yield from _entries("allow_hosts", file.allow_hosts)
    for number, rule in enumerate(file.hooks):
        yield from _entries(f"hooks[{number}].hosts", rule.hosts or ())
        if rule.url is None:
            continue
        host = host_of(rule.url)
        if host is None:
            yield (
                f"hooks[{number}].url: must be http:// or https:// with a host, without user, password and fragment;"
                " secrets belong into `secret_file`"
            )
        elif not is_listed(host, file.hosts_of(rule)):
            where = "allow_hosts" if rule.hosts is None else f"hooks[{number}].hosts"
            yield f"hooks[{number}].url: host {host} is not allowed; add it to `{where}`"


def _entries(path: str, entries: tuple[str, ...]) -> Iterator[str]:
    for number, entry in enumerate(entries):
        if not is_entry(entry):
            yield (
                f"{path}[{number}]: must be a host's name without port, *.example.com, an address or a network"
                f' such as 10.0.0.0/8; got "{entry}"'
            )


def _times(file: HooksFile) -> Iterator[str]:
    yield from _between("max_age", file.max_age, _MINUTE, 7 * _DAY)
    for number, rule in enumerate(file.hooks):
        yield from _between(f"hooks[{number}].timeout", rule.timeout, 100, 10 * _MINUTE)


def _between(path: str, value: Duration, least: int, most: int) -> Iterator[str]:
    if not least <= value.ms <= most:
        yield f"{path}: must be {Duration(least)} to {Duration(most)}; got {value}"


def _escalations(file: HooksFile) -> Iterator[str]:
    names = [rule.name for rule in file.hooks]
    by = {rule.escalate: rule.name for rule in file.hooks if rule.escalate is not None}
    for number, rule in enumerate(file.hooks):
        if rule.escalate is not None and rule.escalate not in names:
            yield f'hooks[{number}].escalate: there is no hook "{rule.escalate}"; there are {listed(names)}'
        elif _comes_back(file, rule):
            yield f"hooks[{number}].escalate: leads back to this hook; let one of them have none"
        if rule.name in by:
            for field, given in (("on", rule.on), ("apps", rule.apps)):
                if given:
                    yield (
                        f'hooks[{number}].{field}: has no effect, as this hook only follows "{by[rule.name]}" when'
                        " that fails; remove it"
                    )
        elif rule.on is not None and len(set(rule.on)) < len(rule.on):
            yield f"hooks[{number}].on: each at most once; got {', '.join(rule.on)}"


def _comes_back(file: HooksFile, rule: HookRule) -> bool:
    following, seen = rule, set[str]()
    while following.escalate is not None and following.name not in seen:
        seen.add(following.name)
        found = file.find(following.escalate)
        if found is None:
            return False
        following = found
    return following.name == rule.name and rule.escalate is not None


def fires_on(rule: HookRule) -> str:
    """The verdicts on which a hook fires, in words."""
    return listed(list(rule.on or USUAL_ON))


RULES: tuple[Rule, ...] = (_names, _types, _urls, _times, _escalations)
"""The rules. One that is not listed here does not hold."""
