"""A receiver of webhooks, verdicts to send, and hooks files."""

import json
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from msgspec.structs import replace

from stream.document.hooks import read_hooks
from stream.hooks.message import harmless_verdict
from stream.hooks.rule import HooksFile
from stream.outputs import Verdict

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYqrTwjU"
LOCAL = "127.0.0.1"


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def verdict(rollout: str = "shop-1", word: Any = "abort", number: int = 7, **fields: Any) -> Verdict:
    """A verdict of now."""
    base = replace(
        harmless_verdict(now_ms()), id=f"{rollout}/{number}", rollout=rollout, app="shop", text="It is worse."
    )
    return replace(base, **{"verdict": word, "final": word != "continue", **fields})


def hooks_file(*hooks: Mapping[str, Any], **more: Any) -> HooksFile:
    """A file of these hooks; webhooks unless they have a command, armed unless they say."""
    usual = [{"type": "command" if "command" in hook else "webhook", "dry_run": False, **hook} for hook in hooks]
    return read_hooks({"allow_hosts": [LOCAL], "hooks": usual, **more})


@dataclass
class Received:
    """A call as it came."""

    path: str
    headers: dict[str, str]
    """By name in small letters."""
    body: bytes
    at: float = field(default_factory=time.time)
    """Seconds UTC."""

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def message(self) -> Any:
        return json.loads(self.body)


Answer = Callable[[Received], tuple[int, dict[str, str]]]


class Receiver:
    """A real HTTP server on loopback, in a thread of its own. Its `with` ends it.

    It answers 200, or what `answer` gives, which may take its time.
    """

    def __init__(self, answer: Answer | None = None, port: int = 0) -> None:
        self.calls: list[Received] = []
        self.answer: Answer = answer or (lambda _: (200, {}))
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["content-length"])
                headers = {name.lower(): text for name, text in self.headers.items()}
                call = Received(self.path, headers, self.rfile.read(length))
                receiver.calls.append(call)
                status, more = receiver.answer(call)
                with suppress(ConnectionError):
                    self.send_response(status)
                    for name, text in more.items():
                        self.send_header(name, text)
                    self.end_headers()

            do_GET = do_POST

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 64

        self._server = Server((LOCAL, port), Handler)
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://{LOCAL}:{self.port}"

    def ids(self) -> list[str]:
        """The ids of all calls, in order."""
        return [call.id for call in self.calls]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def always(status: int, **headers: str) -> Answer:
    """An answer that is always the same."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return lambda _: (status, named)


def secret_file(directory: Path, text: str = SECRET) -> str:
    """The path of a file with a secret."""
    path = directory / "secret"
    path.write_text(f"{text}\n")
    return str(path)
