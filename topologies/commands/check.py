"""`canary check`: is a rollout file right, and what do its defaults come to."""

import json
from collections.abc import Iterator
from typing import Annotated, Literal

import msgspec
import typer

from stream.adapters.rollout_file import read_rollout_file
from stream.document.effective import Effective, EffectiveMetric, effective
from stream.document.rollout import write_rollout
from stream.errors import PolicyError
from stream.policy import MetricRule
from stream.rollout import Rollout, Selector
from stream.words import plural
from topologies.exit_code import MISUSED

_HEAD = ("METRIC", "KIND", "WORSE", "TOLERATE", "PROMOTE", "DECIDES", "SHARE", "ALPHA", "EVIDENCE")


def check(
    files: Annotated[
        list[str], typer.Argument(metavar="FILE", help="Rollout files: YAML, TOML or JSON; - for standard input.")
    ],
    output: Annotated[Literal["text", "json"], typer.Option(help="For people, or one object a line.")] = "text",
) -> None:
    """Check rollout files, and show what they mean.

    They are read as the monitor reads them, and shown with every default filled in.
    """
    wrong = False
    for file in files:
        try:
            rollout = read_rollout_file(file)
        except PolicyError as error:
            wrong = True
            typer.echo(f"canary: {error}", err=True)
            if output == "json":
                typer.echo(json.dumps({"file": file, "ok": False, "error": str(error)}))
            continue
        found = effective(rollout)
        typer.echo(_json(file, rollout, found) if output == "json" else "\n".join(_text(file, rollout, found)))
    if wrong:
        raise typer.Exit(MISUSED)


def _json(file: str, rollout: Rollout, found: Effective) -> str:
    plain = {
        "file": file,
        "ok": True,
        "rollout": write_rollout(rollout, defaults=True),
        **msgspec.structs.asdict(found),
    }
    return msgspec.json.encode(plain).decode()


def _text(file: str, rollout: Rollout, found: Effective) -> Iterator[str]:
    yield f"{file}: ok"
    yield ""
    yield from (f"  {label:<9} {text}" for label, text in _facts(rollout, found))
    yield ""
    yield from (f"  {line}" for line in _table(rollout, found))
    yield ""
    if not all(metric.kind_stated for metric in found.metrics):
        yield "  In brackets: unless the messages say otherwise."
    yield from (f"  Doubtful: {text}." for text in found.doubts)


def _facts(rollout: Rollout, found: Effective) -> Iterator[tuple[str, str]]:
    policy = rollout.policy
    groups = dict.fromkeys(rule.group for rule in policy.metrics)
    yield (
        "rollout",
        f"{rollout.id}, app {rollout.app}, {f'environment {rollout.env}' if rollout.env else 'any environment'}",
    )
    yield "baseline", _selector(rollout.baseline)
    yield "canary", _selector(rollout.canary)
    yield "time", f"from {rollout.from_ or 'its start'} until {rollout.until or 'its verdict'}, {_deadline(rollout)}"
    yield "policy", f"{policy.name}, version {policy.version}, fingerprint {found.fingerprint}"
    yield "panes", f"{policy.pane}, closed {policy.lateness} after their end"
    yield "counts", f"an instance from {policy.warmup} on, with {policy.n_min} samples of a distribution in a pane"
    yield "speaks", f"after {plural(policy.min_panes, 'pane')}; restarts have {policy.restart_weight:g} of the evidence"
    yield (
        "abort",
        (
            f"alpha {policy.alpha:g}: {policy.alpha - found.alpha_mean:.3g} for the deciding metrics,"
            f" {found.alpha_mean:.3g} (evidence {found.evidence_mean:.2f}) for the mean of all"
        ),
    )
    yield (
        "promote",
        (
            f"from {policy.bake} on, score {policy.pass_:g} or more,"
            f" alpha {policy.alpha_promote:g} (evidence {found.evidence_promote:.2f}) for each deciding metric"
            + (", at the deadline with half of it" if policy.promote_without_harm else "")
        ),
    )
    yield (
        "score",
        f"alert under {policy.marginal:g}; weights of groups: "
        + ", ".join(f"{name} {policy.groups.get(name, 1.0):g}" for name in groups),
    )


def _deadline(rollout: Rollout) -> str:
    deadline = rollout.policy.deadline
    return f"inconclusive after {deadline}" if deadline else "without a deadline"


def _selector(selector: Selector | None) -> str:
    if selector is None:
        return "the messages that say so"
    parts = [f"version {selector.version}"] if selector.version else []
    parts += [f"label {name}={value}" for name, value in selector.labels.items()]
    parts += [f"instances {' or '.join(selector.instances)}"] if selector.instances else []
    return ", ".join(parts)


def _table(rollout: Rollout, found: Effective) -> Iterator[str]:
    """The metrics in columns as wide as their widest cell."""
    rules = rollout.policy.metrics
    rows = [_HEAD, *(_row(rule, metric) for rule, metric in zip(rules, found.metrics, strict=True))]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _row(rule: MetricRule, metric: EffectiveMetric) -> tuple[str, ...]:
    said = "{}" if metric.kind_stated else "({})"
    return (
        rule.name if rule.of is None else f"{rule.name} of {rule.of}",
        said.format(metric.kind),
        rule.worse,
        metric.tolerate if rule.tolerate else said.format(metric.tolerate),
        metric.promote if rule.promote else said.format(metric.promote),
        "critical" if rule.critical else "muted" if rule.muted else "yes" if metric.deciding else "no",
        f"{metric.share:.0%}" if metric.share else "-",
        f"{metric.alpha:.2g}" if metric.alpha else "-",
        f"{metric.evidence:.2f}" if metric.evidence else "-",
    )
