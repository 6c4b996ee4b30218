"""The ledger's connection to a database that encrypts, and to one that claims to be it."""

import socket
from pathlib import Path

import pytest

from services.chassis.postgres.connection import Address, DatabaseConnection, Login
from services.chassis.postgres.tests.server import PASSWORD, USER, Server
from services.chassis.postgres.wire import DatabaseRefused, Lost, Query
from services.chassis.tests.peer import Peer
from services.payment.tests.encrypting import SSL_REQUEST, certificate, encrypting

LARGE = Query("SELECT repeat($1, 300000)", ("x",))
"""An answer of many TLS records."""


def opened(port: int, options: str) -> DatabaseConnection:
    address = Address.read(f"postgresql://127.0.0.1:{port}/postgres?{options}")
    return DatabaseConnection.open(address, Login(user=USER, password=PASSWORD), timeout_s=5.0, application="test")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Of 127.0.0.1, and of a host that is not it."""
    folder = tmp_path_factory.mktemp("certificates")
    return certificate(folder, "127.0.0.1"), certificate(folder, "192.0.2.1")


@pytest.mark.parametrize("mode", ["require", "verify-full"])
def test_a_database_that_encrypts_is_used(server: Server, certificates: tuple[Path, Path], mode: str) -> None:
    own, _ = certificates
    with encrypting(server.port, own) as endpoint:
        connection = opened(endpoint.port, f"sslmode={mode}&sslrootcert={own}")
        try:
            [[[text]]] = connection.run(LARGE, timeout_s=5.0)
        finally:
            connection.close()
        assert text is not None
        assert len(text) == 300_000
        assert endpoint.connections == 1


@pytest.mark.parametrize(
    ("shown", "trusted"), [(0, 1), (1, 1)], ids=["whose certificate nobody vouches for", "of another name"]
)
def test_verify_full_refuses_a_stranger(
    server: Server, certificates: tuple[Path, Path], shown: int, trusted: int
) -> None:
    options = f"sslmode=verify-full&sslrootcert={certificates[trusted]}"
    with encrypting(server.port, certificates[shown]) as endpoint, pytest.raises(Lost, match="certificate"):
        opened(endpoint.port, options)


def test_require_refuses_a_stranger_too_once_it_is_told_whom_to_trust(
    server: Server, certificates: tuple[Path, Path]
) -> None:
    """As libpq's `require` does with a root certificate: the issuer is checked, the host's name is not."""
    own, other = certificates
    with encrypting(server.port, other) as endpoint:
        with pytest.raises(Lost, match="certificate"):
            opened(endpoint.port, f"sslmode=require&sslrootcert={own}")
        opened(endpoint.port, f"sslmode=require&sslrootcert={other}").close()


def test_a_root_certificate_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """At the start, with the other settings: no waiting for a writer would mend it."""
    with pytest.raises(ValueError, match=r"sslrootcert: .*none\.pem cannot be read; it must be a file"):
        Address.read(f"postgresql://db.example/cafe?sslrootcert={tmp_path / 'none.pem'}")


def test_an_endpoint_that_closes_is_not_taken_for_one_that_does_not_encrypt() -> None:
    def close(connection: socket.socket, _number: int) -> None:
        connection.recv(len(SSL_REQUEST))

    with Peer(close) as closing, pytest.raises(Lost, match="closed the connection"):
        opened(closing.port, "sslmode=require")


def test_a_database_that_does_not_encrypt_gets_no_password(server: Server) -> None:
    with pytest.raises(Lost, match="does not encrypt; sslmode=disable"):
        opened(server.port, "sslmode=require")


def test_the_last_words_of_an_encrypted_session_are_heard(server: Server, certificates: tuple[Path, Path]) -> None:
    own, _ = certificates
    with encrypting(server.port, own) as endpoint:
        connection = opened(endpoint.port, "sslmode=require")
        [[[pid]]] = connection.run(Query("SELECT pg_backend_pid()", ()), timeout_s=5.0)
        server.sql(f"SELECT pg_terminate_backend({pid}, 5000)")
        with pytest.raises(DatabaseRefused, match="57P01") as refused:
            connection.run(LARGE, timeout_s=5.0)
        assert refused.value.is_stale
        connection.close()
