"""Whether a broker is there, lets us in, and what it can do: asked first, so that errors say what is wrong.

kafka-python's clients try again until their time is over and then say no more than "unable to bootstrap"; what was
wrong stands in their log. So the socket and TLS are tried without them, and then one attempt of theirs is listened to.
"""

import logging
import socket
import ssl
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from kafka.errors import (
    ClusterAuthorizationFailedError,
    KafkaError,
    NoError,
    for_code,
)
from kafka.net.compat import KafkaNetClient
from kafka.protocol.producer import InitProducerIdRequest

from stream.adapters.kafka.credentials import client_arguments
from stream.adapters.kafka.diagnosis import diagnosis, is_certain, no_tls, not_there
from stream.adapters.settings import Settings
from stream.errors import SourceError

REACH_SECONDS, ENTER_SECONDS, ONE_SECONDS = 4.0, 5.0, 2.0
"""How long may be tried to reach any broker, to get in, and to reach one of them."""
ID_SECONDS = 10.0
"""How long a cluster that has just started may take until it gives producers their ids."""


@dataclass(frozen=True)
class Cluster:
    """What was found."""

    brokers: int
    """How many brokers there are now."""
    idempotent: bool
    """Whether aiokafka's and kafka-python's producers can number what they send, so that a retry is not written
    twice."""


def reach(settings: Settings) -> int:
    """Find out whether a broker is there and lets us in, in 10 s at most: how many brokers the cluster has now.

    Raises:
        SourceError: no broker answers, or it does not let us in; one line with the address, the cause and the remedy.
        CanaryError: a file that the settings name cannot be read.
    """
    with _entered(settings) as client:
        return len(client.cluster.brokers())


def probe(settings: Settings) -> Cluster:
    """The same, and what the cluster can do.

    Raises:
        SourceError: as `reach` does; or producers get no id yet, or not from us.
        CanaryError: as `reach` does.
    """
    with _entered(settings) as client:
        error = _id_error(client._manager)
        if error.retriable or error is ClusterAuthorizationFailedError:
            raise SourceError(
                f"the broker at {', '.join(settings.brokers)} gives producers no id ({error.__name__}):"
                f" {'try again' if error.retriable else 'allow us IDEMPOTENT_WRITE on the cluster'}"
            )
        return Cluster(len(client.cluster.brokers()), error is NoError)


def offers_idempotence(settings: Settings) -> bool:
    """Whether producers can be idempotent there.

    Raises:
        SourceError: as `probe` does.
    """
    return probe(settings).idempotent


def _id_error(manager: Any) -> type[KafkaError]:
    """What comes of asking for a producer's id in the way of the older of our two libraries, aiokafka.

    The embedded broker lists the request among those that it knows, but fails to read that form of it.
    """
    deadline = time.monotonic() + ID_SECONDS
    while True:
        request = InitProducerIdRequest(transactional_id=None, transaction_timeout_ms=1000, max_version=0)
        try:
            error: type[KafkaError] = for_code(manager.run(manager.send, request).error_code)
        except KafkaError as failure:
            error = type(failure)
        if not error.retriable or time.monotonic() > deadline:
            return error
        time.sleep(0.1)


@contextmanager
def _entered(settings: Settings) -> Iterator[Any]:
    """kafka-python's connections to a cluster, without a client around them."""
    arguments = client_arguments(settings)
    context = arguments.get("ssl_context")
    _reach(settings.brokers, context)
    client = KafkaNetClient(**arguments)
    client._net.start()
    try:
        with _heard() as heard:
            entered = client._manager.bootstrap_async(ENTER_SECONDS * 1000)
            entered.add_both(lambda _: heard.news.set())
            deadline = time.monotonic() + ENTER_SECONDS + 0.5
            while not entered.is_done and not is_certain(heard.errors) and time.monotonic() < deadline:
                heard.news.wait(0.5)
                heard.news.clear()
        if not entered.succeeded():
            raise SourceError(diagnosis(settings, heard.errors))
        addresses = [f"{broker.host}:{broker.port}" for broker in client.cluster.brokers()]
        _reach(addresses, context, settings.brokers)
        yield client
    finally:
        client.close()


def _reach(addresses: Iterable[str], context: ssl.SSLContext | None, named: Iterable[str] = ()) -> None:
    """Connect to one of the addresses, with TLS where there is a context.

    Args:
        addresses: `host:port`.
        context: how to encrypt.
        named: the addresses in the settings, where `addresses` are those that a broker gave for its cluster.
    """
    deadline, failed = time.monotonic() + REACH_SECONDS, {}
    for address in addresses:
        host, _, port = address.rpartition(":")
        name = host.strip("[]")
        seconds = max(0.1, min(ONE_SECONDS, deadline - time.monotonic()))
        try:
            connection = socket.create_connection((name, int(port)), seconds)
        except (OSError, UnicodeError) as error:
            failed[address] = error
            continue
        with connection:
            if context is not None:
                _encrypt(connection, context, address, name)
        return
    raise SourceError(not_there(failed, tuple(named)))


def _encrypt(connection: socket.socket, context: ssl.SSLContext, address: str, name: str) -> None:
    try:
        context.wrap_socket(connection, server_hostname=name).close()
    except OSError as error:
        raise SourceError(no_tls(address, error)) from None


class _Heard(logging.Handler):
    """The errors that kafka-python logs."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.errors: list[Exception] = []
        self.news = threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        """Keep what a connection was lost by."""
        if record.name == "kafka.net.connection" and isinstance(record.args, tuple):
            self.errors += [error for error in record.args if isinstance(error, Exception)]
            self.news.set()


@contextmanager
def _heard() -> Iterator[_Heard]:
    logger, heard = logging.getLogger("kafka"), _Heard()
    logger.addHandler(heard)
    try:
        yield heard
    finally:
        logger.removeHandler(heard)
