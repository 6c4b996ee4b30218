"""One request to an ASGI application without a server, and the answer to it."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field

from starlette.types import ASGIApp, Message, Scope


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
