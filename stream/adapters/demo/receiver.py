"""The other end of the demo's webhooks: a deployment that rolls back and promotes when it is told to."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Protocol, Self

import msgspec
from standardwebhooks import Webhook as Signer
from standardwebhooks import WebhookVerificationError

from stream.errors import CanaryError

LARGEST = 100_000
"""Bytes of a body."""


class Deployment(Protocol):
    """What can be told to do something."""

    def roll_back(self) -> None:
        """Stop the canary."""

    def promote(self) -> None:
        """Let the canary's version run everywhere."""


@dataclass(frozen=True)
class Received:
    """A call that was obeyed."""

    order: str
    """`rollback` or `promote`."""
    identity: str
    """The id of the message; repeats have the same."""
    signed: bool
    """Whether it carried a signature that is right."""


class _Verdict(msgspec.Struct):
    rollout: str


class _Message(msgspec.Struct):
    data: _Verdict


class Receiver:
    """Listens from `with` to the end of its block. Repeats are answered as before and do nothing.

    Args:
        host: where to listen.
        port: where to listen; 0 for a free port.
        secret: `whsec_...`; calls must be signed with it. None takes all.
    """

    def __init__(self, host: str = "127.0.0.1", port: int = 0, secret: str | None = None) -> None:
        self._signer = Signer(secret) if secret is not None else None
        self._lock = threading.Lock()
        self._told: tuple[str, Deployment] | None = None
        self._done: set[str] = set()
        self.received: dict[str, Received] = {}
        """What was obeyed for the present rollout, by id."""
        self.turned_away: list[str] = []
        """Why calls were not obeyed."""
        try:
            self._server = ThreadingHTTPServer((host, port), self._handler())
        except OSError as error:
            raise CanaryError(f"{host}:{port}: cannot listen there: {error.strerror or error}") from None
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="receiver", daemon=True)

    @property
    def address(self) -> str:
        """Where it listens, `host:port`."""
        host, port = self._server.server_address[:2]
        return f"{host!s}:{port}"

    def obey(self, rollout: str, deployment: Deployment) -> None:
        """From now on take orders for this rollout."""
        with self._lock:
            self._told, self.received = (rollout, deployment), {}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def take(self, path: str, headers: Mapping[str, str], body: bytes) -> tuple[int, str]:
        """A call: HTTP status and a word."""
        order = path.strip("/")
        if order not in ("rollback", "promote"):
            return 404, "call /rollback or /promote"
        identity = headers.get("webhook-id", "")
        try:
            if self._signer is not None:
                self._signer.verify(body, dict(headers))
            message = msgspec.json.decode(body, type=_Message)
        except (WebhookVerificationError, msgspec.MsgspecError, ValueError) as error:
            self.turned_away.append(str(error))
            return 401 if isinstance(error, WebhookVerificationError) else 400, "not obeyed"
        with self._lock:
            return self._obey(order, identity, message.data.rollout)

    def _obey(self, order: str, identity: str, rollout: str) -> tuple[int, str]:
        if identity in self._done:
            return 200, "done before"
        if self._told is None or self._told[0] != rollout:
            return 409, "another rollout"
        deployment = self._told[1]
        (deployment.roll_back if order == "rollback" else deployment.promote)()
        self._done.add(identity)
        self.received[identity] = Received(order, identity, self._signer is not None)
        return 200, "done"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            timeout = 5

            def do_POST(self) -> None:
                try:
                    size = int(self.headers.get("content-length", ""))
                except ValueError:
                    size = -1
                if not 0 <= size <= LARGEST:
                    status, word = 413, "too large"
                else:
                    headers = {name.lower(): value for name, value in self.headers.items()}
                    status, word = receiver.take(self.path, headers, self.rfile.read(size))
                self.send_response(status)
                self.send_header("content-length", str(len(word)))
                self.end_headers()
                self.wfile.write(word.encode())

            def log_message(self, *_: object) -> None:
                pass

        return Handler
