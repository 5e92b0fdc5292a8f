"""A pause after a look for the cluster that nobody answered.

aiokafka looks again at once where it knows of no leader: hundreds of times a second while a broker is away, which takes
a core from it when it comes back to the same machine.
"""

import asyncio
from typing import Any

PAUSE = 0.1
"""Seconds."""


def make_patient(client: Any) -> None:
    """Let a client of aiokafka pause after each failed request for metadata.

    Args:
        client: an `AIOKafkaClient` that has not started yet.
    """
    look = client._metadata_update

    async def look_then_pause(*args: Any) -> bool:
        found: bool = await look(*args)
        if not found:
            await asyncio.sleep(PAUSE)
        return found

    client._metadata_update = look_then_pause
