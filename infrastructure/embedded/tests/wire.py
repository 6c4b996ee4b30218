"""A small HTTP client and server for tests of the data plane: nothing hidden, every connection in sight."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from infrastructure.embedded.network.envoy.model import LOOPBACK, Endpoint

DEADLINE_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def seen(self) -> dict[str, str]:
        """The request's headers as the target saw them, names in lower case."""
        headers: dict[str, str] = json.loads(self.body)["headers"]
        return headers

    @property
    def by(self) -> str:
        """Which target answered."""
        return str(json.loads(self.body)["by"])


async def send(writer: asyncio.StreamWriter, path: str, method: str, headers: Mapping[str, str]) -> None:
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    writer.write("\r\n".join(lines).encode())
    await writer.drain()


async def receive(reader: asyncio.StreamReader) -> Response:
    status_line, headers = await _head(reader)
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Response(status=int(status_line.split()[1]), headers=headers, body=body)


async def _head(reader: asyncio.StreamReader) -> tuple[str, dict[str, str]]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    first, *lines = head.split("\r\n")
    pairs = (line.split(":", 1) for line in lines if line)
    return first, {name.strip().lower(): value.strip() for name, value in pairs}


async def request(
    port: int,
    path: str = "/",
    *,
    method: str = "GET",
    host: str = "shop.example",
    headers: Mapping[str, str] | None = None,
    source: str = LOOPBACK,
) -> Response:
    """One request on a connection of its own, which comes from the address `source`."""
    async with asyncio.timeout(DEADLINE_S):
        reader, writer = await asyncio.open_connection(LOOPBACK, port, local_addr=(source, 0))
        try:
            await send(writer, path, method, {"Host": host, **(headers or {}), "Connection": "close"})
            return await receive(reader)
        finally:
            writer.close()


async def eventually(condition: Callable[[], Awaitable[bool]]) -> None:
    """Return once `condition` holds; an effect on the wire sends no event, so it is asked for again and again."""
    async with asyncio.timeout(DEADLINE_S):
        while not await condition():  # noqa: ASYNC110  there is no event to wait for
            await asyncio.sleep(0.002)


@dataclass(slots=True, kw_only=True, eq=False)
class Target:
    """An HTTP server that answers with what it saw. `/hang` waits for `release`, `/reset` cuts the connection.

    `status` is what it answers everything with; `counts` how many requests of each path it got.
    """

    name: str
    status: int = 200
    port: int = 0
    release: asyncio.Event = field(default_factory=asyncio.Event)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint(LOOPBACK, self.port)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                first, headers = await _head(reader)
                path = first.split()[1]
                self.counts[path] = self.counts.get(path, 0) + 1
                self.arrived.set()
                if path == "/reset":
                    writer.transport.abort()
                    return
                if path == "/hang":
                    await self.release.wait()
                body = json.dumps({"by": self.name, "path": path, "headers": headers}).encode()
                writer.write(f"HTTP/1.1 {self.status} X\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body)
        except (asyncio.IncompleteReadError, ConnectionError):
            return  # the client has gone
        finally:
            writer.close()


@asynccontextmanager
async def target(name: str = "one", *, status: int = 200) -> AsyncIterator[Target]:
    """A running target; its connections are cut at the end."""
    served = Target(name=name, status=status)
    handlers: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        handler = asyncio.create_task(served.serve(reader, writer))
        handlers.add(handler)
        handler.add_done_callback(handlers.discard)

    server = await asyncio.start_server(accept, LOOPBACK, 0)
    served.port = server.sockets[0].getsockname()[1]
    try:
        yield served
    finally:
        server.close()
        for handler in tuple(handlers):
            handler.cancel()
        await asyncio.gather(*handlers, return_exceptions=True)
