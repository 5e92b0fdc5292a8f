"""Our settings in the libraries' forms: TLS that checks, tokens that are read anew, secrets that are not logged."""

import asyncio
import inspect
import logging
import ssl
import subprocess
import sys
from pathlib import Path
from shutil import which
from typing import Any

import faust
import pytest
from aiokafka.abc import AbstractTokenProvider as AsyncTokenProvider
from faust.transport.drivers.aiokafka import credentials_to_aiokafka_auth
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer

from stream.adapters.kafka.credentials import (
    aiokafka_arguments,
    client_arguments,
    faust_credentials,
    ssl_context,
)
from stream.adapters.settings import Settings
from stream.errors import CanaryError

SECRET = "s3cret-w0rd"
PASSWORD = {"SASL_MECHANISM": "SCRAM-SHA-256", "SASL_USERNAME": "me", "SASL_PASSWORD": SECRET}


def settings(**variables: str) -> Settings:
    return Settings.read({f"CANARY_{name}": value for name, value in {"BROKER": "k:1", **variables}.items()})


@pytest.fixture
def token(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text("first\n")
    return path


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate and its keys: `c.pem`, `c.key`, and `locked.key` with a password."""
    if which("openssl") is None:
        pytest.skip("needs the program openssl, to make certificates")
    folder = tmp_path_factory.mktemp("pem")
    make = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=c"
    subprocess.run([*make.split(), "-keyout", "c.key", "-out", "c.pem"], cwd=folder, check=True, capture_output=True)
    lock = "openssl pkcs8 -topk8 -in c.key -out locked.key -passout pass:x"
    subprocess.run(lock.split(), cwd=folder, check=True, capture_output=True)
    return folder


@pytest.mark.parametrize("client", [KafkaAdminClient, KafkaConsumer, KafkaProducer])
def test_every_client_of_kafka_python_knows_the_arguments(client: Any, token: Path) -> None:
    for variables in (PASSWORD, {"SASL_TOKEN_FILE": str(token), "SECURITY_PROTOCOL": "SASL_SSL"}):
        assert client_arguments(settings(**variables)).keys() <= client.DEFAULT_CONFIG.keys()


def test_aiokafka_knows_the_arguments(token: Path) -> None:
    from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

    for variables in (PASSWORD, {"SASL_TOKEN_FILE": str(token), "SECURITY_PROTOCOL": "SASL_SSL"}):
        for client in (AIOKafkaConsumer, AIOKafkaProducer):
            assert aiokafka_arguments(settings(**variables)).keys() <= inspect.signature(client).parameters.keys()


def test_without_security_nothing_is_claimed() -> None:
    assert ssl_context(settings()) is None
    assert faust_credentials(settings()) is None
    assert client_arguments(settings())["security_protocol"] == "PLAINTEXT"


def test_tls_checks_the_certificate_and_its_name(pem: Path) -> None:
    chosen = settings(SSL_CA=str(pem / "c.pem"), SSL_CERTIFICATE=str(pem / "c.pem"), SSL_KEY=str(pem / "c.key"))
    for context in (
        ssl_context(chosen),
        client_arguments(chosen)["ssl_context"],
        aiokafka_arguments(chosen)["ssl_context"],
        credentials_to_aiokafka_auth(faust_credentials(chosen))["ssl_context"],
    ):
        assert context is not None
        assert context.check_hostname
        assert context.verify_mode is ssl.CERT_REQUIRED
        assert len(context.get_ca_certs()) == 1


def test_the_systems_authorities_are_the_default() -> None:
    context = ssl_context(settings(SECURITY_PROTOCOL="SSL"))
    assert context is not None
    assert context.check_hostname


@pytest.mark.parametrize("protocol", ["SASL_PLAINTEXT", "SASL_SSL"])
def test_faust_gets_a_name_and_a_password(protocol: str) -> None:
    found = faust_credentials(settings(**PASSWORD, SECURITY_PROTOCOL=protocol))
    assert isinstance(found, faust.SASLCredentials)
    arguments = credentials_to_aiokafka_auth(found)
    assert (arguments["security_protocol"], arguments["sasl_mechanism"]) == (protocol, "SCRAM-SHA-256")
    assert (arguments["sasl_plain_username"], arguments["sasl_plain_password"]) == ("me", SECRET)
    assert (arguments["ssl_context"] is not None) == (protocol == "SASL_SSL")
    assert SECRET not in repr(found)


def test_a_token_is_read_anew_each_time(token: Path) -> None:
    chosen = settings(SASL_TOKEN_FILE=str(token))
    blocking = client_arguments(chosen)["sasl_oauth_token_provider"]
    waiting = aiokafka_arguments(chosen)["sasl_oauth_token_provider"]
    found = faust_credentials(chosen)
    assert isinstance(found, faust.OAuthCredentials)
    assert isinstance(waiting, AsyncTokenProvider)
    for text in ("first", "second"):
        token.write_text(f"{text}\n")
        assert blocking.token() == text
        assert asyncio.run(waiting.token()) == text
        assert asyncio.run(found.oauth_cb.token()) == text


@pytest.mark.parametrize("make", [client_arguments, aiokafka_arguments, faust_credentials])
def test_a_missing_token_is_said_at_once(make: Any, tmp_path: Path) -> None:
    with pytest.raises(CanaryError, match=r"\Asasl_token_file: .*/none cannot be read: no such file or directory\Z"):
        make(settings(SASL_TOKEN_FILE=str(tmp_path / "none")))


def test_files_of_tls_that_are_wrong(pem: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.pem"
    bad.write_text("nothing\n")
    certificate = str(pem / "c.pem")
    for variables, words in (
        ({"SSL_CA": str(tmp_path / "none")}, "ssl_ca: .*/none cannot be read: no such file or directory"),
        ({"SSL_CA": str(bad)}, "ssl_ca: .*/bad.pem does not hold certificates in PEM form"),
        ({"SSL_CERTIFICATE": str(bad)}, "ssl_certificate: .*/bad.pem does not hold a certificate and its key in PEM"),
        ({"SSL_CERTIFICATE": certificate}, "ssl_certificate: .*/c.pem does not hold a certificate and its key"),
        ({"SSL_CERTIFICATE": certificate, "SSL_KEY": str(tmp_path / "none")}, "ssl_certificate: .* cannot be read: no"),
        ({"SSL_CERTIFICATE": certificate, "SSL_KEY": str(pem / "locked.key")}, "ssl_key: the key is encrypted; give"),
    ):
        with pytest.raises(CanaryError, match=rf"\A{words}"):
            client_arguments(settings(**variables))


@pytest.mark.parametrize("name", ["kafka", "aiokafka"])
def test_the_libraries_never_log_at_the_level_that_shows_secrets(name: str) -> None:
    logger = logging.getLogger(name)
    before = logger.level
    try:
        for level in (logging.NOTSET, logging.DEBUG):
            logger.setLevel(level)
            client_arguments(settings(**PASSWORD))
            assert logger.level == logging.WARNING
        logger.setLevel(logging.INFO)
        client_arguments(settings(**PASSWORD))
        assert logger.level == logging.INFO
    finally:
        logger.setLevel(before)


def test_the_libraries_never_write_to_standard_error() -> None:
    code = (
        "import logging; from stream.adapters.kafka.credentials import client_arguments as arguments;"
        "from stream.adapters.settings import Settings; arguments(Settings(('k:1',)));"
        "logging.getLogger('kafka.net.manager').error('x'); logging.getLogger('aiokafka.conn').error('x')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")
