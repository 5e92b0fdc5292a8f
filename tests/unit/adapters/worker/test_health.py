import asyncio
import logging
import socket
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from stream import __version__
from stream.adapters.worker.health import HealthServer, HealthService
from stream.adapters.worker.metrics import Metrics
from stream.errors import SourceError
from tests.metrics_helpers import OPENMETRICS, samples

ROOT = Path(__file__).resolve().parents[4]
LOOPBACK = "127.0.0.1"
FREE = f"{LOOPBACK}:0"


def ready() -> list[str]:
    return []


async def get(server: HealthServer, path: str, **headers: str) -> tuple[int, aiohttp.typedefs.LooseHeaders, str]:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://{LOOPBACK}:{server.port}{path}", headers=headers) as answer,
    ):
        return answer.status, answer.headers, await answer.text()


def serve(
    use: Callable[[HealthServer], Coroutine[Any, Any, None]],
    metrics: Metrics | None = None,
    missing: Callable[[], list[str]] = ready,
) -> None:
    """Start a server on a free port, use it, stop it."""

    async def run() -> None:
        server = HealthServer(FREE, metrics or Metrics(), missing)
        await server.start()
        try:
            await use(server)
        finally:
            await server.stop()

    asyncio.run(run())


@pytest.mark.parametrize("path", ["/livez", "/healthz"])
def test_a_worker_lives_whatever_is_missing(path: str) -> None:
    async def use(server: HealthServer) -> None:
        status, _, text = await get(server, path)
        assert (status, text) == (200, '{"status": "alive"}')

    serve(use, missing=lambda: ["partitions assigned"])


def test_a_worker_whose_loop_stands_still_does_not_seem_to_live() -> None:
    async def use(server: HealthServer) -> None:
        found: list[bytes] = []

        def ask() -> None:
            with socket.create_connection((LOOPBACK, server.port or 0), timeout=0.3) as client:
                client.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                try:
                    found.append(client.recv(100))
                except TimeoutError:
                    found.append(b"")

        thread = threading.Thread(target=ask)
        thread.start()
        thread.join()  # in the loop's own thread: nothing turns over
        assert found == [b""]
        await asyncio.to_thread(ask)
        assert found[1].startswith(b"HTTP/1.1 200")

    serve(use)


def test_a_worker_is_ready_once_nothing_is_missing() -> None:
    missing = ["partitions assigned", "registry read"]
    metrics = Metrics()

    async def use(server: HealthServer) -> None:
        status, headers, text = await get(server, "/readyz")
        assert status == 503
        assert text == '{"status": "not ready", "missing": ["partitions assigned", "registry read"]}'
        assert "application/json" in str(headers)
        await get(server, "/metrics")
        missing.clear()
        status, _, text = await get(server, "/readyz")
        assert (status, text) == (200, '{"status": "ready", "missing": []}')

    serve(use, metrics, lambda: missing)
    assert samples(metrics, "canary_ready") == {(): 1}


def test_metrics_say_whether_the_worker_is_ready() -> None:
    missing = ["registry read"]

    async def use(server: HealthServer) -> None:
        assert "\ncanary_ready 0.0\n" in (await get(server, "/metrics"))[2]
        missing.clear()
        assert "\ncanary_ready 1.0\n" in (await get(server, "/metrics"))[2]

    serve(use, missing=lambda: missing)


def test_metrics_come_in_the_format_that_is_asked_for() -> None:
    metrics = Metrics()
    metrics.holds(3)

    async def use(server: HealthServer) -> None:
        status, headers, text = await get(server, "/metrics")
        assert status == 200
        assert "text/plain; version=0.0.4" in str(headers)
        assert "\ncanary_analysis_active 3.0\n" in text
        _, headers, text = await get(server, "/metrics", Accept=f"{OPENMETRICS},text/plain;q=0.5")
        assert "application/openmetrics-text; version=1.0.0" in str(headers)
        assert text.endswith("# EOF\n")

    serve(use, metrics)


