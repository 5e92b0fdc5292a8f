"""A worker's HTTP server: `/metrics`, and whether it lives and is ready. It runs within the worker's event loop."""

import errno
from collections.abc import Callable
from typing import Protocol

import mode
from aiohttp import hdrs, web

from stream import __version__
from stream.adapters.settings import OFF
from stream.errors import SourceError

PATIENCE = 1.0
"""Seconds that requests under way have when the server stops."""


class Shown(Protocol):
    """Metrics, as far as the server needs them."""

    async def exposition(self, accept: str) -> tuple[bytes, str]:
        """All of them as text, and its content type; `accept` is the header of the request."""
        ...

    def ready(self, ready: bool) -> None:
        """Whether the process is ready."""


class HealthServer:
    """The server, on one address and no other.

    - `/livez` and `/healthz` answer 200: the loop turns over. A broker that is away does not make a worker dead.
    - `/readyz` answers 200 where nothing is missing, else 503 and says what is.
    - `/metrics` has the metrics in the format that is asked for, `/version` the version.

    Args:
        listen: `host:port`, with port 0 for a free one, or `off`: then nothing is started.
        metrics: what to show.
        missing: what the worker still waits for, a few words each; nothing if it is ready. Asked at each request.
    """

    def __init__(self, listen: str, metrics: Shown, missing: Callable[[], list[str]]) -> None:
        self._listen, self._metrics, self._missing = listen, metrics, missing
        self._runner: web.AppRunner | None = None

    @property
    def port(self) -> int | None:
        """Where it listens; None while it does not."""
        addresses = self._runner.addresses if self._runner is not None else []
        return int(addresses[0][1]) if addresses else None

    async def start(self) -> None:
        """Begin to listen.

        Raises:
            SourceError: the address cannot be had; one line with the remedy.
        """
        if self._listen == OFF:
            return
        app = web.Application()
        app.router.add_get("/livez", self._live)
        app.router.add_get("/healthz", self._live)
        app.router.add_get("/readyz", self._ready)
        app.router.add_get("/metrics", self._show)
        app.router.add_get("/version", self._version)
        host, _, port = self._listen.rpartition(":")
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=PATIENCE)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, host.strip("[]"), int(port)).start()
        except OSError as error:
            await self.stop()
            raise SourceError(f"{self._listen}: {_trouble(error)}, or CANARY_LISTEN=off for no server") from None

    async def stop(self) -> None:
        """Close it; a second call does nothing."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def _live(self, _: web.Request) -> web.Response:
        return web.json_response({"status": "alive"})

    async def _ready(self, _: web.Request) -> web.Response:
        missing = self._missing()
        self._metrics.ready(not missing)
        if missing:
            return web.json_response({"status": "not ready", "missing": missing}, status=503)
        return web.json_response({"status": "ready", "missing": []})

    async def _version(self, _: web.Request) -> web.Response:
        return web.json_response({"version": __version__})

    async def _show(self, request: web.Request) -> web.Response:
        self._metrics.ready(not self._missing())
        text, content_type = await self._metrics.exposition(",".join(request.headers.getall(hdrs.ACCEPT, [])))
        response = web.Response(body=text, headers={hdrs.CONTENT_TYPE: content_type})
        response.enable_compression()  # where the request allows it
        return response


class HealthService(mode.Service):
    """A server that starts before the app and stops after it: `Worker(app, HealthService(server))`.

    A task of the app would start only when the group has formed, and until then nothing would answer `/livez`.
    """

    def __init__(self, server: HealthServer) -> None:
        super().__init__()
        self._server = server

    async def on_start(self) -> None:
        """Begin to listen; a SourceError ends the worker."""
        await self._server.start()

    async def on_stop(self) -> None:
        """Listen no more."""
        await self._server.stop()


def _trouble(error: OSError) -> str:
    """Why an address cannot be had, and what to set."""
    if error.errno == errno.EADDRINUSE:
        return "the port is in use; set CANARY_LISTEN to another host:port"
    reason = (error.strerror or str(error)).rpartition(": ")[2]
    return f"cannot listen there ({reason}); set CANARY_LISTEN to a host:port of this machine"
