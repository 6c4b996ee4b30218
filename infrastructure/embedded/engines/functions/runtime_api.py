"""AWS Lambda's Runtime API for one sandbox: HTTP on a loopback port of its own, which is how a sandbox is told apart.

    GET  /2018-06-01/runtime/invocation/next             waits until there is work
    POST /2018-06-01/runtime/invocation/<id>/response    the handler's answer
    POST /2018-06-01/runtime/invocation/<id>/error       what it raised
    POST /2018-06-01/runtime/init/error                  the handler could not be loaded

Source: AWS Lambda Developer Guide, "Using the Lambda runtime API for custom runtimes". Head and body leave in one write
with TCP_NODELAY: in two, each call would wait 40 ms for the kernel's delayed acknowledgement.
"""

import asyncio
import base64
import json
import logging
import socket
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Protocol, cast

import httptools

from infrastructure.embedded.host import peers

_log = logging.getLogger(__name__)

HOST = "127.0.0.1"
PREFIX = "/2018-06-01/runtime/"
ANSWER_LIMIT = 6_291_556
"""Bytes a synchronous answer may have."""
_READ_LIMIT = ANSWER_LIMIT + (1 << 20)


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeEvent:
    """One invocation as the runtime gets it: `deadline_ms` in Unix milliseconds, `context` base64 of JSON, or empty."""

    request_id: str
    payload: bytes
    arn: str
    deadline_ms: int
    context: str = ""

    @property
    def headers(self) -> Mapping[str, str]:
        headers = {
            "Content-Type": "application/json",
            "Lambda-Runtime-Aws-Request-Id": self.request_id,
            "Lambda-Runtime-Deadline-Ms": str(self.deadline_ms),
            "Lambda-Runtime-Invoked-Function-Arn": self.arn,
            "Lambda-Runtime-Trace-Id": f"Root=1-{self.deadline_ms // 1000:08x}-{self.request_id.replace('-', '')[:24]}",
        }
        if not self.context:
            return headers
        context = json.dumps(json.loads(base64.b64decode(self.context)))  # plain for the runtime, and ASCII
        return {**headers, "Lambda-Runtime-Client-Context": context}


class Runtime(Protocol):
    """Whom the server notifies of what the runtime did: the sandbox."""

    def asked(self) -> None:
        """It waits for work: the Init phase, or the last invocation, is over."""

    def answered(self, request_id: str, payload: bytes, *, is_error: bool) -> bool:
        """It answered an invocation; False when that is not the one it has."""

    def failed_to_init(self, payload: bytes) -> None:
        """It could not load the handler; `payload` is AWS's error document."""

    def hung_up(self) -> None:
        """The connection that it asks for work on is cut: it has ended, or is about to."""


class RuntimeApi:
    """The server of one sandbox. `serve` before the sandbox starts, `close` when it has ended.

    Of the machine's users only `users` are answered: any of them could connect, and take an invocation.
    """

    def __init__(self, runtime: Runtime, users: Collection[int]) -> None:
        self._runtime = runtime
        self._users = users
        self._server: asyncio.Server | None = None
        self._asking: _Connection | None = None
        """Where the runtime asked for work last."""
        self._is_waiting = False
        self._connections: set[_Connection] = set()

    async def serve(self) -> str:
        """Listen; `host:port`, for AWS_LAMBDA_RUNTIME_API. `OSError` when the system has no port."""
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            listener.bind((HOST, 0))
            self._server = await asyncio.get_running_loop().create_server(lambda: _Connection(self), sock=listener)
        except BaseException:
            listener.close()
            raise
        return f"{HOST}:{listener.getsockname()[1]}"

    def give(self, work: RuntimeEvent) -> None:
        """Hand work to the runtime, which has `asked` and not been given any since."""
        if self._asking is None or not self._is_waiting:
            raise AssertionError(f"{work.request_id} was given to a runtime that does not wait for work")
        self._is_waiting = False
        self._asking.answer(HTTPStatus.OK, work.payload, work.headers)

    async def close(self) -> None:
        """Stop listening and cut what is open. Safe to call twice."""
        server, self._server = self._server, None
        if server is None:
            return
        server.close()
        for connection in tuple(self._connections):
            connection.abort()

    def _opened(self, connection: "_Connection", end: socket.socket) -> None:
        self._connections.add(connection)
        if not self._is_known(end):
            connection.abort()

    def _is_known(self, end: socket.socket) -> bool:
        try:
            user = peers.user_of(end)
        except OSError as silence:  # a kernel without sock_diag
            _log.warning("it is not known who asks for a sandbox's work: %s", silence)
            return True
        if user is not None and user not in self._users:
            _log.warning("user %d, who is not the sandbox's, asked for its work", user)
        return user in self._users

    def _lost(self, connection: "_Connection") -> None:
        self._connections.discard(connection)
        if self._asking is connection:
            self._asking = None
            self._runtime.hung_up()

    def _request(self, connection: "_Connection", method: str, path: str, body: bytes) -> None:
        """Answer a request, now or, for `next`, when there is work."""
        match method, path.removeprefix(PREFIX).split("/"):
            case "GET", ["invocation", "next"]:
                self._asking, self._is_waiting = connection, True
                self._runtime.asked()
            case "POST", ["invocation", request_id, "response" | "error" as how]:
                self._ended(connection, request_id, body, is_error=how == "error")
            case "POST", ["init", "error"]:
                self._runtime.failed_to_init(body)
                connection.answer(HTTPStatus.ACCEPTED, b'{"status":"OK"}')
            case _:
                _refuse(connection, HTTPStatus.NOT_FOUND, f"{method} {path} is not part of the Runtime API")

    def _ended(self, connection: "_Connection", request_id: str, body: bytes, *, is_error: bool) -> None:
        if self._runtime.answered(request_id, body, is_error=is_error):
            connection.answer(HTTPStatus.ACCEPTED, b'{"status":"OK"}')
        else:
            _refuse(connection, HTTPStatus.BAD_REQUEST, f"{request_id} is not under way in this sandbox")


class _Connection(asyncio.Protocol):
    """One HTTP/1.1 connection of the runtime's client, kept alive."""

    def __init__(self, api: RuntimeApi) -> None:
        self._api = api
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._reset()

    def _reset(self) -> None:
        self._path = b""
        self._body: list[bytes] = []
        self._size = 0

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # a stream server's always is
        end = transport.get_extra_info("socket")
        end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._api._opened(self, end)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._api._lost(self)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as problem:
            _log.warning("a sandbox's request is cut off: %s", problem, exc_info=problem)
            self.abort()

    # What the parser calls.

    def on_url(self, url: bytes) -> None:
        self._path += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"expect" and value.lower() == b"100-continue" and self._transport is not None:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        self._size += len(body)
        if self._size <= _READ_LIMIT:  # what is longer is refused by its length alone
            self._body.append(body)

    def on_message_complete(self) -> None:
        method, path, body = self._parser.get_method().decode(), self._path.decode("latin-1"), b"".join(self._body)
        self._reset()
        self._api._request(self, method, path, body)

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


def _refuse(connection: _Connection, status: HTTPStatus, message: str) -> None:
    connection.answer(status, json.dumps({"errorMessage": message, "errorType": "InvalidRequest"}).encode())
