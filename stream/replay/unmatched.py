"""Why a recording feeds neither cohort of a rollout, in words: what it holds beside what the rollout wants."""

from collections.abc import Iterable, Mapping

from stream.condense.series import Series, watched
from stream.excerpt import excerpt
from stream.rollout import Rollout, Selector
from stream.words import listed

SHOWN = 3
"""Names that a sentence shows."""


def unmatched(rollout: Rollout, seen: Iterable[Series], rejected: Mapping[str, int], example: str = "") -> str:
    """One sentence on the first thing that keeps all samples out.

    Args:
        rollout: what is wanted.
        seen: the series of the recording.
        rejected: how many of the rollout's samples were kept out, by reason.
        example: what is wrong with one message that cannot be used.

    >>> from stream.policy import MetricRule, Policy
    >>> shop = Rollout("shop-1", "shop", Policy((MetricRule("latency"),)))
    >>> unmatched(shop, [Series("shap", "a", "latency", None, None, "", None, "", None, True, False, ())], {})
    'the telemetry has app "shap" only; the rollout wants "shop"'
    """
    everything = [series for series in seen if series.metric is not None]
    ours = [series for series in everything if series.app == rollout.app]
    if not ours:
        return _only("app", (series.app for series in everything), excerpt(rollout.app))
    if rollout.env is not None and all(series.env != rollout.env for series in ours):
        return _only("env", (series.env for series in ours), excerpt(rollout.env))
    wanted = watched(rollout.policy)
    if all(series.metric not in wanted for series in ours):
        return _only("metric", (series.metric for series in ours), _names(wanted))
    for reason, sentence in _TIMES.items():
        if rejected.get(reason):
            return sentence
    if example and not rejected.keys() & {"both_cohorts", "no_cohort"}:
        return f"not one of its samples can be used; {example}"
    if rejected.get("both_cohorts") and not rejected.get("no_cohort"):
        return "the selectors of both cohorts match the same samples; make them exclude each other"
    if rollout.baseline is None and rollout.canary is None:
        return "the rollout has no selectors, and no message has a cohort field; give it `baseline` and `canary`"
    return _senders(rollout, [series for series in ours if series.metric in wanted])


_TIMES = {
    "before_from": "all its samples are older than `from`; set it earlier, or leave it out to begin with the first",
    "after_until": "all its samples are as new as `until` or newer; set it later, or leave it out",
}


def _senders(rollout: Rollout, ours: list[Series]) -> str:
    """What those who report say about themselves, and what the selectors want."""
    said = [
        ("version", (series.version for series in ours)),
        ("instance", (series.instance for series in ours)),
    ]
    held = "; ".join(f"{field} {_names(names)}" for field, names in said)
    return f"the telemetry has {held}; baseline wants {_wants(rollout.baseline)}, canary {_wants(rollout.canary)}"


def _wants(selector: Selector | None) -> str:
    if selector is None:
        return 'messages with its name as "cohort"'
    wants = [] if selector.version is None else [f"version {excerpt(selector.version)}"]
    wants += [f"label {excerpt(name)} {excerpt(value)}" for name, value in selector.labels.items()]
    if selector.instances:
        wants.append(f"instance {_names(selector.instances)}")
    return listed(wants, len(wants))


def _only(field: str, names: Iterable[str | None], wanted: str) -> str:
    return f"the telemetry has {field} {_names(names)} only; the rollout wants {wanted}"


def _names(names: Iterable[str | None]) -> str:
    return listed(["none" if name is None else excerpt(name) for name in dict.fromkeys(names)], SHOWN)
