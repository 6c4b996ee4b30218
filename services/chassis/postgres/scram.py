"""SCRAM-SHA-256, the client's half (RFC 5802, RFC 7677): both sides prove that they know the password. Pure.

Without channel binding. Passwords are taken as they are: SASLprep changes nothing about printable ASCII, which is all
that RDS allows.
"""

import base64
import hashlib
import hmac
import secrets
from typing import Final

MAX_ROUNDS: Final = 1_000_000
"""PostgreSQL asks for 4096 by default; whoever asks for more than this wants to keep us busy."""


class ScramError(Exception):
    """The server's half does not fit: it is not the server that knows the password, or it does not speak SCRAM."""


class Scram:
    """One exchange: `first` is sent, then `final` of what came back, and `verify` has the last word."""

    def __init__(self, password: str, nonce: str | None = None) -> None:
        self._password = password.encode()
        self._nonce = nonce or base64.b64encode(secrets.token_bytes(18)).decode()
        self._signature = b""
        self.is_proven = False
        """Whether the server has shown that it knows the password."""

    @property
    def _bare(self) -> str:
        return f"n=,r={self._nonce}"  # PostgreSQL takes the user from the start-up message

    def first(self) -> bytes:
        return f"n,,{self._bare}".encode()

    def final(self, server_first: bytes) -> bytes:
        """The proof for the server's challenge; `ScramError` when it is not one for us."""
        fields = _fields(server_first)
        try:
            nonce, salt, rounds = fields["r"], base64.b64decode(fields["s"]), int(fields["i"])
        except (KeyError, ValueError) as wrong:
            raise ScramError(f"not a challenge: {wrong}") from None
        if not nonce.startswith(self._nonce) or not 1 <= rounds <= MAX_ROUNDS:
            raise ScramError("the challenge is not an answer to us")
        without_proof = f"c=biws,r={nonce}"
        text = f"{self._bare},{server_first.decode()},{without_proof}".encode()
        salted = hashlib.pbkdf2_hmac("sha256", self._password, salt, rounds)
        client_key = hmac.digest(salted, b"Client Key", "sha256")
        proof = hmac.digest(hashlib.sha256(client_key).digest(), text, "sha256")
        self._signature = hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), text, "sha256")
        mixed = bytes(a ^ b for a, b in zip(client_key, proof, strict=True))
        return f"{without_proof},p={base64.b64encode(mixed).decode()}".encode()

    def verify(self, server_final: bytes) -> None:
        """Return if the server has shown that it knows the password too; `ScramError` otherwise."""
        shown = _fields(server_final).get("v", "")
        if not self._signature or not hmac.compare_digest(shown.encode(), base64.b64encode(self._signature)):
            raise ScramError("the server does not know the password")
        self.is_proven = True


def _fields(message: bytes) -> dict[str, str]:
    pairs = (part.partition("=") for part in message.decode("utf-8", "replace").split(","))
    return {name: value for name, _, value in pairs}
