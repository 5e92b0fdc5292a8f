"""What a message may say beyond its types: one shape, times in milliseconds, numbers that can be what they claim.

Every function returns the fault, or None. The texts start with the path of the field and end with the remedy.

>>> fault = message_fault(Telemetry("shop", "shop-1", ts=1732300000, metric="latency", value=12.5))
>>> fault.reason, str(fault)
('bad_time', 'ts: 1732300000 looks like seconds; milliseconds since 1970 are needed')
"""

from math import isfinite

import numpy as np

from stream.arrays import Flags, Floats
from stream.errors import TelemetryError
from stream.formats.decoded import EARLIEST, LATEST
from stream.sample import Metric, Telemetry
from stream.summary.distribution import MAX_COUNT
from stream.summary.gauge import LARGEST

VERSION = 1
"""The version of the native format."""
MAX_VALUES = 100_000
"""Raw values one entry of a batch may hold."""
MAX_EVENTS = 2**53
"""The largest number of events or trials in one sample: up to here every whole number is a float."""
_OCTAVES = range(-1075, 666)
"""Powers of two in which the bins of a histogram may lie: those of the numbers from 5e-324 to 1e200."""
_UNITS = ((1000, "seconds"), (1e-3, "microseconds"), (1e-6, "nanoseconds"))


def message_fault(message: Telemetry) -> TelemetryError | None:
    """What keeps a whole message from being used."""
    shape = shape_fault(message)
    if shape is not None:
        return shape
    if message.metrics is not None:
        return _interval_fault(message)
    if message.value is None:
        return TelemetryError("missing_field", "value: missing; a single sample needs metric, value and ts")
    if message.ts is None:
        return TelemetryError("missing_field", "ts: missing; a single sample needs metric, value and ts")
    return magnitude_fault(message.value, "value") or _time_fault("ts", message.ts)


def shape_fault(message: Telemetry) -> TelemetryError | None:
    """What is wrong apart from times and values: the same for all messages of a series."""
    if message.v != VERSION:
        return TelemetryError("unsupported_version", f"v: version {message.v} is not known; send version {VERSION}")
    if message.metrics is not None:
        return _batch_shape_fault(message)
    if message.metric is None:
        needs = "a single sample needs metric, value and ts, a batch needs metrics, start and end"
        return TelemetryError("missing_field", f"metric: missing; {needs}")
    if message.start is not None or message.end is not None:
        name = "start" if message.start is not None else "end"
        return TelemetryError("both_shapes", f"{name}: only a batch has one; a single sample has ts")
    if message.total is not None and message.kind not in (None, "ratio"):
        return TelemetryError("wrong_type", "total: only a ratio has one; leave it out or set kind to ratio")
    return None


def _batch_shape_fault(message: Telemetry) -> TelemetryError | None:
    m = message
    if m.metric is not None or m.value is not None or m.total is not None or m.ts is not None:
        name = next(name for name in ("metric", "value", "total", "ts") if getattr(m, name) is not None)
        return TelemetryError("both_shapes", f"{name}: beside metrics; send a single sample by itself")
    if message.start is None or message.end is None:
        name = "start" if message.start is None else "end"
        return TelemetryError("missing_field", f"{name}: missing; a batch needs metrics, start and end")
    return None


def entry_fault(entry: Metric, number: int) -> TelemetryError | None:
    """What keeps one entry of a batch from being used."""
    at = f"metrics[{number}]."
    if entry.type == "samples":
        return _samples_fault(entry, at)
    if entry.type == "exphist":
        return _histogram_fault(entry, at)
    if entry.value is None:
        return TelemetryError("missing_field", f"{at}value: missing; an entry of type {entry.type} needs one")
    if entry.type == "ratio" and entry.total is None:
        return TelemetryError("no_denominator", f"{at}total: missing; send k as value and n as total")
    if entry.type != "ratio" and entry.total is not None:
        return TelemetryError("wrong_type", f"{at}total: only a ratio has one; leave it out or set type to ratio")
    return misfit(entry.type, entry.value, entry.total, at)


