"""A live canary monitor's logic: pure everywhere but in `stream.adapters`."""

__version__ = "0.1.0"
