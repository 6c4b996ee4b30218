"""A PostgreSQL of our own for a test module: no cluster, no daemon, a password as Aurora's master user has one."""

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from infrastructure.embedded.host import binaries, launcher, reach
from infrastructure.embedded.host.users import idle_system_user

MASTER, PASSWORD = "cafe", "a password"
SCHEMA = """
    CREATE SCHEMA payment;
    CREATE TABLE payment.captures (
        order_id text PRIMARY KEY,
        authorization_id text NOT NULL UNIQUE,
        customer_id text,
        store_id text,
        amount_cents bigint CHECK (amount_cents > 0),
        captured_at timestamptz DEFAULT clock_timestamp()
    );
    CREATE TABLE payment.ledger_entries (
        order_id text REFERENCES payment.captures,
        account text,
        amount_cents bigint,
        PRIMARY KEY (order_id, account)
    );
    CREATE SCHEMA loyalty;
    CREATE TABLE loyalty.accounts (
        customer_id text PRIMARY KEY,
        balance bigint,
        earned bigint
    );
    CREATE TABLE loyalty.ledger (
        entry_id text PRIMARY KEY,
        customer_id text REFERENCES loyalty.accounts,
        points bigint,
        total_cents bigint,
        sequence bigint GENERATED ALWAYS AS IDENTITY
    );
    CREATE SCHEMA inventory;
    CREATE TABLE inventory.stock (
        store_id text,
        item_id text,
        available bigint NOT NULL,
        reserved bigint NOT NULL,
        PRIMARY KEY (store_id, item_id)
    );
    CREATE TABLE inventory.reservations (
        order_id text PRIMARY KEY,
        store_id text,
        items jsonb NOT NULL,
        status text NOT NULL,
        expires_at timestamptz
    );
    CREATE TABLE inventory.stock_entries (
        seq bigint GENERATED ALWAYS AS IDENTITY,
        order_id text,
        kind text,
        store_id text,
        item_id text,
        quantity bigint NOT NULL,
        PRIMARY KEY (order_id, kind, store_id, item_id)
    );
"""
"""As the services make it, without what keeps entries balanced and stock above 0: tests unbalance them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """`url` names no user, as the platform's endpoint does not."""

    url: str

    def connect(self) -> psycopg.Connection:
        return psycopg.connect(self.url, user=MASTER, password=PASSWORD, autocommit=True)

    def clear(self, *, schema: bool = True) -> None:
        """As new, with the ledgers' tables or without."""
        with self.connect() as connection:
            connection.execute("DROP SCHEMA IF EXISTS payment, loyalty, inventory CASCADE")
            if schema:
                connection.execute(SCHEMA.encode())


@contextmanager
def database() -> Iterator[Database]:
    """A server on a free port until the end of the block. PostgreSQL refuses root, so another runs it for root."""
    folder = Path(tempfile.mkdtemp(prefix="cafe-books-"))
    try:
        user = pwd.getpwnam(idle_system_user()) if os.getuid() == 0 else None
        if user:
            os.chown(folder, user.pw_uid, user.pw_gid)
        port = _free_port()
        _initialise(folder, user)
        with _running(folder, port, user):
            with psycopg.connect(_url(port, "postgres"), user=MASTER, password=PASSWORD, autocommit=True) as connection:
                connection.execute("CREATE DATABASE cafe")
            yield Database(url=_url(port, "cafe"))
    finally:
        shutil.rmtree(folder)


def _initialise(folder: Path, user: pwd.struct_passwd | None) -> None:
    secret = folder / "password"
    secret.write_text(PASSWORD)
    secret.chmod(0o644)
    how = ("--auth", "scram-sha-256", "--username", MASTER, "--pwfile", str(secret))
    looks = ("--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync")
    initdb = _as_user(user, binaries.postgres_tool("initdb"), "--pgdata", str(folder / "data"), *how, *looks)
    subprocess.run(initdb, check=True, capture_output=True, cwd=folder)


@contextmanager
def _running(folder: Path, port: int, user: pwd.struct_passwd | None) -> Iterator[None]:
    settings = (f"port={port}", "listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off")
    options = (option for setting in settings for option in ("-c", setting))
    command = _as_user(user, binaries.find("postgres").path, "-D", str(folder / "data"), *options)
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, cwd=folder, text=True) as server:
        assert server.stderr is not None
        lines = []
        for line in server.stderr:
            lines.append(line)
            if "ready to accept connections" in line:
                break
        else:
            raise AssertionError(f"PostgreSQL did not start: {''.join(lines)}")
        try:
            yield
        finally:
            with contextlib.suppress(ProcessLookupError):
                server.kill()


def _as_user(user: pwd.struct_passwd | None, program: Path, *arguments: str) -> list[str]:
    """Under a user that PostgreSQL accepts, and no longer than this process."""
    numbers, shown = ((user.pw_uid, user.pw_gid), reach.needed_by(str(program))) if user else ((), ())
    return [*launcher.words(numbers, shown), str(program), *arguments]


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _url(port: int, name: str) -> str:
    return f"postgresql://127.0.0.1:{port}/{name}"
