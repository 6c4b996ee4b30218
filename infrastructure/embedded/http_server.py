"""One HTTP listener on loopback, on uvicorn's protocol class, inside the event loop that is already running.

uvicorn's own `Server` is left out: it takes the signal handlers, ticks ten times a second and exits the process when
a port is taken. Loopback is not private: a web page can post to it, so foreign Host and Origin headers are refused.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from infrastructure.embedded.interceptors import Answer

Message = dict[str, Any]
"""An ASGI message: its members differ by type (https://asgi.readthedocs.io/en/latest/specs/www.html)."""
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

HOST = "127.0.0.1"
LOCAL_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """One request, whole. Header names are lower case; `path` is as it came, still percent-encoded."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


class TooLarge(Exception):
    """The body is longer than its limit."""


class HttpServer:
    """Answers with `answer`; `limit_of` says from the headers how many bytes a body may have."""

    def __init__(
        self, answer: Callable[[HttpRequest], Awaitable[Answer]], *, limit_of: Callable[[Mapping[str, str]], int]
    ) -> None:
        self._answer = answer
        self._limit_of = limit_of
        self._state = ServerState()
        self._server: asyncio.Server | None = None

    async def serve(self, port: int) -> None:
        """Listen on 127.0.0.1:`port`; returns once connections are accepted. `OSError` when the port is taken."""
        config = uvicorn.Config(
            self._application,
            interface="asgi3",
            http="httptools",
            ws="none",
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
            lambda: HttpToolsProtocol(config=config, server_state=self._state, app_state={}), HOST, port, backlog=512
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
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()

    async def _application(self, scope: Message, receive: Receive, send: Send) -> None:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        answer = _foreign(headers)
        if answer is None:
            try:
                body = await _body(receive, headers, self._limit_of(headers))
            except TooLarge:
                answer = _text(413, "the body is larger than this API takes")
            except ConnectionResetError:  # nobody is left to answer
                return
            else:
                raw = scope["raw_path"] or b"/"
                answer = await self._guarded(
                    HttpRequest(
                        method=scope["method"],
                        path=raw.partition(b"?")[0].decode("latin-1"),
                        query=scope["query_string"].decode("latin-1"),
                        headers=headers,
                        body=body,
                    )
                )
        await _send(send, answer, is_head=scope["method"] == "HEAD")

    async def _guarded(self, request: HttpRequest) -> Answer:
        try:
            return await self._answer(request)
        except Exception:  # noqa: BLE001  # one bad request must not take the connection, or the loop, with it
            _LOG.exception("no answer to %s %s", request.method, request.path)
            return _text(500, "the embedded cloud failed; its log has the traceback")


def _foreign(headers: Mapping[str, str]) -> Answer | None:
    """A refusal when Host or Origin is not of this machine (DNS rebinding, cross-site posts), or makes no sense."""
    if _hostname(headers.get("host", "")) not in LOCAL_HOSTS:
        return _text(403, "refused: the Host header is not of this machine")
    scheme, _, authority = headers.get("origin", "").partition("//")
    if (scheme or authority) and _hostname(authority) not in LOCAL_HOSTS:
        return _text(403, "refused: the Origin header is not of this machine")
    return None


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


async def _send(send: Send, answer: Answer, *, is_head: bool) -> None:
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers.items()]
    if not (is_head and "content-length" in answer.headers):
        headers.append((b"content-length", str(len(answer.body)).encode()))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers, "trailers": False})
    await send({"type": "http.response.body", "body": b"" if is_head else answer.body, "more_body": False})


def _text(status: int, text: str) -> Answer:
    return Answer(status=status, headers={"content-type": "text/plain"}, body=f"{text}\n".encode())
