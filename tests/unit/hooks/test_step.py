"""When a hook is tried again, when another one takes over, and when it is over."""

import pytest

from stream.hooks.outcome import Outcome, of_exit, of_status, refused
from stream.hooks.rule import HookRule
from stream.hooks.step import PAUSE_MS, TRIES_MS, Attempted, Done, Escalate, Try, conclude, next_step, not_tried
from stream.outputs import Action

RULE = HookRule("revert", "webhook", escalate="page", url="https://deploy.example/")
CALL = Attempted("shop-1/7", "shop-1", RULE, "https://deploy.example/")
FIRST = 1_000_000
BUSY = of_status(503)


def tried(outcome: Outcome, attempt: int = 1, began: int = FIRST, took: int = 5, *before: Action) -> Action:
    return conclude(CALL, attempt, began, began + took, outcome, before)


def test_tries_that_fail_at_once_come_at_their_times_and_then_the_next_hook() -> None:
    record: list[Action] = []
    times = []
    while isinstance(step := next_step(record), Try):
        began = max(FIRST, step.at)
        times.append(began - FIRST)
        record.append(conclude(CALL, step.attempt, began, began, BUSY, record))
    assert tuple(times) == TRIES_MS == (0, 1_000, 3_000, 7_000, 15_000, 30_000)
    assert step == Escalate("page")
    assert [action.attempt for action in record] == [1, 2, 3, 4, 5, 6]
    assert record[-1].escalates_to == "page"
    assert {action.escalates_to for action in record[:-1]} == {None}


def test_a_try_that_takes_long_puts_the_next_one_off() -> None:
    assert tried(BUSY, took=5_000).retry_at == FIRST + 5_000 + PAUSE_MS


def test_what_a_receiver_asks_for_is_waited_for_at_most_half_a_minute() -> None:
    assert tried(of_status(429, 4_000)).retry_at == FIRST + 5 + 4_000
    assert tried(of_status(429, 600_000)).retry_at == FIRST + 5 + 30_000
    assert tried(of_status(429, 10)).retry_at == FIRST + 5 + PAUSE_MS
    assert tried(of_status(200, 4_000)).retry_at is None


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 413, 422, 301, 302, 307, 308, 410, 100, 600])
def test_what_another_try_cannot_mend_escalates_at_once(status: int) -> None:
    action = tried(of_status(status))
    assert (action.retry_at, action.escalates_to, action.status) == (None, "page", status)
    assert action.outcome == ("refused" if 300 <= status < 400 or status == 410 else "failed")
    assert next_step([action]) == Escalate("page")


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 599])
def test_what_another_try_may_mend_is_tried_again(status: int) -> None:
    assert next_step([tried(of_status(status))]) == Try(2, FIRST + 5 + PAUSE_MS)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_a_success_is_the_end(status: int) -> None:
    action = tried(of_status(status))
    assert (action.outcome, action.retry_at, action.escalates_to) == ("succeeded", None, None)
    assert next_step([action]) == Done()
    assert next_step([tried(BUSY), action, tried(BUSY, 3)]) == Done(), "another runner's failure undoes none"


def test_only_410_means_never_again() -> None:
    assert of_status(410).gone
    assert not of_status(302).gone
    assert not refused("host x is not allowed").gone


def test_a_host_that_is_not_allowed_escalates() -> None:
    action = tried(refused("host x is not allowed"))
    assert (action.outcome, action.text) == ("refused", "Host x is not allowed.")
    assert next_step([action]) == Escalate("page")


@pytest.mark.parametrize("dry_run", [True, False])
def test_what_is_not_tried_ends_there(dry_run: bool) -> None:
    action = not_tried(CALL, 2, FIRST, "Hooks are stopped.", dry_run=dry_run)
    assert (action.outcome, action.escalates_to) == ("dry_run" if dry_run else "refused", None)
    assert action.id == "shop-1/7/revert/2"
    assert next_step([tried(BUSY), action]) == Done()


def test_without_a_next_hook_a_failure_is_the_end() -> None:
    call = CALL._replace(rule=HookRule("revert", "webhook"))
    assert next_step([conclude(call, 1, 0, 1, of_status(404), [])]) == Done()


def test_exit_codes() -> None:
    assert of_exit(0, "").succeeded
    assert of_exit(0, "Done").text == "The command ended with 0: Done."
    assert of_exit(3, "no such rollout!") == Outcome(
        False, "The command ended with 3: no such rollout!", 3, passing=True
    )
    assert of_exit(-9, "").text == "The command was ended by signal 9."
