"""Why a rollout stands as it does: the block that `replay` ends with."""

import textwrap
from collections.abc import Iterator

from rich.console import Console, RenderableType
from rich.text import Text

from stream.adapters.terminal.evidence import BAR_WIDTH, EFFECT_WIDTH, evidence_table
from stream.adapters.terminal.glyph import STATES, labelled, readable
from stream.outputs import Alert, Divergence, Output, Score, Verdict
from stream.rollout import Rollout
from stream.words import clock, duration, moment, plain, plural

WIDTH, INDENT = 88, 16


class Story:
    """What is known of a rollout after some of its outputs: the newest of each kind."""

    def __init__(self, rollout: Rollout) -> None:
        self.rollout = rollout
        self.divergences: dict[str, Divergence] = {}
        self.score: Score | None = None
        self.verdict: Verdict | None = None
        self.alerts: list[Alert] = []

    def add(self, output: Output) -> None:
        """Take one output."""
        match output:
            case Divergence():
                self.divergences[output.metric] = output
            case Score():
                self.score = output
            case Verdict():
                self.verdict = output
            case Alert():
                self.alerts.append(output)

    @property
    def state(self) -> str:
        """The rollout's state."""
        if self.verdict is not None and self.verdict.final:
            return self.verdict.verdict
        return self.score.state if self.score is not None else "warming_up"


def print_explanation(
    console: Console, story: Story, *, bar_from: int = BAR_WIDTH, span_from: int = EFFECT_WIDTH
) -> None:
    """Print the whole of it: headline, reasons, table.

    Args:
        console: where to.
        story: what is known.
        bar_from: the columns from which on the table has the bar.
        span_from: the same of the interval.
    """
    for part in explanation(console, story, bar_from=bar_from, span_from=span_from):
        console.print(part, soft_wrap=isinstance(part, Text))


def explanation(
    console: Console, story: Story, *, bar_from: int = BAR_WIDTH, span_from: int = EFFECT_WIDTH
) -> Iterator[RenderableType]:
    """Its parts: lines, then the table."""
    for label, text in _paragraphs(story):
        if label == "":
            head = labelled(console, STATES, story.state, upper=True)
            yield Text.assemble(head, "  ", readable(console, text))
            continue
        yield from paragraph(console, label, text)
    if story.divergences:
        yield Text()
        yield evidence_table(console, list(story.divergences.values()), bar_from=bar_from, span_from=span_from)
        if any(found.critical for found in story.divergences.values()):
            yield Text("* decides", "dim")


def paragraph(console: Console, label: str, text: str) -> Iterator[Text]:
    """A label and a text beside it."""
    wrapped = textwrap.wrap(readable(console, text), min(console.width, WIDTH) - INDENT, break_long_words=False)
    for number, line in enumerate(wrapped):
        yield Text.assemble((f"  {label if not number else '':<14}", "dim"), line)


def alert_line(console: Console, alert: Alert) -> Text:
    """One alert as it happens."""
    kind = alert.kind.replace("_", " ")
    style = "bold yellow" if alert.status == "firing" else "dim"
    text = readable(console, alert.text)
    return Text.assemble((clock(alert.at), "dim"), "  ", (f"{kind:<17}", style), " ", text)


def verdict_line(console: Console, verdict: Verdict) -> Text:
    """One verdict as it happens."""
    head = labelled(console, STATES, verdict.verdict)
    text = readable(console, verdict.text)
    return Text.assemble((clock(verdict.at), "dim"), "  ", f"{'verdict':<17}", " ", head, "  ", text)


def _paragraphs(story: Story) -> list[tuple[str, str]]:
    rollout, verdict, score = story.rollout, story.verdict, story.score
    cohorts = " → ".join(filter(None, (version(rollout, "baseline"), version(rollout, "canary"))))
    at = f", {moment(score.at)} UTC" if score else ""
    policy = f", policy {verdict.policy} ({verdict.fingerprint})" if verdict else ""
    final = "(final) " if verdict and verdict.final else ""
    rows = [("", f"{final}{rollout.app}{f' {cohorts}' if cohorts else ''}{at}{policy}")]
    rows.append(("Why", verdict.text if verdict and verdict.final else score.text if score else "No pane was closed."))
    rows += [("Also", text) for text in (verdict.also if verdict else [])]
    rows += _undecided(story)
    if score is not None:
        size = "undefined" if score.score is None else f"{score.score:.0f} of 100"
        rule = verdict.explanation if verdict and verdict.final else ""
        rows.append(("How sure", f"Confidence {known(score.confidence)}; score {size}. {rule}".strip()))
    rows += [("Which host", alert.text) for alert in _standing(story, "instance_outlier")]
    rows += [("Alert", alert.text) for kind in ("no_data", "judge_error") for alert in _standing(story, kind)]
    if verdict is not None:
        when = f"{clock(verdict.at)} UTC, {duration(verdict.at - verdict.started)} after the first pane began."
        rows.append(("Decision", when if verdict.final else f"None yet; {verdict.verdict} since {when}"))
        rows.append(("Data", _data(story, verdict)))
    return rows


def _undecided(story: Story) -> list[tuple[str, str]]:
    """What deciding metrics say while nothing is decided."""
    if story.verdict is not None and story.verdict.final:
        return []
    pending = [found for found in story.divergences.values() if found.critical and found.state != "pass"]
    return [("Metric", found.text) for found in pending[:6]]


def _data(story: Story, verdict: Verdict) -> str:
    score = story.score
    samples = max((found.canary.samples + found.baseline.samples for found in story.divergences.values()), default=0)
    kept = {reason: number for reason, number in (score.counts if score else {}).items() if number}
    out = ", ".join(f"{plain(number)} {reason.replace('_', ' ')}" for reason, number in kept.items()) or "none"
    who = f"{verdict.canary.instances} canary and {plural(verdict.baseline.instances, 'baseline instance')}"
    return f"{plain(samples)} samples compared of {who}; kept out: {out}."


def _standing(story: Story, kind: str) -> list[Alert]:
    """Alerts that fire, or did until the final verdict resolved them."""
    newest: dict[tuple[str | None, str], Alert] = {}
    final = story.verdict.at if story.verdict is not None and story.verdict.final else None
    for alert in story.alerts:
        if alert.kind == kind and not (alert.status == "resolved" and alert.at == final):
            newest[alert.metric, alert.kind] = alert
    return [alert for alert in newest.values() if alert.status == "firing"]


def version(rollout: Rollout, cohort: str) -> str | None:
    """The version that a cohort is selected by."""
    selector = rollout.baseline if cohort == "baseline" else rollout.canary
    return selector.version if selector is not None else None


def known(confidence: float) -> str:
    """How much is known, never all."""
    if confidence <= 0:
        return "none"
    return "> 99\u00a0%" if confidence > 0.99 else f"{confidence * 100:.0f}\u00a0%"
