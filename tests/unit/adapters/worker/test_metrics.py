import asyncio
from collections import Counter
from math import isnan

import pytest
from prometheus_client.parser import text_string_to_metric_families

from stream import __version__
from stream.adapters.worker.app_series import LINGER
from stream.adapters.worker.metrics import Metrics
from tests.metrics_helpers import (
    OPENMETRICS,
    alert,
    divergence,
    families,
    rollout,
    samples,
    score,
    tell_everything,
    verdict,
)

TOPIC = "canary.telemetry"
SHOP = ("shop", "prod")


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def metrics(clock: Clock) -> Metrics:
    return Metrics(clock)


def test_messages_are_counted_by_topic_and_result(metrics: Metrics) -> None:
    metrics.read(TOPIC, 10, Counter(not_json=2, bad_time=1))
    metrics.read("other", 4, Counter())
    assert samples(metrics, "canary_messages_total") == {
        ("ok", TOPIC): 7,
        ("faulty", TOPIC): 3,
        ("ok", "other"): 4,
        ("faulty", "other"): 0,
    }
    assert samples(metrics, "canary_decode_errors_total") == {("not_json", TOPIC): 2, ("bad_time", TOPIC): 1}


def test_a_batch_with_many_faults_is_one_faulty_message(metrics: Metrics) -> None:
    metrics.read(TOPIC, 10, Counter(negative=25), faulty=1)
    assert samples(metrics, "canary_messages_total") == {("ok", TOPIC): 9, ("faulty", TOPIC): 1}
    metrics.read(TOPIC, 2, Counter(negative=25))
    assert samples(metrics, "canary_messages_total") == {("ok", TOPIC): 9, ("faulty", TOPIC): 3}
    assert samples(metrics, "canary_decode_errors_total") == {("negative", TOPIC): 50}


def test_samples_are_counted_by_where_they_went(metrics: Metrics) -> None:
    metrics.routed(100, {"late": 3, "no_cohort": 4, "before_from": 5})
    metrics.routed(1, {})
    assert samples(metrics, "canary_observations_total") == {(): 101}
    assert samples(metrics, "canary_late_observations_total") == {(): 3}
    assert samples(metrics, "canary_unassigned_observations_total") == {("no_cohort",): 4, ("before_from",): 5}


def test_the_lag_of_a_lost_partition_is_gone(metrics: Metrics) -> None:
    metrics.lag(TOPIC, 0, 1.5)
    metrics.lag(TOPIC, 1, 0)
    metrics.lost(TOPIC, 0)
    metrics.lost(TOPIC, 7)
    assert samples(metrics, "canary_consumer_lag_seconds") == {("1", TOPIC): 0}


def test_delays_are_those_of_scores_only(metrics: Metrics) -> None:
    for output in (score(), verdict("continue"), alert(), divergence()):
        metrics.said(output, rollout(), 0.04)
    metrics.said(score(), rollout(), -0.5)
    buckets = samples(metrics, "canary_end_to_end_delay_seconds_bucket")
    assert buckets["0.01",] == 1
    assert buckets["0.025",] == 1
    assert buckets["0.05",] == buckets["+Inf",] == 2
    assert samples(metrics, "canary_end_to_end_delay_seconds_sum") == {(): 0.04}


def test_verdicts_and_alerts_are_counted_from_zero(metrics: Metrics) -> None:
    assert set(samples(metrics, "canary_verdicts_total").values()) == {0}
    assert len(samples(metrics, "canary_alerts_total")) == 10
    metrics.said(verdict("abort"), rollout(), 0)
    metrics.said(alert("no_data", "resolved"), rollout(), 0)
    assert samples(metrics, "canary_verdicts_total")["abort",] == 1
    alerts = samples(metrics, "canary_alerts_total")
    assert {labels for labels, number in alerts.items() if number} == {("no_data", "resolved")}


def test_a_rollout_is_shown_by_its_app(metrics: Metrics) -> None:
    metrics.said(divergence("latency", 2.0, 4.0), rollout(), 0)
    metrics.said(divergence("errors", -1.0, 4.0), rollout(), 0)
    metrics.said(score(score=87.5), rollout(), 0)
    metrics.said(verdict("continue"), rollout(), 0)
    assert samples(metrics, "canary_metric_divergence") == {(*SHOP, "latency"): 0.5, (*SHOP, "errors"): -0.25}
    assert samples(metrics, "canary_analysis_score") == {SHOP: 87.5}
    verdicts = samples(metrics, "canary_analysis_verdict")
    assert len(verdicts) == 4
    assert [labels for labels, value in verdicts.items() if value] == [(*SHOP, "continue")]


def test_a_rollout_of_any_environment_has_an_empty_one(metrics: Metrics) -> None:
    metrics.said(score(), rollout(env=None), 0)
    assert samples(metrics, "canary_analysis_score") == {("shop", ""): 90}


