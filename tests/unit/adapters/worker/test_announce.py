"""Outputs as records: which topics, which key, plain JSON, CloudEvents headers."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from stream.adapters.worker.announce import TOPICS, records_of
from stream.observe.effect import Ended, Forgotten
from stream.outputs import Alert, Divergence, Output, Score, Verdict
from stream.registry import Registration, read_registration
from stream.wire import decoder, encode_json
from tests.unit.adapters.worker.stage_rig import ROLLOUT

GOLDEN = Path(__file__).parents[3] / "golden" / "abort.jsonl"
read: Callable[[bytes], Output] = decoder(Output).decode


def one_of(kind: type[Output]) -> Output:
    """An output of a kind."""
    return next(output for output in map(read, GOLDEN.read_bytes().splitlines()) if isinstance(output, kind))


@pytest.mark.parametrize(
    ("kind", "topics"),
    [
        (Divergence, ["p.divergences"]),
        (Alert, ["p.alerts"]),
        (Score, ["p.scores"]),
        (Verdict, ["p.verdicts", "p.verdicts.latest"]),
    ],
)
def test_an_output_is_a_cloud_event_in_its_topics(kind: type[Output], topics: list[str]) -> None:
    output = one_of(kind)
    records = records_of(output, "p")
    assert [record.topic for record in records] == topics
    for record in records:
        assert (record.key, record.value, record.partition) == (output.rollout.encode(), encode_json(output), None)
        headers = dict(record.headers)
        time = datetime.fromisoformat(headers.pop("ce_time").decode())
        assert round(1000 * time.timestamp()) == output.at
        assert headers == {
            "ce_specversion": b"1.0",
            "ce_id": output.id.encode(),
            "ce_source": b"/canary",
            "ce_type": f"canary.{kind.__name__.lower()}".encode(),
            "ce_subject": output.rollout.encode(),
            "content-type": b"application/json",
        }


def test_every_kind_of_output_has_a_topic() -> None:
    assert set(TOPICS) == set(Output.__args__)


def test_an_end_goes_to_the_registry() -> None:
    ended = Registration(ROLLOUT, "Enough.", "inconclusive")
    (record,) = records_of(Ended(ended), "p")
    assert (record.topic, record.key, record.headers) == ("p.rollouts", b"shop-1", ())
    assert read_registration(record.key, record.value or b"") == ended


def test_what_is_forgotten_is_deleted() -> None:
    records = records_of(Forgotten("shop-1"), "p")
    assert [(one.topic, one.key, one.value) for one in records] == [
        ("p.rollouts", b"shop-1", None),
        ("p.verdicts.latest", b"shop-1", None),
    ]
