"""The last step: records with ids, rounded numbers and sentences."""

from math import expm1

from stream.compare.evidence import Evidence
from stream.compare.yardstick import Yardstick
from stream.judge import sentence
from stream.judge.alerts import Notice, silence
from stream.judge.verdict import Rule, Situation
from stream.outputs import Alert, Divergence, Drivers, RolloutState, Score, Side, Verdict, rounded
from stream.words import duration, listed

_PLAIN = {
    "undecided": "No rule for an end holds yet.",
    "stopped": "Someone ended the rollout.",
    "failed": "The monitor could not judge this rollout: that says nothing about the canary.",
}
"""What there is to say about rules without numbers."""


class Scribe:
    """Writes the records of one pane; each takes the next id of the rollout."""

    def __init__(self, situation: Situation) -> None:
        self.situation = situation
        self.plan, self.state = situation.plan, situation.state

    def divergence(self, rule: int) -> Divergence:
        """One metric's comparison."""
        settings, metric, label = self.plan.rules[rule], self.state.metrics[rule], self.situation.labels[rule]
        found, stick = self.situation.evidence.get(rule), self.situation.sticks[rule]
        said = found or Evidence(rule, low=float("-inf"), high=float("inf"))
        known = all(said.instances)
        return Divergence(
            id=self._id(),
            rollout=self.state.rollout,
            at=self.situation.at,
            metric=settings.name,
            title=sentence.title(settings),
            state=label,
            kind=metric.kind,
            unit=metric.unit,
            critical=rule in self.plan.deciding,
            muted=settings.muted,
            group=settings.group,
            view=said.view or None,
            process=said.process,
            since=None if said.since is None else said.since * self.plan.pane_ms,
            effect=_effect(said.effect, stick) if known else None,
            low=_effect(said.low, stick) if known else None,
            high=_effect(said.high, stick) if known else None,
            scale="relative" if stick.log else "absolute",
            evidence=rounded(said.harm) or 0.0,
            threshold=rounded(self.plan.need[rule]) or 0.0,
            evidence_safe=rounded(said.safe) or 0.0,
            threshold_safe=rounded(self.plan.need_safe) or 0.0,
            tolerate=_limit(stick.gate, stick),
            promote=_limit(stick.promote, stick),
            baseline=Side(rounded(said.baseline), said.instances[1], said.samples[1]),
            canary=Side(rounded(said.canary), said.instances[0], said.samples[0]),
            drivers=self._drivers(said),
            resolution=None if said.resolution is None else _limit(said.resolution, stick),
            short=sentence.short(self.plan, self.state, rule, found, stick),
            text=sentence.reason(self.plan, self.state, rule, label, found, stick),
        )

    def alert(self, notice: Notice) -> Alert:
        """An alert that begins or ends."""
        return Alert(
            id=self._id(),
            rollout=self.state.rollout,
            at=self.situation.at,
            kind=notice.kind,
            status="firing" if notice.firing else "resolved",
            metric=notice.metric,
            instance=notice.instance,
            since=notice.since,
            text=notice.text,
        )

    def score(self, rule: Rule | None) -> Score:
        """How the rollout stands."""
        standing = self.situation.standing
        return Score(
            id=self._id(),
            rollout=self.state.rollout,
            at=self.situation.at,
            score=rounded(standing.score),
            confidence=rounded(min(standing.confidence, 1.0)) or 0.0,
            state=self._state(rule),
            groups={name: rounded(score) or 0.0 for name, score in standing.groups.items()},
            metrics={r.name: label for r, label in zip(self.plan.rules, self.situation.labels, strict=True)},
            counts=dict(sorted(self.state.kept_out.items())),
            text=self._standing(rule),
        )

    def verdict(self, rule: Rule) -> Verdict:
        """The verdict that a rule gives."""
        situation, plan = self.situation, self.plan
        worst = situation.worst if rule.name == "critical_metric" else None
        others = [i for i, label in enumerate(situation.labels) if label == "worse" and i != worst]
        return Verdict(
            id=self._id(),
            rollout=self.state.rollout,
            at=situation.at,
            app=plan.rollout.app,
            verdict=rule.verdict,
            previous=self.state.verdict,
            final=rule.verdict != "continue",
            rule=rule.name,
            metric=None if worst is None else plan.rules[worst].name,
            score=rounded(situation.standing.score),
            confidence=rounded(min(situation.standing.confidence, 1.0)) or 0.0,
            baseline=self._side("baseline"),
            canary=self._side("canary"),
            started=(self.state.begun or 0) * plan.pane_ms,
            policy=f"{plan.policy.name}@{plan.policy.version}",
            fingerprint=plan.fingerprint,
            text=self._why(rule, worst),
            also=[self._reason(i) for i in others],
            explanation=self._rule(rule, worst),
        )

    def _id(self) -> str:
        self.state.sequence += 1
        return f"{self.state.rollout}/{self.state.sequence}"

    def _reason(self, rule: int) -> str:
        s = self.situation
        return sentence.reason(self.plan, self.state, rule, s.labels[rule], s.evidence.get(rule), s.sticks[rule])

    def _drivers(self, found: Evidence) -> Drivers | None:
        driver = found.driver
        if driver is None:
            return None
        name = None if driver.alone is None else self.state.units.names[driver.alone].instance
        return Drivers(driver.count, driver.of, name)

    def _side(self, cohort: str) -> Side:
        number = sum(unit.cohort == cohort for unit in self.state.units.names)
        samples = [found.samples[cohort == "baseline"] for found in self.situation.evidence.values()]
        return Side(None, number, max(samples, default=0))

    def _state(self, rule: Rule | None) -> RolloutState:
        if rule is not None and rule.verdict != "continue":
            return rule.verdict
        for kind in ("judge_error", "no_data"):
            if any(key.split(":")[0] == kind for key in self.state.firing):
                return "judge_error" if kind == "judge_error" else "no_data"
        return "warming_up" if self.state.origin is None else "continue"

    def _standing(self, rule: Rule | None) -> str:
        if rule is not None and rule.verdict != "continue":
            return self._why(rule, self.situation.worst if rule.name == "critical_metric" else None)
        if self.state.origin is not None:
            return sentence.waiting(self.plan, self.situation.labels)
        warmup = duration(self.plan.policy.warmup.ms)
        return f"Nothing is compared yet: what an instance reports in its first {warmup} does not count."

    def _why(self, rule: Rule, worst: int | None) -> str:
        plan, labels = self.plan, self.situation.labels
        if worst is not None:
            return self._reason(worst)
        if rule.name == "all_metrics":
            leading = max(self.situation.evidence, key=lambda i: self.situation.evidence[i].harm)
            name = sentence.title(plan.rules[leading])
            return f"All metrics together show harm, {name} most. {self._reason(leading)}"
        if rule.verdict == "promote":
            return self._promoted(rule)
        if rule.name in ("undecided", "failed"):
            return sentence.waiting(plan, labels) if self.state.failed is None else self.state.failed
        return f"{self._ending(rule)} {self._missing()}"

    def _promoted(self, rule: Rule) -> str:
        deciding = sorted(self.plan.deciding)
        first = max(deciding, key=lambda i: self.situation.evidence[i].safe)
        if rule.name == "no_harm_at_deadline":
            head = "The deadline passed without evidence of harm, which this policy promotes on."
        elif len(deciding) == 1:
            head = "The deciding metric is shown no worse than promotion allows."
        else:
            head = f"All {len(deciding)} deciding metrics are shown no worse than promotion allows."
        return f"{head} {self._reason(first)}"

    def _ending(self, rule: Rule) -> str:
        if rule.name == "stopped":
            return f"Stopped: {self.state.stopped}"
        if rule.name == "until":
            return "The rollout's end (`until`) came without enough evidence."
        return f"The deadline of {duration(self.situation.age)} passed without enough evidence."

    def _missing(self) -> str:
        """What would have been needed, and what to do."""
        situation = self.situation
        silent = silence(situation, situation.at // self.plan.pane_ms - 1)
        if silent.fires:
            return silent.text()
        pending = [i for i in sorted(self.plan.deciding) if situation.labels[i] not in ("pass", "better")]
        missing = [i for i in pending if situation.labels[i] in ("no_data", "error")]
        if missing:
            return self._reason(missing[0])
        for i in pending:
            found = situation.evidence.get(i)
            counted = self.state.metrics[i].kind in ("ratio", "rate")
            if found is not None and all(found.instances) and not counted:
                return sentence.resolution(self.plan, self.state, i, found, situation.sticks[i])
        return self._reason(pending[0]) if pending else sentence.waiting(self.plan, situation.labels)

    def _rule(self, rule: Rule, worst: int | None) -> str:
        plan, evidence = self.plan, self.situation.evidence
        if worst is not None:
            name, harm, need = sentence.title(plan.rules[worst]), evidence[worst].harm, plan.need[worst]
            reached = f"Evidence that {name} is worse reached {harm:.1f}"
            return f"{reached}; the policy aborts a critical metric at {need:.1f}."
        if rule.name == "all_metrics":
            mean = self.situation.mean
            return f"The mean evidence of all metrics reached {mean:.1f}; the policy aborts at {plan.need_mean:.1f}."
        if rule.name == "no_harm_at_deadline":
            known = f"{100 * self.situation.standing.confidence:.0f}\u00a0% of the evidence is there"
            return f"The score is at least {plan.policy.pass_:g} and {known}; `promote_without_harm` is set."
        if rule.verdict == "promote":
            bake = duration(plan.policy.bake.ms)
            return (
                f"Every deciding metric's evidence of safety passed {plan.need_safe:.1f}, the score is at least "
                f"{plan.policy.pass_:g} and the {bake} bake time is over."
            )
        if rule.name in ("deadline", "until"):
            return f"Promotion needs every deciding metric shown safe; {self._shortfall()}"
        return _PLAIN[rule.name]

    def _shortfall(self) -> str:
        parts = []
        for i in sorted(self.plan.deciding):
            if self.situation.labels[i] not in ("pass", "better"):
                safe = self.situation.evidence[i].safe if i in self.situation.evidence else 0.0
                share = max(0, min(99, round(100 * safe / self.plan.need_safe)))
                parts.append(f"{sentence.title(self.plan.rules[i])} had {share}\u00a0% of the evidence it needs")
        return f"at the end {listed(parts, 3)}." if parts else "an alert or the bake time stood against it."


def _effect(effect: float, stick: Yardstick) -> float | None:
    """As messages have it: relative change, or the difference itself."""
    if effect > 700:
        return None
    return rounded(expm1(effect) if stick.log and effect != float("-inf") else effect)


def _limit(amount: float, stick: Yardstick) -> float:
    relative = -expm1(-amount) if stick.sign < 0 and not stick.two_sided else expm1(min(amount, 700.0))
    return rounded(relative if stick.log else amount) or 0.0
