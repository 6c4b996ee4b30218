"""A connection that speaks PostgreSQL's own protocol, just enough to run a server: one statement out, its rows in.

psycopg does this and far more, at 0.25 CPU-seconds of import in a daemon that has to be up within seconds. Connects to
the abstract unix socket only, where the kernel says who we are (`peer`), so no password is ever asked.
Source: https://www.postgresql.org/docs/current/protocol.html (version 3.0)
"""

import asyncio
import socket
import struct
from collections.abc import Mapping

from infrastructure.embedded.engines.dialogue import Dialogue
from infrastructure.errors import EnvironmentFault

Row = tuple[str | None, ...]

_PROTOCOL = 3 << 16
_MOST_MESSAGE_BYTES = 16 * 1024 * 1024


class PostgresError(EnvironmentFault):
    """The server refused a statement or a connection; the text is its own, `sqlstate` the five characters of its code.

    Source of the codes: https://www.postgresql.org/docs/current/errcodes-appendix.html
    """

    def __init__(self, fields: Mapping[str, str]) -> None:
        self.sqlstate = fields.get("C", "")
        super().__init__(f"{fields.get('M', 'PostgreSQL gave no reason')} (SQLSTATE {self.sqlstate})")


class PostgresConnection(Dialogue):
    """One connection."""

    refusal = PostgresError

    @classmethod
    async def open(
        cls, address: str, user: str, database: str = "postgres", timeout_s: float = 2.0
    ) -> "PostgresConnection":
        """Connected and ready. `address` is the socket's, NUL first as it is abstract.

        `PostgresError` when the server turns us away (57P03 while it starts), `OSError` or `TimeoutError` when nobody
        answers.
        """
        endpoint = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        endpoint.setblocking(False)
        try:
            async with asyncio.timeout(timeout_s):
                await asyncio.get_running_loop().sock_connect(endpoint, address)
                reader, writer = await asyncio.open_unix_connection(sock=endpoint)
        except BaseException:
            endpoint.close()
            raise
        connection = cls(reader, writer)
        try:
            async with asyncio.timeout(timeout_s):
                await connection._greet(user, database)
        except BaseException:
            connection.close()
            raise
        return connection

    async def query(self, statement: str, timeout_s: float = 2.0) -> list[Row]:
        """The rows as text, empty for a statement without any; `PostgresError` when it is refused.

        `OSError` or `TimeoutError` when the server is gone.
        """
        body = statement.encode() + b"\0"
        return await self._ask(b"Q" + struct.pack("!i", len(body) + 4) + body, self._rows, timeout_s)

    async def value(self, statement: str, timeout_s: float = 2.0) -> str:
        """The first column of the first row, empty for NULL; otherwise as `query`."""
        return (await self.query(statement, timeout_s))[0][0] or ""

    async def _greet(self, user: str, database: str) -> None:
        options = {"user": user, "database": database, "application_name": "rdsadmin", "client_encoding": "UTF8"}
        body = struct.pack("!i", _PROTOCOL) + b"".join(f"{k}\0{v}\0".encode() for k, v in options.items()) + b"\0"
        self._writer.write(struct.pack("!i", len(body) + 4) + body)
        await self._rows()

    async def _rows(self) -> list[Row]:
        """Read on until the server is ready for the next statement."""
        rows: list[Row] = []
        refusal: PostgresError | None = None
        while True:
            kind, body = await self._message()
            match kind:
                case b"D":
                    rows.append(_row(body))
                case b"E":
                    refusal = PostgresError(_fields(body))
                    if _fields(body).get("V") in ("FATAL", "PANIC"):  # the server hangs up after this
                        self.close()
                        raise refusal
                case b"R" if body[:4] != b"\0\0\0\0":
                    raise ConnectionError("the server asks for a password; on its unix socket it knows us by our user")
                case b"Z":
                    if refusal is not None:
                        raise refusal
                    return rows

    async def _message(self) -> tuple[bytes, bytes]:
        kind, length = struct.unpack("!ci", await self._exactly(5))
        if not 4 <= length <= _MOST_MESSAGE_BYTES:
            raise ConnectionError(f"this is no PostgreSQL message: {kind!r} of {length} bytes")
        return kind, await self._exactly(length - 4)


def _row(body: bytes) -> Row:
    (count,) = struct.unpack_from("!h", body)
    at, values = 2, list[str | None]()
    for _ in range(count):
        (length,) = struct.unpack_from("!i", body, at)
        at += 4
        values.append(None if length < 0 else body[at : at + length].decode())
        at += max(length, 0)
    return tuple(values)


def _fields(body: bytes) -> dict[str, str]:
    """An error's fields by their letters: V severity, C code, M message."""
    return {part[:1].decode(): part[1:].decode(errors="replace") for part in body.split(b"\0") if part}


def literal(text: str) -> str:
    """`text` as a string in SQL, whatever it holds."""
    doubled = text.replace("'", "''")
    return "E'" + doubled.replace("\\", "\\\\") + "'" if "\\" in text else f"'{doubled}'"


def identifier(name: str) -> str:
    """`name` as a quoted name in SQL."""
    return '"' + name.replace('"', '""') + '"'
