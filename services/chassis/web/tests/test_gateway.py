import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from starlette.types import Message, Receive, Scope, Send

from services.chassis.web.gateway import Gateway, Limits, Served
from services.chassis.web.traffic import Traffic


@dataclass
class Answer:
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def document(self) -> dict[str, object]:
        return dict(json.loads(self.body))


async def echo(_scope: Scope, receive: Receive, send: Send) -> None:
    """Reads the whole body, answers with its length."""
    size, more = 0, True
    while more:
        message = await receive()
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(size).encode()})


async def broken(_scope: Scope, _receive: Receive, _send: Send) -> None:
    raise ZeroDivisionError("a defect")


class Client:
    """Sends one request through a gateway, without sockets."""

    def __init__(self, app: object = echo, *, in_flight: int = 10) -> None:
        self.traffic = Traffic()
        self.served: list[Served] = []
        self.gateway = Gateway(
            app,  # type: ignore[arg-type]  # an ASGI application is any such callable
            traffic=self.traffic,
            observe=self.served.append,
            is_internal=lambda path: path == "/health",
            limits=Limits(body_bytes=100, in_flight=in_flight),
        )

    def ask(
        self, path: str = "/x", *, headers: dict[str, str] | None = None, chunks: tuple[bytes, ...] = (b"",)
    ) -> Answer:
        return asyncio.run(self._ask(path, headers or {}, iter(chunks)))

    async def _ask(self, path: str, headers: dict[str, str], chunks: Iterator[bytes]) -> Answer:
        answer = Answer()
        pending = next(chunks)

        async def receive() -> Message:
            nonlocal pending
            body, pending = pending, next(chunks, b"")
            return {"type": "http.request", "body": body, "more_body": bool(pending)}

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer.status = message["status"]
                answer.headers = {k.decode(): v.decode() for k, v in message["headers"]}
            else:
                answer.body += message.get("body", b"")

        scope = {
            "type": "http",
            "method": "POST",
            "path": path,
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        }
        await self.gateway(scope, receive, send)
        return answer


def test_the_correlation_id_comes_back_and_is_made_up_when_missing() -> None:
    assert Client().ask(headers={"x-correlation-id": "abc"}).headers["x-correlation-id"] == "abc"
    assert len(Client().ask().headers["x-correlation-id"]) == 32


@pytest.mark.parametrize(
    ("headers", "chunks", "status"),
    [
        pytest.param({"content-length": "100"}, (b"x" * 100,), 200, id="at the limit"),
        pytest.param({"content-length": "101"}, (b"",), 413, id="declared too large, nothing read"),
        pytest.param({"content-length": "9" * 4000}, (b"",), 413, id="absurdly declared"),
        pytest.param({}, (b"x" * 60, b"x" * 40), 200, id="chunked at the limit"),
        pytest.param({}, (b"x" * 60, b"x" * 41), 413, id="chunked too large"),
        pytest.param({"content-length": "2"}, (b"x" * 101,), 413, id="lied about"),
        pytest.param({"content-length": "\N{SUPERSCRIPT TWO}"}, (b"x",), 200, id="a digit that is no number"),
    ],
)
def test_a_body_is_limited_however_it_comes(headers: dict[str, str], chunks: tuple[bytes, ...], status: int) -> None:
    answer = Client().ask(headers=headers, chunks=chunks)
    assert status == answer.status
    if status == 413:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["connection"] == "close"


def test_a_defect_becomes_a_problem_without_details() -> None:
    client = Client(broken)
    answer = client.ask(headers={"x-correlation-id": "abc"})
    assert answer.status == 500
    assert answer.document["correlation_id"] == "abc"
    assert b"defect" not in answer.body
    assert client.traffic.in_flight == 0


def test_a_draining_task_closes_its_connections() -> None:
    client = Client()
    client.traffic.is_draining = True
    assert client.ask().headers["connection"] == "close"


def test_overload_is_refused_quickly() -> None:
    client = Client(in_flight=2)
    client.traffic.in_flight = 2
    answer = client.ask()
    assert (answer.status, answer.headers["retry-after"]) == (503, "1")


def test_health_checks_are_neither_traffic_nor_observed() -> None:
    client = Client()
    arrival = client.traffic.last_arrival
    client.ask("/health")
    assert client.traffic.last_arrival == arrival
    assert client.served == []


def test_every_other_request_is_observed() -> None:
    client = Client()
    client.ask("/x")
    [served] = client.served
    assert (served.method, served.path, served.status) == ("POST", "/x", 200)