def test_a_score_that_is_not_known_is_not_shown(metrics: Metrics) -> None:
    metrics.said(score(), rollout(), 0)
    metrics.said(score(score=None), rollout(), 0)
    assert samples(metrics, "canary_analysis_score") == {}


@pytest.mark.parametrize(
    ("state", "shown"),
    [
        ("warming_up", []),
        ("continue", ["continue"]),
        ("no_data", ["continue"]),
        ("judge_error", ["continue"]),
        ("promote", ["promote"]),
        ("abort", ["abort"]),
        ("inconclusive", ["inconclusive"]),
    ],
)
def test_a_worker_that_takes_over_shows_the_verdict_by_the_score(state: str, shown: list[str]) -> None:
    metrics = Metrics()
    metrics.said(score(state=state), rollout(), 0)
    assert [word for (*_, word), value in samples(metrics, "canary_analysis_verdict").items() if value] == shown
    assert [word for (*_, word), value in samples(metrics, "canary_analysis_state").items() if value] == [state]


@pytest.mark.parametrize("order", [("old", "new"), ("new", "old")])
def test_of_several_rollouts_of_an_app_the_newest_is_shown(metrics: Metrics, order: tuple[str, str]) -> None:
    both = {"old": (rollout("old", from_ms=10), 11.0), "new": (rollout("new", from_ms=20), 22.0)}
    for _ in range(2):
        for name in order:
            which, value = both[name]
            metrics.said(divergence(f"of_{name}", name=name), which, 0)
            metrics.said(score(name, score=value), which, 0)
    assert samples(metrics, "canary_analysis_score") == {SHOP: 22}
    assert set(samples(metrics, "canary_metric_divergence")) == {(*SHOP, "of_new")}
    assert samples(metrics, "canary_analysis_rollouts") == {SHOP: 2}


def test_of_rollouts_that_start_together_the_one_heard_of_last_is_shown(metrics: Metrics) -> None:
    for name, value in (("a", 1.0), ("b", 2.0), ("a", 3.0)):
        metrics.said(score(name, score=value), rollout(name, from_ms=None), 0)
    assert samples(metrics, "canary_analysis_score") == {SHOP: 2}


def test_environments_and_apps_are_apart(metrics: Metrics) -> None:
    for number, (env, app) in enumerate([("prod", "shop"), ("test", "shop"), ("prod", "cart")]):
        metrics.said(score(f"r{number}", score=float(number)), rollout(f"r{number}", env, app=app), 0)
    metrics.over(rollout("r1", "test"))
    assert samples(metrics, "canary_analysis_score") == {SHOP: 0, ("shop", "test"): 1, ("cart", "prod"): 2}
    assert samples(metrics, "canary_analysis_rollouts") == {SHOP: 1, ("shop", "test"): 0, ("cart", "prod"): 1}


def test_the_last_word_of_a_rollout_is_scraped_before_it_goes(metrics: Metrics, clock: Clock) -> None:
    tell_everything(metrics)
    metrics.said(verdict("abort"), rollout(), 0)
    metrics.over(rollout())
    clock.now += LINGER - 1
    assert samples(metrics, "canary_analysis_verdict")[*SHOP, "abort"] == 1
    assert samples(metrics, "canary_analysis_rollouts") == {SHOP: 0}
    clock.now += 1
    left = {label for family in families(metrics) for sample in family.samples for label in sample.labels}
    assert not left & {"env", "app"}
    assert samples(metrics, "canary_verdicts_total")["abort",] == 1


def test_a_newer_rollout_takes_the_place_of_an_ended_one_at_once(metrics: Metrics, clock: Clock) -> None:
    metrics.said(divergence("of_old"), rollout("old", from_ms=1), 0)
    metrics.said(verdict("abort"), rollout("old", from_ms=1), 0)
    metrics.over(rollout("old", from_ms=1))
    metrics.said(score("new", state="warming_up", score=None), rollout("new", from_ms=2), 0)
    assert samples(metrics, "canary_analysis_verdict") == {}
    assert samples(metrics, "canary_metric_divergence") == {}
    clock.now += LINGER
    metrics.said(score("new"), rollout("new", from_ms=2), 0)
    assert samples(metrics, "canary_analysis_rollouts") == {SHOP: 1}
    assert samples(metrics, "canary_analysis_score") == {SHOP: 90}


def test_an_older_rollout_is_shown_again_when_the_newer_has_ended(metrics: Metrics, clock: Clock) -> None:
    old, new = rollout("old", from_ms=1), rollout("new", from_ms=2)
    metrics.said(score("old", score=1.0), old, 0)
    metrics.said(score("new", score=2.0), new, 0)
    metrics.over(new)
    clock.now += LINGER
    assert samples(metrics, "canary_analysis_score") == {}
    metrics.said(score("old", score=1.5), old, 0)
    assert samples(metrics, "canary_analysis_score") == {SHOP: 1.5}
    assert samples(metrics, "canary_analysis_rollouts") == {SHOP: 1}


