"""MongoDB's wire protocol, framing only: OP_MSG both ways, and OP_QUERY for the greeting of old handshakes.

Source: https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/ and the specification of OP_MSG.
"""

import asyncio
import itertools
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import bson
from bson.codec_options import CodecOptions

Document = dict[str, Any]

MOST_BYTES = 48_000_000
"""Of a message, as the greeting says."""
_HEADER = struct.Struct("<iiii")
_INT = struct.Struct("<i")
_OP_REPLY, _OP_QUERY, _OP_MSG = 1, 2004, 2013
_CHECKSUM_PRESENT, _MORE_TO_COME, _EXHAUST_ALLOWED = 1, 1 << 1, 1 << 16
_REQUIRED_BITS = 0xFFFF
_MOST_SECTIONS = 16
_CODEC: "CodecOptions[Document]" = CodecOptions(tz_aware=True)
_numbers = itertools.count(1)


class Malformed(ConnectionError):
    """What came is no message of the protocol: the connection is of no use any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One request. `body` is the command, its document sequences put in under their names."""

    number: int
    body: Document
    is_query: bool = False
    """Asked as OP_QUERY, and to be answered so."""
    wants_answer: bool = True
    may_exhaust: bool = False
    """Whether the client takes a stream of answers to this one request."""


async def read(reader: asyncio.StreamReader, most_bytes: int = MOST_BYTES) -> Message:
    """The next request; `Malformed` for what is none, `IncompleteReadError` at the end."""
    length, number, _, code = _HEADER.unpack(await reader.readexactly(_HEADER.size))
    if not _HEADER.size < length <= most_bytes:
        raise Malformed(f"a message of {length} bytes; the most is {most_bytes}")
    content = await reader.readexactly(length - _HEADER.size)
    try:
        if code == _OP_MSG:
            return _of_msg(number, content)
        if code == _OP_QUERY:
            return _of_query(number, content)
    except (struct.error, IndexError, ValueError, bson.errors.BSONError, RecursionError) as problem:
        raise Malformed(f"a message cannot be read: {problem}") from problem
    raise Malformed(f"operation {code} is not provided")


def _of_msg(number: int, content: bytes) -> Message:
    (flags,) = _INT.unpack_from(content)
    unknown = flags & _REQUIRED_BITS & ~(_CHECKSUM_PRESENT | _MORE_TO_COME)
    if unknown:
        raise Malformed(f"unknown required flags {unknown:#x}")
    end = len(content) - (_INT.size if flags & _CHECKSUM_PRESENT else 0)
    body: Document | None = None
    sequences: dict[str, list[Document]] = {}
    at = _INT.size
    while at < end:
        if len(sequences) >= _MOST_SECTIONS:
            raise Malformed("too many sections")
        kind, (size,) = content[at], _INT.unpack_from(content, at + 1)
        part = content[at + 1 : at + 1 + size]
        if not _INT.size < size == len(part) or at + 1 + size > end:
            raise Malformed("a section reaches beyond its message")
        if kind == 0 and body is None:
            body = bson.decode(part, _CODEC)
        elif kind == 1:
            name, documents = _sequence(part)
            sequences.setdefault(name, documents)
        else:
            raise Malformed(f"section kind {kind} where there is none")
        at += 1 + size
    if body is None:
        raise Malformed("a message without a body")
    return Message(
        number=number,
        body={**body, **sequences},
        wants_answer=not flags & _MORE_TO_COME,
        may_exhaust=bool(flags & _EXHAUST_ALLOWED),
    )


def _sequence(part: bytes) -> tuple[str, list[Document]]:
    end = part.index(b"\0", _INT.size)
    return part[_INT.size : end].decode(), bson.decode_all(part[end + 1 :], _CODEC)


def _of_query(number: int, content: bytes) -> Message:
    end = content.index(b"\0", _INT.size)
    database, _, collection = content[_INT.size : end].decode().partition(".")
    if collection != "$cmd":
        raise Malformed("OP_QUERY asks for commands alone")
    at = end + 1 + 2 * _INT.size
    (size,) = _INT.unpack_from(content, at)
    return Message(number=number, body={**bson.decode(content[at : at + size], _CODEC), "$db": database}, is_query=True)


def encoded(document: Mapping[str, Any]) -> bytes:
    """A document as it goes into an answer."""
    return bson.encode(document)


def answer(to: int, document: bytes, *, is_query: bool = False, has_more: bool = False) -> tuple[int, bytes]:
    """The number and the bytes of an answer to request `to`; after one that `has_more` comes another by itself."""
    number = next(_numbers) & 0x7FFFFFFF
    if is_query:
        content = struct.pack("<iqii", 8, 0, 0, 1) + document  # 8: AwaitCapable
        return number, _HEADER.pack(_HEADER.size + len(content), number, to, _OP_REPLY) + content
    content = struct.pack("<iB", _MORE_TO_COME if has_more else 0, 0) + document
    return number, _HEADER.pack(_HEADER.size + len(content), number, to, _OP_MSG) + content


def request(document: Mapping[str, Any]) -> bytes:
    """A command as a client sends it."""
    return answer(0, encoded(document))[1]
