"""Native telemetry: what producers send. One sample or one batch a message, JSON.

Unknown fields are ignored, wrong ones rejected with their path (`stream/formats/native.py`).
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

Text = Annotated[str, Meta(min_length=1, max_length=256)]
Word = Annotated[str, Meta(max_length=256)]
Count = Annotated[int, Meta(ge=0, le=2**62)]
Millis = Annotated[int, Meta(ge=0, le=2**62)]
SampleKind = Literal["distribution", "ratio", "rate", "count", "gauge"]


class Metric(Struct, frozen=True, omit_defaults=True):
    """One metric of a batch, over the batch's interval."""

    name: Annotated[Text, Meta(description="the metric's name")]
    type: Annotated[
        Literal["samples", "exphist", "count", "ratio", "gauge"],
        Meta(description="raw values, an exponential histogram, events, k of n, or a level"),
    ]
    unit: Annotated[
        Word, Meta(description="UCUM or plain, such as `ms`, `s`, `By`, `1`; part of the metric's identity")
    ] = ""
    value: Annotated[
        float | None, Meta(description="count: events in the interval, an integer from 0; ratio: k; gauge: the level")
    ] = None
    total: Annotated[float | None, Meta(description="ratio: n, an integer from k")] = None
    values: Annotated[
        list[float] | None, Meta(description="samples: the raw values, 0 or more each, in `unit`; at most 100,000")
    ] = None
    weight: Annotated[
        int,
        Meta(ge=1, le=2**32, description="samples: measurements each value stands for, where 1 of `weight` was taken"),
    ] = 1
    scale: Annotated[
        int,
        Meta(ge=-10, le=20, description="exphist: bin i holds (b^i, b^(i+1)], b = 2^(2^-scale), as in OpenTelemetry"),
    ] = 5
    offset: Annotated[int, Meta(ge=-(2**31), le=2**31, description="exphist: the index of the first of `counts`")] = 0
    counts: Annotated[list[Count] | None, Meta(description="exphist: measurements by bin")] = None
    zero: Annotated[Count, Meta(description="exphist: measurements that are 0")] = 0
    attrs: Annotated[dict[str, str] | None, Meta(description="attributes of the metric, such as a route")] = None


class Telemetry(Struct, frozen=True, omit_defaults=True):
    """One message: a single sample (`metric`, `value`, `ts`) or a batch (`metrics`, `start`, `end`)."""

    app: Annotated[Text, Meta(description="the service that reports")]
    instance: Annotated[Text, Meta(description="the process, pod or host that reports: the unit of replication")]
    v: Annotated[int, Meta(description="version of this format")] = 1
    env: Annotated[Word | None, Meta(description="environment, such as `prod`")] = None
    version: Annotated[Word | None, Meta(description="version of the code that runs")] = None
    cohort: Annotated[
        Literal["baseline", "canary"] | None,
        Meta(description="the cohort, where the producer knows it; it wins over the rollout's selectors"),
    ] = None
    boot: Annotated[Word, Meta(description="names one life of the instance: a restart begins a new one")] = ""
    labels: Annotated[dict[str, str] | None, Meta(description="labels of the instance")] = None
    ts: Annotated[Millis | None, Meta(description="single: when it was measured, milliseconds since 1970, UTC")] = None
    metric: Annotated[Text | None, Meta(description="single: the metric's name")] = None
    value: Annotated[
        float | None,
        Meta(description="single: the value; for a count the events, for a ratio k (0 or 1 without `total`)"),
    ] = None
    total: Annotated[float | None, Meta(description="single ratio: n, an integer from k")] = None
    kind: Annotated[
        SampleKind | None, Meta(description="single: what it is; else as the policy says, else `distribution`")
    ] = None
    unit: Annotated[Word, Meta(description="single: the unit, part of the metric's identity")] = ""
    attrs: Annotated[dict[str, str] | None, Meta(description="single: attributes of the metric")] = None
    start: Annotated[Millis | None, Meta(description="batch: start of the interval, milliseconds UTC")] = None
    end: Annotated[Millis | None, Meta(description="batch: its end, milliseconds UTC; it counts 1 ms before")] = None
    seq: Annotated[int | None, Meta(description="batch: a number that grows by one a batch; for people")] = None
    metrics: Annotated[list[Metric] | None, Meta(description="batch: what was measured, as deltas")] = None
