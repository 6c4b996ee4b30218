"""One HTTP listener on loopback, on uvicorn's protocol class, inside the event loop that is already running.

uvicorn's own `Server` is left out: it takes the signal handlers, ticks ten times a second and exits the process when
a port is taken. Loopback is not private: a web page can post to it, so foreign Host and Origin headers are refused.
"""

import asyncio
import contextlib
import ipaddress
import logging
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.server import ServerState

from infrastructure.embedded.gateway import websocket
from infrastructure.embedded.gateway.call import Answer, HttpRequest
from infrastructure.embedded.gateway.pages import json_answer
from infrastructure.embedded.gateway.websocket import WebSocket

Message = dict[str, Any]
"""An ASGI message: its members differ by type (https://asgi.readthedocs.io/en/latest/specs/www.html)."""
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

HOST = "127.0.0.1"
Talk = Callable[[HttpRequest, WebSocket], Awaitable[None]]
"""What follows a request for a WebSocket."""
LOCAL_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})
HEAD_LIMIT = 64 << 10
"""Bytes that a request's path, query and headers may have together; AWS's own load balancers take as many."""
_LINGER_S = 5.0
"""How long who sent too much may go on sending before it is cut off: an answer that meets a reset is lost."""
_ENDING_S = 0.5
"""How long an answer that has lost its connection may take to notice."""
_LOG = logging.getLogger(__name__)


class TooLarge(Exception):
    """The body is longer than its limit."""


class _BoundedHead(HttpToolsProtocol):
    """uvicorn's protocol, which hears of a header when it is whole and keeps what comes before, however long."""

    def __init__(self, config: uvicorn.Config, server_state: ServerState) -> None:
        super().__init__(config=config, server_state=server_state, app_state={})
        self._heads = 0
        self._is_in_head = True  # also before the first: what begins no request is not kept for ever either
        self._head_bytes = 0
        self._is_refused = False

    def on_message_begin(self) -> None:
        self._heads += 1
        self._is_in_head, self._head_bytes = True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._is_in_head = False
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        if self._is_refused:
            return
        before = self._heads if self._is_in_head else None
        super().data_received(data)
        if self._is_in_head and self._heads == before:  # all of it belongs to a head that is not whole yet
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_LIMIT:
                self._refuse()

    def _refuse(self) -> None:
        self._is_refused = True
        answer = _too_much_head()
        length = f"content-length: {len(answer.body)}\r\nconnection: close\r\n\r\n"
        self.transport.write(
            f"HTTP/1.1 {answer.status} Request Header Fields Too Large\r\n{length}".encode() + answer.body
        )
        self.timeout_keep_alive_task = self.loop.call_later(_LINGER_S, self.timeout_keep_alive_handler)


class HttpServer:
    """Answers with `answer`; `limit_of` says from a request without its body how many bytes that may have.

    Who wants a WebSocket is talked to by `talk`, which accepts or refuses it; without one there are none.
    """

    def __init__(
        self,
        answer: Callable[[HttpRequest], Awaitable[Answer]],
        *,
        limit_of: Callable[[HttpRequest], int],
        talk: Talk | None = None,
    ) -> None:
        self._talk = talk
        self._answer = answer
        self._limit_of = limit_of
        self._state = ServerState()
        self._server: asyncio.Server | None = None

    async def serve(self, port: int, tls: ssl.SSLContext | None = None) -> None:
        """Listen on 127.0.0.1:`port`; returns once connections are accepted. `OSError` when the port is taken."""
        config = uvicorn.Config(
            self._application,
            interface="asgi3",
            http="httptools",
            **(websocket.SETTINGS if self._talk is not None else {"ws": "none"}),
            lifespan="off",
            proxy_headers=False,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=75,  # longer than botocore keeps an idle connection, so no request meets a closing one
        )
        config.load()
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: _BoundedHead(config, self._state), HOST, port, ssl=tls, backlog=512
        )

    async def close(self) -> None:
        """Stop listening and cut what is open. Safe to call twice."""
        if self._server is None:
            return
        server, self._server = self._server, None
        server.close()
        for connection in list(self._state.connections):
            connection.transport.abort()
        tasks = list(self._state.tasks)
        if tasks:  # streams end by themselves when their connection does
            await asyncio.wait(tasks, timeout=_ENDING_S)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()

    async def _application(self, scope: Message, receive: Receive, send: Send) -> None:
        headers = _joined(scope["headers"])
        answer = _unfit(scope) or _foreign(headers)
        if scope["type"] == "websocket":
            await self._talked(WebSocket(scope, receive, send), _request("GET", scope, headers, b""), answer)
            return
        if answer is None:
            head = _request(scope["method"], scope, headers, b"")
            try:
                body = await _body(receive, headers, self._limit_of(head))
            except TooLarge:
                answer = _too_large(headers)
            except ConnectionResetError:  # nobody is left to answer
                return
            else:
                answer = await self._guarded(replace(head, body=body))
        await _send(send, receive, answer, is_head=scope["method"] == "HEAD")

    async def _talked(self, socket: WebSocket, request: HttpRequest, refusal: Answer | None) -> None:
        if refusal is not None or self._talk is None:
            await socket.refuse(refusal or _text(400, "refused: there is no WebSocket here"))
            return
        with contextlib.suppress(ClientDisconnected):
            await self._talk(request, socket)

    async def _guarded(self, request: HttpRequest) -> Answer:
        try:
            return await self._answer(request)
        except Exception:  # noqa: BLE001  # one bad request must not take the connection, or the loop, with it
            _LOG.exception("no answer to %s %s", request.method, request.path)
            return _text(500, "the embedded cloud failed; its log has the traceback")


