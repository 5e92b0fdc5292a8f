"""How often a client of aiokafka looks for a cluster that is away."""

import asyncio
import logging
import socket

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.structs import BrokerMetadata

from stream.adapters.worker import patience
from stream.adapters.worker.patience import make_patient


async def looks(client: object, seconds: float) -> int:
    """How many requests for metadata fail in that time, where one is asked for again and again."""
    number = 0
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    client._sync_task = loop.create_task(client._md_synchronizer())  # type: ignore[attr-defined]
    while loop.time() < until:
        assert not await client.force_metadata_update()  # type: ignore[attr-defined]
        number += 1
    client._sync_task.cancel()  # type: ignore[attr-defined]
    return number


@pytest.mark.parametrize("kind", [AIOKafkaProducer, AIOKafkaConsumer])
def test_a_client_pauses_while_nobody_answers(kind: type, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "PAUSE", 0.05)
    monkeypatch.setattr(logging.getLogger("aiokafka"), "disabled", True)

    async def run() -> int:
        with socket.socket() as nobody:
            nobody.bind(("127.0.0.1", 0))
            client = kind(bootstrap_servers=f"127.0.0.1:{nobody.getsockname()[1]}")
            inner = client.client if kind is AIOKafkaProducer else client._client
            make_patient(inner)
            inner.cluster._brokers = {1: BrokerMetadata(1, "127.0.0.1", nobody.getsockname()[1], None)}
            number = await looks(inner, 0.3)
            await client.stop()
            return number

    assert 1 <= asyncio.run(run()) <= 6
