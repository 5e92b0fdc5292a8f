"""Numbering and counting, by a table or by sorting: the same either way."""

from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.condense.groups import distributions, merged, numbered
from stream.summary import Distribution

TABLE, SORT = 10**6, 0
CODES = st.lists(st.one_of(st.integers(0, 9), st.integers(0, 5000)), max_size=60)
VALUES = st.lists(st.sampled_from([0.0, 0.5, 1.0, 3.0, 100.0, 1e-300, 1e199]), max_size=9)
SAMPLES = st.lists(st.tuples(st.integers(0, 2), st.sampled_from([0.0, 0.5, 1.0, 3.0, 100.0])), max_size=40)


@pytest.mark.parametrize("way", [TABLE, SORT])
@given(CODES)
def test_codes_are_numbered_in_order(way: int, codes: list[int]) -> None:
    with patch("stream.condense.groups._DENSE", way):
        found, places = numbered(np.array(codes, dtype=np.int64))
    assert found.tolist() == sorted(set(codes))
    assert [found[place] for place in places.tolist()] == codes


@pytest.mark.parametrize("way", [TABLE, SORT])
@given(SAMPLES)
def test_groups_are_summarised_one_by_one(way: int, samples: list[tuple[int, float]]) -> None:
    group, values = np.array([(0, 1.0), (1, 0.0), (2, 9.0), *samples]).T
    with patch("stream.condense.groups._DENSE", way):
        found = distributions(group.astype(np.int64), 3, values.copy())
    for number, summary in enumerate(found):
        assert seen(summary) == seen(Distribution.of_values(values[group == number]))


@pytest.mark.parametrize("way", [TABLE, SORT])
@given(st.lists(st.tuples(VALUES, VALUES), max_size=5), st.booleans())
def test_many_are_merged_as_one_by_one(way: int, pairs: list[tuple[list[float], list[float]]], mixed: bool) -> None:
    summaries = [(summary_of(one), summary_of(other)) for one, other in pairs]
    if mixed and summaries:
        summaries[0][0].coarsen(3)
    before = [(seen(one), seen(other)) for one, other in summaries]
    with patch("stream.condense.groups._DENSE", way):
        found = merged(summaries)
    assert [(seen(one), seen(other)) for one, other in summaries] == before, "they were changed"
    for one, other in summaries:
        one.merge(other)
    assert [seen(summary) for summary in found] == [seen(one) for one, _ in summaries]


def summary_of(values: list[float]) -> Distribution:
    return Distribution.of_values(np.array(values, dtype=np.float64))


def seen(one: Distribution) -> tuple[object, ...]:
    """All that a summary says."""
    assert one.bins.dtype == one.counts.dtype == np.int64
    return one.count, one.zeros, one.logs, one.scale, one.bins.tolist(), one.counts.tolist()
