"""Every record of three small rollouts, bit for bit: nothing of what the monitor says changes unseen."""

from itertools import zip_longest

import msgspec
import pytest

from stream.outputs import Alert, Divergence, Score, Verdict
from tests.golden.make import STREAMS, path

REMEDY = "if that is meant, run `python -m tests.golden.make` and read the difference in git"


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_is_as_it_was(name: str) -> None:
    kept = path(name).read_bytes().splitlines()
    for number, (now, before) in enumerate(zip_longest(STREAMS[name](), kept), start=1):
        if now != before:
            pytest.fail(
                f"{path(name).name}:{number} differs; {REMEDY}\nnow:    {now!r}\nbefore: {before!r}", pytrace=False
            )


def records(name: str) -> list[Divergence | Alert | Score | Verdict]:
    decoder = msgspec.json.Decoder(Divergence | Alert | Score | Verdict)
    return [decoder.decode(line) for line in path(name).read_bytes().splitlines()]


@pytest.mark.parametrize(
    ("name", "verdicts", "rule"),
    [
        ("abort", ["continue", "abort"], "critical_metric"),
        ("promote", ["continue", "promote"], "all_safe"),
        ("silence", ["continue", "inconclusive"], "deadline"),
    ],
)
def test_the_streams_tell_what_they_are_kept_for(name: str, verdicts: list[str], rule: str) -> None:
    found = [record for record in records(name) if isinstance(record, Verdict)]
    assert [record.verdict for record in found] == verdicts
    assert found[-1].rule == rule


def test_the_silent_rollout_was_silent_twice() -> None:
    alerts = [record for record in records("silence") if isinstance(record, Alert) and record.kind == "no_data"]
    assert [alert.status for alert in alerts] == ["firing", "resolved", "firing", "resolved"]
