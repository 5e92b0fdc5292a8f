"""Outputs out of records: what is one, which is the newest."""

from dataclasses import replace

import pytest
from msgspec.structs import replace as changed

from stream.adapters.kafka.outputs import newest, read_output, sequence
from stream.adapters.kafka.records import Record
from stream.adapters.kafka.rollouts import Entry, Registry
from stream.adapters.kafka.standings import NEED, Standing
from stream.adapters.terminal.glyph import STATES
from stream.document.rollout import read_rollout
from stream.errors import CanaryError
from stream.outputs import Score, Verdict
from stream.registry import Registration
from stream.wire import encode_json
from tests.output_helpers import example

NOW = 1_800_000_000_000
ROLLOUT = read_rollout({"id": "r-1", "app": "shop", "metrics": ["latency"], "from": NOW - 600_000})
OUTPUTS = example("latency", "r-1", NOW)
VERDICTS = [output for output in OUTPUTS if isinstance(output, Verdict)]
SCORES = [output for output in OUTPUTS if isinstance(output, Score)]


def record(value: bytes | None) -> Record:
    return Record("canary.verdicts", 0, 0, 0, b"r-1", value)


@pytest.mark.parametrize("output", OUTPUTS[-4:])
def test_outputs_come_back(output: Verdict | Score) -> None:
    assert read_output(record(encode_json(output))) == output


@pytest.mark.parametrize("value", [None, b"", b"{}", b"null", b'{"type":"action"}', b"\xff", b'{"type":"verdict"}'])
def test_what_is_no_output(value: bytes | None) -> None:
    assert read_output(record(value)) is None


def test_fields_of_later_versions_are_no_trouble() -> None:
    value = encode_json(VERDICTS[-1])
    assert read_output(record(value[:-1] + b',"later":1}')) == VERDICTS[-1]


def test_a_repeat_that_comes_late_is_not_the_newest() -> None:
    assert len(VERDICTS) == 2
    assert newest([*VERDICTS, VERDICTS[0]], lambda verdict: verdict.rollout) == {"r-1": VERDICTS[-1]}
    assert [sequence(verdict) for verdict in VERDICTS] == sorted(map(sequence, VERDICTS))
    assert sequence(changed(VERDICTS[0], id="odd")) == 0


def standing(verdict: Verdict | None = None, score: Score | None = None, ended: str | None = None) -> Standing:
    return Standing(Entry(Registration(ROLLOUT, None, ended), NOW - 600_000), verdict, score)


def test_a_standing_takes_what_is_newer() -> None:
    now = standing()
    assert (now.state, now.ended, now.newest) == ("warming_up", False, None)
    for output in OUTPUTS:
        if output.at < NOW:
            now = now.take(output)
    assert (now.state, now.ended) == ("continue", False)
    assert now.take(VERDICTS[0]) == now
    assert now.take(SCORES[0]) == now
    over = now.take(VERDICTS[-1])
    assert (over.state, over.ended, over.newest) == ("abort", True, VERDICTS[-1])


def test_the_registry_knows_of_an_end_too() -> None:
    assert standing(ended="promote").state == "promote"
    assert standing(ended="promote").ended
    assert standing(VERDICTS[-1], ended="abort").state == "abort"


def test_silence_ends_with_the_final_verdict() -> None:
    late = NOW + 3_600_000
    assert standing(VERDICTS[0], SCORES[-1]).silent(NOW + 35_000) is None
    assert standing(VERDICTS[0], SCORES[-1]).silent(late) == 3_600_000
    assert standing(VERDICTS[0]).silent(late) == late - VERDICTS[0].at
    assert standing().silent(late) == 4_200_000
    assert standing(VERDICTS[-1], SCORES[-1]).silent(late) is None
    assert standing(ended="inconclusive").silent(late) is None


def test_every_state_has_its_place() -> None:
    assert sorted(NEED) == sorted(STATES)


def test_an_unknown_rollout_lists_the_known_ones() -> None:
    entry = Entry(Registration(ROLLOUT), NOW)
    names = [f"r-{number}" for number in range(1, 8)]
    registry = Registry({name: replace(entry) for name in names}, frozenset(names))
    assert registry.find("r-3") == entry
    with pytest.raises(CanaryError, match=r"\Ax: no such rollout; there are r-7, r-6, r-5, r-4, r-3 and 2 more\Z"):
        registry.find("x")
    with pytest.raises(CanaryError, match=r"\Ax: no such rollout; none was started\Z"):
        Registry({}, frozenset()).find("x")
