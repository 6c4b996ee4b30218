"""Groups and clusters are addressed, answer there, are refused, and leave nothing."""

from typing import Any

import pytest

from infrastructure.embedded.apis.elasticache.tests.world import GROUP, call, platform, until
from infrastructure.embedded.engines.redis.resp import RespConnection
from infrastructure.embedded.network.envoy.model import LOOPBACK, Endpoint, Fragment
from infrastructure.state import StateFolder

pytestmark = pytest.mark.anyio


async def test_a_group_is_addressed_before_it_runs_and_answers_there_later(state: StateFolder) -> None:
    async with platform(state) as cache:
        group = cache.create()
        shard = group.node_groups[0]
        address = shard["primary_endpoint"]
        assert address["address"] == LOOPBACK
        assert cache.controller.unsettled() == (f"elasticache {GROUP} is not running yet",)
        await cache.settle()
        assert cache.controller.unsettled() == ()
        ports = {listener.name: listener.port for listener in cache.fragment.listeners}
        assert ports == {
            f"elasticache-{GROUP}": address["port"],
            f"elasticache-{GROUP}-reader": shard["reader_endpoint"]["port"],
        }
        assert cache.world.network.endpoints["elasticache"] == (
            f"redis://:elasticache-password@{LOOPBACK}:{address['port']}/0"
        )
        assert cache.world.network.upstreams["elasticache"] == (Endpoint(LOOPBACK, cache.primary.port),)
        assert await call(cache.served_at(f"elasticache-{GROUP}"), "SET", "key", "1") == "OK"
        await until(cache.served_at(f"elasticache-{GROUP}-reader"), ("GET", "key"), "1")


async def test_the_members_of_a_group_are_cache_clusters(state: StateFolder) -> None:
    async with platform(state) as cache:
        cache.create()
        await cache.settle()
        assert cache.record.member_clusters == [f"{GROUP}-001", f"{GROUP}-002"]
        [member] = cache.api.describe_cache_clusters(f"{GROUP}-002")
        assert member.preferred_availability_zone == "us-east-1b"
        assert member.cache_nodes[0]["Endpoint"] == {"Address": LOOPBACK, "Port": cache.replica.port}


async def test_a_cluster_that_stands_alone_answers_at_its_endpoint(state: StateFolder) -> None:
    async with platform(state) as cache:
        cluster = cache.create_alone()
        await cache.settle()
        [listener] = cache.fragment.listeners
        assert cluster.cache_nodes[0]["Endpoint"] == {"Address": LOOPBACK, "Port": listener.port}
        assert await call(cache.served_at("elasticache-alone"), "PING") == "PONG"
        cache.delete_alone()
        await cache.settle()
        assert cache.api.cache_clusters == {}


async def test_a_deleted_group_leaves_nothing(state: StateFolder) -> None:
    async with platform(state) as cache:
        cache.create()
        await cache.settle()
        port = cache.primary.port
        cache.delete()
        await cache.settle()
        assert (cache.api.replication_groups, cache.api.cache_clusters) == ({}, {})
        assert cache.fragment == Fragment()
        assert cache.world.network.upstreams["elasticache"] == ()
        with pytest.raises(OSError, match="Connect call failed"):
            await RespConnection.open(LOOPBACK, port)


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"NumNodeGroups": 2}, "groups of one shard"),
        ({"ClusterMode": "enabled"}, "groups of one shard"),
        ({"NumCacheClusters": 1}, "NumCacheClusters must be 2 or more"),
    ],
    ids=["shards", "cluster mode", "failover without replica"],
)
async def test_a_group_that_cannot_be_had_is_refused(state: StateFolder, wanted: dict[str, Any], message: str) -> None:
    async with platform(state) as cache:
        with pytest.raises(Exception, match=message):
            cache.create(**wanted)
        assert cache.api.replication_groups == {}
