"""The fold: telemetry's partials in, divergences, alerts, scores and verdicts out. The file to read first.

The same `step` runs live, in replay, in simulation and in tests. It knows no clock: time passes when sources say so.
Outputs are a function of the closed panes in order, and so of the samples, however they were cut into partials.
"""

from collections.abc import Iterator, Sequence

from stream.errors import StateError
from stream.judge import judge
from stream.outputs import Output
from stream.pane import ready_pane, receive
from stream.partial import Event, Failure, Stop
from stream.plan import Plan
from stream.state import Metric, Source, State


def start(plan: Plan, sources: Sequence[str]) -> State:
    """The state before any event.

    Args:
        plan: the rollout's plan.
        sources: the names of all sources; panes close when the slowest has passed them.
    """
    return State(
        rollout=plan.rollout.id,
        fingerprint=plan.fingerprint,
        sources={name: Source() for name in sources},
        metrics=[Metric() for _ in plan.rules],
    )


def step(plan: Plan, state: State, event: Event) -> list[Output]:
    """Take one event and return what it brings about. `state` is advanced in place.

    Events of other rollouts and repeats change nothing; nothing comes after a final verdict.

    Raises:
        StateError: the state was made under another policy or for another rollout.
    """
    return [output for outputs in advance(plan, state, event) for output in outputs]


def advance(plan: Plan, state: State, event: Event) -> Iterator[list[Output]]:
    """The same, one closed pane after the other; to be read to its end.

    Raises:
        StateError: the state was made under another policy or for another rollout.
    """
    if state.fingerprint != plan.fingerprint or state.rollout != plan.rollout.id:
        raise StateError(
            f"the state is of rollout {state.rollout} under policy {state.fingerprint}, "
            f"not of {plan.rollout.id} under {plan.fingerprint}: start it anew"
        )
    if state.final:
        return
    match event:
        case Stop() | Failure() if event.rollout != state.rollout:
            pass
        case Stop():
            state.stopped = event.reason
        case Failure():
            state.failed = state.failed or event.reason
        case _:
            receive(plan, state, event)
    while (pane := ready_pane(plan, state)) is not None:
        yield judge(plan, state, *pane)
