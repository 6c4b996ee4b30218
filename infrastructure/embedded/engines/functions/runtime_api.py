"""AWS Lambda's Runtime API for one sandbox: HTTP on a loopback port of its own, which is how a sandbox is told apart.

    GET  /2018-06-01/runtime/invocation/next             waits until there is work
    POST /2018-06-01/runtime/invocation/<id>/response    the handler's answer
    POST /2018-06-01/runtime/invocation/<id>/error       what it raised
    POST /2018-06-01/runtime/init/error                  the handler could not be loaded

Source: AWS Lambda Developer Guide, "Using the Lambda runtime API for custom runtimes".
"""

import base64
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Protocol

from infrastructure.embedded.host.doorway import Doorway, HttpConnection, HttpRequest

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
        self._doorway = Doorway("a sandbox's work", users, self._request, limit=_READ_LIMIT, lost=self._lost)
        self._asking: HttpConnection | None = None
        """Where the runtime asked for work last."""
        self._is_waiting = False

    async def serve(self) -> str:
        """Listen; `host:port`, for AWS_LAMBDA_RUNTIME_API. `OSError` when the system has no port."""
        return await self._doorway.serve()

    def give(self, work: RuntimeEvent) -> None:
        """Hand work to the runtime, which has `asked` and not been given any since."""
        if self._asking is None or not self._is_waiting:
            raise AssertionError(f"{work.request_id} was given to a runtime that does not wait for work")
        self._is_waiting = False
        self._asking.answer(HTTPStatus.OK, work.payload, work.headers)

    async def close(self) -> None:
        """Stop listening and cut what is open. Safe to call twice."""
        self._doorway.close()

    def _lost(self, connection: HttpConnection) -> None:
        if self._asking is connection:
            self._asking = None
            self._runtime.hung_up()

    def _request(self, connection: HttpConnection, request: HttpRequest) -> None:
        """Answer a request, now or, for `next`, when there is work."""
        match request.method, request.path.removeprefix(PREFIX).split("/"):
            case "GET", ["invocation", "next"]:
                self._asking, self._is_waiting = connection, True
                self._runtime.asked()
            case "POST", ["invocation", request_id, "response" | "error" as how]:
                self._ended(connection, request_id, request.body, is_error=how == "error")
            case "POST", ["init", "error"]:
                self._runtime.failed_to_init(request.body)
                connection.answer(HTTPStatus.ACCEPTED, b'{"status":"OK"}')
            case _:
                text = f"{request.method} {request.path} is not part of the Runtime API"
                _refuse(connection, HTTPStatus.NOT_FOUND, text)

    def _ended(self, connection: HttpConnection, request_id: str, body: bytes, *, is_error: bool) -> None:
        if self._runtime.answered(request_id, body, is_error=is_error):
            connection.answer(HTTPStatus.ACCEPTED, b'{"status":"OK"}')
        else:
            _refuse(connection, HTTPStatus.BAD_REQUEST, f"{request_id} is not under way in this sandbox")


def _refuse(connection: HttpConnection, status: HTTPStatus, message: str) -> None:
    connection.answer(status, json.dumps({"errorMessage": message, "errorType": "InvalidRequest"}).encode())
