"""Partials as records of at most 900 KB, of which only the last one moves the source."""

import numpy as np
import pytest

from stream.condense.pieces import LARGEST, pieces
from stream.partial import Partial, Row, RowKey
from stream.summary import Distribution
from stream.wire import decoder, encode_json

read = decoder(Partial).decode


def partial(rows: int, values: int = 50) -> Partial:
    """One with rows of about 1 KB each."""
    chance = np.random.default_rng(1)
    made = [
        Row(
            number // 100,
            RowKey("canary", f"i{number:04}", "", "latency", "ms", "", "distribution"),
            Distribution.of_values(np.exp(chance.normal(0, 2, values))),
        )
        for number in range(rows)
    ]
    return Partial("shop-1", "telemetry-0", 5, 99, 1_000, made, {3: {"late": 7}})


def test_a_small_partial_is_one_record() -> None:
    whole = partial(10)
    assert list(pieces(whole)) == [encode_json(whole)]


@pytest.mark.parametrize("largest", [5_000, 20_000, 100_000])
def test_a_large_one_comes_in_pieces_that_hold_each_row_once_and_in_order(largest: int) -> None:
    whole = partial(500)
    found = [read(piece) for piece in pieces(whole, largest)]
    assert len(found) > len(encode_json(whole)) / largest
    assert all(len(piece) <= largest for piece in pieces(whole, largest))
    assert encode_json([row for piece in found for row in piece.rows]) == encode_json(whole.rows)
    assert {(one.rollout, one.source, one.start, one.upto, one.newest) for one in found} == {
        ("shop-1", "telemetry-0", 5, 99, 1_000)
    }


def test_only_the_last_piece_moves_the_source_and_tells_what_was_kept_out() -> None:
    *others, last = [read(piece) for piece in pieces(partial(500), 20_000)]
    assert all(one.more and one.kept_out == {} for one in others)
    assert (last.more, last.kept_out) == (False, {3: {"late": 7}})


def test_the_usual_limit_is_under_a_megabyte() -> None:
    whole = partial(4_000)
    assert len(encode_json(whole)) > 1_000_000
    found = list(pieces(whole))
    assert len(found) > 1
    assert max(map(len, found)) <= LARGEST < 1_000_000


def test_a_row_that_is_too_large_by_itself_is_left_out_and_the_source_moves() -> None:
    whole = partial(3, values=20_000)
    size = min(len(encode_json(Partial("shop-1", "telemetry-0", 5, 99, 1_000, [row]))) for row in whole.rows)
    found = [read(piece) for piece in pieces(whole, size // 2)]
    assert [row for one in found for row in one.rows] == []
    assert [one.more for one in found] == [True] * (len(found) - 1) + [False]
