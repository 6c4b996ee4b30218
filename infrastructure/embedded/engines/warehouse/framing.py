"""Messages between the daemon and a warehouse's process: JSON objects, each after its length in four bytes."""

import asyncio
from collections.abc import Mapping
from typing import Any

import orjson

TOKEN = "WAREHOUSE_TOKEN"  # noqa: S105 - the variable's name
"""Where a warehouse finds the token that clients prove themselves by."""
_MOST_BYTES = 64 << 20
"""Of one message: a statement has 100 KB, and results go by files."""


class Malformed(ConnectionError):
    """What came is no message of ours: the connection is of no use any more."""


def packed(message: Mapping[str, Any]) -> bytes:
    """The message as it goes over the wire."""
    body = orjson.dumps(message)
    return len(body).to_bytes(4, "big") + body


async def read(reader: asyncio.StreamReader) -> dict[str, Any]:
    """The next message; `ConnectionError` when there is none any more."""
    return await read_on(reader, *await beginning(reader))


async def beginning(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """The length of the next message, and its first four bytes."""
    try:
        return int.from_bytes(await reader.readexactly(4), "big"), await reader.readexactly(4)
    except asyncio.IncompleteReadError as cut:
        raise ConnectionError("the warehouse closed the connection") from cut


async def read_on(reader: asyncio.StreamReader, length: int, first: bytes) -> dict[str, Any]:
    """The message that begins so."""
    if not len(first) <= length <= _MOST_BYTES:
        raise Malformed(f"no message of ours has {length} bytes")
    try:
        found = orjson.loads(first + await reader.readexactly(length - len(first)))
    except asyncio.IncompleteReadError as cut:
        raise ConnectionError("the warehouse closed the connection") from cut
    except orjson.JSONDecodeError as problem:
        raise Malformed(f"a message is no JSON: {problem}") from problem
    if not isinstance(found, dict):
        raise Malformed("a message is no JSON object")
    return found
