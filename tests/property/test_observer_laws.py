"""What an observer says is a function of the telemetry and the registry, and the same as a replay of them says.

What varies is everything else: chunks, flushes, who comes first, workers of both stages that crash or are stalled.
"""

from collections.abc import Callable, Iterator

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.observe import checkpoint
from stream.observe.checkpoint import freeze, freeze_sources, thaw, thaw_sources
from stream.observe.observer import Observer
from stream.outputs import Alert, Divergence, Score, Verdict
from stream.partial import ChunkEnd, Partial
from tests.core_helpers import SECOND
from tests.log_helpers import (
    BARRIER,
    ROLLOUTS,
    T0,
    Cut,
    Owner,
    Said,
    decoded,
    log_of,
    observe,
    observe_with_crashes,
    replayed,
    write,
)

read = msgspec.json.Decoder(Divergence | Alert | Score | Verdict).decode
Law = Callable[..., None]

seeds = st.integers(0, 2**32 - 1)
cuts = st.builds(
    Cut,
    seed=seeds,
    chunk=st.sampled_from((3, 7, 20, 50, 1000)),
    flush=st.sampled_from((0, 1, 5, 20, 100)),
    pieces=st.sampled_from((0.0, 0.5, 0.9)),
    crash=st.sampled_from((0.0, 0.02, 0.1)),
)
PLAIN = Cut()
CHOPPED = Cut(seed=1, chunk=20, flush=8, pieces=0.5, crash=0.03)


def few(examples: int) -> Callable[[Law], Law]:
    return settings(max_examples=max(1, settings().max_examples * examples // 50))


@pytest.fixture(scope="module")
def plain() -> Said:
    """Each source in one chunk and one flush."""
    return observe(log_of(PLAIN))


@pytest.fixture(autouse=True, scope="module")
def small_parts() -> Iterator[None]:
    """So that states come in several records."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoint, "PART", 700)
        yield


def check(said: Said, wanted: Said) -> None:
    for name, outputs in wanted.outputs.items():
        found = said.outputs.get(name, [])
        for at, (one, other) in enumerate(zip(found, outputs, strict=False)):
            assert one == other, f"{name}, record {at}"
        assert len(found) == len(outputs), name
    assert said.outputs.keys() == wanted.outputs.keys()
    assert said.ended == wanted.ended


def test_the_workload_tells_of_all_there_is(plain: Said) -> None:
    """Else the laws would hold for nothing."""
    last = {name: read(outputs[-1]) for name, outputs in plain.outputs.items()}
    rules = {name: output.rule for name, output in last.items() if isinstance(output, Verdict)}
    assert rules == {"bad": "critical_metric", "tired": "deadline", "halted": "stopped", "bounded": "until"}
    assert plain.ended.keys() == rules.keys()
    assert isinstance(last["latecomer"], Score)
    assert last["latecomer"].counts["late"] >= 10
    assert last["halted"].at < BARRIER < last["latecomer"].at
    messages = [decoded(message) for message in log_of(CHOPPED)]
    assert sum(isinstance(message, Partial) and message.more for message in messages) > 20
    assert sum(isinstance(message, ChunkEnd) for message in messages) > 20
    ends = [message for message in messages if isinstance(message, ChunkEnd)]
    assert {message.registry for message in ends} == {3, 4}


@pytest.mark.parametrize("name", sorted(ROLLOUTS))
def test_an_observer_says_what_a_replay_says(plain: Said, name: str) -> None:
    wanted, found = replayed(name), plain.outputs[name]
    if name == "halted":  # nobody stops a replay
        wanted = [line for line in wanted if read(line).at < T0 + 7 * SECOND]
    assert wanted
    assert found[: len(wanted)] == wanted
    assert [read(line).id for line in found] == [f"{name}/{number}" for number in range(1, len(found) + 1)]


@few(6)
@given(cuts)
def test_how_condense_works_does_not_matter(plain: Said, how: Cut) -> None:
    check(observe(log_of(how)), plain)


@pytest.mark.slow
@few(300)
@given(cuts)
def test_how_condense_works_does_not_matter_at_length(plain: Said, how: Cut) -> None:
    check(observe(log_of(how)), plain)


@few(4)
@given(cuts, seeds, st.integers(1, 8))
def test_crashes_of_observers_do_not_matter(plain: Said, how: Cut, seed: int, crashes: int) -> None:
    check(observe_with_crashes(log_of(how), np.random.default_rng(seed), crashes), plain)


@pytest.mark.slow
@few(200)
@given(cuts, seeds, st.integers(1, 12))
def test_crashes_of_observers_do_not_matter_at_length(plain: Said, how: Cut, seed: int, crashes: int) -> None:
    check(observe_with_crashes(log_of(how), np.random.default_rng(seed), crashes), plain)


def test_a_stalled_owner_whose_states_are_deleted_while_it_writes(plain: Said) -> None:
    """Its own record of the partition comes last, and is further than the present owner's."""
    log, said, topic = log_of(Cut(seed=3, flush=10)), Said(), dict[bytes, bytes]()

    def read_on(owner: Owner, upto: int) -> None:
        for offset in range(owner.observer.offset + 1, upto):
            for effect in owner.observer.take(offset, decoded(log[offset])):
                said.add(effect)

    stalled = Owner(topic, "a")
    for upto in (30, 50):
        read_on(stalled, upto)
        write(topic, stalled.checkpoint())
    read_on(stalled, 90)
    late = stalled.checkpoint()
    states = [(key, value) for key, value in late if not key.startswith(b"@")]
    present = Owner(topic, "b")
    read_on(present, 55)
    records = present.checkpoint()
    write(topic, [(key, value) for key, value in records if value is not None])
    write(topic, states)
    write(topic, [(key, value) for key, value in records if value is None])
    write(topic, late[len(states) :])
    assert len(late) > len(states) > 4
    read_on(Owner(topic, "c"), len(log))
    check(said, plain)


def test_an_observer_can_be_stored_after_every_message(plain: Said) -> None:
    """States as bytes and back; what waits for its record is read again from the safe point, now and then."""
    log, said, observer = log_of(CHOPPED._replace(flush=40)), Said(), Observer()
    for number, message in enumerate(log):
        observer.rollouts = {name: thaw(freeze(held)) for name, held in observer.rollouts.items()}
        safe, sources = observer.safe_point()
        if safe == number or number % 20 == 0:
            rollouts, observer = observer.rollouts, Observer()
            observer.offset, observer.sources = safe - 1, thaw_sources(freeze_sources(sources))
            observer.rollouts = rollouts
        for again in range(safe, number):
            assert list(observer.take(again, decoded(log[again]))) == []
        for effect in observer.take(number, decoded(message)):
            said.add(effect)
    check(said, plain)
