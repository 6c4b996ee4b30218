"""A service's routes without a server, one request to them, and the answer to it."""

import json
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from fastapi import FastAPI
from starlette.types import ASGIApp, Message, Scope

from services.chassis.aws.json_apis import Json
from services.chassis.web import api
from services.chassis.web.gateway import Gateway, Limits
from services.chassis.web.health import Dependencies
from services.chassis.web.traffic import Traffic

DEFAULTS = Limits()


@dataclass
class Answer:
    """What came back."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def document(self) -> dict[str, object]:
        return dict(json.loads(self.body))

    @property
    def pointers(self) -> set[str]:
        """Where a problem document complains."""
        errors = self.document.get("errors")
        return {str(error["pointer"]) for error in errors} if isinstance(errors, list) else set()


class OneSecret:
    """Secrets Manager that says the same of every secret."""

    def __init__(self, secret: str) -> None:
        self._secret = secret

    async def call(self, operation: str, parameters: Json) -> Json:
        return {"SecretString": self._secret}


def surface(route: str, add: Callable[[FastAPI], object], *, title: str, limits: Limits = DEFAULTS) -> Gateway:
    """The application of a service as its requests see it: what `add` gives it below `route`, behind a gateway."""
    traffic = Traffic()
    app = api.create(
        title=title, version="1", route=route, lifespan=_lives, dependencies=Dependencies(), traffic=traffic
    )
    add(app)
    return Gateway(app, traffic=traffic, observe=lambda _: None, is_internal=lambda _: False, limits=limits)


@asynccontextmanager
async def _lives(_app: object) -> AsyncIterator[None]:
    yield


async def ask(
    app: ASGIApp, method: str, path: str, body: bytes = b"", headers: Iterable[tuple[str, str]] = ()
) -> Answer:
    """What `app` answers; `path` may go on with a query."""
    answer = Answer()

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            answer.status = message["status"]
            answer.headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in message["headers"]}
        else:
            answer.body += message.get("body", b"")

    await app(_scope(method, path, headers), receive, send)
    return answer


def _scope(method: str, path: str, headers: Iterable[tuple[str, str]]) -> Scope:
    path, _, query = path.partition("?")
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": query.encode(),
        "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
