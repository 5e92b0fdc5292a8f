"""What is said where there is no broker, or none that lets us in: the address, the cause, the remedy; in good time."""

import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import which

import pytest

from stream.adapters.embedded_broker import free_port
from stream.adapters.kafka.connect import open_admin, open_consumer, open_producer
from stream.adapters.kafka.probe import probe
from stream.adapters.settings import Settings
from stream.errors import SourceError

SECONDS = 10
Serve = Callable[[socket.socket], None]


@contextmanager
def listener(serve: Serve) -> Iterator[str]:
    """The address of something that listens and serves each connection in its own way."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        ended = threading.Event()

        def work() -> None:
            while not ended.is_set():
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.settimeout(SECONDS)
                    try:
                        serve(connection)
                    except OSError:
                        continue

        thread = threading.Thread(target=work)
        thread.start()
        host, port = server.getsockname()
        yield f"{host}:{port}"
        ended.set()
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


def close(connection: socket.socket) -> None:
    connection.recv(1)


def answer(text: bytes) -> Serve:
    def serve(connection: socket.socket) -> None:
        connection.recv(1 << 16)
        connection.sendall(text)
        connection.recv(1)

    return serve


def hold(connection: socket.socket) -> None:
    while connection.recv(1 << 16):
        pass


def complaint(brokers: str, **variables: str) -> str:
    """The one line that comes, within the time; and no thread is left."""
    settings = Settings.read({f"CANARY_{name}": value for name, value in {"BROKER": brokers, **variables}.items()})
    threads = set(threading.enumerate())
    began = time.monotonic()
    with pytest.raises(SourceError) as caught:
        probe(settings)
    assert time.monotonic() - began < SECONDS + 1
    assert {thread for thread in threading.enumerate() if thread.is_alive()} <= threads
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_nobody_listens(capfd: pytest.CaptureFixture[str]) -> None:
    one, other = free_port(), free_port()
    assert complaint(f"127.0.0.1:{one},127.0.0.1:{other}") == (
        f"no broker answers at 127.0.0.1:{one} (connection refused), 127.0.0.1:{other} (connection refused); start it,"
        " or set CANARY_BROKER=host:port (or --broker) to where it listens"
    )
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("host", ["nowhere.invalid", "a..b", "x" * 70])
def test_nobody_is_called_so(host: str) -> None:
    assert complaint(f"{host}:9092").startswith(f"no broker answers at {host}:9092 (unknown host); start it, or set")


@pytest.mark.parametrize("open_", [open_admin, open_consumer, open_producer])
def test_every_client_says_so(open_: Callable[[Settings], object]) -> None:
    settings = Settings.read({"CANARY_BROKER": f"127.0.0.1:{free_port()}"})
    with pytest.raises(SourceError, match="no broker answers at"), open_(settings):  # type: ignore[attr-defined]
        pass


def test_one_that_closes_the_connection(capfd: pytest.CaptureFixture[str]) -> None:
    with listener(close) as address:
        words = complaint(address)
    assert words == (
        f"the broker at {address} closes the connection to PLAINTEXT clients; set CANARY_SECURITY_PROTOCOL to what"
        " it is"
    )
    assert capfd.readouterr() == ("", "")


def test_one_that_closes_the_connection_while_we_log_in() -> None:
    with listener(close) as address:
        words = complaint(address, SASL_MECHANISM="SCRAM-SHA-256", SASL_USERNAME="me", SASL_PASSWORD="s3cret")
    assert words == (
        f"the broker at {address} closes the connection while we log in: wrong name or password for me by"
        " SCRAM-SHA-256; mend CANARY_SASL_..., or set CANARY_SECURITY_PROTOCOL to what it is"
    )


@pytest.mark.parametrize("text", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x15\x03\x03\x00\x02\x02\x16"])
def test_one_that_speaks_something_else(text: bytes) -> None:
    with listener(answer(text)) as address:
        words = complaint(address)
    assert words == (
        f"the broker at {address} answers, but not in PLAINTEXT; set CANARY_SECURITY_PROTOCOL to SSL or SASL_SSL, if"
        " it is a Kafka broker"
    )


def test_one_that_is_mute() -> None:
    with listener(hold) as address:
        words = complaint(address)
    assert words == (
        f"the broker at {address} takes connections, but does not answer; is it starting, frozen, or no Kafka broker?"
    )


def test_one_that_does_not_speak_tls() -> None:
    with listener(close) as address:
        words = complaint(address, SECURITY_PROTOCOL="SSL")
    assert words == (
        f"the broker at {address} speaks no TLS, or none that we do (it ends the connection); set"
        " CANARY_SECURITY_PROTOCOL to what it is"
    )


def test_one_that_is_mute_in_tls() -> None:
    with listener(hold) as address:
        words = complaint(address, SECURITY_PROTOCOL="SSL")
    assert words.endswith("takes connections, but does not answer; is it starting, frozen, or no Kafka broker?")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`good.pem` for 127.0.0.1 and `other.pem` for another host, each with its key, both their own authorities."""
    if which("openssl") is None:
        pytest.skip("needs the program openssl, to make certificates")
    folder = tmp_path_factory.mktemp("tls")
    for name, host in (("good", "IP:127.0.0.1"), ("other", "DNS:kafka.example")):
        files = ["-keyout", f"{name}.key", "-out", f"{name}.pem"]
        words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        words += ["-days", "2", "-subj", f"/CN={name}", "-addext", f"subjectAltName={host}", *files]
        subprocess.run(words, cwd=folder, check=True, capture_output=True)
    return folder


def shaking_hands(certificates: Path, name: str) -> Serve:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / f"{name}.pem", certificates / f"{name}.key")

    def serve(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as encrypted:
            encrypted.recv(1)

    return serve


def test_a_certificate_that_nobody_vouches_for(certificates: Path) -> None:
    with listener(shaking_hands(certificates, "good")) as address:
        words = complaint(address, SSL_CA=str(certificates / "other.pem"))
    assert words.startswith(f"the broker at {address} shows a certificate that is not trusted (")
    assert words.endswith("; set CANARY_SSL_CA to who signed it")


def test_a_certificate_of_another_name(certificates: Path) -> None:
    with listener(shaking_hands(certificates, "other")) as address:
        words = complaint(address, SSL_CA=str(certificates / "other.pem"))
    assert words.startswith(f"the broker at {address} shows a certificate of another name (IP address mismatch, ")
    assert words.endswith("; name the broker as its certificate does")


def test_a_good_certificate_is_taken(certificates: Path) -> None:
    with listener(shaking_hands(certificates, "good")) as address:
        words = complaint(address, SSL_CA=str(certificates / "good.pem"))
    assert "closes the connection to SSL clients" in words
