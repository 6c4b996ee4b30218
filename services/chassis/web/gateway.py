"""The outermost layer of every service: correlation id, deadline, body limit, drain, access log, and no raw 500 ever.

Plain ASGI rather than a middleware class of the framework, which would cost a task and two queues a request.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.chassis.resilience import deadline
from services.chassis.web import correlation
from services.chassis.web.problems import HttpProblem
from services.chassis.web.traffic import Traffic

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What requests may take: bytes of body, seconds until an answer is worthless, how many at the same time."""

    body_bytes: int = 256 * 1024
    deadline_s: float = 5.0
    in_flight: int = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """One request that was answered: seconds from its first byte in to its last byte out."""

    method: str
    path: str
    status: int
    seconds: float


class Gateway:
    """Wraps an application. `is_internal` tells the paths (health) that are neither traffic nor worth a log line."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        traffic: Traffic,
        observe: Callable[[Served], None],
        is_internal: Callable[[str], bool],
        limits: Limits,
    ) -> None:
        self.app = app
        self._traffic = traffic
        self._observe = observe
        self._is_internal = is_internal
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        correlation_id = correlation.bind(headers.get(correlation.HEADER))
        if self._is_internal(scope["path"]):
            await _Exchange(self, scope, correlation_id).run(receive, send, refusal=None)
            return
        deadline.start(self._limits.deadline_s)
        self._traffic.arrived()
        try:
            await self._serve(scope, receive, send, headers, correlation_id)
        finally:
            self._traffic.left()

    async def _serve(self, scope: Scope, receive: Receive, send: Send, headers: Headers, correlation_id: str) -> None:
        started = time.perf_counter()
        exchange = _Exchange(self, scope, correlation_id)
        await exchange.run(receive, send, refusal=self._refusal(headers))
        served = Served(
            method=scope["method"],
            path=scope["path"],
            status=exchange.status,
            seconds=time.perf_counter() - started,
        )
        self._observe(served)
        _log.log(
            logging.WARNING if served.status >= 500 else logging.INFO,
            "request",
            extra={"method": served.method, "path": served.path, "status": served.status, "ms": served.seconds * 1e3},
        )

    def _refusal(self, headers: Headers) -> HttpProblem | None:
        """What can be refused before a byte of the body is read."""
        length = headers.get("content-length", "0")
        if length.isdecimal() and int(length[:20]) > self._limits.body_bytes:
            return self.too_large()
        if self._traffic.in_flight > self._limits.in_flight:
            return HttpProblem(503, "overloaded", "too many requests at the same time", headers={"Retry-After": "1"})
        return None

    def too_large(self) -> HttpProblem:
        return HttpProblem(
            413,
            "too-large",
            f"a body may have {self._limits.body_bytes} bytes",
            headers={"Connection": "close"},  # what is left of the body is not read
        )

    @property
    def body_bytes(self) -> int:
        return self._limits.body_bytes

    @property
    def is_draining(self) -> bool:
        return self._traffic.is_draining


class _Exchange:
    """One request and its answer, on the way in counted, on the way out stamped."""

    def __init__(self, gateway: Gateway, scope: Scope, correlation_id: str) -> None:
        self._gateway = gateway
        self._scope = scope
        self._correlation_id = correlation_id
        self._received = 0
        self.status = 0
        """0 until an answer has started."""

    async def run(self, receive: Receive, send: Send, refusal: HttpProblem | None) -> None:
        async def counted() -> Message:
            message = await receive()
            self._received += len(message.get("body", b""))
            if self._received > self._gateway.body_bytes:
                raise self._gateway.too_large()
            return message

        async def stamped(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.status = message["status"]
                out = MutableHeaders(scope=message)
                out[correlation.HEADER] = self._correlation_id
                if self._gateway.is_draining:
                    out["connection"] = "close"
            await send(message)

        if refusal is not None:
            await self._answer(refusal, counted, stamped)
            return
        try:
            await self._gateway.app(self._scope, counted, stamped)
        except HttpProblem as problem:
            await self._answer(problem, counted, stamped)
        except Exception:  # the one place where the unforeseen becomes an answer; the log has all of it  # noqa: BLE001
            _log.exception("unhandled", extra={"path": self._scope["path"]})
            await self._answer(HttpProblem(500, "internal", "the service made a mistake"), counted, stamped)

    async def _answer(self, problem: HttpProblem, receive: Receive, send: Send) -> None:
        if not self.status:
            await problem.response(self._scope["path"])(self._scope, receive, send)
