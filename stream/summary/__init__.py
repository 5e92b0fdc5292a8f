"""How the samples of one row are condensed. Everything here merges exactly: in any order, in any grouping, same bits.

A summary has `of_values` (samples -> summary) and `merge` (add another of its kind). To add one, write a file with such
a class and name it in `SUMMARIES` and `Summary`.
"""

from stream.summary.count import Count
from stream.summary.distribution import Distribution
from stream.summary.gauge import Gauge
from stream.summary.ratio import Ratio

__all__ = ["SUMMARIES", "Count", "Distribution", "Gauge", "Ratio", "Summary"]

Summary = Distribution | Gauge | Count | Ratio

SUMMARIES: dict[str, type[Summary]] = {
    "distribution": Distribution,
    "gauge": Gauge,
    "count": Count,
    "ratio": Ratio,
}
