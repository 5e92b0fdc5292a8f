"""The sentences people read, each made once: what, how much, how sure, against which limit, who drives it."""

from math import expm1

from stream.compare.evidence import Evidence, Outlier
from stream.compare.yardstick import Yardstick
from stream.judge.classify import skipped
from stream.judge.clean import instance_name
from stream.judge.silence import newest_panes
from stream.outputs import State as Label
from stream.plan import Plan
from stream.policy import MetricRule
from stream.state import SIDES, State
from stream.words import clock, listed, magnitude, percent, plural, points, value

_KNOWN = {
    "http.server.request.duration": "request latency",
    "http.server.errors": "request errors",
    "http.server.requests": "requests",
    "http.client.request.duration": "client request latency",
    "process.cpu.utilization": "CPU utilisation",
    "process.memory.usage": "memory",
    "system.cpu.utilization": "CPU utilisation",
    "db.client.operation.duration": "database latency",
}
MOST = 700.0
"""Logarithms beyond it have no number."""
_VIEWS = {"mean": "mean", "share": "share of", "rate": "rate of"}


def title(rule: MetricRule) -> str:
    """The noun of a metric."""
    return rule.title or _KNOWN.get(rule.name, rule.name)


def _upper(name: str) -> str:
    """A noun at the start of a sentence; names of metrics and quantiles stay as they are."""
    first = name.split(" ", 1)[0]
    return name[:1].upper() + name[1:] if first.isalpha() else name


def noun(rule: MetricRule, view: str, kind: str | None = None) -> str:
    """The statistic and the noun, such as `p95 request latency`."""
    if kind == "gauge" or not view:
        return title(rule)
    return f"{_VIEWS.get(view, view)} {title(rule)}"


def shown(amount: float, stick: Yardstick, unit: str) -> str:
    """An effect without a sign: in per cent, in points, or in the metric's unit."""
    if stick.log:
        return magnitude(expm1(min(amount, MOST))) if amount >= 0 else magnitude(-expm1(amount))
    if abs(stick.point) and unit in ("1", "%", "percent"):
        return points(amount / (100 * stick.point))
    return value(abs(amount), unit)


def signed(amount: float, stick: Yardstick, unit: str) -> str:
    """An effect with its sign; `unbounded` where nothing is known."""
    if amount in (float("inf"), float("-inf")) or (stick.log and amount > MOST):
        return "unbounded"
    if stick.log:
        return percent(expm1(amount))
    size = shown(amount, stick, unit)
    return size if size == shown(0.0, stick, unit) else ("+" if amount > 0 else "\u2212") + size


def limit(amount: float, stick: Yardstick, unit: str) -> str:
    """A tolerance as the policy has it."""
    if stick.log and stick.sign < 0 and not stick.two_sided:
        return shown(-amount, stick, unit)
    return shown(amount, stick, unit)


def place(effect: float, stick: Yardstick, unit: str) -> str:
    """Where the canary stands: above, below or level with baseline."""
    small = 0.005 if stick.log else stick.gate / 10
    if abs(effect) < small:
        return "level with baseline"
    return f"{shown(effect, stick, unit)} {'above' if effect > 0 else 'below'} baseline"


def reason(plan: Plan, state: State, rule: int, label: Label, evidence: Evidence | None, stick: Yardstick) -> str:
    """Why a metric has its label."""
    settings, metric = plan.rules[rule], state.metrics[rule]
    if label == "error":
        return cannot_compare(plan, state, rule)
    if label == "no_data" or evidence is None:
        return no_samples(plan, state, rule)
    name = noun(settings, evidence.view, metric.kind)
    if skipped(state, rule):
        return (
            f"{title(settings)} is zero or negative too often to be compared as a ratio: "
            "set `scale: raw` and state its `spread`"
        )
    unit = "1" if metric.kind == "ratio" else "/s" if metric.kind == "rate" else metric.unit
    values = f"{value(evidence.canary, unit)} vs {value(evidence.baseline, unit)}"
    span = f"{signed(evidence.low, stick, metric.unit)} to {signed(evidence.high, stick, metric.unit)}"
    if "unbounded" in span:
        span = "unbounded"
    since = ""
    if evidence.process == "restart" and evidence.since is not None:
        since = f" than it was before {clock(evidence.since * plan.pane_ms)} UTC, relative to baseline"
        direction = "higher" if evidence.effect > 0 else "lower"
        head = f"{_upper(name)} of the canary is {shown(evidence.effect, stick, metric.unit)} {direction}{since}"
    else:
        head = f"{_upper(name)} of the canary is {place(evidence.effect, stick, metric.unit)}"
    if since:
        values = f"since the start {values}"
    sentence = f"{head} ({values}; 95\u00a0% interval {span})"
    return sentence + _judgement(state, rule, label, evidence, stick) + _driver(state, label, evidence) + "."


def _judgement(state: State, rule: int, label: Label, evidence: Evidence, stick: Yardstick) -> str:
    unit = state.metrics[rule].unit
    if label == "worse":
        return f", more than the tolerated {limit(stick.gate, stick, unit)}"
    if label == "pass":
        return f": shown to stay within the {limit(stick.promote, stick, unit)} limit for promotion"
    if label == "better":
        return ": shown to be better"
    if evidence.note:
        return f": {evidence.note}"
    if not all(evidence.instances):
        return ": not enough samples yet from both cohorts"
    return f": not yet enough evidence either way{_power(state, rule, evidence, stick)}"


