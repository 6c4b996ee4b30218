"""A server that is none of ours, or lies about who it is. What a real one does is in payment's tests."""

import socket
import struct

import pytest

from services.chassis.postgres.connection import Address, DatabaseConnection, Login
from services.chassis.postgres.wire import DatabaseRefused
from services.chassis.tests.peer import Peer, Script

LOGIN = Login(user="cafe", password="pencil")
READY = b"Z\0\0\0\x05I"


def authentication(step: int, data: bytes = b"") -> bytes:
    return b"R" + struct.pack("!ii", 8 + len(data), step) + data


def open_at(peer: Peer) -> DatabaseConnection:
    address = Address.read(f"postgresql://127.0.0.1:{peer.port}/cafe")
    return DatabaseConnection.open(address, LOGIN, timeout_s=2.0, application="test")


def lets_anybody_in(connection: socket.socket, _number: int) -> None:
    connection.recv(65536)
    connection.sendall(authentication(0) + READY)


def skips_its_own_proof(connection: socket.socket, _number: int) -> None:
    connection.recv(65536)
    connection.sendall(authentication(10, b"SCRAM-SHA-256\0\0"))
    nonce = connection.recv(65536).partition(b"r=")[2].decode()
    connection.sendall(authentication(11, f"r={nonce}theirs,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096".encode()))
    connection.recv(65536)
    connection.sendall(authentication(0) + READY)


def wants_it_in_the_clear(connection: socket.socket, _number: int) -> None:
    connection.recv(65536)
    connection.sendall(authentication(3))
    assert not connection.recv(65536).startswith(b"p"), "the password was sent"


@pytest.mark.parametrize(
    ("script", "why"),
    [
        pytest.param(lets_anybody_in, "without showing that it knows", id="lets anybody in"),
        pytest.param(skips_its_own_proof, "without showing that it knows", id="skips its own proof"),
        pytest.param(wants_it_in_the_clear, "only SCRAM-SHA-256 is spoken", id="wants the password in the clear"),
    ],
)
def test_a_server_that_does_not_show_that_it_knows_the_password_gets_no_order(script: Script, why: str) -> None:
    with Peer(script) as peer, pytest.raises(DatabaseRefused, match=why) as raised:
        open_at(peer)
    assert raised.value.is_password
