"""One live comparison: which app, which cohorts, from when to when, under which policy."""

import hashlib
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct, field
from msgspec.structs import asdict

from stream.policy import Name, Policy
from stream.quantity import Instant, encode_quantity

Cohort = Literal["baseline", "canary"]
COHORTS: tuple[Cohort, ...] = ("baseline", "canary")


class Selector(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Which samples belong to a cohort. All stated conditions must hold."""

    version: Annotated[Name | None, Meta(description="the version that the message names")] = None
    labels: Annotated[
        dict[str, str], Meta(description="labels that the message carries, each with this value; then attributes")
    ] = {}
    instances: Annotated[
        tuple[str, ...], Meta(description="names or shell patterns of instances (`checkout-7c9d-*`); any may match")
    ] = ()


class Rollout(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """From start to verdict."""

    id: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=200,
            pattern=r"^[^/\s@]+$(?!\n)",
            description="text without white space, `/` and `@`; unique and never reused",
        ),
    ]
    app: Annotated[Name, Meta(description="the app whose telemetry is compared")]
    policy: Annotated[Policy, Meta(description="how it is judged")]
    env: Annotated[str | None, Meta(description="only telemetry of this environment; else of any")] = None
    baseline: Annotated[
        Selector | None, Meta(description="which samples are the baseline's; needed unless messages name their cohort")
    ] = None
    canary: Annotated[Selector | None, Meta(description="which samples are the canary's")] = None
    from_: Annotated[
        Instant | None,
        Meta(description="samples before it do not count; the start of a pane, in a replay of the first fed"),
    ] = field(default=None, name="from")
    until: Annotated[
        Instant | None, Meta(description="samples from it on do not count, and the rollout ends there; after `from`")
    ] = None


def fingerprint(policy: Policy) -> str:
    """Eight hexadecimal digits that change whenever the policy does, however it was written."""
    fields = {**asdict(policy), "metrics": [asdict(rule) for rule in policy.metrics]}
    encoded = msgspec.json.encode(fields, enc_hook=encode_quantity, order="sorted")
    return hashlib.sha256(encoded).hexdigest()[:8]
