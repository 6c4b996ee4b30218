"""Small HTTP servers in the place of menu and inventory, in the same event loop as whoever asks them."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from services.chassis.http.peer import Peer
from services.chassis.resilience.breaker import Breaker
from services.chassis.resilience.budget import Timeouts
from services.chassis.web.health import Dependencies

PATIENT = Timeouts(connect_s=1.0, read_s=3.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request as it arrived."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def document(self) -> object:
        return json.loads(self.body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """One answer. A `status` of 0 is none at all: the connection stays open and silent."""

    status: int = 200
    document: object = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def raw(self) -> bytes:
        body = b"" if self.document is None else json.dumps(self.document).encode()
        length = [] if self.status == 304 else [f"content-length: {len(body)}"]
        lines = [f"HTTP/1.1 {self.status} X", *length, *(f"{name}: {value}" for name, value in self.headers.items())]
        return "\r\n".join([*lines, "", ""]).encode() + body


Handler = Callable[[Asked], Answered | Awaitable[Answered]]


class Server:
    """Answers by `handler`, and remembers what it was asked."""

    def __init__(self, handler: Handler) -> None:
        self.handler = handler
        self.asked: list[Asked] = []
        self.url = ""
        self._serving: dict[asyncio.StreamWriter, asyncio.Task[None] | None] = {}

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["Server"]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield self
        finally:
            server.close()
            for writer in self._serving:
                writer.close()
            await asyncio.gather(*(task for task in self._serving.values() if task is not None))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._serving[writer] = asyncio.current_task()
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError), contextlib.closing(writer):
            while True:
                asked = await _request(reader)
                self.asked.append(asked)
                given = self.handler(asked)
                answer = given if isinstance(given, Answered) else await given
                if answer.status:
                    writer.write(answer.raw())

    def peer(self, name: str, *, timeouts: Timeouts = PATIENT, breaker: Breaker | None = None) -> Peer:
        return Peer(name, self.url, timeouts, Dependencies(name), breaker)


async def _request(reader: asyncio.StreamReader) -> Asked:
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().rstrip().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    method, path, _ = first.split(" ")
    return Asked(method=method, path=path, headers=headers, body=body)
