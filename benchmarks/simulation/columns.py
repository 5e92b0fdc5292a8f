"""The columns of the tables: a policy each, folded over the same traffic, and what came of it.

The reference tables test each metric by itself, one view a policy, one-sided at alpha 0.01, from the sixth pane on,
without a size gate. A single metric's share of alpha is four fifths, hence alpha 0.0125. The deadline lies just behind
the last pane, so that as many restarts are planned as begin.
"""

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from msgspec import Struct

from benchmarks.simulation.scenarios import Scenario
from benchmarks.simulation.traffic import CPU, ERRORS, LATENCY, Pane
from stream.monitor import start, step
from stream.outputs import Alert, Divergence, Output, Verdict, VerdictWord
from stream.partial import Partial, SourceTime
from stream.plan import Plan
from stream.policy import MetricRule, Policy, View
from stream.quantity import Duration, Tolerance
from stream.rollout import Rollout
from stream.state import State

PANE_MS = 10_000
SOURCE = "simulated"
ALPHA = 0.01
"""Of each metric in the tables."""
SHIPPED = "as shipped"
"""The column with the default policy."""
Part = Literal["tables", "shipped"]
PARTS: tuple[Part, ...] = ("tables", "shipped")
"""The columns of the tables, and the default policy: simulated apart, with different numbers of rollouts."""


class Column(NamedTuple):
    """One policy."""

    name: str
    """As tables call it."""
    rules: tuple[MetricRule, ...]
    """What it watches."""
    restarts: float = 0.0
    """Weight of the restarts; 0 for the level alone."""

    def policy(self, scenario: Scenario) -> Policy:
        """The policy for a scenario's length."""
        if self.name == SHIPPED:
            return Policy(self.rules)
        beyond = Duration((scenario.setting.panes + 1) * PANE_MS)
        return Policy(
            self.rules,
            warmup=Duration(0),
            bake_time=beyond,
            deadline=beyond,
            alpha=ALPHA / 0.8,
            alpha_promote=ALPHA,
            n_min=1,
            min_panes=6,
            restart_weight=self.restarts,
        )


def _latency(view: View) -> tuple[MetricRule, ...]:
    ten = Tolerance(0.10, "%")
    return (MetricRule(LATENCY, critical=True, views=(view,), tolerate=Tolerance(0.0, "%"), promote=ten),)


_ERRORS = (MetricRule(ERRORS, kind="ratio", critical=True, tolerate=Tolerance(0.0, "%"), promote=Tolerance(0.5, "%")),)
_CPU = (MetricRule(CPU, kind="gauge", critical=True, tolerate=Tolerance(0.0, "pp"), promote=Tolerance(0.05, "pp")),)
_DEFAULT = (
    MetricRule(LATENCY, critical=True),
    MetricRule(ERRORS, kind="ratio", critical=True),
    MetricRule(CPU, kind="gauge", critical=True),
)

COLUMNS: dict[str, Column] = {
    column.name: column
    for column in (
        Column("mean", _latency("mean")),
        Column("mean + restarts", _latency("mean"), 0.5),
        Column("p95", _latency("p95")),
        Column("p99", _latency("p99")),
        Column("errors", _ERRORS),
        Column("errors + restarts", _ERRORS, 0.5),
        Column("cpu", _CPU),
        Column("cpu + restarts", _CPU, 0.5),
        Column(SHIPPED, _DEFAULT),
    )
}


def columns_of(scenario: Scenario, part: Part) -> list[Column]:
    """The default policy; or those columns of the tables that say something about a scenario, nearly all in an A/A."""
    setting = scenario.setting
    if part == "shipped":
        names = [SHIPPED]
    elif scenario.healthy:
        names = ["mean", "mean + restarts", "p95", "p99", "errors", "errors + restarts", "cpu + restarts"]
    elif setting.cpu or setting.leak:
        names = ["cpu", "cpu + restarts"]
    elif setting.errors != 1:
        names = ["errors", "errors + restarts"]
    elif setting.only_first or setting.onset:
        names = ["mean", "mean + restarts"]
    else:
        names = ["mean", "mean + restarts", "p95", "p99"]
    return [COLUMNS[name] for name in names]


class Outcome(Struct, omit_defaults=True):
    """What came of one column in one rollout. Panes are counted from 1; None for never."""

    verdict: VerdictWord | None = None
    """The final verdict; None where there was none before the traffic ended."""
    pane: int | None = None
    """After how many panes it came."""
    metric: str | None = None
    """The metric that decided."""
    safe: dict[str, int] = {}
    """By metric, the first pane in which it was shown safe."""
    outlier: int | None = None
    """The first pane with an alert that one instance stands out."""


@dataclass
class Fold:
    """One column at work."""

    column: Column
    plan: Plan
    state: State
    outcome: Outcome = field(default_factory=Outcome)
    """What came of it so far."""

    @classmethod
    def begin(cls, column: Column, scenario: Scenario) -> "Fold":
        """Before the first pane."""
        plan = Plan.of(Rollout("simulated", "simulated", column.policy(scenario)))
        return cls(column, plan, start(plan, [SOURCE]))

    @property
    def done(self) -> bool:
        """Whether nothing more can come."""
        return self.state.final

    def take(self, pane: Pane) -> list[Output]:
        """Give the fold one pane's rows, and the time that closes it."""
        end = (pane.number + 1) * PANE_MS
        rows = pane.rows({rule.name for rule in self.column.rules})
        outputs = step(self.plan, self.state, Partial("simulated", SOURCE, pane.number, pane.number + 1, end - 1, rows))
        outputs += step(self.plan, self.state, SourceTime(SOURCE, end + self.plan.policy.lateness.ms))
        for output in outputs:
            self._note(output, pane.number + 1)
        return outputs

    def _note(self, output: Output, pane: int) -> None:
        outcome = self.outcome
        match output:
            case Divergence() if output.evidence_safe >= output.threshold_safe and output.state in ("pass", "better"):
                outcome.safe.setdefault(output.metric, pane)
            case Alert(kind="instance_outlier", status="firing") if outcome.outlier is None:
                outcome.outlier = pane
            case Verdict() if output.final:
                outcome.verdict, outcome.pane, outcome.metric = output.verdict, pane, output.metric
