"""HTTP/1.1 on a loopback port of its own for one program of ours: which port is asked tells who asks.

Every user of the machine can connect to loopback, so only the users that were named are answered. Head and body leave
in one write with TCP_NODELAY: in two, each call would wait 40 ms for the kernel's delayed acknowledgement.
"""

import asyncio
import logging
import socket
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import cast

import httptools

from infrastructure.embedded.host import peers

_log = logging.getLogger(__name__)

HOST = "127.0.0.1"
_HEADERS_LIMIT = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """One request. `path` is the target as sent; the names of `headers` are in small letters."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = b""


class Doorway:
    """The listener of one program, called `name` in logs. `serve` before it starts, `close` when it has ended.

    `request` answers by the connection's `answer`, at once or later; `lost` hears of every connection's end. A body
    longer than `limit` comes cut off, a byte longer than it: whoever is asked refuses it by its length.
    """

    def __init__(
        self,
        name: str,
        users: Collection[int],
        request: "Callable[[HttpConnection, HttpRequest], None]",
        *,
        limit: int = 64 * 1024,
        lost: "Callable[[HttpConnection], None]" = lambda _connection: None,
    ) -> None:
        self.name = name
        self.limit = limit
        self.request = request
        self._users = users
        self._lost = lost
        self._server: asyncio.Server | None = None
        self._connections: set[HttpConnection] = set()

    async def serve(self) -> str:
        """Listen; the `host:port`. `OSError` when the system has no port."""
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            listener.bind((HOST, 0))
            loop = asyncio.get_running_loop()
            self._server = await loop.create_server(lambda: HttpConnection(self), sock=listener)
        except BaseException:
            listener.close()
            raise
        return f"{HOST}:{listener.getsockname()[1]}"

    def close(self) -> None:
        """Stop listening and cut what is open. Safe to call twice."""
        server, self._server = self._server, None
        if server is None:
            return
        server.close()
        for connection in tuple(self._connections):
            connection.abort()

    def opened(self, connection: "HttpConnection", end: socket.socket) -> None:
        self._connections.add(connection)
        if not self._is_known(end):
            connection.abort()

    def lost(self, connection: "HttpConnection") -> None:
        self._connections.discard(connection)
        self._lost(connection)

    def _is_known(self, end: socket.socket) -> bool:
        try:
            user = peers.user_of(end)
        except OSError as silence:  # a kernel without sock_diag
            _log.warning("it is not known who connects to %s: %s", self.name, silence)
            return True
        if user is not None and user not in self._users:
            _log.warning("user %d connected to %s, which is not his", user, self.name)
        return user in self._users


class HttpConnection(asyncio.Protocol):
    """One connection, kept alive."""

    def __init__(self, doorway: Doorway) -> None:
        self._doorway = doorway
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._reset()

    def _reset(self) -> None:
        self._path = b""
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
        self._size = 0
        self._head_size = 0

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # a stream server's always is
        end = transport.get_extra_info("socket")
        end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._doorway.opened(self, end)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._doorway.lost(self)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as problem:
            _log.warning("a request to %s is cut off: %s", self._doorway.name, problem, exc_info=problem)
            self.abort()

    # What the parser calls.

    def on_url(self, url: bytes) -> None:
        self._path += url
        self._bound_head(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        self._bound_head(len(name) + len(value))
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")
        if name.lower() == b"expect" and value.lower() == b"100-continue" and self._transport is not None:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _bound_head(self, size: int) -> None:
        self._head_size += size
        if self._head_size > _HEADERS_LIMIT:
            self.abort()
            self._path, self._headers = b"", {}

    def on_body(self, body: bytes) -> None:
        room = self._doorway.limit + 1 - self._size
        if room > 0:
            self._body.append(body[:room])
            self._size += len(self._body[-1])

    def on_message_complete(self) -> None:
        made = HttpRequest(
            method=self._parser.get_method().decode(),
            path=self._path.decode("latin-1"),
            headers=self._headers,
            body=b"".join(self._body),
        )
        self._reset()
        if self._transport is not None and not self._transport.is_closing():
            self._doorway.request(self, made)

    def answer(self, status: HTTPStatus, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        """Head and body in one write."""
        if self._transport is None or self._transport.is_closing():
            return
        fields = {"Content-Type": "application/json", **(headers or {}), "Content-Length": str(len(body))}
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        self._transport.write(f"HTTP/1.1 {status.value} {status.phrase}\r\n{head}\r\n".encode("latin-1") + body)

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()
