"""Messages of an event stream, the binary framing in which some operations answer for as long as they go on.

Source: Smithy documentation, "Amazon Event Stream Specification": prelude (two lengths and their CRC), headers,
payload, CRC of all before it.
"""

import struct
import zlib
from collections.abc import Mapping

CONTENT_TYPE = "application/vnd.amazon.eventstream"
_PRELUDE = struct.Struct(">II")
_CRC = struct.Struct(">I")
_STRING = 7
"""Type of a header whose value is text."""


def message(headers: Mapping[str, str], payload: bytes = b"") -> bytes:
    """One message; all headers are text."""
    head = b"".join(_header(name.encode(), value.encode()) for name, value in headers.items())
    prelude = _PRELUDE.pack(_PRELUDE.size + 2 * _CRC.size + len(head) + len(payload), len(head))
    framed = prelude + _CRC.pack(zlib.crc32(prelude)) + head + payload
    return framed + _CRC.pack(zlib.crc32(framed))


def event(name: str, payload: bytes, content_type: str) -> bytes:
    """An event of the operation's stream; `initial-response` has the members of its output."""
    return message({":message-type": "event", ":event-type": name, ":content-type": content_type}, payload)


def exception(code: str, payload: bytes, content_type: str) -> bytes:
    """The end of a stream by an error that the operation's model names."""
    return message({":message-type": "exception", ":exception-type": code, ":content-type": content_type}, payload)


def _header(name: bytes, value: bytes) -> bytes:
    return bytes((len(name),)) + name + struct.pack(">BH", _STRING, len(value)) + value
