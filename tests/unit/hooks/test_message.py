"""What hooks are given."""

import json
from datetime import datetime

from msgspec.structs import replace

from stream.hooks.message import (
    LARGEST,
    TEST,
    body_of,
    harmless_verdict,
    message_id,
    variables_of,
    verdict_type,
)
from stream.schema import schemas
from tests.hook_helpers import verdict


def test_the_body() -> None:
    found = json.loads(body_of("canary.verdict.abort", verdict(at=1_732_300_270_000)))
    assert list(found) == ["type", "timestamp", "data"]
    assert (found["type"], found["timestamp"]) == ("canary.verdict.abort", "2024-11-22T18:31:10Z")
    assert found["data"].keys() == schemas()["verdict"]["properties"].keys()
    assert (found["data"]["type"], found["data"]["id"]) == ("verdict", "shop-1/7")


def test_the_type() -> None:
    assert verdict_type(verdict(word="promote")) == "canary.verdict.promote"


def test_a_long_verdict_loses_sentences_and_says_so() -> None:
    long = verdict(also=[f"Metric {number} is worse: {'x' * 150}." for number in range(200)], explanation="y" * 9_000)
    body = body_of("canary.verdict.abort", long)
    assert len(body) <= LARGEST
    data = json.loads(body)["data"]
    assert data["also"] == [*long.also[:16], "And 184 more."]
    assert data["explanation"] == "y" * 1_997 + "..."
    assert data["text"] == long.text


def test_an_id_is_safe_in_a_header_and_of_one_verdict_and_hook_only() -> None:
    odd = message_id("größe 1%\r\n/7", "page")
    assert odd == "gr%C3%B6%C3%9Fe%201%25%0D%0A/7/page"
    assert message_id("a%2E/1", "b") != message_id("a./1", "b")


def test_the_variables() -> None:
    found = variables_of("canary.verdict.abort", verdict(text="It is\0worse." + "x" * 5_000), "shop-1/7/page")
    assert found["CANARY_TEXT"].startswith("It isworse.xx")
    assert len(found.pop("CANARY_TEXT")) == 4_000
    assert found == {
        "CANARY_TYPE": "canary.verdict.abort",
        "CANARY_ID": "shop-1/7/page",
        "CANARY_ROLLOUT": "shop-1",
        "CANARY_APP": "shop",
        "CANARY_VERDICT": "abort",
    }


def test_the_harmless_verdict_asks_for_nothing() -> None:
    found = harmless_verdict(1_732_300_270_000)
    assert (found.verdict, found.final, found.app) == ("continue", False, "canary-test")
    message = json.loads(body_of(TEST, found))
    assert message["type"] == "canary.test"
    assert datetime.fromisoformat(message["timestamp"]).year == 2024


def test_a_time_beyond_all_years_is_no_failure() -> None:
    assert b'"timestamp":"9999-12-31' in body_of(TEST, replace(harmless_verdict(0), at=10**18))
