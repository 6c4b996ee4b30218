"""The head of a request: how long it may be, and whom it may name."""

import pytest

from infrastructure.embedded.gateway.listener import HEAD_LIMIT
from infrastructure.embedded.gateway.tests.served_plane import serving
from infrastructure.embedded.tests.control import run


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(b"GET / HTTP/1.1\r\nhost: localhost\r\nx: " + b"a" * (8 << 20), id="a-header-without-end"),
        pytest.param(b"GET /" + b"a" * (8 << 20), id="a-path-without-end"),
        pytest.param(
            b"GET / HTTP/1.1\r\nhost: localhost\r\n" + b"h: v\r\n" * 20_000 + b"\r\n", id="more-headers-than-it-takes"
        ),
        pytest.param(b"GET / HTTP/1.1\r\nhost: localhost\r\nx: " + b"a" * HEAD_LIMIT + b"\r\n\r\n", id="one-too-long"),
    ],
)
def test_a_head_is_bounded(head: bytes) -> None:
    async def scenario() -> None:
        async with serving() as (_, client):
            reply = await client.send(head)
            assert reply.status == 431
            assert str(HEAD_LIMIT).encode() in reply.body

    run(scenario())


def test_a_body_does_not_count_as_head() -> None:
    """Neither its own nor that of the request before, when both arrive at once."""

    async def scenario() -> None:
        async with serving() as (_, client):
            body = b"x" * (1 << 20)
            first = f"POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body
            assert (await client.send(first + b"GET /_cafe/ecs-meta")).status == 403  # unsigned
            header = b"x: " + b"a" * (HEAD_LIMIT - 100)
            assert (await client.send(b"data/v4/ HTTP/1.1\r\nhost: localhost\r\n" + header + b"\r\n\r\n")).status == 200

    run(scenario())


@pytest.mark.parametrize("first", ["localhost", "rebound.example"])
def test_a_request_to_two_hosts_is_refused(first: str) -> None:
    async def scenario() -> None:
        async with serving() as (_, client):
            hosts = f"host: {first}\r\nhost: localhost\r\n"
            assert (await client.send(f"GET /_cafe/ecs-metadata/v4/ HTTP/1.1\r\n{hosts}\r\n".encode())).status == 400

    run(scenario())