def _power(state: State, rule: int, evidence: Evidence, stick: Yardstick) -> str:
    """What so many instances could show by now."""
    if state.metrics[rule].kind in ("ratio", "rate"):
        return ""
    canary, baseline = evidence.instances
    who = f"{canary} canary and {plural(baseline, 'baseline instance')}"
    if evidence.resolution is None:
        return f"; {who} differ too much among themselves to show anything yet: run more"
    return f"; {who} can show about {limit(evidence.resolution, stick, state.metrics[rule].unit)} by now"


def _driver(state: State, label: Label, evidence: Evidence) -> str:
    driver = evidence.driver
    if driver is None or label not in ("worse", "better"):
        return ""
    if driver.alone is not None:
        return f"; driven by one instance, {instance_name(state, driver.alone)}"
    if driver.of == 1:
        return "; driven by the one canary instance"
    if driver.count == driver.of:
        return f"; driven by all {driver.of} canary instances"
    return f"; driven by {driver.count} of {driver.of} canary instances"


def short(plan: Plan, state: State, rule: int, evidence: Evidence | None, stick: Yardstick) -> str:
    """For lists and titles, at most 52 characters."""
    metric = state.metrics[rule]
    name = title(plan.rules[rule])
    if evidence is None or not evidence.view:
        return name[:52]
    view = f" {evidence.view}" if evidence.view.startswith("p") and metric.kind == "distribution" else ""
    tail = f"{view} {signed(evidence.effect, stick, metric.unit)} (limit {limit(stick.gate, stick, metric.unit)})"
    whole = name + tail if len(name) + len(tail) <= 52 else name[: max(51 - len(tail), 0)] + "…" + tail
    return whole if len(whole) <= 52 else whole[:51] + "…"


def no_samples(plan: Plan, state: State, rule: int) -> str:
    """What is missing of a metric."""
    name = plan.rules[rule].name
    newest = dict(zip(SIDES, newest_panes(state, rule), strict=True))
    never = [cohort for cohort, pane in newest.items() if pane is None]
    if never:
        return f"No samples of {name} from the {' and the '.join(never)} yet."
    last = {cohort: pane for cohort, pane in newest.items() if pane is not None}
    oldest = min(last.values())
    silent = " and the ".join(cohort for cohort, pane in last.items() if pane <= oldest + 1)
    return f"No samples of {name} from the {silent} since {clock((oldest + 1) * plan.pane_ms)} UTC."


def cannot_compare(plan: Plan, state: State, rule: int) -> str:
    """A judge error, and what it blocks."""
    name, cause = plan.rules[rule].name, state.metrics[rule].error
    others = sum(not r.muted for r in plan.rules) - (not plan.rules[rule].muted)
    rest = f" The other {plural(others, 'metric')} {'is' if others == 1 else 'are'} still judged and can still abort;"
    return (
        f"The judge cannot compare {name}: {cause}.{rest if others else ''} "
        f"promotion is blocked until this is fixed or the metric is muted in the policy."
    ).replace(". promotion", ". Promotion")


def outlier(plan: Plan, state: State, rule: int, found: Outlier, view: str, stick: Yardstick) -> str:
    """An instance that stands out."""
    unit, kind = state.metrics[rule].unit, state.metrics[rule].kind
    low, high = found.others
    others = sum(unit_.cohort == "canary" for unit_ in state.units.names) - 1
    near, far = sorted((low, high), key=abs)
    if low * high > 0:
        span = f"{shown(near, stick, unit)} to {shown(far, stick, unit)} {'above' if low > 0 else 'below'} it"
    else:
        span = f"within {shown(far, stick, unit)} of it"
    where = place(found.effect, stick, unit).removesuffix(" baseline")
    return (
        f"Instance {instance_name(state, found.instance)} is {where} "
        f"the baseline's mean {noun(plan.rules[rule], view, kind).removeprefix('mean ')}; "
        f"the other {plural(others, 'canary instance')} {'is' if others == 1 else 'are'} {span}. "
        "One instance alone does not abort a rollout: look at this host, or replace it."
    )


def waiting(plan: Plan, labels: list[Label]) -> str:
    """What a rollout that goes on waits for."""
    heard = [i for i, rule in enumerate(plan.rules) if not rule.muted]
    safe = [i for i in heard if labels[i] in ("pass", "better")]
    worse = [i for i in heard if labels[i] == "worse"]
    pending = [title(plan.rules[i]) for i in sorted(plan.deciding) if labels[i] not in ("pass", "better", "worse")]
    head = f"{len(safe)} of {plural(len(heard), 'metric')} shown safe, "
    head += f"{listed([title(plan.rules[i]) for i in worse])} worse" if worse else "none is worse"
    if plan.deciding.intersection(worse):
        return f"{head}."
    head += " without being critical" if worse else ""
    if not pending:
        return f"{head}. Promotion waits for the bake time, the score and quiet."
    verb = "is" if len(pending) == 1 else "are"
    return f"{head}. Promotion needs every deciding metric shown safe; {listed(pending, 3)} {verb} not there yet."


def resolution(plan: Plan, state: State, rule: int, evidence: Evidence, stick: Yardstick) -> str:
    """What so many instances can resolve, and what to do about it."""
    canary, baseline = evidence.instances
    who = f"{canary} canary and {plural(baseline, 'baseline instance')}"
    name = title(plan.rules[rule])
    if evidence.resolution is None:
        return f"{who} cannot resolve {name}: run more a side, or state a `spread` between instances."
    size = limit(evidence.resolution, stick, state.metrics[rule].unit)
    return f"{who} can only resolve about {size} of {name}. Run more canary instances."
