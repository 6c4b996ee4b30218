"""What comes of one HTTP exchange, whichever client makes it: an answer, or how the silence is to be understood."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple
from urllib.parse import urlsplit

IDLE_S: Final = 15.0
"""A connection unused for longer is not trusted: AWS's endpoints and proxies close theirs after 20 s and up."""
MAX_RESPONSE_BYTES: Final = 16 * 1024 * 1024
"""AWS's own answers stay below 16 MB; more is somebody else answering."""


class Origin(NamedTuple):
    """Whom requests go to. `authority` is what the Host header says."""

    authority: str
    host: str
    port: int
    is_tls: bool

    @classmethod
    def read(cls, text: str) -> "Origin":
        """Of `http://host:port` or `https://host`; `ValueError`."""
        parts = urlsplit(text)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{text!r} is no origin; write http://host:port or https://host")
        is_tls = parts.scheme == "https"
        return cls(
            authority=parts.netloc, host=parts.hostname, port=parts.port or (443 if is_tls else 80), is_tls=is_tls
        )


class HttpError(Exception):
    """No complete answer came. The text says what happened."""


class Unreachable(HttpError):
    """No connection: the request cannot have had an effect."""


class Interrupted(HttpError):
    """The connection broke or went silent after the request was sent: whether it had an effect is unknown."""


class HttpResponse(NamedTuple):
    """Status and body of an answer; its headers, names in lower case, where the client was asked to keep them."""

    status: int
    body: bytes
    headers: Mapping[str, str] = MappingProxyType({})
