"""HTTP/1.1 with keep-alive on gevent, one request at a time per connection, and no retry of its own.

Parsing and the pool of connections are geventhttpclient's. Its `HTTPClient` is left out: it repeats some requests by
itself, and a load generator has to record what happened to each one. What a caller needs to know is whether a request
may have reached the server.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from geventhttpclient.connectionpool import ConnectionPool, SSLConnectionPool
from geventhttpclient.response import HTTPParseError, HTTPSocketPoolResponse


class NotSentError(Exception):
    """No connection, so the server never saw the request. The text is the kind of error."""


class NoAnswerError(Exception):
    """The request was sent, and the answer did not come (in full). The text is the kind of error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A whole HTTP response."""

    status: int
    body: bytes
    retry_after_s: float | None = None


class Client:
    """Requests to one host. `timeout_s` bounds the connection and each wait for bytes."""

    def __init__(self, url: str, *, connections: int, timeout_s: float) -> None:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        kind = SSLConnectionPool if parts.scheme == "https" else ConnectionPool
        host = parts.hostname or ""
        self._host = parts.netloc
        self._base = parts.path.rstrip("/")
        self._pool = kind(
            host, port, host, port, size=connections, connection_timeout=timeout_s, network_timeout=timeout_s
        )

    def request(self, method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> Answer:
        """Send and wait for the whole answer. Raises `NotSentError` or `NoAnswerError`, nothing else."""
        message = self._message(method, path, headers, body)
        sock = self._connection()
        try:
            sock.sendall(message)
        except OSError as error:
            self._pool.release_socket(sock)
            raise NoAnswerError(_kind(error)) from error
        return self._answer(sock, method)

    def warm_up(self) -> None:
        """Open a first connection, so that no arrival pays for the resolver's start. One that fails is not news yet."""
        try:
            self._pool.return_socket(self._connection())
        except NotSentError:
            return

    def close(self) -> None:
        self._pool.close()

    def _connection(self) -> Any:
        try:
            return self._pool.get_socket()
        except TimeoutError as error:
            raise NotSentError("connect timeout") from error
        except OSError as error:
            raise NotSentError("connection refused") from error

    def _message(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> bytes:
        lines = [f"{method} {self._base}{path} HTTP/1.1", f"Host: {self._host}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        return "\r\n".join((*lines, "", "")).encode("latin-1") + body

    def _answer(self, sock: Any, method: str) -> Answer:
        try:
            # From here on the response owns the socket: back into the pool when read to its end, closed on any error.
            response = HTTPSocketPoolResponse(sock, self._pool, method=method)
            body = bytes(response.read())
        except (OSError, HTTPParseError) as error:
            raise NoAnswerError(_kind(error)) from error
        return Answer(status=response.status_code, body=body, retry_after_s=_seconds(response.get("retry-after")))


def _kind(error: Exception) -> str:
    return "timeout" if isinstance(error, TimeoutError) else "connection lost"


def _seconds(value: object) -> float | None:
    """A Retry-After in seconds; the form with a date is not used by any part of the platform."""
    text = str(value) if value is not None else ""
    return float(text) if text.isdecimal() else None
