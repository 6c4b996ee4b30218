"""An edge that no security group permits is dark: who connects hears nothing, who is connected goes on."""

import asyncio
import socket
from collections.abc import Iterator
from functools import partial

import pytest

from infrastructure.embedded.network.dark import DarkPorts
from infrastructure.embedded.network.edges import Network, Place
from infrastructure.embedded.network.envoy.model import LOOPBACK, Endpoint
from infrastructure.embedded.network.envoy.tests.data_plane import Plane, running
from infrastructure.embedded.tests.wire import eventually, receive, request, send, target
from infrastructure.state import StateFolder

UNHEARD_S = 0.25
"""On loopback an answer takes microseconds; the kernel knocks again after a second."""


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plane]:
    with running(StateFolder.of("test", tmp_path_factory.mktemp("dark"))) as plane:
        yield plane


async def is_dark(port: int) -> bool:
    """Whether connecting times out; refused, it raises."""
    try:
        async with asyncio.timeout(UNHEARD_S):
            _, writer = await asyncio.open_connection(LOOPBACK, port)
    except TimeoutError:
        return True
    writer.close()
    return False


async def _is_silent(port: int) -> bool:
    try:
        return await is_dark(port)
    except ConnectionError:
        return False  # between two listeners: refused, or reset by the one that goes


async def _is_answered(port: int) -> bool:
    """Envoy listens before it knows who serves, and closes connections until then."""
    try:
        return (await request(port)).by == "store"
    except (ConnectionError, asyncio.IncompleteReadError):
        return False


def test_an_edge_goes_dark_and_comes_back(plane: Plane) -> None:
    async def test() -> None:
        network, rules = Network(plane.envoy, plane.ports), {"app"}
        network.permits = lambda source, target: target.port == 5432 and bool(rules & set(source.groups))
        async with target("store") as store:
            network.stand("order", Place(groups=("app",)))
            network.set_upstream("aurora-writer", (store.endpoint,), Place(groups=("db",), port=5432))
            port = network.edge("order", "aurora-writer").port
            await eventually(partial(_is_answered, port))
            reader, writer = await asyncio.open_connection(LOOPBACK, port)
            await send(writer, "/before", "GET", {"Host": "x"})
            assert (await receive(reader)).by == "store"

            rules.clear()
            network.review()
            await eventually(partial(_is_silent, port))
            assert network.dark() == (("order", "aurora-writer"),)
            await send(writer, "/during", "GET", {"Host": "x"})
            assert (await receive(reader)).by == "store", "a security group is stateful"

            rules.add("app")
            network.review()
            await eventually(partial(_is_answered, port))
            assert network.dark() == ()
            writer.close()
        network.close()

    plane.run(test())


def test_who_waits_at_a_dark_port_gets_in_when_it_comes_back() -> None:
    async def test() -> None:
        dark = DarkPorts()
        with socket.socket() as owner:
            owner.bind((LOOPBACK, 0))
            port = owner.getsockname()[1]
        dark.hold({port})
        await eventually(partial(_is_silent, port))
        waiting = asyncio.create_task(asyncio.open_connection(LOOPBACK, port))
        await asyncio.sleep(0)
        dark.release(())
        server = await asyncio.start_server(lambda _, writer: writer.close(), LOOPBACK, port)
        async with asyncio.timeout(10):
            _, writer = await waiting
        writer.close()
        server.close()

    asyncio.run(test())


@pytest.mark.parametrize(
    ("source", "upstream"),
    [
        pytest.param(Place(), Place(groups=("db",)), id="a-source-without-groups"),
        pytest.param(Place(groups=("app",)), Place(), id="a-target-without-groups"),
    ],
)
def test_what_has_no_groups_is_not_asked_after(plane: Plane, source: Place, upstream: Place) -> None:
    async def test() -> None:
        network = Network(plane.envoy, plane.ports)
        network.permits = lambda _source, _target: False
        network.stand("order", source)
        network.set_upstream("cache", (Endpoint(LOOPBACK, 1),), upstream)
        network.edge("order", "cache")
        assert network.dark() == ()

    plane.run(test())
