"""TLS, names and passwords, tokens: the ways in, for all three libraries, and what is said where there is none.

Needs a broker with listeners of its own for that: CANARY_TEST_SECURE_BROKER="HOST:PORT DIR". At PORT it speaks
SASL_PLAINTEXT, at the next port SASL_SSL (both PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, and OAUTHBEARER with unsigned
tokens; user `canary`, password `canary-secret`), at the one after that SSL with a client's certificate. DIR holds
`ca.pem`, `client.pem` and `client.key`.
"""

import asyncio
import base64
import json
import os
import secrets
import time
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from faust.transport.drivers.aiokafka import credentials_to_aiokafka_auth

from stream import subscribe
from stream.adapters.kafka.admin import create
from stream.adapters.kafka.connect import open_admin
from stream.adapters.kafka.credentials import aiokafka_arguments, faust_credentials
from stream.adapters.kafka.probe import probe
from stream.adapters.kafka.records import open_reader, write
from stream.adapters.settings import Settings
from stream.errors import SourceError
from tests.output_helpers import announce, example

pytestmark = pytest.mark.broker

VARIABLE = "CANARY_TEST_SECURE_BROKER"
WRONG = "w0rd-that-is-none"
MECHANISMS = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"]
WAYS: list[tuple[str, str | None]] = [
    (protocol, mechanism) for protocol in ("SASL_PLAINTEXT", "SASL_SSL") for mechanism in MECHANISMS
]
WAYS += [("SSL", None)]


class Secure(NamedTuple):
    """The broker."""

    host: str
    port: int
    tls: Path
    folder: Path

    def settings(self, protocol: str, mechanism: str | None, **changes: str | None) -> Settings:
        """Good settings, with changes; None leaves a setting out."""
        port = self.port + ("SASL_PLAINTEXT", "SASL_SSL", "SSL").index(protocol)
        variables: dict[str, str | None] = {"BROKER": f"{self.host}:{port}", "SECURITY_PROTOCOL": protocol}
        if protocol.endswith("SSL"):
            variables["SSL_CA"] = str(self.tls / "ca.pem")
        if protocol == "SSL":
            variables |= {"SSL_CERTIFICATE": str(self.tls / "client.pem"), "SSL_KEY": str(self.tls / "client.key")}
        if mechanism == "OAUTHBEARER":
            variables |= {"SASL_MECHANISM": mechanism, "SASL_TOKEN_FILE": self.token("canary")}
        elif mechanism is not None:
            variables |= {"SASL_MECHANISM": mechanism, "SASL_USERNAME": "canary", "SASL_PASSWORD": "canary-secret"}
        chosen = {**variables, **changes}
        return Settings.read({f"CANARY_{name}": value for name, value in chosen.items() if value is not None})

    def token(self, subject: str) -> str:
        """The path of an unsigned token."""

        def encoded(part: dict[str, object]) -> str:
            return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")

        now = int(time.time())
        path = self.folder / subject
        path.write_text(f"{encoded({'alg': 'none'})}.{encoded({'sub': subject, 'iat': now, 'exp': now + 3600})}.\n")
        return str(path)


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Secure:
    if VARIABLE not in os.environ:
        pytest.skip(f"needs a broker with TLS and SASL, as the file says, in {VARIABLE}")
    address, _, folder = os.environ[VARIABLE].partition(" ")
    host, _, port = address.rpartition(":")
    return Secure(host, int(port), Path(folder), tmp_path_factory.mktemp("tokens"))


@pytest.fixture(scope="module")
def topic(secure: Secure) -> str:
    name = f"t{secrets.token_hex(4)}.t"
    with open_admin(secure.settings("SASL_SSL", "PLAIN")) as admin:
        admin.create_topics({name: {"num_partitions": 1, "replication_factor": 1}}, wait_for_metadata=True)
    return name


@pytest.mark.parametrize(("protocol", "mechanism"), WAYS)
def test_kafka_python_gets_in(secure: Secure, topic: str, protocol: str, mechanism: str | None) -> None:
    settings, key = secure.settings(protocol, mechanism), secrets.token_hex(4).encode()
    assert probe(settings).idempotent
    write(settings, topic, [(key, b"v")])
    with open_reader(settings) as reader:
        assert (key, b"v") in [(record.key, record.value) for record in reader.whole(topic)]


