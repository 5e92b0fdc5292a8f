"""Signatures of Standard Webhooks: HMAC-SHA256 with a secret that both sides know."""

import base64
import binascii
from datetime import UTC, datetime
from pathlib import Path

from standardwebhooks import Webhook as Signer

from stream.adapters.security import read_secret
from stream.errors import CanaryError

PREFIX = "whsec_"
SHORTEST, LONGEST = 24, 64
"""Bytes of a secret."""


class Secret:
    """A file with a secret, or with several, one a line, while receivers move from one to the next.

    The file is read anew for each call, so that a new secret holds at once.

    Args:
        path: of the file.
        field: what to call it in errors.
    """

    def __init__(self, path: Path, field: str) -> None:
        self._path, self._field = path, field

    def signature(self, identity: str, at: int, body: bytes) -> str:
        """The header of a call.

        Args:
            identity: of the message.
            at: when the call is made, seconds UTC.
            body: as it is sent.

        Raises:
            CanaryError: the file cannot be read or holds something else; one line without what it holds.
        """
        when, text = datetime.fromtimestamp(at, UTC), body.decode()
        return " ".join(signer.sign(identity, when, text) for signer in self.signers())

    def signers(self) -> list[Signer]:
        """What signs, for each secret.

        Raises:
            CanaryError: as `signature` does.
        """
        lines = read_secret(str(self._path), self._field).split("\n")
        return [self._signer(line.strip()) for line in lines if line.strip()]

    def _signer(self, secret: str) -> Signer:
        text = secret.removeprefix(PREFIX)
        try:
            key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
        except (binascii.Error, ValueError):
            key = b""
        if not secret.startswith(PREFIX) or not SHORTEST <= len(key) <= LONGEST:
            raise CanaryError(
                f"{self._field}: {self._path} does not hold a secret of Standard Webhooks: {PREFIX} and"
                f" {SHORTEST} to {LONGEST} random bytes in base64"
            )
        return Signer(key)
