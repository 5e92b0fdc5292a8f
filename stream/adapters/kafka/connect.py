"""Clients of kafka-python, opened after a look whether the broker is there; closed by `with`."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka import errors as kafka

from stream.adapters.kafka.credentials import REQUEST_MS, client_arguments
from stream.adapters.kafka.probe import probe, reach
from stream.adapters.settings import Settings
from stream.errors import SourceError

_DENIED = (
    kafka.TopicAuthorizationFailedError,
    kafka.GroupAuthorizationFailedError,
    kafka.ClusterAuthorizationFailedError,
)


@contextmanager
def open_admin(settings: Settings) -> Iterator[KafkaAdminClient]:
    """A client that makes and describes topics.

    Raises:
        SourceError: no broker answers or lets us in, or one fails later; one line that says what to do.
    """
    arguments = {**client_arguments(settings), "bootstrap_servers": [reach(settings)]}
    with explained(settings), closing(KafkaAdminClient(**arguments)) as client:
        yield client


@contextmanager
def open_consumer(settings: Settings, **more: Any) -> Iterator[KafkaConsumer]:
    """A client that reads what is committed; it makes no topics, and commits only what it is told to.

    Args:
        settings: where to read.
        more: further arguments of `KafkaConsumer`.

    Raises:
        SourceError: as `open_admin` does.
    """
    arguments = {
        "isolation_level": "read_committed",
        "auto_offset_reset": "earliest",
        "enable_auto_commit": False,
        "allow_auto_create_topics": False,
        "fetch_max_wait_ms": int(settings.fetch_wait),
        "max_partition_fetch_bytes": 4 << 20,
        **client_arguments(settings),
        "bootstrap_servers": [reach(settings)],
        **more,
    }
    with explained(settings), closing(KafkaConsumer(**arguments)) as client:
        yield client


@contextmanager
def open_producer(settings: Settings) -> Iterator[KafkaProducer]:
    """A client that writes to all replicas, each record once where the broker can do that.

    Raises:
        SourceError: as `open_admin` does.
    """
    cluster = probe(settings)
    arguments = {
        "acks": "all",
        "enable_idempotence": cluster.idempotent,
        "allow_auto_create_topics": False,
        "max_block_ms": REQUEST_MS,
        "delivery_timeout_ms": 2 * REQUEST_MS,
        "max_request_size": 4 << 20,
        **client_arguments(settings),
        "bootstrap_servers": [cluster.address],
    }
    with explained(settings), closing(KafkaProducer(**arguments)) as client:
        yield client


@contextmanager
def explained(settings: Settings) -> Iterator[None]:
    """Turn what kafka-python raises into one line that names the brokers."""
    where = f"the broker at {', '.join(settings.brokers)}"
    try:
        yield
    except _DENIED as error:
        who = settings.security.username or "this client"
        raise SourceError(f"{where} does not allow {who} to do that ({_words(error)}); see its ACLs") from error
    except (kafka.KafkaTimeoutError, kafka.RequestTimedOutError, kafka.KafkaConnectionError) as error:
        raise SourceError(f"{where} no longer answers ({_words(error)}); is it overloaded, or gone?") from error
    except kafka.KafkaError as error:
        raise SourceError(f"{where} refuses: {_words(error)}") from error


def _words(error: Exception) -> str:
    """What the error is and says, cut where a request was put into it."""
    text = " ".join(str(part) for part in error.args)
    return f"{type(error).__name__}: {text[:200]}" if text else type(error).__name__
