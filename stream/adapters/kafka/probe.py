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
from contextlib import closing, contextmanager
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

ALL_SECONDS, REACH_SECONDS, ENTER_SECONDS = 9.0, 2.0, 5.0
"""How long may be tried in all, to reach one broker, and to get into one that is alone; into each of several half of
that: a frozen one takes connections."""
ID_SECONDS = 10.0
"""How long a cluster that has just started may take until it gives producers their ids."""


@dataclass(frozen=True)
class Cluster:
    """What was found."""

    address: str
    """`host:port` of the broker that let us in."""
    brokers: int
    """How many brokers there are now."""
    idempotent: bool
    """Whether aiokafka's and kafka-python's producers can number what they send, so that a retry is not written
    twice."""


def reach(settings: Settings) -> str:
    """Find out whether a broker is there and lets us in, in 10 s at most: `host:port` of one that does.

    Raises:
        SourceError: no broker answers, or it does not let us in; one line with the address, the cause and the remedy.
        CanaryError: a file that the settings name cannot be read.
    """
    with _entered(settings) as (address, _):
        return address


def probe(settings: Settings) -> Cluster:
    """The same, and what the cluster can do.

    Raises:
        SourceError: as `reach` does; or producers get no id yet, or not from us.
        CanaryError: as `reach` does.
    """
    with _entered(settings) as (address, client):
        error = _id_error(client._manager)
        if error.retriable or error is ClusterAuthorizationFailedError:
            raise SourceError(
                f"the broker at {address} gives producers no id ({error.__name__}):"
                f" {'try again' if error.retriable else 'allow us IDEMPOTENT_WRITE on the cluster'}"
            )
        return Cluster(address, len(client.cluster.brokers()), error is NoError)


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
def _entered(settings: Settings) -> Iterator[tuple[str, Any]]:
    """The first broker that lets us in, and kafka-python's connections to its cluster, without a client around them."""
    arguments = client_arguments(settings)
    context, deadline = arguments.get("ssl_context"), time.monotonic() + ALL_SECONDS
    seconds = ENTER_SECONDS if len(settings.brokers) == 1 else ENTER_SECONDS / 2
    missing: dict[str, Exception] = {}
    heard: list[Exception] = []
    for address in settings.brokers:
        if (error := _reach(address, context, deadline)) is not None:
            missing[address] = error
            continue
        with closing(KafkaNetClient(**{**arguments, "bootstrap_servers": [address]})) as client:
            if _enters(client, heard, min(seconds, deadline - time.monotonic())):
                _reach_any([f"{one.host}:{one.port}" for one in client.cluster.brokers()], context, address)
                yield address, client
                return
        if is_certain(heard):
            break
    raise SourceError(not_there(missing) if len(missing) == len(settings.brokers) else diagnosis(settings, heard))


def _enters(client: Any, heard: list[Exception], seconds: float) -> bool:
    """Whether a broker lets us in; what was wrong is added to `heard`."""
    deadline = time.monotonic() + seconds
    client._net.start()
    with _listening() as listener:
        entered = client._manager.bootstrap_async(max(0.1, seconds) * 1000)
        entered.add_both(lambda _: listener.news.set())
        while not entered.is_done and not is_certain(listener.errors) and time.monotonic() < deadline + 0.5:
            listener.news.wait(0.5)
            listener.news.clear()
    heard += listener.errors
    return bool(entered.succeeded())


def _reach_any(addresses: Iterable[str], context: ssl.SSLContext | None, named: str) -> None:
    """Connect to one of the addresses that the broker that was named gave for its cluster."""
    deadline, missing = time.monotonic() + 2 * REACH_SECONDS, {}
    for address in addresses:
        if (error := _reach(address, context, deadline)) is None:
            return
        missing[address] = error
    raise SourceError(not_there(missing, named))


def _reach(address: str, context: ssl.SSLContext | None, deadline: float) -> Exception | None:
    """Connect, with TLS where there is a context: why nobody is there; None where somebody is.

    Raises:
        SourceError: there is no TLS to be had, or none that we trust.
    """
    host, _, port = address.rpartition(":")
    name = host.strip("[]")
    try:
        seconds = max(0.1, min(REACH_SECONDS, deadline - time.monotonic()))
        connection = socket.create_connection((name, int(port)), seconds)
    except (OSError, UnicodeError) as error:
        return error
    with connection:
        if context is not None:
            try:
                context.wrap_socket(connection, server_hostname=name).close()
            except OSError as error:
                raise SourceError(no_tls(address, error)) from None
    return None


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
def _listening() -> Iterator[_Heard]:
    logger, heard = logging.getLogger("kafka"), _Heard()
    logger.addHandler(heard)
    try:
        yield heard
    finally:
        logger.removeHandler(heard)
