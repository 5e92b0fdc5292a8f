"""How to get into a Kafka cluster: TLS, user and password, or a bearer token."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Self, cast, get_args

from stream.errors import CanaryError, PolicyError
from stream.excerpt import excerpt

Protocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
Mechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"]
PROTOCOLS: tuple[Protocol, ...] = get_args(Protocol)
MECHANISMS: tuple[Mechanism, ...] = get_args(Mechanism)


@dataclass(frozen=True)
class Security:
    """What a client shows and demands. The parts fit each other; secrets are not shown."""

    protocol: Protocol = "PLAINTEXT"
    """With or without TLS, with or without SASL."""
    mechanism: Mechanism | None = None
    """Of SASL; None without it."""
    username: str | None = None
    """Of PLAIN and SCRAM."""
    password: str | None = field(default=None, repr=False)
    """Of PLAIN and SCRAM."""
    token_file: str | None = None
    """Of OAUTHBEARER: the path of the bearer token; read anew for each connection."""
    ca: str | None = None
    """Path of the certificates (PEM) that the brokers' are checked against; None for the system's."""
    certificate: str | None = None
    """Path of the client's certificate (PEM); None for none."""
    key: str | None = None
    """Path of its key (PEM); None where it is in the certificate's file."""

    @property
    def tls(self) -> bool:
        """Whether connections are encrypted."""
        return self.protocol in ("SSL", "SASL_SSL")

    @property
    def sasl(self) -> bool:
        """Whether a name or a token is shown."""
        return self.protocol.startswith("SASL")

    @classmethod
    def of(cls, texts: Mapping[str, str]) -> Self:
        """Put together what the settings say, by their names (`sasl_username`, ...).

        Raises:
            PolicyError: a word is unknown, or the parts do not fit each other; one line that names the setting.
            CanaryError: the file of the password cannot be read.
        """
        _refuse(texts, ("sasl_password", "sasl_password_file"), "give one of them")
        mechanism = _mechanism(texts)
        found = cls(
            protocol=_protocol(texts, mechanism),
            mechanism=mechanism,
            username=texts.get("sasl_username"),
            password=_password(texts),
            token_file=texts.get("sasl_token_file"),
            ca=texts.get("ssl_ca"),
            certificate=texts.get("ssl_certificate"),
            key=texts.get("ssl_key"),
        )
        found._fit()
        return found

    def _fit(self) -> None:
        """Refuse what does not go together: a part that is not used would be a safeguard that is not there."""
        if self.sasl and self.mechanism is None:
            raise PolicyError(
                f"security_protocol: {self.protocol} needs sasl_mechanism too: one of {', '.join(MECHANISMS)}"
            )
        if not self.sasl and self.mechanism is not None:
            raise PolicyError(
                f"security_protocol: {self.protocol} has no SASL; "
                f"make it {'SASL_SSL' if self.tls else 'SASL_SSL or SASL_PLAINTEXT'}, or leave out sasl_..."
            )
        if not self.tls and (self.ca or self.certificate or self.key):
            raise PolicyError(
                f"security_protocol: {self.protocol} has no TLS; "
                f"make it {'SASL_SSL' if self.sasl else 'SSL or SASL_SSL'}, or leave out ssl_..."
            )
        if self.key and not self.certificate:
            raise PolicyError("ssl_key: needs ssl_certificate too, the certificate it belongs to")
        token, named = self.token_file is not None, self.username is not None or self.password is not None
        if self.mechanism == "OAUTHBEARER":
            if not token or named:
                raise PolicyError(
                    "sasl_mechanism: OAUTHBEARER takes sasl_token_file, and neither sasl_username nor sasl_password"
                )
        elif self.mechanism is not None and (token or self.username is None or self.password is None):
            raise PolicyError(
                f"sasl_mechanism: {self.mechanism} takes sasl_username and sasl_password (or sasl_password_file),"
                " and no sasl_token_file"
            )


def _mechanism(texts: Mapping[str, str]) -> Mechanism | None:
    stated = texts.get("sasl_mechanism")
    if stated is not None:
        if stated.upper() not in MECHANISMS:
            raise PolicyError(f"sasl_mechanism: must be one of {', '.join(MECHANISMS)}; got {excerpt(stated)}")
        return cast(Mechanism, stated.upper())
    for name in ("sasl_username", "sasl_password", "sasl_password_file"):
        if name in texts:
            raise PolicyError(f"{name}: needs sasl_mechanism too: PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512")
    return "OAUTHBEARER" if "sasl_token_file" in texts else None


def _protocol(texts: Mapping[str, str], mechanism: Mechanism | None) -> Protocol:
    """The stated protocol, else the one that the other settings imply."""
    stated = texts.get("security_protocol")
    if stated is None:
        tls = any(name in texts for name in ("ssl_ca", "ssl_certificate", "ssl_key"))
        if mechanism is None:
            return "SSL" if tls else "PLAINTEXT"
        return "SASL_SSL" if tls else "SASL_PLAINTEXT"
    if stated.upper() not in PROTOCOLS:
        raise PolicyError(f"security_protocol: must be one of {', '.join(PROTOCOLS)}; got {excerpt(stated)}")
    return cast(Protocol, stated.upper())


def _password(texts: Mapping[str, str]) -> str | None:
    path = texts.get("sasl_password_file")
    if path is None:
        return texts.get("sasl_password")
    return read_secret(path, "sasl_password_file")


def read_secret(path: str, name: str) -> str:
    """The text of a file that holds one secret, without the end of its line.

    Raises:
        CanaryError: it cannot be read or is empty; one line with the setting's name and the path, never the content.
    """
    try:
        secret = Path(path).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise CanaryError(f"{name}: {path} cannot be read: {str(why).lower()}") from None
    if not secret:
        raise CanaryError(f"{name}: {path} is empty; put the secret into it")
    return secret


def _refuse(texts: Mapping[str, str], names: tuple[str, str], remedy: str) -> None:
    if all(name in texts for name in names):
        raise PolicyError(f"{names[0]}: stands beside {names[1]}; {remedy}")
