import pytest

from stream.cohort import Identity, Placement, resolve, selects
from stream.policy import MetricRule, Policy
from stream.rollout import Rollout, Selector

SHOP = Identity("shop", "shop-7c9d-x2", "prod", "2.4.1", labels={"track": "canary", "zone": "b"})


def rollout(baseline: Selector | None = None, canary: Selector | None = None, env: str | None = None) -> Rollout:
    return Rollout("r", "shop", Policy((MetricRule("latency"),)), env, baseline, canary)


@pytest.mark.parametrize(
    "selector",
    [
        Selector(version="2.4.1"),
        Selector(labels={"track": "canary"}),
        Selector(labels={"track": "canary", "zone": "b"}),
        Selector(instances=("shop-7c9d-x2",)),
        Selector(instances=("other", "shop-7c9d-*")),
        Selector(instances=("shop-????-x[12]",)),
        Selector(version="2.4.1", labels={"zone": "b"}, instances=("*-x2",)),
    ],
)
def test_selects(selector: Selector) -> None:
    assert selects(selector, SHOP)


@pytest.mark.parametrize(
    "selector",
    [
        None,
        Selector(),
        Selector(version="2.4"),
        Selector(version="2.4.*"),
        Selector(labels={"track": "Canary"}),
        Selector(labels={"track": "canary", "pod": ""}),
        Selector(instances=("shop",)),
        Selector(instances=("SHOP-*",)),
        Selector(version="2.4.1", labels={"zone": "a"}),
        Selector(version="2.4.1", instances=("shop-8*",)),
    ],
)
def test_does_not_select(selector: Selector | None) -> None:
    assert not selects(selector, SHOP)


def test_an_instance_named_like_a_pattern_is_matched_by_its_name() -> None:
    assert selects(Selector(instances=("shop[1]",)), Identity("shop", "shop[1]"))


def test_a_sender_without_a_version_is_of_no_version() -> None:
    assert not selects(Selector(version="none"), Identity("shop", "a"))


def test_the_message_is_trusted_more_than_the_selectors() -> None:
    both = rollout(Selector(version="2.4.1"), Selector(version="2.4.1"))
    assert resolve(both, SHOP._replace(cohort="baseline")) == Placement("baseline")
    assert resolve(rollout(), SHOP._replace(cohort="canary")) == Placement("canary")


def test_one_selector_or_the_other() -> None:
    chosen = rollout(Selector(version="2.4.0"), Selector(version="2.4.1"))
    assert resolve(chosen, SHOP) == Placement("canary")
    assert resolve(chosen, SHOP._replace(version="2.4.0")) == Placement("baseline")
    assert resolve(chosen, SHOP._replace(version="2.3.9")) == Placement(None, "no_cohort")


def test_both_selectors() -> None:
    chosen = rollout(Selector(labels={"zone": "b"}), Selector(version="2.4.1"))
    assert resolve(chosen, SHOP) == Placement(None, "both_cohorts")


def test_other_apps_and_environments() -> None:
    chosen = rollout(canary=Selector(version="2.4.1"), env="prod")
    assert resolve(chosen, SHOP) == Placement("canary")
    assert resolve(chosen, SHOP._replace(app="Shop", cohort="canary")) == Placement(None, "other_app")
    assert resolve(chosen, SHOP._replace(env="test", cohort="canary")) == Placement(None, "other_env")
    assert resolve(chosen, SHOP._replace(env=None)) == Placement(None, "other_env")
    assert resolve(rollout(canary=Selector(version="2.4.1")), SHOP._replace(env="test")) == Placement("canary")
