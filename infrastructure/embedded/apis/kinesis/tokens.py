"""Shard iterators and page tokens: what a caller gives back says where to go on, and for how long it holds.

Nothing but what was given out is taken, as on AWS, where they are encrypted; here a checksum tells.
"""

import base64
import binascii
import zlib

HOLDS_S = 300.0
"""Source: API Reference, GetShardIterator ("expires 5 minutes after it is returned"), ListShards (NextToken)."""
_VERSION = b"\x01"


def made(kind: str, *parts: object) -> str:
    """A token of its kind; no part holds a `/`."""
    text = "/".join((kind, *map(str, parts))).encode()
    return base64.b64encode(_VERSION + zlib.crc32(text).to_bytes(4, "big") + text).decode()


def read(kind: str, token: str) -> list[str]:
    """The parts of a token; `ValueError` for one that is not of that kind."""
    try:
        raw = base64.b64decode(token, validate=True)
    except binascii.Error as problem:
        raise ValueError(f"no {kind}: {token[:40]!r}") from problem
    text = raw[5:]
    if raw[:1] != _VERSION or zlib.crc32(text) != int.from_bytes(raw[1:5], "big"):
        raise ValueError(f"no {kind}: {token[:40]!r}")
    found, *parts = text.decode().split("/")
    if found != kind:
        raise ValueError(f"no {kind}, but a {found}")
    return parts
