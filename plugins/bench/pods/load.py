"""Requests at a steady rate to one address, each by a connection of its own: how many failed."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

_REQUEST = b"GET / HTTP/1.1\r\nhost: web\r\nconnection: close\r\n\r\n"
_PATIENCE_S = 5.0


@dataclass(slots=True)
class Offered:
    """What came of the requests so far."""

    asked: int = 0
    failed: int = 0


@asynccontextmanager
async def offered(host: str, port: int, per_s: float) -> AsyncIterator[Offered]:
    """Requests go on as long as the block runs, whether or not earlier ones are answered (an open model)."""
    seen, under_way = Offered(), set[asyncio.Task[None]]()

    async def one() -> None:
        seen.asked += 1
        if not await _is_answered(host, port):
            seen.failed += 1

    async def all_of_them() -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            task = asyncio.create_task(one())
            under_way.add(task)
            task.add_done_callback(under_way.discard)
            due += 1 / per_s
            await asyncio.sleep(max(due - loop.time(), 0))

    going = asyncio.create_task(all_of_them())
    try:
        yield seen
    finally:
        going.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await going
        await asyncio.gather(*under_way)


async def _is_answered(host: str, port: int) -> bool:
    try:
        async with asyncio.timeout(_PATIENCE_S):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(_REQUEST)
                return (await reader.read()).startswith(b"HTTP/1.1 200 ")
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return False
