import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chassis.postgres import wire
from services.chassis.postgres.connection import Address
from services.chassis.postgres.wire import DatabaseRefused, Inbox, Lost


def message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body


@given(
    messages=st.lists(st.tuples(st.sampled_from([b"D", b"E", b"Z"]), st.binary(max_size=40)), max_size=8),
    cuts=st.lists(st.integers(1, 9), min_size=1, max_size=20),
)
def test_messages_come_out_however_the_bytes_arrive(messages: list[tuple[bytes, bytes]], cuts: list[int]) -> None:
    stream = b"".join(message(kind, body) for kind, body in messages)
    inbox, at, turn = Inbox(), 0, 0
    found: list[tuple[bytes, bytes]] = []
    while at < len(stream):
        size = cuts[turn % len(cuts)]
        found += inbox.feed(stream[at : at + size])
        at, turn = at + size, turn + 1
    assert found == messages


@pytest.mark.parametrize("noise", [b"HTTP/1.1 400 Bad Request\r\n", b"Z\x00\x00\x00\x00", b"D\xff\xff\xff\xff"])
def test_another_protocol_is_noticed(noise: bytes) -> None:
    with pytest.raises(Lost, match="does not speak"):
        list(Inbox().feed(noise))


@given(st.lists(st.none() | st.text(), max_size=6))
def test_rows_are_read(values: list[str | None]) -> None:
    body = struct.pack("!h", len(values))
    for value in values:
        body += struct.pack("!i", -1) if value is None else struct.pack("!i", len(value.encode())) + value.encode()
    assert wire.read_row(body) == tuple(values)


@pytest.mark.parametrize(
    ("sqlstate", "is_stale", "is_password"),
    [
        pytest.param("25006", True, False, id="a standby"),
        pytest.param("57P01", True, False, id="going down"),
        pytest.param("57P03", True, False, id="starting up"),
        pytest.param("08006", True, False, id="connection failure"),
        pytest.param("53300", True, False, id="too many connections"),
        pytest.param("28P01", False, True, id="password"),
        pytest.param("23514", False, False, id="check violation"),
        pytest.param("57014", False, False, id="cancelled"),
    ],
)
def test_a_refusal_says_what_is_at_fault(sqlstate: str, is_stale: bool, is_password: bool) -> None:
    refused = wire.read_error(b"SFATAL\0C" + sqlstate.encode() + b"\0Mbecause\0\0")
    assert (refused.sqlstate, refused.is_stale, refused.is_password) == (sqlstate, is_stale, is_password)
    assert str(refused) == f"because (SQLSTATE {sqlstate})"


def test_a_refusal_without_fields_is_still_one() -> None:
    assert isinstance(wire.read_error(b"\0"), DatabaseRefused)


def test_a_zero_byte_cannot_end_a_text_early() -> None:
    with pytest.raises(ValueError, match="zero byte"):
        wire.simple("SELECT 1\0; DROP TABLE x")


@pytest.mark.parametrize(
    ("url", "mode", "port"),
    [
        pytest.param("postgresql://127.0.0.1:5433/cafe", "disable", 5433, id="on this machine"),
        pytest.param("postgresql://db.example.com/cafe", "require", 5432, id="elsewhere"),
        pytest.param("postgres://db.example.com/cafe?sslmode=verify-full", "verify-full", 5432, id="as asked for"),
    ],
)
def test_an_address_is_encrypted_unless_it_is_here(url: str, mode: str, port: int) -> None:
    address = Address.read(url)
    assert (address.ssl_mode, address.port, address.database) == (mode, port, "cafe")


@pytest.mark.parametrize("url", ["", "mysql://h/d", "postgresql:///d", "postgresql://h", "postgresql://h/d?sslmode=x"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="must be"):
        Address.read(url)
