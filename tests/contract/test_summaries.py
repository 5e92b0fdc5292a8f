"""What every summary in the registry must obey."""

from copy import deepcopy
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.arrays import Floats
from stream.condense.groups import PLAIN, distributions
from stream.summary import SUMMARIES, Summary
from stream.wire import decoder, encode_json

VALUES = {
    "distribution": st.one_of(st.floats(0, 1e200), st.floats(0, 1e-300), st.floats(0.5, 2000), st.just(0.0)),
    "gauge": st.one_of(st.floats(-1e200, 1e200), st.floats(-1, 1)),
    "count": st.one_of(st.integers(0, 2**53), st.integers(0, 100)),
    "ratio": st.integers(0, 1),
}
KINDS = sorted(SUMMARIES)


def lists(kind: str) -> st.SearchStrategy[Floats]:
    return st.lists(VALUES[kind], max_size=20).map(lambda values: np.array(values, dtype=np.float64))


def summary(kind: str, values: Floats) -> Summary:
    return SUMMARIES[kind].of_values(values)


def merged(*parts: Summary) -> Summary:
    """The parts as one; they are left as they are."""
    first = deepcopy(parts[0])
    for part in parts[1:]:
        first.merge(part)  # type: ignore[arg-type]
    return first


def bits(found: Summary) -> bytes:
    return encode_json(found)


def test_every_summary_is_tested() -> None:
    assert VALUES.keys() == SUMMARIES.keys()
    assert PLAIN.keys() | {"distribution"} == SUMMARIES.keys()


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_merging_parts_is_summarising_all(kind: str, data: st.DataObject) -> None:
    parts = data.draw(st.lists(lists(kind), min_size=1, max_size=5))
    assert bits(merged(*(summary(kind, part) for part in parts))) == bits(summary(kind, np.concatenate(parts)))


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_order_and_grouping_do_not_matter(kind: str, data: st.DataObject) -> None:
    a, b, c = (summary(kind, data.draw(lists(kind))) for _ in range(3))
    assert bits(merged(a, b)) == bits(merged(b, a))
    assert bits(merged(merged(a, b), c)) == bits(merged(a, merged(b, c)))


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_merging_leaves_the_other_one_alone(kind: str, data: st.DataObject) -> None:
    one, other = (summary(kind, data.draw(lists(kind))) for _ in range(2))
    before = bits(other)
    merged(one, other)
    assert bits(other) == before


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_nothing_is_neutral(kind: str, data: st.DataObject) -> None:
    one = summary(kind, data.draw(lists(kind)))
    assert bits(merged(one, summary(kind, np.zeros(0)))) == bits(one)


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_a_summary_survives_the_wire(kind: str, data: st.DataObject) -> None:
    one, other = (summary(kind, data.draw(lists(kind))) for _ in range(2))
    again = decoder(Summary).decode(bits(one))
    assert type(again) is SUMMARIES[kind]
    assert bits(again) == bits(one)
    assert bits(merged(again, other)) == bits(merged(one, other))


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_many_at_once_are_the_same(kind: str, data: st.DataObject) -> None:
    parts = data.draw(st.lists(lists(kind).filter(len), min_size=1, max_size=5))
    order = data.draw(st.permutations(range(sum(map(len, parts)))))
    group = np.concatenate([np.full(len(part), number) for number, part in enumerate(parts)])[order]
    values = np.concatenate(parts)[order]
    if kind == "distribution":
        found: list[Any] = [*distributions(group, len(parts), values)]
    else:
        found = PLAIN[kind](group, len(parts), values, np.full(len(values), np.nan))
    assert [bits(one) for one in found] == [bits(summary(kind, part)) for part in parts]
