"""SCRAM on the server's side, by SHA-1 and SHA-256, for one user: nobody here ever learns a password.

Source: RFC 5802, RFC 7677; MongoDB's specification "Authentication", which hashes the password for SHA-1 once before.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Mechanism = Literal["SCRAM-SHA-1", "SCRAM-SHA-256"]

MECHANISMS: tuple[Mechanism, ...] = ("SCRAM-SHA-1", "SCRAM-SHA-256")
_HASHES: Mapping[Mechanism, tuple[str, int, int]] = {
    "SCRAM-SHA-1": ("sha1", 10_000, 16),
    "SCRAM-SHA-256": ("sha256", 15_000, 28),
}
"""Of each the hash, the iterations, and the bytes of salt that MongoDB takes."""
_MOST_BYTES = 1024
_NONCE_BYTES = 24


class Refused(Exception):
    """The client has not proven who it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verifier:
    """What proves a password by one mechanism, without being it."""

    salt: bytes = field(repr=False)
    iterations: int
    stored: bytes = field(repr=False)
    server: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """Who is let in."""

    name: str
    verifiers: Mapping[str, Verifier] = field(repr=False)

    @classmethod
    def of(cls, name: str, password: str) -> "User":
        return cls(name=name, verifiers={each: _verifier(each, name, password) for each in MECHANISMS})

    def packed(self) -> dict[str, Any]:
        """As a document."""
        return {"name": self.name, "verifiers": {name: asdict(each) for name, each in self.verifiers.items()}}

    @classmethod
    def unpacked(cls, document: Mapping[str, Any]) -> "User":
        found = {name: Verifier(**each) for name, each in document["verifiers"].items()}
        return cls(name=document["name"], verifiers=found)


def _verifier(mechanism: Mechanism, name: str, password: str) -> Verifier:
    digest, iterations, size = _HASHES[mechanism]
    secret, salt = password, secrets.token_bytes(size)
    if mechanism == "SCRAM-SHA-1":
        secret = hashlib.md5(f"{name}:mongo:{password}".encode(), usedforsecurity=False).hexdigest()
    salted = hashlib.pbkdf2_hmac(digest, secret.encode(), salt, iterations)
    client, server = (hmac.digest(salted, key, digest) for key in (b"Client Key", b"Server Key"))
    return Verifier(salt=salt, iterations=iterations, stored=hashlib.new(digest, client).digest(), server=server)


class Conversation:
    """One attempt: two messages of the client's, each with its answer; a third, empty one may follow."""

    def __init__(self, mechanism: Mechanism, user: User | None) -> None:
        self._digest = _HASHES[mechanism][0]
        self._user = user
        # One that nobody knows is asked for a proof like everybody, and refused after it.
        self._verifier = user.verifiers[mechanism] if user is not None else _verifier(mechanism, "", "")
        self._nonce = self._first = self._challenge = ""
        self.is_proven = False

    def begin(self, payload: bytes) -> bytes:
        """The challenge to a client's first message."""
        text = _text(payload)
        header, _, bare = text.partition(",,")
        fields = _fields(bare)
        if header not in ("n", "y") or not fields.get("r"):
            raise Refused("the first message of SCRAM has no nonce, or asks for channel binding")
        name = fields.get("n", "").replace("=2C", ",").replace("=3D", "=")
        if self._user is not None and name != self._user.name:
            self._user = None
        self._first, self._nonce = bare, fields["r"] + secrets.token_urlsafe(_NONCE_BYTES)
        salt = base64.b64encode(self._verifier.salt).decode()
        self._challenge = f"r={self._nonce},s={salt},i={self._verifier.iterations}"
        return self._challenge.encode()

    def go_on(self, payload: bytes) -> bytes:
        """The server's own proof in return for the client's; `Refused` for a wrong one."""
        if self.is_proven:
            return b""
        bare, _, proof = _text(payload).rpartition(",p=")
        if not self._challenge or _fields(bare).get("r") != self._nonce:
            raise Refused("the nonce is another one")
        signed = f"{self._first},{self._challenge},{bare}".encode()
        signature = hmac.digest(self._verifier.stored, signed, self._digest)
        try:
            given = base64.b64decode(proof, validate=True)
        except ValueError as problem:
            raise Refused("the proof is no base64") from problem
        if len(given) != len(signature):
            raise Refused("the proof has another length")
        key = bytes(a ^ b for a, b in zip(given, signature, strict=True))
        is_right = hmac.compare_digest(hashlib.new(self._digest, key).digest(), self._verifier.stored)
        if not is_right or self._user is None:
            raise Refused("the proof is wrong")
        self.is_proven = True
        return b"v=" + base64.b64encode(hmac.digest(self._verifier.server, signed, self._digest))


def _text(payload: bytes) -> str:
    if len(payload) > _MOST_BYTES:
        raise Refused("a message of SCRAM is too long")
    try:
        return payload.decode()
    except UnicodeDecodeError as problem:
        raise Refused("a message of SCRAM is no UTF-8") from problem


def _fields(text: str) -> dict[str, str]:
    return {part[:1]: part[2:] for part in text.split(",") if part[1:2] == "="}
