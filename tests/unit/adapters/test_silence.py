"""When a reader calls the monitor silent."""

import pytest

from stream.adapters.silence import silence_words, silent_ms
from stream.document.rollout import read_rollout

HOUR = 3_600_000


def silent(now: int, newest: int | None = None, begun: int = 0, policy: dict[str, object] | None = None) -> int | None:
    rollout = read_rollout({"app": "shop", "metrics": ["latency"], "from": HOUR, **(policy or {})})
    return silent_ms(rollout, begun, newest, now)


@pytest.mark.parametrize(
    ("policy", "limit"),
    [
        ({}, 35_000),
        ({"lateness": "0s"}, 30_000),
        ({"pane": "1s", "lateness": "1s"}, 31_000),
        ({"pane": "20s"}, 65_000),
    ],
)
def test_three_panes_or_thirty_seconds_and_the_lateness(policy: dict[str, object], limit: int) -> None:
    newest = HOUR + 600_000
    assert silent(newest + limit, newest, policy=policy) is None
    assert silent(newest + limit + 1, newest, policy=policy) == limit + 1


def test_before_its_start_a_rollout_has_nothing_to_say() -> None:
    assert silent(HOUR - 1, begun=HOUR - 600_000) is None
    assert silent(HOUR + 35_000, begun=HOUR - 600_000) is None
    assert silent(HOUR + 36_000, begun=HOUR - 600_000) == 36_000


def test_a_rollout_that_starts_in_the_past_gets_its_time_from_now_on() -> None:
    begun = HOUR + 7_200_000
    assert silent(begun + 35_000, begun=begun) is None
    assert silent(begun + 35_001, begun=begun) == 35_001


def test_words() -> None:
    assert silence_words(36_999).startswith("the monitor has been silent for 36 s; ")
