"""What is asked of a cache, or happens to it, while the controller is busy with it: nothing is lost, stuck or left."""

import asyncio
import os
import signal
from typing import Any

import pytest

from infrastructure.embedded.apis.elasticache.tests.world import GROUP, call, platform
from infrastructure.embedded.engines.redis.engine import RedisNode
from infrastructure.embedded.engines.redis.resp import RespConnection
from infrastructure.embedded.network.envoy.model import LOOPBACK
from infrastructure.errors import EnvironmentFault
from infrastructure.state import StateFolder

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("is_group", [True, False], ids=["group", "cluster"])
async def test_what_is_deleted_before_anybody_looked_is_gone(state: StateFolder, is_group: bool) -> None:
    async with platform(state) as cache:
        if is_group:
            cache.create()
            cache.delete()
        else:
            cache.create_alone()
            cache.delete_alone()
        await cache.settle()
        assert (cache.api.replication_groups, cache.api.cache_clusters) == ({}, {})
        assert cache.world.context.ports._allocated == set()


async def test_a_cluster_that_is_deleted_while_it_starts_is_gone(
    state: StateFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with platform(state) as cache:
        cache.create_alone()
        start = cache.controller._engine.start

        async def delete_and_start(spec: Any) -> RedisNode:
            cache.delete_alone()
            return await start(spec)

        monkeypatch.setattr(cache.controller._engine, "start", delete_and_start)
        await cache.settle()
        await cache.settle()
        assert cache.api.cache_clusters == {}
        assert cache.controller._running() == []


async def test_a_replica_that_does_not_answer_is_not_promoted(
    state: StateFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The primary comes back empty instead: a promotion that nobody answers would fail at every pass."""
    async with platform(state) as cache:
        cache.create()
        await cache.settle()
        assert cache.replica.node is not None
        pid = cache.replica.node.process.pid
        monkeypatch.setattr(RedisNode, "offset", unanswered)
        os.kill(pid, signal.SIGSTOP)
        await cache.die(cache.primary)
        os.kill(pid, signal.SIGCONT)
        assert cache.roles == {f"{GROUP}-001": "primary", f"{GROUP}-002": "replica"}
        assert await call(cache.primary.port, "DBSIZE") == 0


async def unanswered(_node: RedisNode) -> int:
    """As `RedisNode.offset` says it, without its time-out."""
    return -1


async def test_those_who_ask_at_once_share_one_connection(state: StateFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[tuple[str, int]] = []
    connect = RespConnection.open

    async def counting(host: str, port: int, *login: Any) -> RespConnection:
        opened.append((host, port))
        return await connect(host, port, *login)

    async with platform(state) as cache:
        cache.create()
        await cache.settle()
        node = cache.primary.node
        assert node is not None
        node._connection.close()
        monkeypatch.setattr(RespConnection, "open", counting)
        await asyncio.gather(*(node.info() for _ in range(4)))
        assert opened == [(LOOPBACK, cache.primary.port)], "another would stay open, with nobody to close it"


async def test_one_group_that_cannot_start_keeps_no_other_from_it(
    state: StateFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with platform(state) as cache:
        cache.create()
        cache.create_alone()
        start = cache.controller._engine.start

        async def refuse_the_group(spec: Any) -> RedisNode:
            if spec.resource.startswith(GROUP):
                raise EnvironmentFault("no")
            return await start(spec)

        monkeypatch.setattr(cache.controller._engine, "start", refuse_the_group)
        with pytest.raises(EnvironmentFault, match="no"):
            await cache.settle()
        assert [name for name, _ in cache.controller._running()] == ["alone"]


async def test_what_was_there_before_is_not_taken_for_the_platforms_cache(state: StateFolder) -> None:
    async with platform(state) as cache:
        cache.create_alone()
        await cache.settle()
        assert (cache.world.network.upstreams["elasticache"], cache.world.network.endpoints) == ((), {})
        cache.create()
        await cache.settle()
        assert cache.world.network.upstreams["elasticache"] == (cache.primary.endpoint,)


async def test_a_member_of_a_group_is_not_deleted_by_itself(state: StateFolder) -> None:
    async with platform(state) as cache:
        cache.create()
        await cache.settle()
        with pytest.raises(Exception, match=f"{GROUP}-002 is a member of replication group {GROUP}"):
            cache.call("DeleteCacheCluster", CacheClusterId=f"{GROUP}-002")
        await cache.settle()
        assert cache.roles == {f"{GROUP}-001": "primary", f"{GROUP}-002": "replica"}
