"""The metrics that name an app: how its rollout stands.

A rollout's id is no label, as ids are without number. Where several rollouts of one app and environment run on a
worker, the newest is shown: the one with the latest `from`, of equal ones the one heard of last.
`canary_analysis_rollouts` says how many run, so that this is no secret.

The series of a rollout that has ended stay for `LINGER`, so that its last word is scraped.
"""

from dataclasses import dataclass, field
from functools import partial
from typing import get_args

from prometheus_client import CollectorRegistry, Gauge

from stream.adapters.worker.instruments import forget
from stream.outputs import Divergence, Output, RolloutState, Score, Verdict, VerdictWord
from stream.rollout import Rollout

LINGER = 300.0
"""Seconds for which an ended rollout is shown: several scrapes at the usual intervals."""
WORDS: tuple[VerdictWord, ...] = get_args(VerdictWord)
STATES: tuple[RolloutState, ...] = get_args(RolloutState)

_Labels = tuple[str, str]


@dataclass(slots=True)
class _Known:
    """A rollout."""

    rank: tuple[int, int]
    """Its `from`, and when it was heard of: the highest is shown."""
    until: float | None = None
    """Of an ended one: the time after which it is not shown."""


@dataclass(slots=True)
class _App:
    """The rollouts of one app and environment."""

    known: dict[str, _Known] = field(default_factory=dict)
    """By id."""
    shown: str | None = None
    """The one that the series are of."""
    metrics: set[str] = field(default_factory=set)
    """Its metrics that have a series."""


class AppSeries:
    """The series of all apps. Times are seconds of one clock that never goes back."""

    def __init__(self, registry: CollectorRegistry) -> None:
        gauge = partial(Gauge, registry=registry)
        self._score = gauge("canary_analysis_score", "Score of the app's rollout, 0 to 100.", ("env", "app"))
        self._divergence = gauge(
            "canary_metric_divergence",
            "Evidence that the canary is worse in a metric, as a share of what calls it worse: 1 is enough.",
            ("env", "app", "metric"),
        )
        self._verdict = gauge(
            "canary_analysis_verdict",
            "1 for the verdict on the app's rollout, 0 for the others.",
            ("env", "app", "verdict"),
        )
        self._state = gauge(
            "canary_analysis_state", "1 for what the app's rollout is in, 0 for the others.", ("env", "app", "state")
        )
        self._rollouts = gauge(
            "canary_analysis_rollouts",
            "Running rollouts of the app on this worker; its other series are those of the newest.",
            ("env", "app"),
        )
        self._apps: dict[_Labels, _App] = {}
        self._heard = 0

    def say(self, output: Output, rollout: Rollout) -> None:
        """Show an output, if its rollout is the one that is shown."""
        labels = _labels(rollout)
        app = self._apps.setdefault(labels, _App())
        if rollout.id not in app.known:
            self._heard += 1
            app.known[rollout.id] = _Known((rollout.from_.ms if rollout.from_ is not None else -1, self._heard))
            self._arrange(labels)
        if app.shown != rollout.id:
            return
        match output:
            case Score():
                self._show_score(labels, output)
            case Verdict():
                self._show_verdict(labels, output.verdict)
            case Divergence():
                app.metrics.add(output.metric)
                self._divergence.labels(*labels, output.metric).set(output.evidence / output.threshold)

    def end(self, rollout: Rollout, now: float) -> None:
        """A rollout has ended: show it a little longer."""
        app = self._apps.get(_labels(rollout))
        if app is not None and rollout.id in app.known:
            app.known[rollout.id].until = now + LINGER
            self._arrange(_labels(rollout))

    def drop_running(self) -> None:
        """All running rollouts may be another worker's now: show them when they are heard of again."""
        for labels, app in list(self._apps.items()):
            app.known = {name: known for name, known in app.known.items() if known.until is not None}
            self._arrange(labels)

    def tidy(self, now: float) -> None:
        """Forget the rollouts that have ended long enough ago."""
        for labels, app in list(self._apps.items()):
            past = [name for name, known in app.known.items() if known.until is not None and known.until <= now]
            for name in past:
                del app.known[name]
            if past:
                self._arrange(labels)

    def _arrange(self, labels: _Labels) -> None:
        """Let the series be those of the newest rollout; what it has not said yet is not there."""
        app = self._apps[labels]
        newest = max(app.known, key=lambda name: app.known[name].rank, default=None)
        if newest != app.shown:
            self._clear(labels, app)
            app.shown = newest
        if newest is None:
            del self._apps[labels]
        else:
            self._rollouts.labels(*labels).set(sum(known.until is None for known in app.known.values()))

    def _clear(self, labels: _Labels, app: _App) -> None:
        forget(self._score, *labels)
        forget(self._rollouts, *labels)
        for word in WORDS:
            forget(self._verdict, *labels, word)
        for state in STATES:
            forget(self._state, *labels, state)
        for metric in app.metrics:
            forget(self._divergence, *labels, metric)
        app.metrics.clear()

    def _show_score(self, labels: _Labels, score: Score) -> None:
        if score.score is None:
            forget(self._score, *labels)
        else:
            self._score.labels(*labels).set(score.score)
        for state in STATES:
            self._state.labels(*labels, state).set(state == score.state)
        if score.state != "warming_up":  # a worker that has just taken over hears of no verdict before its change
            self._show_verdict(labels, next((word for word in WORDS if word == score.state), "continue"))

    def _show_verdict(self, labels: _Labels, verdict: VerdictWord) -> None:
        for word in WORDS:
            self._verdict.labels(*labels, word).set(word == verdict)


def _labels(rollout: Rollout) -> _Labels:
    return rollout.env or "", rollout.app
