"""`canary watch` on a broker: what is there, what comes, and what it says while the broker is away."""

import json
import signal
import time
from collections.abc import Iterator, Mapping
from functools import partial
from threading import Event
from typing import Any

import pytest
from msgspec.structs import replace

from stream.adapters.embedded_broker import EmbeddedBroker
from stream.adapters.example import ROLLOUT
from stream.adapters.hooks.switch import throw_switch
from stream.adapters.kafka.admin import create
from stream.adapters.kafka.news import listen
from stream.adapters.kafka.records import write
from stream.adapters.settings import Settings
from stream.adapters.terminal.board import Board
from stream.adapters.terminal.inbox import Inbox
from stream.adapters.topics import ACTIONS, ROLLOUTS
from stream.adapters.traffic import Fault
from stream.document.parse import parse_document
from stream.document.rollout import read_rollout
from stream.errors import CanaryError, SourceError
from stream.outputs import Action, Alert, Divergence, Output, Score, Verdict
from stream.quantity import Instant
from stream.registry import Registration, write_registration
from stream.wire import encode_json
from tests.broker_helpers import Broker, wait_until
from tests.output_helpers import announce, example
from tests.pty_helpers import Terminal
from tests.worker_helpers import CANARY, StartWorker, run_canary

pytestmark = [pytest.mark.broker, pytest.mark.timeout(120)]

ABORTED, GOING, PROMOTED = "checkout-2.4.1", "search-8.12.0", "cart-5.2.1"
PANE = 10_000


@pytest.fixture
def env(broker: Broker) -> Mapping[str, str]:
    """Topics of their own."""
    prefix = broker.fresh_prefix()
    found = broker.environment(prefix)
    create(Settings.read(found))
    return found


def settings_of(env: Mapping[str, str]) -> Settings:
    return Settings.read(env)


def this_pane() -> int:
    """The end of the newest pane, milliseconds UTC."""
    return time.time_ns() // 1_000_000 // PANE * PANE


def begin(settings: Settings, rollout: str, first: int, **more: Any) -> None:
    """Put a rollout into the registry, whose first output is of that time."""
    plan = replace(read_rollout(parse_document(ROLLOUT, "example.yaml")), id=rollout, from_=Instant(first - PANE))
    data = write_registration(Registration(plan, **more))
    write(settings, ROLLOUTS.name(settings.prefix), [(rollout.encode(), data)])


def tell(settings: Settings, rollout: str, fault: Fault, seconds: int | None = None) -> list[Output]:
    """A rollout with the outputs of the example, up to now."""
    outputs = example(fault, rollout, this_pane(), seconds)
    begin(settings, rollout, outputs[0].at)
    announce(settings, outputs)
    return outputs


def attempt(verdict: Verdict, number: int) -> Action:
    """A call of a hook."""
    identity = f"{verdict.id}/revert/{number}"
    at = verdict.at + 50
    return Action(
        identity, verdict.rollout, at, verdict.id, "revert", "https://x.example", "succeeded", number, 200, 84
    )


def record(settings: Settings, action: Action) -> None:
    """Put a call on record."""
    write(settings, ACTIONS.name(settings.prefix), [(action.rollout.encode(), encode_json(action))])


def final_of(outputs: list[Output]) -> Verdict:
    (*_, last) = (one for one in outputs if isinstance(one, Verdict))
    return last


def board_of(settings: Settings, only: str | None = None) -> Board:
    """All that is there."""
    board = Board(only)
    with Inbox(partial(listen, settings, only)) as inbox:
        wait_until(lambda: [board.take(one) for one in inbox.take()] and board.ready, bool, 30)
    return board


def test_it_knows_what_is_there(env: Mapping[str, str]) -> None:
    settings = settings_of(env)
    aborted = tell(settings, ABORTED, "latency")
    going = tell(settings, GOING, "none", 400)
    record(settings, attempt(final_of(aborted), 1))
    throw_switch(settings, stopped=True, reason="deploy freeze")
    for board in (board_of(settings), board_of(settings, GOING)):
        card = board.cards[GOING]
        assert card.story.score == [one for one in going if isinstance(one, Score)][-1]
        assert list(card.story.divergences.values()) == [one for one in going if isinstance(one, Divergence)][-3:]
        assert board.switch is not None
        assert board.switch.reason == "deploy freeze"
    assert list(board.cards) == [GOING]
    card = board_of(settings).cards[ABORTED]
    assert (card.final, len(card.actions)) == (aborted[-1], 1)
    assert card.story.alerts == [one for one in aborted if isinstance(one, Alert)]
    card = board_of(settings, ABORTED).cards[ABORTED]
    assert len(card.story.divergences) == 3
    assert card.story.score is not None


def test_it_hears_what_comes(env: Mapping[str, str]) -> None:
    settings = settings_of(env)
    board = Board()
    with Inbox(partial(listen, settings, None)) as inbox:

        def hear() -> Board:
            for one in inbox.take():
                board.take(one)
            return board

        wait_until(hear, lambda board: board.ready, 30)
        assert not board.cards
        outputs = tell(settings, PROMOTED, "none")
        wait_until(hear, lambda board: PROMOTED in board.cards and board.cards[PROMOTED].final is not None, 30)
        assert board.cards[PROMOTED].final == outputs[-1]
        record(settings, attempt(final_of(outputs), 1))
        wait_until(hear, lambda board: bool(board.cards[PROMOTED].actions), 30)
        begin(settings, GOING, this_pane(), stopped="wrong version")
        wait_until(hear, lambda board: GOING in board.cards, 30)
        assert board.cards[GOING].registration.stopped == "wrong version"
        write(settings, ROLLOUTS.name(settings.prefix), [(GOING.encode(), None)])
        wait_until(hear, lambda board: GOING not in board.cards, 30)


