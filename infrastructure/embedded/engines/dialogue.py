"""A connection to a server of ours on which one question waits for its answer at a time."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from infrastructure.errors import EnvironmentFault

Answer = TypeVar("Answer")


class Dialogue:
    """The streams of a protocol. `refusal` is what it raises when the server answers, and answers no."""

    refusal: type[EnvironmentFault]

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._lock = asyncio.Lock()

    async def _ask(self, message: bytes, read: Callable[[], Awaitable[Answer]], timeout_s: float) -> Answer:
        """What `read` makes of the answer; `OSError` or `TimeoutError` when the server is gone.

        The connection is closed then: what is still to come belongs to a question nobody waits for.
        """
        if self.is_closed:
            raise ConnectionError("the connection is closed")
        async with self._lock, asyncio.timeout(timeout_s):
            try:
                self._writer.write(message)
                await self._writer.drain()
                return await read()
            except self.refusal:
                raise
            except BaseException:
                self.close()
                raise

    async def _exactly(self, count: int) -> bytes:
        try:
            return await self._reader.readexactly(count)
        except asyncio.IncompleteReadError as cut:
            raise ConnectionError("the server closed the connection") from cut

    @property
    def is_closed(self) -> bool:
        return self._writer.is_closing()

    def close(self) -> None:
        self._writer.close()
