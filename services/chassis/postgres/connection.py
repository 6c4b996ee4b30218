"""One connection to PostgreSQL, blocking, for a Lambda sandbox: a batch is one transaction and one round trip.

psycopg needs 100 ms of CPU to be imported on an idle machine and 250 on a busy one, and fifty cold starts at once would
queue for it; this takes a few. The pure part is in `postgres_wire`, the proof of the password in `scram`.
"""

import os
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Final, NamedTuple
from urllib.parse import parse_qs, urlsplit

from services.chassis.postgres import wire
from services.chassis.postgres.scram import Scram, ScramError
from services.chassis.postgres.wire import DatabaseRefused, Inbox, Lost, Query, Row

SSL_MODES: Final = ("disable", "require", "verify-full")
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
_MECHANISM: Final = "SCRAM-SHA-256"
_PORT: Final = 5432


class Address(NamedTuple):
    """Where a database is. `ssl_mode` and `root_certificate` (a file) as in libpq: `require` checks its issuer, too."""

    host: str
    port: int
    database: str
    ssl_mode: str
    root_certificate: str | None

    @classmethod
    def read(cls, url: str) -> "Address":
        """From `postgresql://host:port/database?sslmode=…&sslrootcert=…`; encrypted unless on this machine."""
        parts = urlsplit(url)
        asked = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        database = parts.path.lstrip("/")
        if parts.scheme not in ("postgresql", "postgres") or not parts.hostname or not database:
            raise ValueError("must be like postgresql://host:5432/database")
        mode = asked.get("sslmode", "disable" if parts.hostname in _LOOPBACK else "require")
        if mode not in SSL_MODES:
            raise ValueError(f"sslmode must be one of {', '.join(SSL_MODES)}")
        certificate = asked.get("sslrootcert")
        if certificate is not None and not os.access(certificate, os.R_OK):
            raise ValueError(f"sslrootcert: {certificate} cannot be read; it must be a file with certificates (PEM)")
        return cls(
            host=parts.hostname,
            port=parts.port or _PORT,
            database=database,
            ssl_mode=mode,
            root_certificate=certificate,
        )


class Login(NamedTuple):
    """Who connects."""

    user: str
    password: str


