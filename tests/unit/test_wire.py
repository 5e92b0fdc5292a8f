import msgspec
import numpy as np
import pytest

from stream.partial import Event, Partial, Row, RowKey, SourceTime, Stop
from stream.summary import Count, Distribution, Gauge, Ratio, Summary
from stream.wire import decoder, encode_json

KEY = RowKey("canary", "a", "", "latency", "ms", "", "distribution")
SUMMARIES: list[Summary] = [
    Distribution.of_values(np.array([0.0, 1e-300, 5.0, 1e200])),
    Gauge.of_values(np.array([1e200, -1.0])),
    Count(2**70),
    Ratio(2**70, 2**71),
]


def test_events_survive() -> None:
    rows = [Row(pane, KEY, summary) for pane, summary in enumerate(SUMMARIES)]
    events = [
        Partial("r", "log", 0, 4, 17, rows, {3: {"late": 2}}),
        SourceTime("log", 5),
        Stop("r", "done"),
    ]
    for event in events:
        encoded = encode_json(event)
        decoded = decoder(Event).decode(encoded)
        assert type(decoded) is type(event)
        assert encode_json(decoded) == encoded


def test_arrays_come_back_as_integers() -> None:
    summary = decoder(Distribution).decode(encode_json(SUMMARIES[0]))
    assert {summary.bins.dtype, summary.counts.dtype} == {np.dtype(np.int64)}
    summary.merge(summary)
    assert summary.count == 8
    empty = decoder(Distribution).decode(encode_json(Distribution.of_values(np.zeros(2))))
    assert empty.bins.dtype == np.dtype(np.int64)
    assert len(empty.bins) == 0


@pytest.mark.parametrize("wrong", ["[1.5]", '["a"]', "7", "null", "[[1]]", "[9223372036854775808]"])
def test_an_array_of_something_else(wrong: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        decoder(Distribution).decode(f'["distribution",1,0,0,5,{wrong},[1]]'.encode())


def test_what_cannot_be_written_is_said() -> None:
    with pytest.raises(NotImplementedError, match="complex"):
        encode_json({"a": 1j})
