"""The platform's way to a server: what it is to be, and how it does. Clients share its port, not its token."""

import asyncio
from typing import Any

import bson

from infrastructure.embedded.engines.dialogue import Dialogue
from infrastructure.embedded.engines.documents import wire
from infrastructure.embedded.engines.documents.role import State
from infrastructure.embedded.network.envoy.model import LOOPBACK
from infrastructure.errors import EnvironmentFault

_HEADER_BYTES = 16
_PREFIX_BYTES = 5
"""Flags and kind, before the document."""
_MOST_BYTES = 1 << 20


class OrderError(EnvironmentFault):
    """The server answered, and does not obey."""


class Orders(Dialogue):
    """A connection to one server."""

    refusal = OrderError

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, token: str) -> None:
        super().__init__(reader, writer)
        self._token = token

    @classmethod
    async def open(cls, port: int, token: str, timeout_s: float = 2.0) -> "Orders":
        """`OSError` or `TimeoutError` when nobody answers."""
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_connection(LOOPBACK, port)
        return cls(reader, writer, token)

    async def give(self, state: State | None = None, timeout_s: float = 5.0) -> dict[str, Any]:
        """Have the server be that; its figures. `OSError` or `TimeoutError` when it does not answer."""
        asked = {"state": state.packed()} if state is not None else {}
        order = {"cafeOrder": 1, "token": self._token, "$db": "admin", **asked}
        return await self._ask(wire.request(order), self._answer, timeout_s)

    async def _answer(self) -> dict[str, Any]:
        header = await self._exactly(_HEADER_BYTES)
        length = int.from_bytes(header[:4], "little")
        if not _HEADER_BYTES + _PREFIX_BYTES < length <= _MOST_BYTES:
            raise ConnectionError(f"an answer of {length} bytes is none of a document server's")
        answer = bson.decode((await self._exactly(length - _HEADER_BYTES))[_PREFIX_BYTES:])
        if not answer.get("ok"):
            raise OrderError(f"a document server refused an order: {answer.get('errmsg')}")
        return answer
