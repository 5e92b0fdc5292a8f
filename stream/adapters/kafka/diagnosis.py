"""Why a broker cannot be used, in one line: from what the socket, TLS or kafka-python say."""

import socket
import ssl
from collections.abc import Mapping, Sequence

from kafka import errors as kafka

from stream.adapters.settings import Settings

CLOSED_OFTEN = 3
"""A broker that closed the connection so many times will go on to do so."""
_CERTAIN = (
    kafka.SaslAuthenticationFailedError,
    kafka.UnsupportedSaslMechanismError,
    kafka.IllegalSaslStateError,
    kafka.InvalidReceiveError,
)
_WANTS_CERTIFICATE = "wants a certificate of ours that it trusts; set CANARY_SSL_CERTIFICATE and CANARY_SSL_KEY"
_MUTE = "takes connections, but does not answer; is it starting, frozen, or no Kafka broker?"
_CLOSED = ("disconnected", "reset by peer", "ECONNRESET", "roken pipe")
_UNKNOWN_CLIENT = ("BAD_CERTIFICATE", "CERTIFICATE_REQUIRED", "UNKNOWN_CA", "CERTIFICATE_UNKNOWN")


def not_there(missing: Mapping[str, Exception], named: str | None = None) -> str:
    """Nobody listens.

    Args:
        missing: why, by `host:port`.
        named: a broker in the settings that gave those addresses for its cluster.
    """
    what = ", ".join(f"{address} ({_why(error)})" for address, error in missing.items())
    if named is not None:
        return (
            f"the broker at {named} answers, but says that it is to be reached at {what};"
            " mend its advertised.listeners, or make that address reachable from here"
        )
    return f"no broker answers at {what}; start it, or set CANARY_BROKER=host:port (or --broker) to where it listens"


def no_tls(address: str, error: OSError) -> str:
    """Somebody listens, but there is no TLS to be had, or none that we trust."""
    where = f"the broker at {address}"
    if isinstance(error, ssl.SSLCertVerificationError):
        why = error.verify_message
        if "mismatch" in why:
            return f"{where} shows a certificate of another name ({why}); name the broker as its certificate does"
        return f"{where} shows a certificate that is not trusted ({why}); set CANARY_SSL_CA to who signed it"
    if _client_unknown(error):
        return f"{where} {_WANTS_CERTIFICATE}"
    if isinstance(error, TimeoutError):
        return f"{where} {_MUTE}"
    why = (
        "it ends the connection"
        if isinstance(error, ConnectionError | ssl.SSLEOFError | ssl.SSLZeroReturnError)
        else _why(error)
    )
    return f"{where} speaks no TLS, or none that we do ({why}); {_protocol('what it is')}"


def is_certain(errors: Sequence[Exception]) -> bool:
    """Whether a further attempt would fare no better."""
    closed = sum(_closed(error) for error in errors)
    return closed >= CLOSED_OFTEN or any(isinstance(error, _CERTAIN) or _client_unknown(error) for error in errors)


def diagnosis(settings: Settings, errors: Sequence[Exception]) -> str:
    """A broker is there but does not let us in.

    Args:
        settings: what was tried.
        errors: what connections were lost by, in order.
    """
    security = settings.security
    where = f"the broker at {', '.join(settings.brokers)}"
    for error in errors:
        if isinstance(error, kafka.SaslAuthenticationFailedError):
            return f"{where} does not let us in: {_refused(settings)} ({_words(error)})"
        if isinstance(error, kafka.UnsupportedSaslMechanismError):
            return f"{where} does not offer {security.mechanism}; set CANARY_SASL_MECHANISM to one that it offers"
        if isinstance(error, kafka.IllegalSaslStateError):
            return f"{where} asks for no name or token there; {_protocol('SSL' if security.tls else 'PLAINTEXT')}"
        if isinstance(error, kafka.InvalidReceiveError):
            wanted = "what it is" if security.tls else "SSL or SASL_SSL, if it is a Kafka broker"
            return f"{where} answers, but not in {security.protocol}; {_protocol(wanted)}"
        if _client_unknown(error):
            return f"{where} {_WANTS_CERTIFICATE}"
    if any(_closed(error) for error in errors):
        if security.sasl:
            return f"{where} closes the connection while we log in: {_refused(settings)}, or {_protocol('what it is')}"
        return f"{where} closes the connection to {security.protocol} clients; {_protocol('what it is')}"
    if any(isinstance(error, kafka.RequestTimedOutError | kafka.KafkaTimeoutError) for error in errors):
        return f"{where} {_MUTE}"
    last = f" ({_words(errors[-1])})" if errors else ""
    return f"{where} cannot be used as {security.protocol}{last}; see its log"


def _refused(settings: Settings) -> str:
    security = settings.security
    if security.mechanism == "OAUTHBEARER":
        return f"the token in {security.token_file} is wrong or too old; mend CANARY_SASL_TOKEN_FILE"
    return f"wrong name or password for {security.username} by {security.mechanism}; mend CANARY_SASL_..."


def _protocol(wanted: str) -> str:
    return f"set CANARY_SECURITY_PROTOCOL to {wanted}"


def _client_unknown(error: Exception) -> bool:
    """TLS 1.3 says so only after the handshake."""
    return any(name in _words(error) for name in _UNKNOWN_CLIENT)


def _closed(error: Exception) -> bool:
    return type(error) is kafka.KafkaConnectionError and any(how in _words(error) for how in _CLOSED)


def _words(error: Exception) -> str:
    return " ".join(str(part) for part in error.args) or type(error).__name__


def _why(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer"
    if isinstance(error, socket.gaierror | UnicodeError):
        return "unknown host"
    return (getattr(error, "strerror", None) or str(error)).lower()
