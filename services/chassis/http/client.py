"""A small keep-alive HTTP/1.1 client for the calls whose cost decides how many orders a task can take.

One request is one write and one parse (httptools, the parser that serves our own requests): a tenth of what boto3
takes. It does what JSON over HTTP needs, a request with a body and an answer with a length, and no more.
"""

import asyncio
import ssl
import time
from typing import cast

import httptools

from services.chassis.http.exchange import (
    IDLE_S,
    MAX_RESPONSE_BYTES,
    HttpError,
    HttpResponse,
    Interrupted,
    Origin,
    Unreachable,
)


class _Connection(asyncio.Protocol):
    """One connection, one exchange at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._answer: asyncio.Future[HttpResponse] | None = None
        self._body = bytearray()
        self.has_answer_begun = False
        self.is_reusable = True
        self.idle_since = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(
            "asyncio.Transport", transport
        )  # uvloop's is no subclass of asyncio's, but does the same

    def data_received(self, data: bytes) -> None:
        self.has_answer_begun = True
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as wrong:
            self._fail(Interrupted(f"the answer is not HTTP: {wrong}"))

    def on_body(self, chunk: bytes) -> None:
        self._body += chunk
        if len(self._body) > MAX_RESPONSE_BYTES:
            self._fail(Interrupted("the answer is too large"))

    def on_message_complete(self) -> None:
        self.is_reusable = self.is_reusable and bool(self._parser.should_keep_alive())
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(self._response())

    def _response(self) -> HttpResponse:
        return HttpResponse(status=self._parser.get_status_code(), body=bytes(self._body))

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(Interrupted(f"the connection was closed: {exc or 'end of stream'}"))

    def _fail(self, error: HttpError) -> None:
        self.close()
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)

    async def exchange(self, request: bytes) -> HttpResponse:
        if self._transport is None or not self.is_reusable:
            raise Interrupted("the connection is closed")
        self._body.clear()
        self.has_answer_begun = False
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer

    def close(self) -> None:
        self.is_reusable = False
        if self._transport is not None:
            self._transport.close()


class _HeadersToo(_Connection):
    """One that keeps the headers: the parser looks for the callback once, so that nobody else pays for it."""

    def __init__(self) -> None:
        self._headers: dict[str, str] = {}
        super().__init__()

    def on_message_begin(self) -> None:
        self._headers = {}

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def _response(self) -> HttpResponse:
        return super()._response()._replace(headers=self._headers)


class HttpPool:
    """Keep-alive connections to one origin (`http://host:port` or `https://host`), at most `limit` at a time.

    `connect_timeout_s` None waits for ever. With `heals_stale`, a request that met a connection closed while it lay
    idle, and got no byte of an answer, is sent once more on a fresh one (RFC 9110, 9.2.2): only for requests that may
    run twice. `keeps_headers` says whether answers come with theirs.
    """

    def __init__(
        self,
        origin: str,
        *,
        connect_timeout_s: float | None,
        heals_stale: bool,
        limit: int = 64,
        keeps_headers: bool = False,
    ) -> None:
        to = Origin.read(origin)
        self.host = to.authority
        self._address = (to.host, to.port)
        self._tls = ssl.create_default_context() if to.is_tls else None
        self._connect_timeout_s = connect_timeout_s
        self._heals_stale = heals_stale
        self._slots = asyncio.Semaphore(limit)
        self._idle: list[_Connection] = []
        self._kind = _HeadersToo if keeps_headers else _Connection

    async def send(self, request: bytes, *, timeout_s: float | None) -> HttpResponse:
        """Send a complete request, return the complete answer; `Unreachable` or `Interrupted` otherwise."""
        try:
            async with asyncio.timeout(timeout_s), self._slots:
                return await self._send(request)
        except TimeoutError:
            raise Interrupted(f"no answer from {self.host} within {timeout_s:.3g} s") from None

    async def _send(self, request: bytes) -> HttpResponse:
        connection = self._take()
        if connection is not None:
            try:
                return await self._exchange(connection, request)
            except Interrupted:
                if connection.has_answer_begun or not self._heals_stale:
                    raise
        return await self._exchange(await self._connect(), request)

    async def _exchange(self, connection: _Connection, request: bytes) -> HttpResponse:
        try:
            response = await connection.exchange(request)
        except BaseException:  # also when cancelled: the answer that may still come belongs to nobody
            connection.close()
            raise
        if connection.is_reusable:
            connection.idle_since = time.monotonic()
            self._idle.append(connection)
        else:
            connection.close()
        return response

    def _take(self) -> _Connection | None:
        """The connection used last, so that the others may age and go."""
        oldest_trusted = time.monotonic() - IDLE_S
        while self._idle:
            connection = self._idle.pop()
            if connection.is_reusable and connection.idle_since >= oldest_trusted:
                return connection
            connection.close()
        return None

    async def _connect(self) -> _Connection:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._connect_timeout_s):
                _, connection = await loop.create_connection(self._kind, *self._address, ssl=self._tls)
        except TimeoutError:
            raise Unreachable(f"no connection to {self.host} within {self._connect_timeout_s} s") from None
        except OSError as error:
            raise Unreachable(f"no connection to {self.host}: {error}") from error
        return connection

    def close(self) -> None:
        """Close what lies idle; what is in flight ends by itself."""
        while self._idle:
            self._idle.pop().close()
