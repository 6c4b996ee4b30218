import socket
from contextlib import closing

import pytest

from services.chassis.http import blocking
from services.chassis.http.blocking import BlockingHttp
from services.chassis.http.exchange import Interrupted, Unreachable
from services.chassis.tests.peer import OK, Peer, answering, read_request, silent

REQUEST = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n"


def client(peer: Peer, *, heals_stale: bool = True) -> BlockingHttp:
    return BlockingHttp(peer.url, connect_timeout_s=1.0, heals_stale=heals_stale)


def test_a_connection_is_used_again() -> None:
    with Peer(answering(OK)) as peer, closing(client(peer)) as http:
        assert [http.send(REQUEST, timeout_s=2.0).body for _ in range(5)] == [b"ok"] * 5
    assert peer.connections == 1


@pytest.mark.parametrize(
    ("answer", "status", "body"),
    [
        pytest.param(OK, 200, b"ok", id="with a length"),
        pytest.param(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", 400, b"", id="empty"),
        pytest.param(b"HTTP/1.1 204 No Content\r\n\r\n", 204, b"", id="without a length"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nt: v\r\n\r\n",
            200,
            b"abcde",
            id="in chunks, with a trailer",
        ),
    ],
)
def test_answers_are_read(answer: bytes, status: int, body: bytes) -> None:
    def slowly(connection: socket.socket, _number: int) -> None:
        while True:
            read_request(connection)
            for at in range(len(answer)):
                connection.sendall(answer[at : at + 1])

    with Peer(slowly) as peer, closing(client(peer)) as http:
        for _ in range(2):
            response = http.send(REQUEST, timeout_s=2.0)
            assert (response.status, response.body) == (status, body)


def close_after_one(connection: socket.socket, _number: int) -> None:
    read_request(connection)
    connection.sendall(OK)


def test_a_connection_that_was_closed_while_idle_is_made_anew() -> None:
    with Peer(close_after_one) as peer, closing(client(peer)) as http:
        assert [http.send(REQUEST, timeout_s=2.0).body for _ in range(3)] == [b"ok"] * 3
    assert peer.connections == 3


def test_a_client_that_must_not_repeat_does_not() -> None:
    with Peer(close_after_one) as peer, closing(client(peer, heals_stale=False)) as http:
        http.send(REQUEST, timeout_s=2.0)
        with pytest.raises(Interrupted):
            http.send(REQUEST, timeout_s=2.0)
    assert peer.connections == 1


def test_an_answer_that_says_close_is_believed() -> None:
    with (
        Peer(answering(b"HTTP/1.1 200 OK\r\nConnection: close\r\ncontent-length: 0\r\n\r\n")) as peer,
        closing(client(peer, heals_stale=False)) as http,
    ):
        for _ in range(2):
            http.send(REQUEST, timeout_s=2.0)
    assert peer.connections == 2


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"SSH-2.0-OpenSSH_9.6\r\n\r\n", id="another protocol"),
        pytest.param(b"HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\n", id="a length that is none"),
        pytest.param(b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n", id="more than anybody sends"),
        pytest.param(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n-5\r\n", id="a negative chunk"),
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\n", id="no length at all"),
        pytest.param(b"HTTP/1.1 \xb2\xb2\xb2 OK\r\n\r\n", id="a status of digits that are none"),
    ],
)
def test_nonsense_is_an_interruption(answer: bytes) -> None:
    with (
        Peer(answering(answer)) as peer,
        closing(client(peer)) as http,
        pytest.raises(Interrupted, match=r"not HTTP|too large|no length"),
    ):
        http.send(REQUEST, timeout_s=2.0)


def endless(connection: socket.socket, _number: int) -> None:
    read_request(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
    while True:
        connection.sendall(b"400\r\n" + b"x" * 1024 + b"\r\n")


def test_chunks_without_end_are_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocking, "MAX_RESPONSE_BYTES", 256 * 1024)
    with Peer(endless) as peer, closing(client(peer)) as http, pytest.raises(Interrupted, match="too large"):
        http.send(REQUEST, timeout_s=2.0)


def half(connection: socket.socket, _number: int) -> None:
    read_request(connection)
    connection.sendall(OK[:-1])


def test_half_an_answer_is_not_asked_for_again() -> None:
    with Peer(half) as peer, closing(client(peer)) as http, pytest.raises(Interrupted, match="closed"):
        http.send(REQUEST, timeout_s=2.0)
    assert peer.connections == 1


def test_silence_ends_in_time_and_is_not_repeated() -> None:
    with Peer(silent) as peer, closing(client(peer)) as http, pytest.raises(Interrupted, match="in time"):
        http.send(REQUEST, timeout_s=0.05)
    assert peer.connections == 1


def test_nobody_there_is_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    with pytest.raises(Unreachable):
        BlockingHttp(f"http://127.0.0.1:{port}", connect_timeout_s=1.0, heals_stale=True).send(REQUEST, timeout_s=1.0)


@pytest.mark.parametrize("origin", ["127.0.0.1:80", "ftp://host", "http://"])
def test_an_origin_that_is_none_is_refused(origin: str) -> None:
    with pytest.raises(ValueError, match="is no origin"):
        BlockingHttp(origin, connect_timeout_s=1.0, heals_stale=True)
