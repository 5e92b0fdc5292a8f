"""What a wrong name was meant to be: spelling, names of other tools, a field in the wrong place.

>>> unknown_field("metrics[0].direction", "direction", ["name", "worse"])
'metrics[0].direction: unknown field; here it is called "worse"; known: name, worse'
"""

import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from msgspec.structs import fields

from stream.policy import MetricRule, Policy
from stream.rollout import Rollout, Selector

_ALIASES: dict[str, tuple[str, ...]] = {
    "allowed_increase": ("tolerate",),
    "allowed_lateness": ("lateness",),
    "application": ("app",),
    "bake": ("bake_time",),
    "confidence": ("alpha",),
    "control": ("baseline",),
    "delay": ("warmup",),
    "denominator": ("of",),
    "direction": ("worse",),
    "duration": ("deadline",),
    "effect_size": ("tolerate",),
    "end": ("until",),
    "environment": ("env",),
    "experiment": ("canary",),
    "grace": ("lateness",),
    "group_weights": ("groups",),
    "hosts": ("instances",),
    "instance": ("instances",),
    "interval": ("pane",),
    "label": ("labels",),
    "lifetime": ("deadline",),
    "metric": ("metrics", "name"),
    "min_effect": ("tolerate",),
    "min_samples": ("n_min",),
    "percentiles": ("views",),
    "pods": ("instances",),
    "quantiles": ("views",),
    "required": ("critical",),
    "selector": ("baseline", "labels"),
    "selectors": ("baseline", "labels"),
    "service": ("app",),
    "significance": ("alpha",),
    "soak": ("bake_time",),
    "stable": ("baseline",),
    "start": ("from",),
    "step": ("pane",),
    "tags": ("labels",),
    "threshold": ("tolerate", "pass"),
    "timeout": ("deadline",),
    "total": ("of",),
    "treatment": ("canary",),
    "type": ("kind",),
    "warm_up": ("warmup",),
    "window": ("pane",),
}
_SAYINGS: dict[str, str] = {
    "both": "either",
    "count": "rate",
    "counter": "rate",
    "decrease": "lower",
    "down": "lower",
    "histogram": "distribution",
    "increase": "higher",
    "less": "lower",
    "linear": "raw",
    "more": "higher",
    "share": "ratio",
    "timer": "distribution",
    "up": "higher",
}
"""Values that other tools have for ours."""


def names_of(struct: type) -> tuple[str, ...]:
    """The fields of a struct as files have them."""
    return tuple(field.encode_name for field in fields(struct))


TOP = tuple(name for name in names_of(Rollout) if name != "policy") + names_of(Policy)
"""The fields of a rollout file, the policy's beside the rollout's own."""
_PLACES = (
    ("at the top of the file", TOP),
    ("in an entry of `metrics`", names_of(MetricRule)),
    ("in `baseline` and `canary`", names_of(Selector)),
)


def unknown_field(path: str, name: str, known: Sequence[str]) -> str:
    """The mistake of a field that does not exist: where it is, what it may be meant for, and what there is."""
    return f"{path}: unknown field; {_hint(name, known)}known: {', '.join(known)}"


def meant(value: str, known: Iterable[str]) -> str | None:
    """The known word that `value` may stand for."""
    by_letters = {_letters(word): word for word in known}
    said = _SAYINGS.get(value.lower())
    if said in by_letters:
        return said
    close = get_close_matches(_letters(value), by_letters, n=1, cutoff=0.7)
    return by_letters[close[0]] if close else None


def _hint(name: str, known: Sequence[str]) -> str:
    letters = _letters(name)
    aliases = {_letters(alias): ours for alias, ours in _ALIASES.items()}.get(letters, ())
    here = next((ours for ours in aliases if ours in known), None)
    if here and letters not in map(_letters, known):
        return f'here it is called "{here}"; '
    if word := meant(name, known):
        return f'did you mean "{word}"? '
    for place, names in _PLACES:
        found = next((ours for ours in (name, *aliases) if ours in names), None)
        if found:
            called = "" if found == name else f', called "{found}"'
            return f"it belongs {place}{called}; "
    return ""


def _letters(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