class DatabaseConnection:
    """A session. After `Lost`, or a refusal that `is_stale`, it is of no more use: close it."""

    def __init__(self, made: socket.socket, timeout_s: float | None) -> None:
        self._socket = made
        self._timeout_s = timeout_s
        self._inbox = Inbox()
        self._prepared: dict[str, str] = {}
        self._names = 0
        self._parameters: dict[str, str] = {}

    @classmethod
    def open(cls, address: Address, login: Login, *, timeout_s: float | None, application: str) -> "DatabaseConnection":
        """A session as `login`, ready for statements, within `timeout_s`; `DatabaseRefused`, `Lost`."""
        try:
            made = socket.create_connection((address.host, address.port), timeout=timeout_s)
        except OSError as error:
            raise Lost(f"no connection to {address.host}:{address.port}: {error}") from error
        connection = cls(made, timeout_s)
        try:
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection._encrypt(address)
            connection._start(address, login, application)
        except OSError as error:
            connection.close()
            raise Lost(f"the connection to {address.host}:{address.port} broke: {error}") from error
        except BaseException:
            connection.close()
            raise
        return connection

    @property
    def is_standby(self) -> bool:
        """Whether this session reached a server that was replaying another's log when it began."""
        return self._parameters.get("in_hot_standby") == "on"

    def run(self, *queries: Query, timeout_s: float | None) -> list[list[Row]]:
        """Run `queries` in one transaction, unless they say BEGIN, and in one round trip: each one's rows.

        Nothing is kept when one of them is `DatabaseRefused`. After `Lost`, or one that `is_stale`, it may have been.
        """
        new: dict[str, str] = {}
        request = b"".join(self._asked(query, new) for query in queries) + wire.sync()
        self._timeout_s = timeout_s
        results = self._exchange(request)
        self._prepared.update(new)
        return results

    def script(self, sql: str, *, timeout_s: float | None) -> None:
        """Run several statements without values as one transaction; `DatabaseRefused`, `Lost`."""
        self._timeout_s = timeout_s
        self._exchange(wire.simple(sql))

    def close(self) -> None:
        """Say good-bye if that is still possible."""
        with suppress(OSError):
            self._socket.settimeout(0.1)
            self._socket.sendall(wire.terminate())
        self._socket.close()

    def _asked(self, query: Query, new: dict[str, str]) -> bytes:
        """Prepared when it is met for the first time: the server need not plan it again."""
        name = self._prepared.get(query.sql) or new.get(query.sql)
        if name is not None:
            return wire.bind_and_execute(name, query.values)
        self._names += 1
        name = new[query.sql] = f"s{self._names}"
        return wire.parse(name, query.sql) + wire.bind_and_execute(name, query.values)

    def _exchange(self, request: bytes) -> list[list[Row]]:
        """Send, and read until the server is ready again."""
        try:
            return self._read_results(request)
        except TimeoutError:
            raise Lost(f"no answer from the database within {self._timeout_s:.3g} s") from None
        except OSError as error:
            raise Lost(f"the connection to the database broke: {error}") from error

    def _read_results(self, request: bytes) -> list[list[Row]]:
        results: list[list[Row]] = []
        rows: list[Row] = []
        refused: DatabaseRefused | None = None
        for kind, body in self._conversation(request):
            if kind == b"D":
                rows.append(wire.read_row(body))
            elif kind in (b"C", b"I"):  # a statement is complete, or was empty
                results.append(rows)
                rows = []
            elif kind == b"E":
                refused = refused or wire.read_error(body)
            elif kind == b"Z":
                if body != b"I":  # a transaction of the caller's own is left open, or broken
                    self._read_results(wire.simple("ROLLBACK"))
                break
        if refused is not None:
            raise refused
        return results

    def _conversation(self, request: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Send `request`; what comes back, message by message, for as long as the caller wants more.

        A server that ends a session says why before it closes: that is raised in place of the broken connection.
        """
        ends_at = None if self._timeout_s is None else time.monotonic() + self._timeout_s
        last_words: DatabaseRefused | None = None
        try:
            self._socket.settimeout(self._timeout_s)
            self._socket.sendall(request)
        except ConnectionError:  # it has closed already; what it sent before can still be read
            pass
        while True:
            try:
                data = self._receive(ends_at)
            except ConnectionError:
                data = b""
            if not data:
                raise last_words or Lost("the database closed the connection")
            for kind, body in self._inbox.feed(data):
                if kind == b"E":
                    last_words = wire.read_error(body)
                yield kind, body

    def _receive(self, ends_at: float | None) -> bytes:
        if ends_at is not None:
            left = ends_at - time.monotonic()
            if left <= 0:
                raise TimeoutError
            self._socket.settimeout(left)
        return self._socket.recv(65536)

    def _encrypt(self, address: Address) -> None:
        if address.ssl_mode == "disable":
            return
        self._socket.sendall(wire.ssl_request())
        answer = self._socket.recv(1)
        if not answer:
            raise Lost(f"{address.host}:{address.port} closed the connection when it was asked to encrypt")
        if answer != b"S":
            raise Lost(f"{address.host}:{address.port} does not encrypt; sslmode=disable would go on without")
        import ssl  # 8 ms, which a cold start on one machine would pay for nothing

        context = ssl.create_default_context(cafile=address.root_certificate)
        if address.ssl_mode == "require":
            context.check_hostname = False
            if address.root_certificate is None:
                context.verify_mode = ssl.CERT_NONE  # as libpq: encrypted, but whoever answers
        self._socket = context.wrap_socket(self._socket, server_hostname=address.host)

    def _start(self, address: Address, login: Login, application: str) -> None:
        scram = Scram(login.password)
        for kind, body in self._conversation(wire.startup(login.user, address.database, application)):
            if kind == b"R":
                self._authenticate(scram, body)
            elif kind == b"S":
                name, value = wire.read_parameter(body)
                self._parameters[name] = value
            elif kind == b"E":
                raise wire.read_error(body)
            elif kind == b"Z":
                return

    def _authenticate(self, scram: Scram, body: bytes) -> None:
        """One step of AuthenticationSASL, …Continue, …Final, Ok (manual, 55.7)."""
        step, data = int.from_bytes(body[:4], "big"), body[4:]
        try:
            if step == 10:
                if _MECHANISM.encode() not in data.split(b"\0"):
                    raise DatabaseRefused("28000", f"the server does not offer {_MECHANISM}")
                self._socket.sendall(wire.sasl_initial(_MECHANISM, scram.first()))
            elif step == 11:
                self._socket.sendall(wire.sasl_response(scram.final(data)))
            elif step == 12:
                scram.verify(data)
            elif step != 0:
                raise DatabaseRefused(
                    "28000", f"the server wants a password by method {step}; only {_MECHANISM} is spoken"
                )
            elif not scram.is_proven:
                raise DatabaseRefused("28000", "the server lets us in without showing that it knows the password")
        except ScramError as wrong:
            raise DatabaseRefused("28000", str(wrong)) from wrong
