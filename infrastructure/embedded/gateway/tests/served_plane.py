"""A control plane that serves, and one connection to it."""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from infrastructure.embedded.gateway.call import Answer
from infrastructure.embedded.gateway.control_plane import ControlPlane
from infrastructure.embedded.gateway.pages import ECS_METADATA, json_answer
from infrastructure.embedded.gateway.signing.credentials import Credentials, Keyring
from infrastructure.embedded.gateway.signing.sigv4 import Signer
from infrastructure.embedded.tests.control import ACCOUNT, OPERATOR, REGION, ROUTER, fresh_backends


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Client:
    """One connection, kept open."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer

    async def ask(
        self,
        method: str,
        path: str,
        headers: dict[str, str] | None = None,
        body: bytes = b"",
        *,
        length: int | None = None,
    ) -> Reply:
        given = {"host": "127.0.0.1", "content-length": str(len(body) if length is None else length), **(headers or {})}
        head = "".join(f"{name}: {value}\r\n" for name, value in given.items())
        return await self.send(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + body, is_head=method == "HEAD")

    async def send(self, request: bytes, *, is_head: bool = False) -> Reply:
        """The answer to these bytes, whatever they are."""
        self.writer.write(request)
        lines = (await self._reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        found = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:] if line)}
        size = 0 if is_head else int(found["content-length"])
        return Reply(int(lines[0].split()[1]), found, await self._reader.readexactly(size))

    async def signed(
        self,
        service: str,
        method: str,
        path: str,
        headers: dict[str, str] | None = None,
        body: bytes = b"",
        *,
        region: str = REGION,
        keys: Credentials = OPERATOR,
    ) -> Reply:
        """The answer to a request that is signed for `service`."""
        given = {"host": "127.0.0.1", **(headers or {})}
        signed = Signer(keys, service, region).sign(method, path, given, body, time.time())
        return await self.ask(method, path, signed, body)

    async def aws(self, service: str, target: str, parameters: dict[str, Any], **signing: Any) -> Reply:
        """The answer to a call of a JSON protocol."""
        headers = {"x-amz-target": target, "content-type": "application/x-amz-json-1.0"}
        return await self.signed(service, "POST", "/", headers, json.dumps(parameters).encode(), **signing)

    async def page(self, path: str, method: str = "GET") -> Reply:
        """The answer to a request for one of the daemon's own pages."""
        return await self.signed("cafe", method, path)


@asynccontextmanager
async def serving(changes: list[str] | None = None, **more: Any) -> AsyncIterator[tuple[ControlPlane, Client]]:
    backends = more.get("backends") or fresh_backends()

    async def page(query: dict[str, str]) -> bytes | Answer:
        return json_answer(418, {"name": query["name"]}) if "name" in query else b"{}"

    plane = ControlPlane(
        region=REGION,
        keyring=Keyring(ACCOUNT, OPERATOR),
        router=ROUTER,
        operations=backends.operations,
        interceptors=more.get("interceptors", ()),
        pages={"status": page, ECS_METADATA: page},
        on_mutation=lambda _service, name: (changes if changes is not None else []).append(name),
    )
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    await plane.serve(port)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield plane, Client(reader, writer)
    finally:
        writer.close()
        await plane.close()
