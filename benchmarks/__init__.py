"""Measured speed, memory and statistics; each module runs by itself: `python -m benchmarks.NAME`."""