def misfit(kind: str, value: float, total: float | None, at: str = "") -> TelemetryError | None:
    """What keeps a number from being a sample of this kind of summary.

    >>> str(misfit("ratio", 0.03, None))
    'value: 0.03 is no trial; send 0 or 1, or k as value and n as total, never a share'
    """
    if kind == "distribution" and value < 0:
        return TelemetryError("negative", f"{at}value: {value:g} is negative; a distribution takes 0 or more")
    if kind == "count":
        return _whole_fault(value, f"{at}value")
    if kind != "ratio":
        return magnitude_fault(value, f"{at}value")
    if total is None:
        if value in (0, 1):
            return None
        remedy = "send 0 or 1, or k as value and n as total, never a share"
        return TelemetryError("no_denominator", f"{at}value: {value:g} is no trial; {remedy}")
    fault = _whole_fault(value, f"{at}value") or _whole_fault(total, f"{at}total")
    if fault is None and value > total:
        return TelemetryError("out_of_range", f"{at}value: {value:g} of {total:g} trials; k is at most n")
    return fault


def fits(kind: str, values: Floats, totals: Floats) -> Flags:
    """For many numbers at once, whether `misfit` finds nothing; a total of NaN is none."""
    usable: Flags = np.abs(values) <= LARGEST
    if kind == "distribution":
        return usable & (values >= 0)
    if kind == "gauge":
        return usable
    whole: Flags = (values >= 0) & (values <= MAX_EVENTS) & (values == np.floor(values))
    if kind == "count":
        return whole
    trials = np.where(np.isnan(totals), 1.0, totals)
    possible: Flags = whole & (values <= trials) & (trials <= MAX_EVENTS) & (trials == np.floor(trials))
    return possible


def magnitude_fault(value: float, at: str) -> TelemetryError | None:
    """Whether a number is too large to be summed exactly."""
    if isfinite(value) and abs(value) <= LARGEST:
        return None
    return TelemetryError("out_of_range", f"{at}: {value:g} is too large; magnitudes up to {LARGEST:g} are taken")


def _whole_fault(value: float, at: str) -> TelemetryError | None:
    if value < 0:
        return TelemetryError("negative", f"{at}: {value:g} is negative; a number of events or trials is 0 or more")
    if value > MAX_EVENTS:
        return TelemetryError("out_of_range", f"{at}: {value:g} is too large; at most 2^53 are taken in one sample")
    if value != int(value):
        return TelemetryError("not_whole", f"{at}: {value:g} has a fraction; a number of events or trials is whole")
    return None


def _samples_fault(entry: Metric, at: str) -> TelemetryError | None:
    if entry.values is None:
        return TelemetryError("missing_field", f"{at}values: missing; an entry of type samples needs them")
    if len(entry.values) > MAX_VALUES:
        text = f"{at}values: {len(entry.values)} of them; at most {MAX_VALUES} are taken, send a histogram instead"
        return TelemetryError("too_many_values", text)
    if len(entry.values) * entry.weight > MAX_COUNT:
        return TelemetryError("out_of_range", f"{at}weight: {entry.weight} is too large for so many values")
    for number, value in enumerate(entry.values):
        if not 0 <= value <= LARGEST:
            where = f"{at}values[{number}]"
            return magnitude_fault(value, where) or TelemetryError(
                "negative", f"{where}: {value:g} is negative; a distribution takes 0 or more"
            )
    return None


def _histogram_fault(entry: Metric, at: str) -> TelemetryError | None:
    if entry.counts is None:
        return TelemetryError("missing_field", f"{at}counts: missing; an entry of type exphist needs them")
    if sum(entry.counts) + entry.zero > MAX_COUNT:
        return TelemetryError("out_of_range", f"{at}counts: more than 2^48 measurements in one histogram")
    used = [index for index, count in enumerate(entry.counts, entry.offset) if count]
    if used and any(_octave(index, entry.scale) not in _OCTAVES for index in (used[0], used[-1])):
        return TelemetryError("out_of_range", f"{at}offset: bins {used[0]} to {used[-1]} hold no usable numbers")
    return None


def _octave(index: int, scale: int) -> int:
    """The power of two at or under the lower end of a bin."""
    return index >> scale if scale >= 0 else index << -scale


def _interval_fault(message: Telemetry) -> TelemetryError | None:
    """Whether a batch's interval is one."""
    assert message.start is not None and message.end is not None  # shape_fault has looked
    fault = _time_fault("start", message.start) or _time_fault("end", message.end)
    if fault is None and message.start > message.end:
        return TelemetryError("bad_time", f"end: {message.end} is before start; a batch covers start to end")
    return fault


def _time_fault(name: str, time: int) -> TelemetryError | None:
    if EARLIEST <= time < LATEST:
        return None
    for factor, unit in _UNITS:
        if EARLIEST <= time * factor < LATEST:
            return TelemetryError("bad_time", f"{name}: {time} looks like {unit}; milliseconds since 1970 are needed")
    return TelemetryError("bad_time", f"{name}: {time} is not between 2000 and 2200 in milliseconds since 1970")