def test_the_end_of_a_rollout_that_was_never_heard_of_is_nothing(metrics: Metrics) -> None:
    metrics.over(rollout())
    metrics.said(score(), rollout(), 0)
    metrics.over(rollout("another"))
    assert samples(metrics, "canary_analysis_rollouts") == {SHOP: 1}


def test_a_rebalance_leaves_nothing_of_running_rollouts(metrics: Metrics) -> None:
    tell_everything(metrics)
    metrics.said(verdict("abort", "ended"), rollout("ended", app="cart"), 0)
    metrics.over(rollout("ended", app="cart"))
    metrics.assigned({"canary.partials": 2})
    assert samples(metrics, "canary_analysis_score") == {}
    assert samples(metrics, "canary_analysis_verdict")["cart", "prod", "abort"] == 1
    assert samples(metrics, "canary_consumer_lag_seconds") == {}
    assert samples(metrics, "canary_assigned_partitions") == {("canary.partials",): 2}
    assert samples(metrics, "canary_rebalances_total") == {(): 2}
    assert samples(metrics, "canary_analysis_active") == {(): 0}
    assert isnan(samples(metrics, "canary_watermark_lag_seconds")[()])
    metrics.said(score(), rollout(), 0)
    assert samples(metrics, "canary_analysis_rollouts") == {("cart", "prod"): 0, SHOP: 1}


def test_a_watermark_that_is_not_told_anew_falls_behind(metrics: Metrics, clock: Clock) -> None:
    assert isnan(samples(metrics, "canary_watermark_lag_seconds")[()])
    metrics.watermark(1.5)
    assert samples(metrics, "canary_watermark_lag_seconds") == {(): 1.5}
    clock.now += 60
    assert samples(metrics, "canary_watermark_lag_seconds") == {(): 61.5}
    metrics.watermark(2.0)
    assert samples(metrics, "canary_watermark_lag_seconds") == {(): 2}


def test_what_is_kept_is_counted(metrics: Metrics) -> None:
    metrics.checkpointed(1000, 0.2)
    metrics.checkpointed(500, 0.3)
    metrics.restored(20, 0.4)
    metrics.acknowledged(12, 0.02)
    metrics.dropped(3)
    assert samples(metrics, "canary_checkpoints_total") == {(): 2}
    assert samples(metrics, "canary_checkpoint_bytes_total") == {(): 1500}
    assert samples(metrics, "canary_checkpoint_duration_seconds_sum") == {(): 0.5}
    assert samples(metrics, "canary_restored_rollouts_total") == {(): 20}
    assert samples(metrics, "canary_restore_duration_seconds_count") == {(): 1}
    assert samples(metrics, "canary_sent_records_total") == {(): 12}
    assert samples(metrics, "canary_dropped_messages_total") == {(): 3}


def test_the_version_and_the_process_are_told(metrics: Metrics) -> None:
    assert samples(metrics, "canary_build_info") == {(__version__,): 1}
    names = {family.name for family in families(metrics)}
    assert {"process_resident_memory_bytes", "process_cpu_seconds", "python_info"} <= names


def test_two_in_a_process_are_apart() -> None:
    one, other = Metrics(), Metrics()
    one.holds(3)
    assert samples(one, "canary_analysis_active") == {(): 3}
    assert samples(other, "canary_analysis_active") == {(): 0}


def test_the_format_is_the_one_asked_for(metrics: Metrics) -> None:
    tell_everything(metrics)
    text, content_type = asyncio.run(metrics.exposition(""))
    assert content_type.startswith("text/plain; version=0.0.4")
    plain = {sample.name for family in text_string_to_metric_families(text.decode()) for sample in family.samples}
    text, content_type = asyncio.run(metrics.exposition(OPENMETRICS))
    assert content_type.startswith("application/openmetrics-text; version=1.0.0")
    assert text.endswith(b"# EOF\n")
    assert plain == {sample.name for family in families(metrics) for sample in family.samples}
    assert not [name for name in plain if name.endswith("_created")]


def test_a_text_in_a_label_can_be_anything(metrics: Metrics) -> None:
    app = 'say "hi"\n\\ ü'
    metrics.said(score(), rollout(app=app), 0)
    assert samples(metrics, "canary_analysis_score") == {(app, "prod"): 90}


def test_metrics_may_be_told_while_they_are_shown(metrics: Metrics) -> None:
    async def both() -> None:
        shown = [asyncio.create_task(metrics.exposition("")) for _ in range(20)]
        number = 0
        while not all(task.done() for task in shown):
            number += 1
            metrics.said(divergence(f"m{number}"), rollout(f"r{number}", from_ms=number), 0)
            metrics.over(rollout(f"r{number}", from_ms=number))
            await asyncio.sleep(0)
        for task in shown:
            list(text_string_to_metric_families((await task)[0].decode()))

    asyncio.run(both())
