"""The first thing that is wrong with plain data, in plain words: `alpha: must be a number over 0; got -1`.

msgspec decides whether data fits a type; this file says why it does not.
"""

import re
from collections.abc import Iterator, Mapping, Sequence

import msgspec.inspect as mi

from stream.document.field_name import meant, unknown_field
from stream.excerpt import excerpt
from stream.quantity import decode_quantity

_PLAIN_NAME = re.compile(r"[A-Za-z_][\w-]*")
_PATH = re.compile(r"(.*) - at `\$\.?(.*)`", re.DOTALL)


def find_mistake(data: Mapping[str, object], fields: Sequence[mi.Field], path: str = "") -> str | None:
    """The first mistake of a mapping that should have these fields: its path and the remedy, on one line."""
    known = [field.encode_name for field in fields]
    for name in data:
        if name not in known:
            return unknown_field(below(path, name), str(name), known)
    for field in fields:
        inner = below(path, field.encode_name)
        if field.encode_name in data:
            found = _mistake(data[field.encode_name], field.type, inner)
            if found:
                return found
        elif field.required:
            return f"{inner}: missing; {_description(field.type)}"
    return None


def below(path: str, name: object) -> str:
    """The path of a field or key under `path`.

    >>> below("groups", "http.server"), below("baseline", "version")
    ('groups["http.server"]', 'baseline.version')
    """
    if isinstance(name, str) and _PLAIN_NAME.fullmatch(name):
        return f"{path}.{name}" if path else name
    return f"{path}[{excerpt(name)}]"


def reworded(complaint: str) -> str:
    """A complaint of msgspec, for what `find_mistake` has no words for.

    >>> reworded("Expected `int`, got `str` - at `$.policy.n_min`")
    'n_min: expected int, got str'
    """
    match = _PATH.fullmatch(complaint)
    words, path = match.groups() if match else (complaint, "")
    words = " ".join(words.replace("`", "").split())
    return f"{path.removeprefix('policy.') or 'rollout'}: {words[:1].lower()}{words[1:]}"


def _mistake(value: object, kind: mi.Type, path: str) -> str | None:
    description = _description(kind)
    kind, nullable = _bare(kind)
    if value is None and nullable:
        return None
    if isinstance(kind, mi.CustomType):
        return _quantity_mistake(value, kind, path)
    if not _fits(value, kind):
        return f"{path}: must be {_expected(kind)}{_hint(value, kind)}; got {excerpt(value)}"
    if isinstance(kind, mi.StrType) and kind.pattern and not re.search(kind.pattern, str(value)):
        return f"{path}: must be {description}; got {excerpt(value)}"
    if isinstance(kind, mi.StructType) and isinstance(value, dict):
        return find_mistake(value, kind.fields, path)
    return next(filter(None, (_mistake(item, inner, where) for item, inner, where in _items(value, kind, path))), None)


def _quantity_mistake(value: object, kind: mi.CustomType, path: str) -> str | None:
    try:
        decode_quantity(kind.cls, value)
    except ValueError as error:
        return f"{path}: {error}"
    return None


def _bare(kind: mi.Type) -> tuple[mi.Type, bool]:
    """A type without its descriptions, and whether null will do as well."""
    nullable = False
    while isinstance(kind, (mi.Metadata, mi.UnionType)):
        if isinstance(kind, mi.Metadata):
            kind = kind.type
        else:
            nullable = True
            kind = next(one for one in kind.types if not isinstance(one, mi.NoneType))
    return kind, nullable


def _description(kind: mi.Type) -> str:
    extra = kind.extra_json_schema if isinstance(kind, mi.Metadata) else None
    return str((extra or {}).get("description", "")).split(";")[0]


def _fits(value: object, kind: mi.Type) -> bool:
    """Whether a value itself is right, whatever is inside it."""
    match kind:
        case mi.BoolType():
            return isinstance(value, bool)
        case mi.IntType():
            return isinstance(value, int) and not isinstance(value, bool) and _inside(value, kind)
        case mi.FloatType():
            return isinstance(value, (int, float)) and not isinstance(value, bool) and _inside(value, kind)
        case mi.StrType():
            return isinstance(value, str) and _inside_length(len(value), kind)
        case mi.LiteralType():
            return isinstance(value, str) and value in kind.values
        case mi.VarTupleType():
            return isinstance(value, list) and _inside_length(len(value), kind)
        case _:
            return isinstance(value, dict)


def _inside(value: float, kind: mi.IntType | mi.FloatType) -> bool:
    return (
        (kind.gt is None or value > kind.gt)
        and (kind.ge is None or value >= kind.ge)
        and (kind.lt is None or value < kind.lt)
        and (kind.le is None or value <= kind.le)
    )


def _inside_length(length: int, kind: mi.StrType | mi.VarTupleType) -> bool:
    return (kind.min_length or 0) <= length and (kind.max_length is None or length <= kind.max_length)


def _expected(kind: mi.Type) -> str:
    match kind:
        case mi.BoolType():
            return "true or false"
        case mi.IntType():
            return f"a whole number {_range(kind)}".rstrip()
        case mi.FloatType():
            return f"a number {_range(kind)}".rstrip()
        case mi.StrType():
            return f"text{_lengths(kind, 'characters')}"
        case mi.LiteralType():
            quoted = [excerpt(word) for word in kind.values]
            return " or ".join(filter(None, (", ".join(quoted[:-1]), quoted[-1])))
        case mi.VarTupleType():
            return f"a list{_lengths(kind, 'entries')}"
        case mi.StructType():
            return f"a mapping of fields such as `{kind.fields[0].encode_name}`"
        case _:
            return "a mapping"


def _range(kind: mi.IntType | mi.FloatType) -> str:
    """The allowed range, such as `over 0 and at most 0.5`."""
    if kind.ge is not None and kind.le is not None:
        return f"from {kind.ge:.12g} to {kind.le:.12g}"
    ends = (("over", kind.gt), ("from", kind.ge), ("under", kind.lt), ("at most", kind.le))
    return " and ".join(f"{word} {end:.12g}" for word, end in ends if end is not None)


def _lengths(kind: mi.StrType | mi.VarTupleType, noun: str) -> str:
    if kind.max_length is not None:
        return f" of {kind.min_length or 0} to {kind.max_length} {noun}"
    return f" of 1 or more {noun}" if kind.min_length else ""


def _hint(value: object, kind: mi.Type) -> str:
    if isinstance(kind, (mi.BoolType, mi.IntType, mi.FloatType)) and isinstance(value, str):
        return ", without quotes"
    if isinstance(kind, mi.StrType) and isinstance(value, (int, float)):
        return ", in quotes"
    if isinstance(kind, mi.LiteralType) and isinstance(value, str):
        word = meant(value, map(str, kind.values))
        return f' (did you mean "{word}"?)' if word else ""
    return ""


def _items(value: object, kind: mi.Type, path: str) -> Iterator[tuple[object, mi.Type, str]]:
    """What is inside a list or a mapping: each value, the type it should have, its path."""
    if isinstance(kind, mi.VarTupleType) and isinstance(value, list):
        yield from ((item, kind.item_type, f"{path}[{i}]") for i, item in enumerate(value))
    if isinstance(kind, mi.DictType) and isinstance(value, dict):
        yield from ((item, kind.value_type, below(path, name)) for name, item in value.items())
