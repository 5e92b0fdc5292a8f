"""Runnable programs: each file wires `stream` to the world, and decides nothing."""
