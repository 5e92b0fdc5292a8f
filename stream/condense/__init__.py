"""Telemetry to rows: the rollout, cohort and pane of each sample, summed exactly. `chunk.py` is the way in."""
