"""The tokens of IMDSv2: good on the instance that gave them until their time is over. None is kept: each proves itself.

Source: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-metadata-v2-how-it-works.html
"""

import base64
import binascii
import hashlib
import hmac
import secrets
import struct
from collections.abc import Callable
from dataclasses import dataclass, field

LONGEST_S = 21_600
"""Six hours."""
_EXPIRY = struct.Struct(">d8s")
"""Unix seconds, and what makes two tokens of one moment different."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """Those of one instance. `clock` gives Unix seconds."""

    clock: Callable[[], float]
    _key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)

    def issue(self, ttl_s: int) -> str:
        """A new one that is good for `ttl_s` seconds, 1 to `LONGEST_S`."""
        body = _EXPIRY.pack(self.clock() + ttl_s, secrets.token_bytes(8))
        return base64.urlsafe_b64encode(body + self._proof(body)).decode()

    def is_good(self, token: str) -> bool:
        """Whether we gave it, and its time is not over."""
        try:
            found = base64.b64decode(token, altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            return False
        body, proof = found[: _EXPIRY.size], found[_EXPIRY.size :]
        if len(body) != _EXPIRY.size or not hmac.compare_digest(proof, self._proof(body)):
            return False
        expires_at, _ = _EXPIRY.unpack(body)
        return bool(self.clock() < expires_at)

    def _proof(self, body: bytes) -> bytes:
        return hmac.digest(self._key, body, hashlib.sha256)
