"""Answers that go on for a while: every part is sent when it is there, and who listens no more ends it."""

import asyncio
import socket
from collections.abc import AsyncGenerator

import pytest

from infrastructure.embedded.gateway.call import Answer, HttpRequest
from infrastructure.embedded.gateway.listener import HttpServer

pytestmark = pytest.mark.anyio


class Source:
    """Gives a part, waits to be asked for another, and knows whether it was ended."""

    def __init__(self) -> None:
        self.more = asyncio.Event()
        self.ended = asyncio.Event()

    async def answer(self, _request: HttpRequest) -> Answer:
        return Answer(status=200, headers={"content-type": "text/plain"}, stream=self._parts())

    async def _parts(self) -> AsyncGenerator[bytes, None]:
        try:
            yield b"first\n"
            await self.more.wait()
            yield b"second\n"
        finally:
            self.ended.set()


async def _opened(source: Source) -> tuple[HttpServer, asyncio.StreamReader, asyncio.StreamWriter]:
    server = HttpServer(source.answer, limit_of=lambda _head: 10)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    await server.serve(port)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /logs?follow=true HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n")
    head = await reader.readuntil(b"\r\n\r\n")
    assert b"transfer-encoding: chunked" in head.lower()
    return server, reader, writer


async def _part(reader: asyncio.StreamReader) -> bytes:
    """One chunk."""
    size = int(await reader.readline(), 16)
    body = await reader.readexactly(size + 2)
    return body[:-2]


async def test_a_part_is_sent_before_the_next_one_is_there() -> None:
    source = Source()
    server, reader, writer = await _opened(source)
    try:
        assert await asyncio.wait_for(_part(reader), 5) == b"first\n"
        source.more.set()
        assert await asyncio.wait_for(_part(reader), 5) == b"second\n"
        assert await asyncio.wait_for(_part(reader), 5) == b""
        assert source.ended.is_set()
    finally:
        writer.close()
        await server.close()


async def test_who_goes_away_ends_what_streams() -> None:
    source = Source()
    server, reader, writer = await _opened(source)
    assert await asyncio.wait_for(_part(reader), 5) == b"first\n"
    writer.close()
    await asyncio.wait_for(source.ended.wait(), 5)
    await server.close()


async def test_the_servers_end_ends_what_still_streams() -> None:
    source = Source()
    server, reader, writer = await _opened(source)
    assert await asyncio.wait_for(_part(reader), 5) == b"first\n"
    await server.close()
    assert source.ended.is_set()
    writer.close()
