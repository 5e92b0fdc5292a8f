"""A worker that cannot work says why in one line, and ends with 1: it never sits there idle."""

import os
import re
import socket
import time
from collections.abc import Callable

import pytest

from stream.adapters.embedded_broker import LOOPBACK, free_port
from stream.adapters.kafka.admin import create
from stream.adapters.settings import Settings
from tests.broker_helpers import Broker
from tests.scene_helpers import Scene
from tests.worker_helpers import run_canary

pytestmark = pytest.mark.broker

SECONDS = 30
"""How long it may take on a busy machine; it takes two to six."""
SECURE = "CANARY_TEST_SECURE_BROKER"


def refusal(env: dict[str, str]) -> str:
    """What a worker says last that does not start."""
    began = time.monotonic()
    done = run_canary("run", env=env, seconds=SECONDS)
    print(f"it ended after {time.monotonic() - began:.1f} s")
    assert (done.returncode, done.stdout) == (1, "")
    assert "Traceback" not in done.stderr
    return done.stderr.splitlines()[-1]


def test_no_broker(broker: Broker) -> None:
    port = free_port()
    said = refusal(broker.environment("none", broker=f"{LOOPBACK}:{port}"))
    assert re.fullmatch(rf"canary: no broker answers at {LOOPBACK}:{port} \(.*\); .*CANARY_BROKER.*", said)


def test_a_port_where_something_else_answers(broker: Broker) -> None:
    with socket.create_server((LOOPBACK, 0)) as other:
        address = f"{LOOPBACK}:{other.getsockname()[1]}"
        said = refusal(broker.environment("none", broker=address))
    assert said.startswith("canary: ")
    assert address in said


def test_no_topics(each_broker: Broker) -> None:
    prefix = each_broker.fresh_prefix()
    assert refusal(each_broker.environment(prefix)) == (
        f"canary: {prefix}.telemetry: is missing; run `canary topics create` (and 10 more)"
    )


def test_telemetry_that_is_not_there(each_broker: Broker) -> None:
    scene = Scene(each_broker)
    said = refusal(scene.env(telemetry=f"{scene.telemetry},{scene.prefix}.other"))
    assert said == f"canary: {scene.prefix}.other: is missing; create it, or mend CANARY_TELEMETRY"


def cleaned_up(broker: Broker, prefix: str) -> str:
    broker.create(f"{prefix}.states", 12, cleanup_policy="delete")
    return (
        f"canary: {prefix}.states: has cleanup.policy=delete, so that records that are needed are deleted;"
        " set cleanup.policy=compact"
    )


def compacted(broker: Broker, prefix: str) -> str:
    broker.create(f"{prefix}.partials", 12, cleanup_policy="compact")
    return (
        f"canary: {prefix}.partials: has cleanup.policy=compact, so that old records of a key vanish;"
        " set cleanup.policy=delete"
    )


def unequal(broker: Broker, prefix: str) -> str:
    broker.create(f"{prefix}.states", 3, cleanup_policy="compact")
    broker.create(f"{prefix}.partials", 4)
    return (
        f"canary: {prefix}.states: has 3 partitions and must have as many as the partials, 4; stop the workers,"
        " delete it and run `canary topics create`"
    )


@pytest.mark.parametrize("spoil", [cleaned_up, compacted, unequal])
def test_a_topic_that_is_wrong(broker: Broker, spoil: Callable[[Broker, str], str]) -> None:
    if broker.kind == "embedded":
        pytest.skip("needs a broker that tells how its topics are set; the embedded one does not")
    prefix = broker.fresh_prefix()
    wanted, env = spoil(broker, prefix), broker.environment(prefix)
    create(Settings.read(env))
    assert refusal(env) == wanted


def test_a_port_in_use(broker: Broker) -> None:
    with socket.create_server((LOOPBACK, 0)) as other:
        listen = f"{LOOPBACK}:{other.getsockname()[1]}"
        said = refusal(Scene(broker).env(listen=listen))
    assert f"{listen}: the port is in use; set CANARY_LISTEN to another host:port" in said


def secured() -> dict[str, str]:
    """An environment for a broker with SASL, as `test_security.py` describes it, but for the password."""
    if SECURE not in os.environ:
        pytest.skip(f"needs a broker with TLS and SASL, as `test_security.py` describes it, in {SECURE}")
    address = os.environ[SECURE].split()[0]
    outer = {name: value for name, value in os.environ.items() if not name.startswith("CANARY_")}
    return outer | {"CANARY_BROKER": address, "CANARY_SASL_MECHANISM": "PLAIN", "CANARY_SASL_USERNAME": "canary"}


def test_a_wrong_password() -> None:
    said = refusal(secured() | {"CANARY_SASL_PASSWORD": "w0rd-that-is-none"})
    assert said.startswith("canary: ")
    assert "CANARY_SASL_PASSWORD" in said
    assert "w0rd-that-is-none" not in said
