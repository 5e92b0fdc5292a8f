"""Hooks: whatever comes of calls, and wherever runners end, the tries are as promised; bodies and ids always fit."""

import json
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from stream.hooks.message import LARGEST, TEST, body_of, harmless_verdict, message_id
from stream.hooks.outcome import LONGEST_WAIT_MS, Outcome, of_exit, of_status, refused
from stream.hooks.rule import HookRule
from stream.hooks.step import PAUSE_MS, TRIES_MS, Attempted, Done, Escalate, Try, conclude, next_step
from stream.outputs import Action, Verdict
from stream.wire import decoder

CALL = Attempted("shop-1/7", "shop-1", HookRule("revert", "webhook", escalate="page"), "https://deploy.example/")

outcomes = st.one_of(
    st.builds(of_status, st.integers(100, 699), st.none() | st.integers(0, 10**7)),
    st.builds(of_status, st.sampled_from((429, 500, 503)), st.none() | st.integers(0, 40_000)),
    st.builds(of_exit, st.integers(-9, 3), st.just("")),
    st.just(refused("host x is not allowed")),
    st.just(Outcome(False, "No answer.", passing=True)),
)


class Go(NamedTuple):
    """What comes of a call."""

    outcome: Outcome
    took: int
    """Milliseconds."""
    lost: bool
    """Whether the runner ends before the try is on record."""
    later: int
    """Milliseconds after which the next runner, or the same, looks again."""


goes = st.lists(
    st.builds(Go, outcomes, st.integers(0, 20_000), st.booleans(), st.integers(0, 60_000)), min_size=30, max_size=30
)


def played(script: list[Go], start: int = 1_000_000) -> tuple[list[Action], list[int]]:
    """The record and the times of all calls, those among them that did not get on record."""
    record: list[Action] = []
    calls: list[int] = []
    now = start
    for go in script:
        step = next_step(record)
        if not isinstance(step, Try):
            break
        now = max(now, step.at)
        calls.append(now)
        if not go.lost:
            record.append(conclude(CALL, step.attempt, now, now + go.took, go.outcome, record))
        now += go.took + go.later
    return record, calls


@given(goes)
def test_tries_are_as_promised(script: list[Go]) -> None:
    record, calls = played(script)
    assert [action.attempt for action in record] == list(range(1, len(record) + 1))
    assert len(record) <= len(TRIES_MS)
    assert len({action.id for action in record}) == len(record)
    assert len(calls) <= len(record) + sum(go.lost for go in script), (
        "a call is repeated only where it was not recorded"
    )
    for number, action in enumerate(record[1:], start=1):
        before = record[number - 1]
        assert action.at >= record[0].at + TRIES_MS[number]
        assert action.at >= before.at + before.duration_ms + PAUSE_MS
        assert before.retry_at is not None
        assert before.retry_at <= max(
            record[0].at + TRIES_MS[number], before.at + before.duration_ms + max(PAUSE_MS, LONGEST_WAIT_MS)
        )


@given(goes)
def test_the_end_is_a_success_or_another_hook(script: list[Go]) -> None:
    record, _ = played(script)
    step = next_step(record)
    succeeded = [action.outcome == "succeeded" for action in record]
    assert not any(succeeded[:-1])
    if isinstance(step, Done):
        assert succeeded[-1]
    elif isinstance(step, Escalate):
        last = script[[go.lost for go in script].index(False)] if len(record) == 1 else None
        assert not succeeded[-1]
        assert len(record) == len(TRIES_MS) or record[-1].retry_at is None
        assert last is None or not last.outcome.passing
    else:
        assert sum(not go.lost for go in script) <= len(record), "it ends where nothing is lost"


@given(goes, st.randoms(use_true_random=False))
def test_the_order_of_the_record_and_repeats_in_it_mean_nothing(script: list[Go], chance: object) -> None:
    record, _ = played(script)
    shuffled = record * 2
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert next_step(shuffled) == next_step(record)


texts = st.text(st.characters(codec="utf-8"), max_size=200)
long_texts = st.builds(lambda text, times: text * times, texts, st.integers(1, 100))


@given(long_texts, st.lists(long_texts, max_size=40), texts, st.integers(0, 2**60))
def test_a_body_fits_and_says_what_it_is_about(text: str, also: list[str], rollout: str, at: int) -> None:
    verdict = replace(
        harmless_verdict(0), text=text, also=also, explanation=text, rollout=rollout, id=f"{rollout}/1", at=at
    )
    body = body_of(TEST, verdict)
    assert len(body) <= LARGEST
    found = decoder(Verdict).decode(json.dumps(json.loads(body)["data"]).encode())
    assert replace(found, text="", also=[], explanation="") == replace(verdict, text="", also=[], explanation="")
    assert body == body_of(TEST, verdict)


@given(st.tuples(texts, texts), st.tuples(texts, texts))
def test_ids_are_ascii_without_full_stops_and_tell_verdicts_apart(one: tuple[str, str], other: tuple[str, str]) -> None:
    left, right = message_id(*one), message_id(*other)
    assert left.isascii()
    assert left.isprintable()
    assert " " not in left
    assert "." not in left
    assert (left == right) == ("/".join(one) == "/".join(other))
