"""A rollout as an observer holds it."""

from dataclasses import dataclass, field

from stream.plan import Plan
from stream.state import State


@dataclass(slots=True)
class Held:
    """One rollout's plan and state, and how far it has read the log."""

    plan: Plan
    """Its plan."""
    state: State
    """Its monitor's state; of an ended rollout what is needed to say nothing more."""
    offset: int
    """The newest message of the log that is in the state; older ones are skipped."""
    registered: int
    """Offset of the rollout's record in the registry."""
    ended: int | None = None
    """When it ended, event time in milliseconds UTC."""
    due: int = field(init=False, default=0)
    """The time from which its next pane can be closed; 0 if that depends on its rows."""

    def __post_init__(self) -> None:
        self.look_ahead()

    def look_ahead(self) -> None:
        """Bring `due` up to date."""
        policy, begins = self.plan.policy, self.plan.rollout.from_
        pane = self.state.next
        if pane is None and begins is not None:
            pane = begins.ms // self.plan.pane_ms
        self.due = 0 if pane is None else (pane + 1) * self.plan.pane_ms + policy.lateness.ms


def retired(state: State) -> State:
    """What is kept of a state after the final verdict."""
    return State(
        rollout=state.rollout,
        fingerprint=state.fingerprint,
        sources={},
        metrics=[],
        begun=state.begun,
        next=state.next,
        sequence=state.sequence,
        verdict=state.verdict,
        final=True,
    )
