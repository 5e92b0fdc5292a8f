"""The sixth step: the verdict, as two tables. `RULES` says what is decided, in order; `MOVES` what may follow what.

    none ──▶ continue ──▶ promote | abort | inconclusive   (the last three are final)

A rule whose condition holds decides; nothing else does. A low score, a silent cohort or a broken metric never aborts,
and never promotes either.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from stream.compare.evidence import Evidence
from stream.compare.yardstick import Yardstick
from stream.errors import StateError
from stream.judge.classify import harm_of
from stream.judge.score import Standing
from stream.outputs import State as Label
from stream.outputs import VerdictWord
from stream.plan import Plan
from stream.state import State

PASSING_PANES = 3
"""Panes in a row with a passing score before a promotion."""
CHANGE = float(np.log(10.0))
"""Evidence of a recent change that holds a promotion back."""


class Situation(NamedTuple):
    """What the rules look at."""

    plan: Plan
    state: State
    at: int
    """End of the pane, milliseconds UTC."""
    labels: list[Label]
    evidence: dict[int, Evidence]
    sticks: dict[int, Yardstick]
    standing: Standing

    @property
    def worst(self) -> int | None:
        """The deciding metric that is worse with the most evidence for its need."""
        worse = [i for i in sorted(self.plan.deciding) if self.labels[i] == "worse"]
        return max(worse, key=lambda i: self.evidence[i].harm / self.plan.need[i], default=None)

    @property
    def mean(self) -> float:
        """Log of the weighted mean of all metrics' e-values; a tolerated effect adds none."""
        logs = []
        for i, weight in enumerate(self.plan.weights):
            if weight:
                found = self.evidence.get(i)
                known = found is not None and self.labels[i] not in ("no_data", "error")
                harm = found.harm if known and found is not None else 0.0
                tolerated = not known or found is None or harm_of(found, self.sticks[i]) < self.sticks[i].gate
                logs.append(np.log(weight) + (min(harm, 0.0) if tolerated else harm))
        return float(np.logaddexp.reduce(logs)) if logs else 0.0

    @property
    def age(self) -> int:
        """Milliseconds since the rollout's first pane began."""
        return self.at - (self.state.begun or 0) * self.plan.pane_ms

    @property
    def overdue(self) -> bool:
        """Whether the deadline has passed."""
        deadline = self.plan.policy.deadline
        return deadline is not None and self.age >= deadline.ms

    @property
    def unblocked(self) -> bool:
        """Whether nothing forbids a promotion: no silence, no error, no odd instance, no sign of a recent change."""
        heard = [i for i, rule in enumerate(self.plan.rules) if not rule.muted]
        changed = any(self.evidence[i].change > CHANGE for i in self.plan.deciding if i in self.evidence)
        return not changed and not self.state.firing and all(self.labels[i] != "error" for i in heard)

    @property
    def safe(self) -> bool:
        """Whether every deciding metric is shown safe, for long enough, with a passing score."""
        return (
            all(self.labels[i] in ("pass", "better") for i in self.plan.deciding)
            and all(self.evidence[i].safe >= self.plan.need_safe for i in self.plan.deciding)
            and self.state.passing >= PASSING_PANES
            and self.age >= self.plan.policy.bake.ms
        )


class Rule(NamedTuple):
    """A verdict and when it is given."""

    name: str
    verdict: VerdictWord
    holds: Callable[[Situation], bool]


def _until(s: Situation) -> bool:
    return s.plan.rollout.until is not None and s.at >= s.plan.rollout.until.ms


def _lenient(s: Situation) -> bool:
    enough = s.standing.confidence >= 0.5 and s.state.passing >= PASSING_PANES
    return s.overdue and s.plan.policy.promote_without_harm and enough and s.unblocked


RULES: tuple[Rule, ...] = (
    Rule("critical_metric", "abort", lambda s: s.worst is not None),
    Rule("all_metrics", "abort", lambda s: s.mean >= s.plan.need_mean),
    Rule("failed", "inconclusive", lambda s: s.state.failed is not None),
    Rule("stopped", "inconclusive", lambda s: s.state.stopped is not None),
    Rule("all_safe", "promote", lambda s: s.safe and s.unblocked),
    Rule("no_harm_at_deadline", "promote", _lenient),
    Rule("until", "inconclusive", _until),
    Rule("deadline", "inconclusive", lambda s: s.overdue),
    Rule("undecided", "continue", lambda s: s.state.origin is not None),
)
"""The first rule that holds decides."""

MOVES: dict[VerdictWord | None, frozenset[VerdictWord]] = {
    None: frozenset({"continue", "promote", "abort", "inconclusive"}),
    "continue": frozenset({"continue", "promote", "abort", "inconclusive"}),
    "promote": frozenset(),
    "abort": frozenset(),
    "inconclusive": frozenset(),
}
"""What may follow a verdict; the last three are final."""


def decide(situation: Situation) -> Rule | None:
    """The rule that decides, None before anything was compared.

    Raises:
        StateError: the verdict may not follow the one before.
    """
    rule = next((rule for rule in RULES if rule.holds(situation)), None)
    if rule is not None and rule.verdict not in MOVES[situation.state.verdict]:
        raise StateError(f"{rule.verdict} cannot follow {situation.state.verdict}")
    return rule


def is_final(verdict: VerdictWord) -> bool:
    """Whether nothing follows a verdict."""
    return not MOVES[verdict]
