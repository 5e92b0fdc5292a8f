"""One closed pane through the named steps: clean, observe, classify, grade, decide, alert, and say it."""

from stream.judge.alerts import Notice, notices, resolve_all
from stream.judge.classify import classify
from stream.judge.clean import clean
from stream.judge.observe import observe
from stream.judge.record import Scribe
from stream.judge.score import grade
from stream.judge.verdict import Situation, decide, is_final
from stream.outputs import Output
from stream.pane import Rows
from stream.plan import Plan
from stream.state import State

__all__ = ["judge"]


def judge(plan: Plan, state: State, pane: int, rows: Rows) -> list[Output]:
    """Judge a closed pane; `state` is advanced in place.

    Args:
        plan: the rollout's plan.
        state: the rollout's state, all earlier panes closed.
        pane: the pane's number.
        rows: its merged rows; theirs summaries are used up.

    Returns:
        A divergence for each metric, alerts that begin or end, a score, and a verdict if it changed.
    """
    cells = clean(plan, state, pane, rows)
    evidence, sticks = observe(plan, state, pane, cells)
    labels = [classify(plan, state, pane, rule, evidence.get(rule), stick) for rule, stick in sticks.items()]
    standing = grade(plan, labels, evidence, sticks)
    passing = standing.score is not None and standing.score >= plan.policy.pass_
    state.passing = state.passing + 1 if passing else 0
    situation = Situation(plan, state, (pane + 1) * plan.pane_ms, labels, evidence, sticks, standing)
    changes: list[Notice] = notices(situation, cells, pane)
    rule = decide(situation)
    final = rule is not None and is_final(rule.verdict)
    if final:
        changes += resolve_all(situation)
    scribe = Scribe(situation)
    outputs: list[Output] = [scribe.divergence(metric) for metric in range(len(plan.rules))]
    outputs += [scribe.alert(change) for change in changes]
    outputs.append(scribe.score(rule))
    if rule is not None and rule.verdict != state.verdict:
        outputs.append(scribe.verdict(rule))
        state.verdict, state.final = rule.verdict, final
    return outputs
