"""Telemetry to rows: which rollout, cohort and pane each sample belongs to, summed exactly. `chunk.py` is the way in."""
