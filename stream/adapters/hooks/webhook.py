"""Hooks that call a URL: Standard Webhooks, signed, without redirects and proxies."""

import os
import ssl
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

import aiohttp
from yarl import URL

from stream import __version__
from stream.adapters.hooks.call import Call
from stream.adapters.hooks.guard import Forbidden, Guard, check_host
from stream.adapters.hooks.signature import Secret
from stream.errors import CanaryError
from stream.hooks.host import without_query
from stream.hooks.message import body_of, message_id
from stream.hooks.outcome import Outcome, of_status, refused
from stream.hooks.rule import HookRule, HooksFile

AGENT = f"canary/{__version__}"


class Webhook:
    """A webhook.

    Args:
        rule: the hook.
        file: what it stands in.
        directory: where relative paths begin.

    Raises:
        CanaryError: the secret cannot be read.
    """

    def __init__(self, rule: HookRule, file: HooksFile, directory: Path) -> None:
        self._rule, self._hosts = rule, file.hosts_of(rule)
        self._url = URL(rule.url or "", encoded=True)
        self._secret: Secret | None = None
        if rule.secret_file is not None:
            self._secret = Secret(directory / rule.secret_file, f'secret_file of hook "{rule.name}"')
            self._secret.signers()
        self._session: aiohttp.ClientSession | None = None

    @property
    def target(self) -> str:
        """The URL without its query."""
        return without_query(self._rule.url or "")

    async def fire(self, call: Call) -> Outcome:
        """Call it once."""
        try:
            body = body_of(call.type, call.verdict)
        except ValueError as error:
            return refused(str(error))
        try:
            headers = self._headers(message_id(call.verdict.id, self._rule.name), call.at // 1000, body)
            check_host(self._url.raw_host or "", self._hosts)
            async with self._open().post(self._url, data=body, headers=headers, allow_redirects=False) as response:
                return of_status(response.status, _wait_ms(response.headers.get("Retry-After", ""), call.at))
        except Forbidden as error:
            return refused(str(error))
        except aiohttp.InvalidURL:
            return refused("aiohttp does not take the URL's host for one")
        except CanaryError as error:
            return Outcome(False, f"Not sent: {error}.", passing=True)
        except TimeoutError:
            return Outcome(False, f"No answer within {self._rule.timeout}.", passing=True)
        except (aiohttp.ClientError, OSError) as error:
            return _trouble(error)

    async def close(self) -> None:
        """Close its connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _open(self) -> aiohttp.ClientSession:
        """The session: each call has a connection of its own, as one that was left open may be dead by then."""
        if self._session is None:
            connector = aiohttp.TCPConnector(resolver=Guard(self._hosts), use_dns_cache=False, force_close=True)
            self._session = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=self._rule.timeout.ms / 1000),
                trust_env=False,
            )
        return self._session

    def _headers(self, identity: str, seconds: int, body: bytes) -> dict[str, str]:
        signed = {} if self._secret is None else {"webhook-signature": self._secret.signature(identity, seconds, body)}
        return {
            "content-type": "application/json",
            "user-agent": AGENT,
            "webhook-id": identity,
            "webhook-timestamp": str(seconds),
            **signed,
        }


def _wait_ms(header: str, now: int) -> int | None:
    """What `Retry-After` asks for: seconds, or a date."""
    if header.strip().isdecimal():
        return int(header.strip()[:9]) * 1000
    try:
        when = parsedate_to_datetime(header)
    except (TypeError, ValueError):
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return max(0, round((when - datetime.fromtimestamp(now / 1000, UTC)).total_seconds() * 1000))


def _trouble(error: Exception) -> Outcome:
    """A call that got no answer, in words that hold nothing of the URL."""
    match error:
        case aiohttp.ClientConnectorDNSError():
            why = "the host's name is not known"
        case aiohttp.ClientConnectorCertificateError():
            cause = error.certificate_error
            why = f"the certificate is not good ({getattr(cause, 'verify_message', '') or type(cause).__name__})"
        case aiohttp.ClientSSLError() | ssl.SSLError():
            why = "there is no TLS there that we understand"
        case aiohttp.ClientConnectorError():
            number = error.os_error.errno
            why = f"no connection ({os.strerror(number).lower() if number else type(error.os_error).__name__})"
        case aiohttp.ServerDisconnectedError() | ConnectionResetError() | aiohttp.ClientOSError():
            why = "the connection was closed before an answer came"
        case _:
            why = f"what came back is no answer of HTTP ({type(error).__name__})"
    return Outcome(False, f"Not delivered: {why}.", passing=True)
