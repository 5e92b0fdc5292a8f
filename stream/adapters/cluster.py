"""Who answers at an address."""

import socket
import time
from typing import Any

PAUSE = 0.02
"""Seconds between two attempts to connect."""


def cluster_id(bootstrap: str, seconds: float) -> str | None:
    """The id of the Kafka cluster at `host:port,...`; `None` if none answers within the time.

    It leaves nothing behind, where kafka-python's own clients leave a thread if nothing answers, and the socket of
    every connection that is refused.
    """
    from kafka import KafkaAdminClient  # noqa: PLC0415  # a heavy module, and not everybody's
    from kafka.errors import KafkaError  # noqa: PLC0415

    deadline = time.monotonic() + seconds
    while not (open_ := [address for address in bootstrap.split(",") if _listens(address, deadline)]):
        if time.monotonic() > deadline:
            return None
        time.sleep(PAUSE)
    inner: list[Any] = []

    def client(**settings: Any) -> Any:
        inner.append(KafkaAdminClient.DEFAULT_CONFIG["kafka_client"](**settings))
        return inner[-1]

    try:
        admin = KafkaAdminClient(
            bootstrap_servers=open_,
            bootstrap_timeout_ms=max(1, round(1000 * (deadline - time.monotonic()))),
            reconnect_backoff_max_ms=200,
            kafka_client=client,
        )
        found = admin.describe_cluster()["cluster_id"]
    except KafkaError:
        return None
    finally:
        for one in inner:
            one.close()
    return found if isinstance(found, str) else ""


def _listens(address: str, deadline: float) -> bool:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), max(0.01, deadline - time.monotonic())).close()
    except OSError:
        return False
    return True
