"""The fold: telemetry's partials in, divergences, alerts, scores and verdicts out. The file to read first.

The same `step` runs live, in replay, in simulation and in tests. It knows no clock: time passes when sources say so.
Outputs are a function of the closed panes in order, and so of the samples, however they were cut into partials.
"""

from collections.abc import Sequence

from stream.errors import StateError
from stream.judge import judge
from stream.outputs import Output
from stream.pane import ready_pane, receive
from stream.partial import Event, Stop
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
    if state.fingerprint != plan.fingerprint or state.rollout != plan.rollout.id:
        raise StateError(
            f"the state is of rollout {state.rollout} under policy {state.fingerprint}, "
            f"not of {plan.rollout.id} under {plan.fingerprint}: start it anew"
        )
    outputs: list[Output] = []
    if state.final:
        return outputs
    if not isinstance(event, Stop):
        receive(plan, state, event)
    elif event.rollout == state.rollout:
        state.stopped = event.reason
    while (pane := ready_pane(plan, state)) is not None:
        outputs += judge(plan, state, *pane)
    return outputs
