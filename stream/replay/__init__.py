"""Recordings through the same fold as live telemetry. `run.py` is the way in."""