def test_a_rollout_that_is_not_there(env: Mapping[str, str]) -> None:
    settings = settings_of(env)
    with pytest.raises(CanaryError, match=r"nobody-1: no such rollout; none was started"):
        list(listen(settings, "nobody-1", Event()))
    tell(settings, GOING, "none", 400)
    done = run_canary("watch", "nobody-1", env=env)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"canary: nobody-1: no such rollout; there are {GOING}\n"


def test_no_broker_and_no_topics(broker: Broker) -> None:
    away = Settings.read({"CANARY_BROKER": "127.0.0.1:1"})
    with pytest.raises(SourceError, match=r"no broker answers at 127.0.0.1:1"):
        list(listen(away, None, Event()))
    empty = Settings.read(broker.environment(broker.fresh_prefix()))
    with pytest.raises(SourceError, match=r"there is no such topic; run `canary topics create`"):
        list(listen(empty, None, Event()))


def test_records_as_json(env: Mapping[str, str], start_worker: StartWorker) -> None:
    settings = settings_of(env)
    aborted = tell(settings, ABORTED, "latency")
    watching = start_worker(env, "--output", "json", command="watch")
    watching.wait_for('"verdict"')
    action = attempt(final_of(aborted), 1)
    going = tell(settings, GOING, "none", 150)
    record(settings, action)
    watching.wait_for('"action"')
    watching.wait_for(going[-1].id)
    told = [json.loads(line) for line in watching.log().splitlines()]
    identities = [one["id"] for one in told]
    assert len(set(identities)) == len(identities)
    assert {one.id for one in going} < set(identities)
    assert aborted[-1].id in identities
    assert {one["type"] for one in told} == {"divergence", "alert", "score", "verdict", "action"}
    wanted = {one.id: json.loads(encode_json(one)) for one in (*aborted, *going, action)}
    assert all(one == wanted[one["id"]] for one in told)


def test_lines_where_there_is_no_terminal(env: Mapping[str, str], start_worker: StartWorker) -> None:
    settings = settings_of(env)
    tell(settings, GOING, "none", 400)
    every = start_worker(env, command="watch")
    one = start_worker(env, GOING, command="watch")
    every.wait_for("· continue")
    one.wait_for("· continue")
    aborted = tell(settings, ABORTED, "latency")
    record(settings, attempt(final_of(aborted), 1))
    every.wait_for("revert: succeeded, 200, 84 ms, attempt 1")
    lines = every.log().splitlines()
    assert [line.split()[1] for line in lines] == [GOING, *[ABORTED] * (len(lines) - 1)]
    assert [line.split()[2] for line in lines][-2:] == ["verdict", "hook"]
    assert "\x1b" not in every.log()
    assert len(one.log().splitlines()) == 1
    assert every.terminate() in (143, -signal.SIGTERM)
    assert one.running


def test_the_evidence_of_an_ended_rollout_is_read_when_it_is_looked_at(env: Mapping[str, str]) -> None:
    settings = settings_of(env)
    outputs = tell(settings, ABORTED, "latency")
    begin(settings, ABORTED, outputs[0].at, verdict="abort")
    announce(settings, outputs[:5])  # repeats, so that nothing that matters lies at the topics' ends
    assert all(one.state == "no_data" for one in board_of(settings).cards[ABORTED].story.divergences.values())
    with Terminal([*CANARY, "watch"], {**env, "PYTHONUTF8": "1"}) as terminal:
        terminal.wait_for(f"✗ abort         {ABORTED}")
        terminal.type("e")
        assert "score 0 of 100" in terminal.wait_for("How sure", "▲ worse")


@pytest.fixture
def terminal(env: Mapping[str, str]) -> Iterator[Terminal]:
    tell(settings_of(env), GOING, "none", 400)
    with Terminal([*CANARY, "watch"], {**env, "PYTHONUTF8": "1"}) as found:
        yield found


def test_it_is_live_in_a_terminal(env: Mapping[str, str], terminal: Terminal) -> None:
    assert "1 rollout, none needs you" in terminal.wait_for("q quit")
    aborted = tell(settings_of(env), ABORTED, "latency")
    assert "2 rollouts" in terminal.wait_for(f"✗ abort         {ABORTED}")
    record(settings_of(env), attempt(final_of(aborted), 1))
    terminal.type("k\r")
    assert "✗ ABORT  checkout 2.4.0 → 2.4.1" in terminal.wait_for("revert: succeeded, 200")
    terminal.type("q")
    assert terminal.wait() == 0
    assert terminal.restored


def test_ctrl_c_ends_it(terminal: Terminal) -> None:
    terminal.wait_for("q quit")
    terminal.type("\x03")
    assert terminal.wait() == 130
    assert terminal.restored
    assert terminal.afterwards == ""


@pytest.mark.slow
def test_it_says_that_the_broker_is_away_and_goes_on(start_worker: StartWorker) -> None:
    with EmbeddedBroker() as broker:
        port = broker.port
        env = {"CANARY_BROKER": broker.bootstrap, "CANARY_PREFIX": "x", "PYTHONUTF8": "1"}
        create(settings_of(env))
        tell(settings_of(env), GOING, "none", 400)
        watching = start_worker(env, command="watch")
        watching.wait_for("· continue")
    watching.wait_for("broker            gone, reconnecting: ", 60)
    with EmbeddedBroker(port):  # it has forgotten everything
        create(settings_of(env))
        watching.wait_for("broker            answers again", 60)
        tell(settings_of(env), ABORTED, "latency")
        watching.wait_for("✗ abort", 30)
    assert watching.running