def _request(method: str, scope: Message, headers: Mapping[str, str], body: bytes) -> HttpRequest:
    return HttpRequest(
        method=method,
        path=(scope["raw_path"] or b"/").partition(b"?")[0].decode("latin-1"),
        query=scope["query_string"].decode("latin-1"),
        headers=headers,
        body=body,
    )


def _joined(pairs: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Headers by name; the values of one that comes twice are a list. Source: RFC 9110, 5.3."""
    headers: dict[str, str] = {}
    for raw, value in pairs:
        name = raw.decode("latin-1")
        text = value.decode("latin-1")
        headers[name] = f"{headers[name]},{text}" if name in headers else text
    return headers


def _unfit(scope: Message) -> Answer | None:
    """A refusal of a head that is too long, or that names two hosts: then nobody can say which of them is meant.

    Source: https://www.rfc-editor.org/rfc/rfc9112#section-3.2
    """
    size = len(scope["raw_path"] or b"") + len(scope["query_string"])
    size += sum(len(name) + len(value) + len(b": \r\n") for name, value in scope["headers"])
    if size > HEAD_LIMIT:
        return _too_much_head()
    if sum(name == b"host" for name, _ in scope["headers"]) > 1:
        return _text(400, "refused: the request has more than one Host header")
    return None


def _too_large(headers: Mapping[str, str]) -> Answer:
    """In the protocol of the call, as far as its head tells."""
    text = "the body is larger than this API takes"
    is_json = "x-amz-target" in headers
    return json_answer(413, {"__type": "RequestEntityTooLarge", "message": text}) if is_json else _text(413, text)


def _too_much_head() -> Answer:
    return _text(431, f"refused: path, query and headers are longer than {HEAD_LIMIT} bytes together")


def _foreign(headers: Mapping[str, str]) -> Answer | None:
    """A refusal when Host or Origin is not of this machine (DNS rebinding, cross-site posts), or makes no sense."""
    if not _is_local(_hostname(headers.get("host", ""))):
        return _text(403, "refused: the Host header is not of this machine")
    scheme, _, authority = headers.get("origin", "").partition("//")
    if (scheme or authority) and _hostname(authority) not in LOCAL_HOSTS:
        return _text(403, "refused: the Origin header is not of this machine")
    return None


def _is_local(host: str) -> bool:
    """Whether it is this machine whatever a name server says: a known name, or an address of loopback."""
    try:
        return host in LOCAL_HOSTS or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _hostname(host: str) -> str:
    """The name in `name:port`; empty where there is none, or no sense in it."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


async def _body(receive: Receive, headers: Mapping[str, str], limit: int) -> bytes:
    length = headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > limit:
        raise TooLarge
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise ConnectionResetError("the caller went away before its body was whole")
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > limit:
            raise TooLarge
        if not message.get("more_body", False):
            return b"".join(parts)


async def _send(send: Send, receive: Receive, answer: Answer, *, is_head: bool) -> None:
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers.items()]
    if answer.stream is None and not (is_head and "content-length" in answer.headers):
        headers.append((b"content-length", str(len(answer.body)).encode()))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers, "trailers": False})
    if answer.stream is not None:
        await _send_parts(send, receive, answer.stream, is_head=is_head)
    await send({"type": "http.response.body", "body": b"" if is_head else answer.body, "more_body": False})


async def _send_parts(send: Send, receive: Receive, stream: AsyncGenerator[bytes, None], *, is_head: bool) -> None:
    """Send every part when it is there; end the stream when it has ended, or when nobody listens any more."""

    async def send_all() -> None:
        async for part in stream:
            await send({"type": "http.response.body", "body": part, "more_body": True})

    async with contextlib.aclosing(stream):
        if is_head:
            return
        sending, gone = asyncio.ensure_future(send_all()), asyncio.ensure_future(receive())
        try:
            await asyncio.wait((sending, gone), return_when=asyncio.FIRST_COMPLETED)
        finally:
            gone.cancel()
            if not sending.done():
                sending.cancel()
            await asyncio.gather(sending, gone, return_exceptions=True)
        if not sending.cancelled():
            sending.result()


def _text(status: int, text: str) -> Answer:
    return Answer(status=status, headers={"content-type": "text/plain"}, body=f"{text}\n".encode())
