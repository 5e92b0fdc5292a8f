"""A live canary monitor's logic: pure everywhere but in `stream.adapters`."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stream.adapters.subscribe import subscribe as subscribe

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    """`subscribe`, which is loaded when it is asked for: it brings a broker client with it."""
    if name == "subscribe":
        from stream.adapters.subscribe import subscribe  # noqa: PLC0415  # the door must be light

        return subscribe
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
