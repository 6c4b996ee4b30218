"""A doorway answers the users it was made for, one request after the other, and cuts what is too large."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus

import pytest

from infrastructure.embedded.host.doorway import Doorway, HttpConnection, HttpRequest

pytestmark = pytest.mark.anyio

NOBODY = 65_534


def echo(connection: HttpConnection, request: HttpRequest) -> None:
    said = f"{request.method} {request.path} {request.headers.get('x-a', '')} {len(request.body)}"
    connection.answer(HTTPStatus.OK, said.encode())


@asynccontextmanager
async def doorway(
    users: set[int], limit: int = 10, request: Callable[[HttpConnection, HttpRequest], None] = echo
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection to one."""
    made = Doorway("a test's program", users, request, limit=limit)
    host, _, port = (await made.serve()).partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        yield reader, writer
    finally:
        writer.close()
        made.close()
        made.close()


async def answer(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    [length] = [line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")]
    return await reader.readexactly(int(length.rpartition(b":")[2]))


async def test_requests_of_one_connection_are_answered_in_order() -> None:
    async with doorway({os.getuid()}) as (reader, writer):
        writer.write(b"GET /a?b HTTP/1.1\r\nX-A: 1\r\n\r\nPUT /c HTTP/1.1\r\nContent-Length: 3\r\n\r\nxyz")
        assert [await answer(reader), await answer(reader)] == [b"GET /a?b 1 0", b"PUT /c  3"]


async def test_a_longer_body_comes_cut_off_a_byte_longer_than_the_limit() -> None:
    async with doorway({os.getuid()}, limit=10) as (reader, writer):
        writer.write(b"POST / HTTP/1.1\r\nContent-Length: 5000\r\n\r\n" + b"x" * 5000)
        assert await answer(reader) == b"POST /  11"


@pytest.mark.parametrize(
    "sent",
    [b"no HTTP at all\r\n\r\n", b"GET /" + b"a" * 70_000, b"GET / HTTP/1.1\r\nX: " + b"a" * 70_000 + b"\r\n\r\n"],
    ids=["not-http", "endless-path", "endless-header"],
)
async def test_what_is_no_request_is_cut(sent: bytes) -> None:
    async with doorway({os.getuid()}) as (reader, writer):
        writer.write(sent)
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await answer(reader)


async def test_another_user_is_not_answered() -> None:
    heard: list[HttpRequest] = []
    async with doorway({NOBODY}, request=lambda _, request: heard.append(request)) as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await answer(reader)
    assert not heard
