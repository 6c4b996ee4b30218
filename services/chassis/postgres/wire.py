"""PostgreSQL's frontend/backend protocol, version 3: the messages that a short-lived client needs. Pure, no I/O.

Source: PostgreSQL manual, chapter 55 "Frontend/Backend Protocol". Values travel as text, both ways.
"""

import struct
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

_PROTOCOL: Final = 196608
_SSL_REQUEST: Final = struct.pack("!ii", 8, 80877103)
MAX_MESSAGE_BYTES: Final = 64 * 1024 * 1024

STALE: Final = frozenset({"25006", "57P01", "57P02", "57P03", "57P05", "53300"})
"""The server is a standby, shuts down, has crashed, starts up, cut an idle session, is full: try another connection."""

Row = tuple[str | None, ...]


class DatabaseError(Exception):
    """What was asked was not done, or it is not known whether it was."""


class DatabaseRefused(DatabaseError):
    """The server refused. `sqlstate` is its code (manual, appendix A)."""

    def __init__(self, sqlstate: str, message: str) -> None:
        super().__init__(f"{message} (SQLSTATE {sqlstate})")
        self.sqlstate = sqlstate

    @property
    def is_stale(self) -> bool:
        """The connection is at fault, not the statement: drop it, and ask on another."""
        return self.sqlstate in STALE or self.sqlstate.startswith("08")

    @property
    def is_password(self) -> bool:
        """The server does not take the password, or not the user."""
        return self.sqlstate in ("28P01", "28000")

    @property
    def is_of_values(self) -> bool:
        """The values are at fault (data exception, integrity constraint): asking again gets the same answer."""
        return self.sqlstate[:2] in ("22", "23")


class Lost(DatabaseError):
    """There is no connection, or no longer: whether what was under way has happened is unknown."""


class Query(NamedTuple):
    """One statement with `$1`, `$2` … and their values as text."""

    sql: str
    values: tuple[str | None, ...] = ()


def ssl_request() -> bytes:
    """Shall we encrypt? The answer is one byte, `S` or `N`."""
    return _SSL_REQUEST


def startup(user: str, database: str, application: str) -> bytes:
    """The first message of a session."""
    fields = {"user": user, "database": database, "application_name": application, "client_encoding": "UTF8"}
    body = b"".join(_text(part) for pair in fields.items() for part in pair) + b"\0"
    return struct.pack("!ii", len(body) + 8, _PROTOCOL) + body


def sasl_initial(mechanism: str, data: bytes) -> bytes:
    """The chosen mechanism and its first message."""
    return _message(b"p", _text(mechanism) + struct.pack("!i", len(data)) + data)


def sasl_response(data: bytes) -> bytes:
    """A further message of the mechanism."""
    return _message(b"p", data)


def simple(sql: str) -> bytes:
    """A script, as one transaction of its own unless it says otherwise."""
    return _message(b"Q", _text(sql))


def parse(name: str, sql: str) -> bytes:
    """Prepare `sql` as `name`, for as long as the session lasts."""
    return _message(b"P", _text(name) + _text(sql) + b"\0\0")


def bind_and_execute(name: str, values: Sequence[str | None]) -> bytes:
    """Run the prepared statement `name`; its rows follow."""
    encoded = b"".join(_value(value) for value in values)
    bound = _message(b"B", b"\0" + _text(name) + b"\0\0" + struct.pack("!h", len(values)) + encoded + b"\0\0")
    return bound + _message(b"E", b"\0" + b"\0\0\0\0")


def sync() -> bytes:
    """End of a batch: what came since the last one commits now, together."""
    return _message(b"S", b"")


def terminate() -> bytes:
    """The end of a session."""
    return _message(b"X", b"")


class Inbox:
    """Cuts the bytes that arrive into messages."""

    def __init__(self) -> None:
        self._got = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Type and body of each message that is now complete; `Lost` when the other side speaks something else."""
        self._got += data
        while len(self._got) >= 5:
            (size,) = struct.unpack_from("!i", self._got, 1)
            if not 4 <= size <= MAX_MESSAGE_BYTES:
                raise Lost("the other side does not speak PostgreSQL's protocol")
            if len(self._got) < size + 1:
                return
            kind, body = bytes(self._got[:1]), bytes(self._got[5 : size + 1])
            del self._got[: size + 1]
            yield kind, body


def read_error(body: bytes) -> DatabaseRefused:
    """The error in an ErrorResponse."""
    fields = {part[:1]: part[1:].decode("utf-8", "replace") for part in body.split(b"\0") if part}
    return DatabaseRefused(fields.get(b"C", "XX000"), fields.get(b"M", "no message"))


def read_row(body: bytes) -> Row:
    """The values of a DataRow."""
    (count,) = struct.unpack_from("!h", body)
    values: list[str | None] = []
    at = 2
    for _ in range(count):
        (size,) = struct.unpack_from("!i", body, at)
        at += 4
        values.append(None if size < 0 else body[at : at + size].decode())
        at += max(size, 0)
    return tuple(values)


def read_parameter(body: bytes) -> tuple[str, str]:
    """Name and value of a ParameterStatus."""
    name, value, *_ = body.decode("utf-8", "replace").split("\0")
    return name, value


def _message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body


def _text(text: str) -> bytes:
    if "\0" in text:
        raise ValueError("PostgreSQL's text cannot hold a zero byte")
    return text.encode() + b"\0"


def _value(value: str | None) -> bytes:
    if value is None:
        return b"\xff\xff\xff\xff"
    encoded = value.encode()
    return struct.pack("!i", len(encoded)) + encoded