def test_the_version_is_told() -> None:
    async def use(server: HealthServer) -> None:
        assert (await get(server, "/version"))[2] == f'{{"version": "{__version__}"}}'
        assert (await get(server, "/nothing"))[0] == 404

    serve(use)


def test_requests_are_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "aiohttp")

    async def use(server: HealthServer) -> None:
        await get(server, "/livez")

    serve(use)
    assert not caplog.records


def test_a_stopped_server_listens_no_more() -> None:
    ports: list[int] = []

    async def use(server: HealthServer) -> None:
        assert server.port is not None
        ports.append(server.port)
        await server.stop()
        assert server.port is None

    serve(use)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((LOOPBACK, ports[0]))


def test_nothing_is_started_where_it_is_off() -> None:
    async def run() -> None:
        server = HealthServer("off", Metrics(), ready)
        await server.start()
        assert server.port is None
        await server.stop()

    asyncio.run(run())


def test_it_binds_to_the_given_address_only() -> None:
    async def use(server: HealthServer) -> None:
        with socket.socket() as other:
            other.bind(("127.0.0.2", server.port or 0))  # would be in use if it listened everywhere

    serve(use)


@pytest.mark.parametrize(
    ("host", "words"),
    [
        (LOOPBACK, "the port is in use; set CANARY_LISTEN to another host:port, or CANARY_LISTEN=off for no server"),
        ("192.0.2.1", "cannot listen there (cannot assign requested address); set CANARY_LISTEN to a host:port of"),
    ],
)
def test_an_address_that_cannot_be_had_is_one_line(host: str, words: str) -> None:
    with socket.socket() as taken:
        taken.bind((LOOPBACK, 0))
        taken.listen()
        port = taken.getsockname()[1]

        async def run() -> None:
            await HealthServer(f"{host}:{port}", Metrics(), ready).start()

        with pytest.raises(SourceError) as raised:
            asyncio.run(run())
    text = str(raised.value)
    assert text.startswith(f"{host}:{port}: ")
    assert words in text
    assert "\n" not in text


def test_it_listens_on_ipv6_too() -> None:
    async def run() -> None:
        server = HealthServer("[::1]:0", Metrics(), ready)
        await server.start()
        with socket.create_connection(("::1", server.port or 0)):
            pass
        await server.stop()

    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        pytest.skip("needs IPv6 on loopback")
    asyncio.run(run())


def test_as_a_service_of_a_worker_it_starts_and_stops_with_it() -> None:
    async def run() -> None:
        server = HealthServer(FREE, Metrics(), lambda: ["partitions assigned"])
        async with HealthService(server):
            assert (await get(server, "/livez"))[0] == 200
        assert server.port is None

    asyncio.run(run())


def test_a_worker_whose_port_is_taken_says_so_and_ends() -> None:
    code = """
        import sys
        import faust
        from stream.adapters.settings import Settings
        from stream.adapters.worker.health import HealthServer, HealthService
        from stream.adapters.worker.journal import configure, worker_arguments
        from stream.adapters.worker.metrics import Metrics
        configure("text", "warning")
        settings = Settings.read({"CANARY_BROKER": "127.0.0.1:9", "CANARY_LISTEN": sys.argv[1]})
        app = faust.App("x", broker="kafka://127.0.0.1:9", web_enabled=False)
        service = HealthService(HealthServer(settings.listen, Metrics(), list))
        faust.Worker(app, service, **worker_arguments(settings)).execute_from_commandline()
    """
    with socket.socket() as taken:
        taken.bind((LOOPBACK, 0))
        taken.listen()
        listen = f"{LOOPBACK}:{taken.getsockname()[1]}"
        command = [sys.executable, "-c", textwrap.dedent(code), listen]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert f"{listen}: the port is in use; set CANARY_LISTEN" in line
