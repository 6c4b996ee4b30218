"""Whoever speaks PostgreSQL's protocol at a cluster's endpoint is told, in it, that statements come by the Data API.

Source: PostgreSQL documentation, "Frontend/Backend Protocol", "Message Formats" (SSLRequest, StartupMessage,
ErrorResponse)
"""

import asyncio

_START = (196_608).to_bytes(4, "big")
_ENCRYPTIONS = frozenset(code.to_bytes(4, "big") for code in (80_877_103, 80_877_104))
"""SSLRequest and GSSENCRequest: asked for before the start, and declined by one letter."""
_MOST_BYTES = 10_000
"""Of a start, as in PostgreSQL."""
_TEXT = "not provided by the embedded cloud: PostgreSQL's protocol; run statements with the Redshift Data API"


def is_stranger(code: bytes) -> bool:
    """Whether a connection that begins with four bytes of length, and then these, is one of PostgreSQL's."""
    return code == _START or code in _ENCRYPTIONS


async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, length: int, code: bytes) -> None:
    """Tell it. `length` and `code` are what it began with; `ConnectionError` or `IncompleteReadError` when it goes."""
    while code in _ENCRYPTIONS:
        writer.write(b"N")
        length, code = int.from_bytes(await reader.readexactly(4), "big"), await reader.readexactly(4)
    if code == _START and 8 <= length <= _MOST_BYTES:
        await reader.readexactly(length - 8)
        fields = b"SFATAL\0VFATAL\0C0A000\0M" + _TEXT.encode() + b"\0\0"
        writer.write(b"E" + (len(fields) + 4).to_bytes(4, "big") + fields)
        await writer.drain()
