"""A keep-alive HTTP/1.1 client without an event loop, for a Lambda sandbox: one event at a time, one connection an API.

It does what AWS's JSON APIs need and no more. `http.client` would cost three times the import (it brings the e-mail
package for the headers), asyncio eight times.
"""

import socket
import time
from typing import TYPE_CHECKING

from services.chassis.http.exchange import IDLE_S, MAX_RESPONSE_BYTES, HttpResponse, Interrupted, Origin, Unreachable

if TYPE_CHECKING:
    import ssl

_HEAD_END = b"\r\n\r\n"
_CHUNK = 65536


class BlockingHttp:
    """Keep-alive to one origin (`http://host:port` or `https://host`); not to be shared between threads.

    `connect_timeout_s` None waits for ever. With `heals_stale`, a request that met a connection closed while it lay
    idle, and got no byte of an answer, is sent once more on a fresh one (RFC 9110, 9.2.2): only for requests that may
    run twice.
    """

    def __init__(self, origin: str, *, connect_timeout_s: float | None, heals_stale: bool) -> None:
        to = Origin.read(origin)
        self.host = to.authority
        self._address = (to.host, to.port)
        self._tls = _tls() if to.is_tls else None
        self._connect_timeout_s = connect_timeout_s
        self._heals_stale = heals_stale
        self._socket: socket.socket | None = None
        self._idle_since = 0.0

    def send(self, request: bytes, *, timeout_s: float | None) -> HttpResponse:
        """Send a complete request, return the complete answer; `Unreachable` or `Interrupted` otherwise."""
        ends_at = None if timeout_s is None else time.monotonic() + timeout_s
        if self._socket is not None and time.monotonic() - self._idle_since < IDLE_S:
            exchange = _Exchange(self._socket, self.host, ends_at)
            try:
                return self._perform(exchange, request)
            except Interrupted:
                if exchange.has_answer_begun or exchange.is_out_of_time or not self._heals_stale:
                    raise
        self.close()
        self._socket = self._connect(ends_at)
        return self._perform(_Exchange(self._socket, self.host, ends_at), request)

    def _perform(self, exchange: "_Exchange", request: bytes) -> HttpResponse:
        try:
            response = exchange.perform(request)
        except BaseException:  # whatever ended it: the answer that may still come belongs to nobody
            self.close()
            raise
        if not exchange.is_reusable:
            self.close()
        self._idle_since = time.monotonic()
        return response

    def _connect(self, ends_at: float | None) -> socket.socket:
        left = None if ends_at is None else max(ends_at - time.monotonic(), 0.001)
        patience = min((limit for limit in (self._connect_timeout_s, left) if limit is not None), default=None)
        try:
            made = socket.create_connection(self._address, timeout=patience)
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return made if self._tls is None else self._tls.wrap_socket(made, server_hostname=self._address[0])
        except OSError as error:
            raise Unreachable(f"no connection to {self.host}: {error}") from error

    def close(self) -> None:
        """Close what lies idle."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def _tls() -> "ssl.SSLContext":
    """Imported only where it is used: 8 ms, which every cold start would pay."""
    import ssl

    return ssl.create_default_context()


class _Exchange:
    """One request and its answer on a connection; `ends_at` on the monotonic clock."""

    def __init__(self, connection: socket.socket, host: str, ends_at: float | None) -> None:
        self._socket = connection
        self._host = host
        self._ends_at = ends_at
        self._got = bytearray()
        self.has_answer_begun = False
        self.is_out_of_time = False
        self.is_reusable = True

    def perform(self, request: bytes) -> HttpResponse:
        try:
            self._wait_at_most()
            self._socket.sendall(request)
            return self._answer()
        except TimeoutError:
            self.is_out_of_time = True
            raise Interrupted(f"no complete answer from {self._host} in time") from None
        except OSError as error:
            raise Interrupted(f"the connection to {self._host} broke: {error}") from error

    def _answer(self) -> HttpResponse:
        while (end := self._got.find(_HEAD_END)) < 0:
            self._receive()
        status, headers = _head(bytes(self._got[:end]))
        del self._got[: end + len(_HEAD_END)]
        self.is_reusable = headers.get("connection", "").lower() != "close"
        if headers.get("transfer-encoding", "").lower() == "chunked":
            return HttpResponse(status=status, body=self._chunks())
        if (length := headers.get("content-length")) is None:
            if status == 204:
                return HttpResponse(status=status, body=b"")
            raise Interrupted(f"an answer of {self._host} has no length: it may be cut short")
        return HttpResponse(status=status, body=self._take(_size(length, 10)))

    def _chunks(self) -> bytes:
        """A chunked body (RFC 9112, 7.1); trailers are read and dropped."""
        body = bytearray()
        while size := _size(self._line().partition(";")[0], 16):
            if len(body) + size > MAX_RESPONSE_BYTES:
                raise Interrupted("the answer is too large")
            body += self._take(size)
            self._line()
        while self._line():
            pass
        return bytes(body)

    def _line(self) -> str:
        while (end := self._got.find(b"\r\n")) < 0:
            self._receive()
        line = self._got[:end].decode("latin-1")
        del self._got[: end + 2]
        return line

    def _take(self, size: int) -> bytes:
        while len(self._got) < size:
            self._receive()
        taken = bytes(self._got[:size])
        del self._got[:size]
        return taken

    def _receive(self) -> None:
        self._wait_at_most()
        data = self._socket.recv(_CHUNK)
        if not data:
            raise Interrupted(f"{self._host} closed the connection")
        self.has_answer_begun = True
        self._got += data
        if len(self._got) > MAX_RESPONSE_BYTES:
            raise Interrupted("the answer is too large")

    def _wait_at_most(self) -> None:
        if self._ends_at is None:
            self._socket.settimeout(None)
        elif (left := self._ends_at - time.monotonic()) > 0:
            self._socket.settimeout(left)
        else:
            raise TimeoutError


def _head(head: bytes) -> tuple[int, dict[str, str]]:
    first, *lines = head.decode("latin-1").split("\r\n")
    version, _, rest = first.partition(" ")
    if not version.startswith("HTTP/1.") or not (rest[:3].isascii() and rest[:3].isdigit()):
        raise Interrupted(f"the answer is not HTTP: {first[:40]!r}")
    pairs = (line.partition(":") for line in lines)
    return int(rest[:3]), {name.strip().lower(): value.strip() for name, _, value in pairs}


def _size(text: str, base: int) -> int:
    try:
        size = int(text, base)
    except ValueError:
        raise Interrupted(f"the answer is not HTTP: a length of {text[:20]!r}") from None
    if not 0 <= size <= MAX_RESPONSE_BYTES:
        raise Interrupted(f"the answer is too large: {size} bytes")
    return size
