"""What is asked of a cache, or happens to it, while the controller is busy with it: nothing is lost, stuck or left."""

import asyncio

import pytest

from infrastructure.embedded.engines.envoy_model import LOOPBACK
from infrastructure.embedded.engines.resp import RespConnection
from infrastructure.embedded.tests.test_elasticache import platform
from infrastructure.state import StateFolder

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_those_who_ask_at_once_share_one_connection(state: StateFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[tuple[str, int]] = []
    connect = RespConnection.open

    async def counting(host: str, port: int) -> RespConnection:
        opened.append((host, port))
        return await connect(host, port)

    async with platform(state) as cache:
        cache.create()
        await cache.settle()
        node = cache.primary.node
        assert node is not None
        node._connection.close()
        monkeypatch.setattr(RespConnection, "open", counting)
        await asyncio.gather(*(node.info() for _ in range(4)))
        assert opened == [(LOOPBACK, cache.primary.port)], "another would stay open, with nobody to close it"
