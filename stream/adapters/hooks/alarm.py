"""A sleep from which all can be woken at once."""

import asyncio
from contextlib import suppress


class Alarm:
    """Sleeps, and wakes who sleeps."""

    def __init__(self) -> None:
        self._bell = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        """Sleep so long, or until it rings."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._bell.wait(), max(0.0, seconds))

    def ring(self) -> None:
        """Wake all that sleep now."""
        self._bell.set()
        self._bell = asyncio.Event()
