"""A connection that speaks Redis's own protocol, just enough to run a server: commands out, replies in.

redis-py does this and far more, at 0.36 CPU-seconds of import in a daemon that has to be up within seconds.
Source: https://redis.io/docs/latest/develop/reference/protocol-spec/ (RESP2)
"""

import asyncio
from collections.abc import Mapping
from typing import TypeAlias

from infrastructure.embedded.engines.dialogue import Dialogue
from infrastructure.errors import EnvironmentFault

Reply: TypeAlias = str | int | list["Reply"] | None

_MOST_REPLY_BYTES = 16 * 1024 * 1024


class RespError(EnvironmentFault):
    """The server refused a command; the text is its own."""


class RespConnection(Dialogue):
    """One connection."""

    refusal = RespError

    @classmethod
    async def open(
        cls, host: str, port: int, user: str = "default", password: str = "", timeout_s: float = 2.0
    ) -> "RespConnection":
        """Connected, and authenticated if a password is given; `RespError` when it is wrong.

        `OSError` or `TimeoutError` when nobody answers.
        """
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_connection(host, port)
        connection = cls(reader, writer)
        if password:
            try:
                await connection.call("AUTH", user, password, timeout_s=timeout_s)
            except BaseException:
                connection.close()
                raise
        return connection

    async def call(self, *words: str | int, timeout_s: float = 2.0) -> Reply:
        """The reply; `RespError` when the command is refused, `OSError` or `TimeoutError` when the server is gone."""
        parts = [str(word).encode() for word in words]
        message = b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%b\r\n" % (len(p), p) for p in parts)
        return await self._ask(message, self._reply, timeout_s)

    async def info(self) -> Mapping[str, str]:
        """INFO, all of its default sections as one mapping."""
        text = str(await self.call("INFO"))
        return dict(line.split(":", 1) for line in text.splitlines() if ":" in line and not line.startswith("#"))

    async def _reply(self) -> Reply:
        line = (await self._line()).decode()
        kind, rest = line[:1], line[1:]
        if kind == "-":
            raise RespError(rest)
        if kind == "+":
            return rest
        if kind == ":":
            return int(rest)
        if kind == "$":
            return await self._bulk(int(rest))
        if kind == "*":
            return None if rest == "-1" else [await self._reply() for _ in range(int(rest))]
        raise ConnectionError(f"this is no Redis reply: {line[:80]!r}")

    async def _bulk(self, length: int) -> str | None:
        if length < 0:
            return None
        if length > _MOST_REPLY_BYTES:
            raise ConnectionError(f"a reply of {length} bytes is more than a command of ours can have")
        body = await self._exactly(length + 2)
        return body[:-2].decode(errors="replace")

    async def _line(self) -> bytes:
        line = await self._reader.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("the server closed the connection")
        return line[:-2]
