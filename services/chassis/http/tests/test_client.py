import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from services.chassis.http.client import HttpPool
from services.chassis.http.exchange import Interrupted, Unreachable

REQUEST = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"

Peer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Server:
    """Hands every connection to `peer`, and counts them."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self.connections = 0
        self.port = 0

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["Server"]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        async with server:
            yield self

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            await self._peer(reader, writer)
        finally:
            writer.close()

    def pool(self, *, heals_stale: bool = True, limit: int = 64) -> HttpPool:
        return HttpPool(f"http://127.0.0.1:{self.port}", connect_timeout_s=1.0, heals_stale=heals_stale, limit=limit)


async def answer_all(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
        while True:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(OK)


async def answer_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(asyncio.IncompleteReadError):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK)
        await reader.readuntil(b"\r\n\r\n")


def saying(answer: bytes) -> Peer:
    async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            await writer.drain()

    return say


async def silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await reader.read()


def test_a_connection_is_used_again() -> None:
    async def talk() -> int:
        async with Server(answer_all).running() as server:
            pool = server.pool()
            for _ in range(5):
                assert (await pool.send(REQUEST, timeout_s=2)).body == b"ok"
            pool.close()
            return server.connections

    assert asyncio.run(talk()) == 1


def test_parallel_requests_get_connections_of_their_own_up_to_the_limit() -> None:
    async def talk() -> int:
        async with Server(answer_all).running() as server:
            pool = server.pool(limit=3)
            await asyncio.gather(*(pool.send(REQUEST, timeout_s=2) for _ in range(20)))
            pool.close()
            return server.connections

    assert 1 <= asyncio.run(talk()) <= 3


@pytest.mark.parametrize(
    ("heals", "connections"), [pytest.param(True, 2, id="healed"), pytest.param(False, 1, id="not")]
)
def test_a_connection_that_was_closed_while_idle_is_replaced_if_that_is_allowed(heals: bool, connections: int) -> None:
    async def talk() -> int:
        async with Server(answer_once).running() as server:
            pool = server.pool(heals_stale=heals)
            await pool.send(REQUEST, timeout_s=2)
            if heals:
                assert (await pool.send(REQUEST, timeout_s=2)).status == 200
            else:
                with pytest.raises(Interrupted):
                    await pool.send(REQUEST, timeout_s=2)
            pool.close()
            return server.connections

    assert connections == asyncio.run(talk())


@pytest.mark.parametrize(
    ("peer", "text"),
    [
        pytest.param(silent, "no answer", id="silence"),
        pytest.param(saying(b"SSH-2.0-OpenSSH\r\n"), "not HTTP", id="another protocol"),
        pytest.param(saying(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf"), "closed", id="half an answer"),
        pytest.param(saying(b""), "closed", id="hang-up"),
    ],
)
def test_what_is_no_answer_leaves_the_outcome_unknown(peer: Peer, text: str) -> None:
    async def talk() -> None:
        async with Server(peer).running() as server:
            pool = server.pool()
            with pytest.raises(Interrupted, match=text):
                await pool.send(REQUEST, timeout_s=0.2)
            pool.close()

    asyncio.run(talk())


def test_a_refused_connection_had_no_effect() -> None:
    async def talk() -> None:
        async with Server(silent).running() as server:
            pool = server.pool()
        with pytest.raises(Unreachable):
            await pool.send(REQUEST, timeout_s=1)

    asyncio.run(talk())


def test_a_late_answer_is_not_taken_for_the_next_one() -> None:
    async def late_first(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            await reader.readuntil(b"\r\n\r\n")
            await released.wait()
            writer.write(b"HTTP/1.1 500 Late\r\ncontent-length: 0\r\n\r\n")
            await reader.readuntil(b"\r\n\r\n")

    async def talk() -> int:
        async with Server(late_first).running() as server:
            pool = server.pool()
            with pytest.raises(Interrupted):
                await pool.send(REQUEST, timeout_s=0.1)
            released.set()
            server._peer = answer_all
            status = (await pool.send(REQUEST, timeout_s=2)).status
            pool.close()
            return status

    released = asyncio.Event()
    assert asyncio.run(talk()) == 200


@pytest.mark.parametrize("origin", ["ftp://host", "127.0.0.1:80", "http://"])
def test_what_is_no_origin_is_refused(origin: str) -> None:
    with pytest.raises(ValueError, match="is no origin"):
        HttpPool(origin, connect_timeout_s=1, heals_stale=True)


@pytest.mark.parametrize("keeps", [False, True])
def test_headers_are_kept_for_whoever_wants_them_and_each_answer_has_its_own(keeps: bool) -> None:
    answers = [
        b'HTTP/1.1 200 OK\r\nETag: "v1"\r\ncontent-length: 2\r\n\r\nok',
        b"HTTP/1.1 304 Not Modified\r\nX-Other: 1\r\n\r\n",
    ]

    async def in_turn(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            for answer in answers:
                await reader.readuntil(b"\r\n\r\n")
                writer.write(answer)
            await reader.read()

    async def talk() -> list[tuple[int, dict[str, str]]]:
        async with Server(in_turn).running() as server:
            origin = f"http://127.0.0.1:{server.port}"
            pool = HttpPool(origin, connect_timeout_s=1.0, heals_stale=True, keeps_headers=keeps)
            got = [await pool.send(REQUEST, timeout_s=2) for _ in answers]
            pool.close()
            return [(each.status, dict(each.headers)) for each in got]

    first, second = asyncio.run(talk())
    assert first == (200, {"etag": '"v1"', "content-length": "2"} if keeps else {})
    assert second == (304, {"x-other": "1"} if keeps else {})
