"""`canary watch ROLLOUT`: how it stands, the evidence, what happened."""

from collections.abc import Iterator

from rich.console import Console, RenderableType
from rich.text import Text

from stream.adapters.terminal.board import Board, Card, firing
from stream.adapters.terminal.evidence import evidence_table
from stream.adapters.terminal.explain import known, version
from stream.adapters.terminal.glyph import STATES, labelled, readable
from stream.adapters.terminal.lines import hanging, in_a_row, liveness, switch_line, wrapped
from stream.adapters.terminal.next_step import next_step, silence, span
from stream.outputs import Action, Alert
from stream.rollout import Rollout
from stream.words import clock, duration, plain

BAR_FROM, SPAN_FROM = 80, 100
"""Under so many columns the interval is dropped, then the bar."""
ALERTS, ACTIONS = 3, 6
"""So many of the newest are shown."""
NOT_JUDGED = "Nothing is judged yet."


def rollout_page(console: Console, board: Board, card: Card, now: int) -> Iterator[RenderableType]:
    """The page, without what the keys do.

    Args:
        console: where it is shown.
        board: what is known.
        card: the rollout.
        now: the reader's clock, milliseconds UTC.
    """
    yield from in_a_row(console, _headline(console, card, faded=board.away is not None))
    yield from in_a_row(console, _standing(console, board, card, now))
    yield from switch_line(console, board)
    stale = board.away is not None or card.silent(now) is not None or card.state == "no_data"
    reason = card.newest.text if card.newest is not None else NOT_JUDGED
    yield Text()
    yield from wrapped(console, reason)
    if card.story.divergences:
        yield Text()
        yield evidence_table(
            console, list(card.story.divergences.values()), bar_from=BAR_FROM, span_from=SPAN_FROM, faded=stale
        )
    happened = [*_alerts(console, card, reason), *_actions(console, card)]
    if happened:
        yield Text()
        yield from happened


def instances_page(console: Console, card: Card) -> Iterator[RenderableType]:
    """Which instances drive what, as far as outputs say so."""
    yield from in_a_row(console, _headline(console, card, faded=False))
    yield Text()
    for found in card.story.divergences.values():
        name = found.title[:1].upper() + found.title[1:]
        sides = f"{found.canary.instances} canary and {found.baseline.instances} baseline instances compared"
        drivers = found.drivers
        if drivers is None or found.state not in ("worse", "better"):
            who = "nobody stands out"
        elif drivers.instance is not None:
            who = f"driven by one instance, {drivers.instance}"
        else:
            who = f"driven by {drivers.count} of {drivers.of} canary instances"
        yield from hanging(console, "", name[:17], f"{sides}; {who}.")
    odd = [alert for alert in firing(card) if alert.instance is not None]
    if odd:
        yield Text()
    for alert in odd:
        yield from _alert(console, alert)


def _headline(console: Console, card: Card, *, faded: bool) -> Iterator[Text]:
    rollout, verdict = card.registration.rollout, card.story.verdict
    versions = " → ".join(filter(None, (version(rollout, "baseline"), version(rollout, "canary"))))
    state = labelled(console, STATES, card.state, upper=True)
    yield Text.assemble(
        Text(state.plain, "dim") if faded else state,
        "  ",
        (rollout.app, "bold"),
        readable(console, f" {versions}" if versions else ""),
        f"  {rollout.env}" if rollout.env else "",
    )
    yield Text(_policy(rollout))
    if card.final is not None:
        yield Text.assemble(("final", "dim"), f" {clock(card.final.at)} UTC")
    elif card.newest is not None:
        yield Text.assemble(("as of", "dim"), f" {clock(card.newest.at)} UTC")
    if verdict is None and card.newest is None and not card.ended:
        yield Text("no output yet", "dim")


def _standing(console: Console, board: Board, card: Card, now: int) -> Iterator[Text]:
    newest, score, verdict = card.newest, card.story.score, card.story.verdict
    if newest is not None:
        size = "undefined" if newest.score is None else f"{newest.score:.0f} of 100"
        yield Text(readable(console, f"score {size}"))
        yield Text(readable(console, f"confidence {known(newest.confidence)}"))
    if verdict is not None:
        yield Text(f"{_speaking(card)} instances")
    silent = card.silent(now)
    if silent is not None:
        yield Text(f"{silence(silent)}; is a worker running?", "bold yellow")
    elif newest is not None and not card.ended:
        late = (score.counts if score is not None else {}).get("late", 0)
        yield Text(readable(console, f"data {span(now - newest.at)} behind, {plain(late)} late"))
    step = next_step(card, now)
    if step:
        yield Text.assemble(("decided " if card.ended else "next: ", "dim"), readable(console, step))
    yield liveness(console, board, now)


def _speaking(card: Card) -> str:
    """How many instances there are: those of the verdict, or what speaks by now where that is more."""
    verdict, found = card.story.verdict, list(card.story.divergences.values())
    assert verdict is not None
    canary = max([verdict.canary.instances, *(one.canary.instances for one in found)])
    baseline = max([verdict.baseline.instances, *(one.baseline.instances for one in found)])
    return f"{canary} canary, {baseline} baseline"


def _policy(rollout: Rollout) -> str:
    return f"{rollout.policy.name}@{rollout.policy.version}"


def _alerts(console: Console, card: Card, reason: str) -> Iterator[Text]:
    """The alerts that stand, but for what the reason says already."""
    told = [alert for alert in firing(card) if alert.text != reason]
    for alert in told[:ALERTS]:
        yield from _alert(console, alert)
    if len(told) > ALERTS:
        yield from hanging(console, "", "", f"... and {len(told) - ALERTS} more alerts")


def _alert(console: Console, alert: Alert) -> Iterator[Text]:
    yield from hanging(console, clock(alert.at), alert.kind.replace("_", " "), alert.text, "bold yellow")


def _actions(console: Console, card: Card) -> Iterator[Text]:
    actions = sorted(card.actions.values(), key=lambda action: (action.at, action.attempt))
    for action in actions[-ACTIONS:]:
        yield from hanging(console, clock(action.at), "hook", action_words(action))


def action_words(action: Action) -> str:
    """An attempt of a hook, in a line."""
    words = [f"{action.hook}: {action.outcome.replace('_', ' ')}"]
    if action.status is not None:
        words.append(f"{action.status}" if "://" in action.target else f"exit code {action.status}")
    if action.outcome in ("succeeded", "failed"):
        words += [duration_words(action.duration_ms), f"attempt {action.attempt}"]
    if action.outcome != "succeeded" and action.text:
        words.append(action.text[:1].lower() + action.text[1:].rstrip("."))
    if action.retry_at is not None:
        words.append(f"again at {clock(action.retry_at)}")
    if action.escalates_to is not None:
        words.append(f"then {action.escalates_to}")
    return ", ".join(words)


def duration_words(ms: int) -> str:
    """A short time.

    >>> duration_words(84), duration_words(1312)
    ('84 ms', '1.312 s')
    """
    return f"{ms} ms" if ms < 1000 else duration(ms)
