"""`subscribe`: each output once, from where one wants, also for a group that comes and goes."""

import gc
import threading
import time
from collections.abc import Iterator

import pytest

from stream import subscribe
from stream.adapters.kafka.admin import create
from stream.adapters.settings import Settings
from stream.errors import SourceError
from stream.outputs import Output, Score, Verdict
from tests.broker_helpers import Broker, Outgoing
from tests.output_helpers import announce, example

pytestmark = pytest.mark.broker

NOW = 1_800_000_000_000
OUTPUTS = example("latency", "r-1", NOW)
OTHERS = example("errors", "r-2", NOW)
VERDICTS = [output.id for output in OUTPUTS if isinstance(output, Verdict)]
WAIT = 3.0


@pytest.fixture
def settings(each_broker: Broker) -> Settings:
    chosen = Settings.read(each_broker.environment(each_broker.fresh_prefix()))
    create(chosen)
    return chosen


def ids(outputs: Iterator[Output]) -> list[str]:
    return [output.id for output in outputs]


def new(broker: Broker, outputs: Iterator[Output]) -> Iterator[Output]:
    """Outputs without those of `OTHERS`: the embedded broker puts the end behind the first record of the last batch."""
    if broker.kind != "embedded":
        return outputs
    return (output for output in outputs if output.rollout != OTHERS[0].rollout)


def test_from_the_beginning_and_without_repeats(settings: Settings) -> None:
    announce(settings, [*OUTPUTS, *OUTPUTS])
    announce(settings, OTHERS)
    found = list(subscribe(settings=settings, from_beginning=True, timeout=WAIT))
    assert sorted(found, key=lambda one: one.id) == sorted(
        (output for output in (*OUTPUTS, *OTHERS) if isinstance(output, Verdict)), key=lambda one: one.id
    )
    assert ids(subscribe(settings=settings, from_beginning=True, timeout=WAIT, rollout="r-1")) == VERDICTS


def test_all_kinds_are_all_outputs(settings: Settings) -> None:
    announce(settings, OUTPUTS)
    kinds = ("verdict", "score", "alert", "divergence")
    found = list(subscribe(settings=settings, kinds=kinds, from_beginning=True, timeout=WAIT))  # type: ignore[arg-type]
    assert sorted(found, key=lambda one: int(one.id.partition("/")[2])) == OUTPUTS
    scores = list(subscribe(settings=settings, kinds=["score"], from_beginning=True, timeout=WAIT))
    assert scores == [output for output in OUTPUTS if isinstance(output, Score)]


def test_what_comes_from_now_on(each_broker: Broker, settings: Settings) -> None:
    announce(settings, OTHERS)
    found = subscribe(settings=settings, timeout=30)
    announce(settings, OUTPUTS)
    assert [next(new(each_broker, found)).id for _ in VERDICTS] == VERDICTS


def test_it_ends_after_a_time_without_an_output(settings: Settings) -> None:
    began = time.monotonic()
    assert list(subscribe(settings=settings, timeout=0.5)) == []
    assert 0.5 <= time.monotonic() - began < 30


def test_the_time_of_the_caller_does_not_count(settings: Settings) -> None:
    announce(settings, OUTPUTS)
    found = subscribe(settings=settings, from_beginning=True, timeout=1)
    assert next(found).id == VERDICTS[0]
    time.sleep(1.2)
    assert ids(found) == VERDICTS[1:]


def test_what_others_wrote_there_is_skipped_and_told(
    each_broker: Broker, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    topic = f"{settings.prefix}.verdicts"
    each_broker.produce(topic, [Outgoing(b"nonsense", b"r-1"), Outgoing(None, b"r-1")])
    announce(settings, OUTPUTS)
    assert ids(subscribe(settings=settings, from_beginning=True, timeout=WAIT)) == VERDICTS
    (said,) = [entry.getMessage() for entry in caplog.records if entry.name.startswith("stream.")]
    assert said.startswith(f"{topic}: record ")


@pytest.mark.parametrize("way", ["close", "let go", "exhaust"])
def test_nothing_is_left_behind(settings: Settings, way: str) -> None:
    announce(settings, OUTPUTS)
    threads = threading.active_count()
    found = subscribe(settings=settings, from_beginning=True, timeout=WAIT)
    assert threading.active_count() > threads
    next(found)
    match way:
        case "close":
            found.close()  # type: ignore[attr-defined]
        case "let go":
            del found
            gc.collect()
        case "exhaust":
            list(found)
    assert threading.active_count() == threads


def test_one_that_was_never_asked_leaves_nothing_behind(settings: Settings) -> None:
    threads = threading.active_count()
    found = subscribe(settings=settings)
    del found
    gc.collect()
    assert threading.active_count() == threads


def test_a_group_goes_on_behind_what_was_asked_beyond(settings: Settings) -> None:
    announce(settings, OUTPUTS)

    def take(number: int) -> list[str]:
        found = subscribe(settings=settings, from_beginning=True, group="g", timeout=WAIT)
        taken = [next(found).id for _ in range(number)]
        found.close()  # type: ignore[attr-defined]
        return taken

    assert take(1) == VERDICTS[:1], "the first is not committed: nobody asked for the next one"
    assert take(2) == VERDICTS, "now the first is, and the second is not"
    assert ids(subscribe(settings=settings, group="g", timeout=WAIT)) == VERDICTS[1:]
    assert ids(subscribe(settings=settings, group="g", timeout=WAIT)) == []


def test_a_new_group_begins_where_it_first_came(each_broker: Broker, settings: Settings) -> None:
    announce(settings, OTHERS)
    assert ids(new(each_broker, subscribe(settings=settings, group="g", timeout=1))) == []
    announce(settings, OUTPUTS)
    assert ids(subscribe(settings=settings, group="g", timeout=WAIT)) == VERDICTS


def test_missing_topics_are_named(each_broker: Broker) -> None:
    chosen = Settings.read(each_broker.environment(each_broker.fresh_prefix()))
    with pytest.raises(
        SourceError, match=rf"{chosen.prefix}\.verdicts: there is no such topic; run `canary topics cre"
    ):
        subscribe(settings=chosen)
