"""By which of the platform's ports a client came in, as the proxy in front says before the client's first byte.

Source: https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt, version 2 of the header.
"""

import asyncio
import struct

from infrastructure.embedded.engines.documents.wire import Malformed

_SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
_HEADER = struct.Struct(">12sBBH")
_MOST_BYTES = 512
_IPV4 = struct.Struct(">4s4sHH")


async def came_by(reader: asyncio.StreamReader) -> tuple[int, asyncio.StreamReader]:
    """The port, 0 for a client that came straight; and where its first byte is read from."""
    first = await reader.readexactly(4)
    if first != _SIGNATURE[:4]:
        return 0, _again(first, reader)
    signature, command, family, length = _HEADER.unpack(first + await reader.readexactly(_HEADER.size - len(first)))
    if signature != _SIGNATURE or command >> 4 != 2 or length > _MOST_BYTES:
        raise Malformed("no header of the proxy protocol's version 2")
    content = await reader.readexactly(length)
    if command & 0xF == 0 or family != 0x11 or length < _IPV4.size:
        return 0, reader
    return int(_IPV4.unpack_from(content)[3]), reader


def _again(first: bytes, reader: asyncio.StreamReader) -> asyncio.StreamReader:
    return _Again(first, reader)


class _Again(asyncio.StreamReader):
    """A reader some bytes of which were read before."""

    def __init__(self, first: bytes, reader: asyncio.StreamReader) -> None:
        super().__init__()
        self._first = first
        self._below = reader

    async def readexactly(self, n: int) -> bytes:
        first, self._first = self._first[:n], self._first[n:]
        return first + await self._below.readexactly(n - len(first)) if len(first) < n else first

    async def read(self, n: int = -1) -> bytes:
        if self._first:
            first, self._first = self._first, b""
            return first
        return await self._below.read(n)
