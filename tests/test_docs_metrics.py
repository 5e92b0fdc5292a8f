"""docs/metrics.md and the alert rules name the metrics that a worker has, all of them and no others."""

import re
from functools import cache
from typing import Any, NamedTuple

import pytest
import yaml
from prometheus_client import Metric

from stream.adapters.settings import Settings
from stream.adapters.topics import TELEMETRY
from stream.adapters.worker.app_series import LINGER, STATES, WORDS
from stream.adapters.worker.metrics import Metrics
from tests.metrics_helpers import families, tell_everything
from tests.page_helpers import ROOT, broken_links, page, tables, word

PAGE, RULES = "docs/metrics.md", "deploy/prometheus/canary-alerts.yaml"
NAME = re.compile(r"\bcanary_[a-z_]+")
ENDS = {"counter": ("_total",), "info": ("_info",), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",)}


class Described(NamedTuple):
    """A metric, as the page has it."""

    name: str
    kind: str
    labels: str
    meaning: str


@cache
def ours() -> dict[str, Metric]:
    """The worker's own metrics, by the name in the page, after everything has happened once."""
    metrics = Metrics()
    tell_everything(metrics)
    found = [family for family in families(metrics) if family.name.startswith("canary_")]
    return {family.name + {"counter": "_total", "info": "_info"}.get(family.type, ""): family for family in found}


def series() -> set[str]:
    """The names of all series."""
    return {family.name + end for family in ours().values() for end in ENDS[family.type]}


def described() -> list[Described]:
    rows = [row for found in tables(page(PAGE)) if found.header[0] == "metric" for row in found.rows]
    return [Described(word(name), *rest) for name, *rest in rows]


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load((ROOT / RULES).read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def test_every_metric_is_described_once() -> None:
    names = [row.name for row in described()]
    assert sorted(names) == sorted(ours())


@pytest.mark.parametrize("row", described(), ids=lambda row: row.name)
def test_a_description_is_the_codes(row: Described) -> None:
    family = ours()[row.name]
    labels = {label for sample in family.samples for label in sample.labels} - {"le"}
    assert row.kind == family.type
    assert sorted(re.findall(r"`(\w+)`", row.labels)) == sorted(labels)
    assert row.meaning == family.documentation


def test_names_follow_the_conventions() -> None:
    for name, family in ours().items():
        assert re.fullmatch(r"canary_[a-z]+(_[a-z]+)*", name)
        assert family.documentation[0].isupper() or family.documentation[0].isdigit()
        assert family.documentation.endswith(".")
        assert family.type != "histogram" or name.endswith("_seconds"), f"{name} lacks its unit"


def test_the_page_names_no_other_metric() -> None:
    assert set(NAME.findall(page(PAGE))) <= series() | set(ours())


def test_the_rules_name_no_other_metric() -> None:
    assert set(NAME.findall((ROOT / RULES).read_text(encoding="utf-8"))) <= series() | set(ours())
    for rule in rules():
        assert set(NAME.findall(rule["expr"])) <= series()


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_a_rule_can_fire(rule: dict[str, Any]) -> None:
    assert {"alert", "expr", "labels", "annotations"} <= set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
    assert rule["labels"]["severity"] in ("critical", "warning")
    assert sorted(rule["annotations"]) == ["description", "summary"]
    every = [sample for family in ours().values() for sample in family.samples]
    for name, matchers in re.findall(r"\b(canary_[a-z_]+)\{([^}]*)\}", rule["expr"]):
        for label, value in re.findall(r'(\w+)="([^"]*)"', matchers):
            known = {sample.labels.get(label) for sample in every if sample.name == name}
            assert value in known, f"no series of {name} has {label}={value}"


def test_the_page_lists_the_rules() -> None:
    (listed,) = [found for found in tables(page(PAGE)) if found.header[0] == "alert"]
    assert [word(name) for name, *_ in listed.rows] == [rule["alert"] for rule in rules()]
    assert [severity for _, severity, _ in listed.rows] == [rule["labels"]["severity"] for rule in rules()]


def test_words_and_numbers_are_the_codes() -> None:
    text = " ".join(page(PAGE).split())
    listen = Settings.listen
    assert f"http://{listen}/metrics" in text
    assert f"{LINGER / 60:.0f} minutes" in text
    for known in (*WORDS, *STATES):
        assert f"`{known}`" in text
    assert TELEMETRY.name("canary") in text
    assert broken_links(PAGE) == []