@pytest.mark.parametrize(("protocol", "mechanism"), WAYS)
def test_aiokafka_and_faust_get_in(secure: Secure, topic: str, protocol: str, mechanism: str | None) -> None:
    from aiokafka import AIOKafkaProducer

    settings = secure.settings(protocol, mechanism)

    async def send(arguments: dict[str, Any]) -> None:
        producer = AIOKafkaProducer(**{**aiokafka_arguments(settings), **arguments})
        await producer.start()
        try:
            await producer.send_and_wait(topic, b"v")
        finally:
            await producer.stop()

    asyncio.run(send({}))
    asyncio.run(send(dict(credentials_to_aiokafka_auth(faust_credentials(settings)))))


def test_a_program_gets_its_verdicts(secure: Secure) -> None:
    settings = secure.settings("SASL_SSL", "SCRAM-SHA-512", PREFIX=f"t{secrets.token_hex(4)}")
    create(settings)
    announce(settings, example("latency", "r-1", 1_800_000_000_000))
    assert [one.verdict for one in subscribe(settings=settings, from_beginning=True, timeout=3)][-1] == "abort"


@pytest.mark.parametrize(
    ("protocol", "mechanism", "changes", "words"),
    [
        *(
            (protocol, mechanism, {"SASL_PASSWORD": WRONG}, f"wrong name or password for canary by {mechanism}")
            for protocol, mechanism in WAYS
            if mechanism not in (None, "OAUTHBEARER")
        ),
        (
            "SASL_SSL",
            "SCRAM-SHA-512",
            {"SASL_USERNAME": "nobody"},
            "wrong name or password for nobody by SCRAM-SHA-512",
        ),
        ("SASL_SSL", "PLAIN", {"SSL_CA": None}, "shows a certificate that is not trusted"),
        ("SSL", None, {"SSL_CERTIFICATE": None, "SSL_KEY": None}, "wants a certificate of ours that it trusts"),
    ],
)
def test_no_way_in(secure: Secure, protocol: str, mechanism: str, changes: dict[str, str | None], words: str) -> None:
    settings = secure.settings(protocol, mechanism, **changes)
    began = time.monotonic()
    with pytest.raises(SourceError, match=words) as caught:
        probe(settings)
    assert time.monotonic() - began < 10
    assert settings.brokers[0] in str(caught.value)
    assert WRONG not in str(caught.value)


def test_a_token_that_is_none(secure: Secure) -> None:
    Path(secure.token("bad")).write_text("nonsense\n")
    settings = secure.settings("SASL_SSL", "OAUTHBEARER", SASL_TOKEN_FILE=str(secure.folder / "bad"))
    with pytest.raises(SourceError, match=r"the token in .*/bad is wrong or too old; mend CANARY_SASL_TOKEN_FILE"):
        probe(settings)


@pytest.mark.parametrize(
    ("spoken", "tried", "words"),
    [
        ("SASL_PLAINTEXT", "PLAINTEXT", "closes the connection to PLAINTEXT clients|answers, but not in PLAINTEXT"),
        ("SSL", "PLAINTEXT", "closes the connection to PLAINTEXT clients|answers, but not in PLAINTEXT"),
        ("SASL_SSL", "SSL", "closes the connection to SSL clients"),
        ("SASL_PLAINTEXT", "SSL", "speaks no TLS, or none that we do"),
    ],
)
def test_another_protocol(secure: Secure, spoken: str, tried: str, words: str) -> None:
    (address,) = secure.settings(spoken, None if spoken == "SSL" else "PLAIN").brokers
    tls = {"CANARY_SSL_CA": str(secure.tls / "ca.pem")} if tried == "SSL" else {}
    settings = Settings.read({"CANARY_BROKER": address, "CANARY_SECURITY_PROTOCOL": tried, **tls})
    with pytest.raises(SourceError, match=f"({words}).*set CANARY_SECURITY_PROTOCOL to "):
        probe(settings)
