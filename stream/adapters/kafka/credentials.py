"""Our settings in the forms in which kafka-python, aiokafka and Faust want them."""

import logging
import ssl
from typing import TYPE_CHECKING, Any, NoReturn

from kafka.net.sasl.oauth import AbstractTokenProvider

from stream.adapters.security import Security, read_secret
from stream.adapters.settings import Settings
from stream.errors import CanaryError

if TYPE_CHECKING:
    from faust.types.auth import CredentialsT

REQUEST_MS = 10_000
"""How long an answer may take: the libraries' defaults wait for a frozen broker for a minute."""
METADATA_MS = 10_000
"""How old the knowledge of who leads a partition may get."""


class FileToken(AbstractTokenProvider):  # type: ignore[misc]  # kafka-python has no types
    """kafka-python's source of bearer tokens: the file, read anew for each connection."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path

    def token(self) -> str:
        """The token as it is now.

        Raises:
            CanaryError: the file cannot be read or is empty.
        """
        return read_secret(self._path, "sasl_token_file")


def ssl_context(settings: Settings) -> ssl.SSLContext | None:
    """TLS that checks the broker's certificate and its name; None where there is no TLS.

    Raises:
        CanaryError: a file cannot be read or holds something else; one line that names the setting and the path.
    """
    security = settings.security
    if not security.tls:
        return None
    try:
        context = ssl.create_default_context(cafile=security.ca)
    except OSError as error:
        raise CanaryError(f"ssl_ca: {security.ca} {_unusable(error, 'certificates')}") from None
    if security.certificate is not None:
        try:
            context.load_cert_chain(security.certificate, security.key, password=_refuse_password)
        except OSError as error:
            paths = " and ".join(filter(None, (security.certificate, security.key)))
            raise CanaryError(f"ssl_certificate: {paths} {_unusable(error, 'a certificate and its key')}") from None
    return context


def client_arguments(settings: Settings) -> dict[str, Any]:
    """What each of kafka-python's clients takes: brokers, security, time-outs."""
    security = settings.security
    arguments: dict[str, Any] = {
        "bootstrap_servers": list(settings.brokers),
        "client_id": "canary",
        "request_timeout_ms": REQUEST_MS,
        "bootstrap_timeout_ms": REQUEST_MS,
        "metadata_max_age_ms": METADATA_MS,
        **_common_arguments(settings),
    }
    if security.mechanism == "OAUTHBEARER":
        _check_token(security)
        arguments["sasl_oauth_token_provider"] = FileToken(security.token_file or "")
    return arguments


def aiokafka_arguments(settings: Settings) -> dict[str, Any]:
    """The same for aiokafka's clients."""
    security = settings.security
    arguments: dict[str, Any] = {
        "bootstrap_servers": list(settings.brokers),
        "client_id": "canary",
        "request_timeout_ms": REQUEST_MS,
        "metadata_max_age_ms": METADATA_MS,
        **_common_arguments(settings),
    }
    if security.mechanism == "OAUTHBEARER":
        arguments["sasl_oauth_token_provider"] = _async_token(security)
    return arguments


def faust_credentials(settings: Settings) -> "CredentialsT | None":
    """What `faust.App` takes as `broker_credentials`; None for a broker that lets everyone in without TLS."""
    import faust  # noqa: PLC0415  # slow to load

    _hush()
    security, context = settings.security, ssl_context(settings)
    if security.mechanism == "OAUTHBEARER":
        return faust.OAuthCredentials(oauth_cb=_async_token(security), ssl_context=context)
    if security.mechanism is not None:
        return faust.SASLCredentials(
            username=security.username,
            password=security.password,
            mechanism=security.mechanism,
            ssl_context=context,
        )
    return faust.SSLCredentials(context) if context is not None else None


def _common_arguments(settings: Settings) -> dict[str, Any]:
    """What kafka-python and aiokafka call by the same names."""
    _hush()
    security = settings.security
    arguments: dict[str, Any] = {"security_protocol": security.protocol}
    if (context := ssl_context(settings)) is not None:
        arguments["ssl_context"] = context
    if security.mechanism is not None:
        arguments["sasl_mechanism"] = security.mechanism
    if security.username is not None:
        arguments |= {"sasl_plain_username": security.username, "sasl_plain_password": security.password}
    return arguments


def _async_token(security: Security) -> Any:
    """Aiokafka's source of bearer tokens: the same file."""
    from aiokafka.abc import AbstractTokenProvider as AsyncTokenProvider  # noqa: PLC0415  # slow to load

    class AsyncFileToken(AsyncTokenProvider):  # type: ignore[misc]  # aiokafka has no types
        async def token(self) -> str:
            return read_secret(security.token_file or "", "sasl_token_file")

    _check_token(security)
    return AsyncFileToken()


def _check_token(security: Security) -> None:
    """A missing token is said at once, not when the first connection fails."""
    read_secret(security.token_file or "", "sasl_token_file")


def _hush() -> None:
    """Bridle the libraries' logs.

    At level debug they show what is sent, passwords and tokens included. And where a program has not set up logging,
    warnings would go to standard error, beside our one line.
    """
    for name in ("kafka", "aiokafka"):
        logger = logging.getLogger(name)
        if logger.level < logging.INFO:
            logger.setLevel(logging.WARNING)
        if not logger.handlers:
            logger.addHandler(logging.NullHandler())


def _refuse_password() -> NoReturn:
    """Without this, OpenSSL would ask on the terminal."""
    raise CanaryError("ssl_key: the key is encrypted; give one that is not, readable for the monitor only")


def _unusable(error: OSError, wanted: str) -> str:
    if isinstance(error, ssl.SSLError):
        return f"does not hold {wanted} in PEM form"
    return f"cannot be read: {(error.strerror or str(error)).lower()}"
