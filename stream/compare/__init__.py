"""Baseline against canary: what each closed pane adds to the comparison of a metric, and what that says by now.

Two families: `location.py` for distributions and gauges (weighed by `weigh.py`), `counts.py` for ratios and rates.
"""
