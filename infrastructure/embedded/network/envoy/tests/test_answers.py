"""What a target learns of a request, and what a client is told when no target answers, are as on AWS."""

import asyncio
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from infrastructure.embedded.network.envoy.model import Endpoint, Upstream
from infrastructure.embedded.network.envoy.tests.data_plane import Plane, running, to, upstream_of
from infrastructure.embedded.tests.wire import Target, request, target
from infrastructure.state import StateFolder


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plane]:
    with running(StateFolder.of("test", tmp_path_factory.mktemp("envoy"))) as plane:
        yield plane


def test_a_target_learns_who_asked(plane: Plane) -> None:
    async def test() -> None:
        async with target() as one:
            upstream = Upstream(name="one", endpoints=(one.endpoint,))
            async with plane.http(to("one"), upstreams=(upstream,)) as port:
                seen = (await request(port, source="127.0.0.7", headers={"X-Forwarded-For": "203.0.113.9"})).seen
                assert re.split(", ?", seen["x-forwarded-for"]) == ["203.0.113.9", "127.0.0.7"]
                assert (seen["x-forwarded-proto"], seen["x-forwarded-port"]) == ("http", "80")
                assert seen["host"] == "shop.example"
                assert not [name for name in seen if name.startswith(("x-envoy", "x-cafe"))]

    plane.run(test())


NEW_ID = r"1-[0-9a-f]{8}-[0-9a-f]{24}"


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        pytest.param(None, f"Root={NEW_ID}", id="none"),
        pytest.param("Root=1-1-a", f"Self={NEW_ID};Root=1-1-a", id="root-is-kept"),
        pytest.param("Root=1-1-a;Self=1-2-b;Parent=c", f"Self={NEW_ID};Root=1-1-a;Parent=c", id="self-is-renewed"),
        pytest.param("tenant=7", f"Root={NEW_ID};tenant=7", id="fields-are-kept"),
    ],
)
def test_every_request_carries_a_trace_id(plane: Plane, sent: str | None, expected: str) -> None:
    async def test() -> None:
        async with target() as one:
            upstream = Upstream(name="one", endpoints=(one.endpoint,))
            async with plane.http(to("one"), upstreams=(upstream,)) as port:
                seen = (await request(port, headers={} if sent is None else {"X-Amzn-Trace-Id": sent})).seen
                assert re.fullmatch(expected, seen["x-amzn-trace-id"])

    plane.run(test())


def test_trace_ids_differ(plane: Plane) -> None:
    async def test() -> None:
        async with target() as one:
            upstream = Upstream(name="one", endpoints=(one.endpoint,))
            async with plane.http(to("one"), upstreams=(upstream,)) as port:
                ids = [(await request(port)).seen["x-amzn-trace-id"] for _ in range(50)]
                assert len(set(ids)) == len(ids)

    plane.run(test())


def test_a_client_cannot_steer_the_proxy(plane: Plane) -> None:
    """Envoy would obey x-envoy-* headers: retry twice, or give up after a millisecond."""

    async def test() -> None:
        async with target(status=500) as one:
            upstream = Upstream(name="one", endpoints=(one.endpoint,))
            async with plane.http(to("one"), upstreams=(upstream,)) as port:
                steering = {"x-envoy-max-retries": "2", "x-envoy-retry-on": "5xx"}
                assert (await request(port, "/once", headers=steering)).status == 500
                assert one.counts == {"/once": 1}

    plane.run(test())


@contextmanager
def full_backlog() -> Iterator[int]:
    """The port of a listening socket whose queue is full: further connection attempts get no answer."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listening:
        port = int(listening.getsockname()[1])
        waiting = [socket.socket() for _ in range(3)]
        for client in waiting:
            client.setblocking(False)
            client.connect_ex(("127.0.0.1", port))
        yield port
        for client in waiting:
            client.close()


def refused_port() -> int:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        return int(closed.getsockname()[1])


@pytest.mark.parametrize(
    ("path", "endpoints", "status"),
    [
        pytest.param("/", lambda _: (), 503, id="no-target"),
        pytest.param("/", lambda _: (Endpoint("127.0.0.1", refused_port()),), 502, id="target-refuses"),
        pytest.param("/reset", lambda one: (one.endpoint,), 502, id="target-cuts-the-connection"),
        pytest.param("/hang", lambda one: (one.endpoint,), 504, id="target-says-nothing"),
    ],
)
def test_a_missing_answer_is_the_status_an_alb_gives(
    plane: Plane, path: str, endpoints: Callable[[Target], tuple[Endpoint, ...]], status: int
) -> None:
    async def test() -> None:
        async with target() as one:
            upstream = Upstream(name="one", endpoints=endpoints(one))
            async with plane.http(to("one"), upstreams=(upstream,), idle_s=0.2) as port:
                response = await request(port, path)
                assert response.status == status
                assert response.headers["server"] == "awselb/2.0"
                assert f"<title>{status} ".encode() in response.body

    plane.run(test())


def test_a_target_that_does_not_accept_is_504(plane: Plane) -> None:
    async def test() -> None:
        with full_backlog() as port_of_target:
            upstream = Upstream(name="full", endpoints=(Endpoint("127.0.0.1", port_of_target),), connect_timeout_s=0.2)
            async with plane.http(to("full"), upstreams=(upstream,)) as port:
                assert (await request(port)).status == 504

    plane.run(test())


def test_an_http_1_0_client_is_served(plane: Plane) -> None:
    async def test() -> None:
        async with target() as one, plane.http(to("group"), upstreams=(upstream_of(one),)) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET / HTTP/1.0\r\n\r\n")
            async with asyncio.timeout(5):
                assert (await reader.read()).startswith(b"HTTP/1.0 200 ")
            writer.close()

    plane.run(test())


def test_an_idle_connection_is_closed_at_once_and_not_left_open_unheard(plane: Plane) -> None:
    """Envoy's own rule takes six seconds more, and answers nothing that comes in the last of them."""

    async def test() -> None:
        async with target() as one, plane.http(to("group"), upstreams=(upstream_of(one),), idle_s=0.2) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            async with asyncio.timeout(5):
                answer = await reader.read()
            assert answer.startswith(b"HTTP/1.1 200 ")
            assert b"connection: close" not in answer.lower()
            writer.close()

    plane.run(test())
