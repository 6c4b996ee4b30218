"""Servers that die, are rebooted or give their role away: who leads, what is kept, what clients meet."""

from dataclasses import replace
from typing import Any

import pytest

from infrastructure.embedded import lags
from infrastructure.embedded.apis.elasticache.tests.world import GROUP, call, platform, until
from infrastructure.embedded.engines.redis.resp import RespConnection, RespError
from infrastructure.embedded.network.envoy.model import LOOPBACK
from infrastructure.state import StateFolder

pytestmark = pytest.mark.anyio


async def test_a_dead_primary_fails_over_and_comes_back_as_a_replica(
    state: StateFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lags, "PRIMARY_NAME", replace(lags.PRIMARY_NAME, fast=0.0))
    async with platform(state) as cache:
        cache.create()
        await cache.settle()
        await call(cache.primary.port, "SET", "key", "1")
        await until(cache.replica.port, ("GET", "key"), "1")
        old = cache.primary
        await cache.die(old)
        assert cache.roles == {f"{GROUP}-001": "replica", f"{GROUP}-002": "primary"}
        assert cache.world.network.upstreams["elasticache"] == (cache.primary.endpoint,)
        assert await call(cache.primary.port, "GET", "key") == "1", "what was replicated is not lost"
        assert await call(cache.primary.port, "SET", "key", "2") == "OK"
        await until(old.port, ("GET", "key"), "2")


async def test_the_name_of_a_group_leads_to_the_dead_primary_for_a_while(
    state: StateFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lags, "PRIMARY_NAME", replace(lags.PRIMARY_NAME, fast=1000.0))
    async with platform(state) as cache:
        cache.create()
        await cache.settle()
        old = cache.primary
        await cache.die(old)
        assert cache.primary is not old
        assert cache.world.network.upstreams["elasticache"] == (old.endpoint,)


async def test_without_automatic_failover_a_dead_primary_comes_back_empty(state: StateFolder) -> None:
    async with platform(state) as cache:
        cache.create(AutomaticFailoverEnabled=False)
        await cache.settle()
        await call(cache.primary.port, "SET", "key", "1")
        await until(cache.replica.port, ("GET", "key"), "1")
        await cache.die(cache.primary)
        assert cache.roles == {f"{GROUP}-001": "primary", f"{GROUP}-002": "replica"}
        assert await call(cache.primary.port, "DBSIZE") == 0
        await until(cache.replica.port, ("DBSIZE",), 0)


async def test_a_dead_replica_comes_back_as_a_replica(state: StateFolder) -> None:
    async with platform(state) as cache:
        cache.create()
        await cache.settle()
        await call(cache.primary.port, "SET", "key", "1")
        await cache.die(cache.replica)
        assert cache.roles == {f"{GROUP}-001": "primary", f"{GROUP}-002": "replica"}
        await until(cache.replica.port, ("GET", "key"), "1")


async def test_when_all_die_the_primary_comes_back_empty_and_leads(state: StateFolder) -> None:
    async with platform(state) as cache:
        cache.create()
        await cache.settle()
        await call(cache.primary.port, "SET", "key", "1")
        assert cache.replica.node is not None
        cache.replica.node.process.kill()
        await cache.replica.node.process.wait()
        await cache.die(cache.primary)
        assert cache.roles == {f"{GROUP}-001": "primary", f"{GROUP}-002": "replica"}
        assert await call(cache.primary.port, "DBSIZE") == 0


async def test_test_failover_switches_roles_and_keeps_the_data(state: StateFolder) -> None:
    async with platform(state) as cache:
        cache.create()
        await cache.settle()
        await call(cache.primary.port, "SET", "key", "1")
        await until(cache.replica.port, ("GET", "key"), "1")
        assert (
            cache.call("TestFailover", ReplicationGroupId=GROUP, NodeGroupId="0001")["ReplicationGroup"].status
            == "modifying"
        )
        await cache.settle()
        assert cache.roles == {f"{GROUP}-001": "replica", f"{GROUP}-002": "primary"}
        assert cache.record.status == "available"
        assert await call(cache.primary.port, "GET", "key") == "1"
        await cache.settle()
        assert cache.roles == {f"{GROUP}-001": "replica", f"{GROUP}-002": "primary"}, "once is enough"


async def test_a_demoted_primary_keeps_its_connections_and_answers_readonly_until_it_is_replaced(
    state: StateFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lags, "DEMOTED_PRIMARY", replace(lags.DEMOTED_PRIMARY, fast=0.0))  # at the next pass
    async with platform(state) as cache:
        cache.create()
        await cache.settle()
        old, open_before = (
            cache.primary,
            await RespConnection.open(LOOPBACK, cache.primary.port, password="elasticache-password"),
        )
        try:
            await open_before.call("SET", "key", "1")
            await until(cache.replica.port, ("GET", "key"), "1")
            cache.call("TestFailover", ReplicationGroupId=GROUP, NodeGroupId="0001")
            await cache.settle()
            with pytest.raises(RespError, match="READONLY"):
                await open_before.call("SET", "key", "2")
            assert await open_before.call("GET", "key") == "1"
            assert await call(cache.primary.port, "SET", "key", "3") == "OK"
            await cache.settle()
            with pytest.raises(OSError, match=r"closed|reset|pipe"):
                await open_before.call("GET", "key")
        finally:
            open_before.close()
        await until(old.port, ("GET", "key"), "3")
        assert cache.roles == {f"{GROUP}-001": "replica", f"{GROUP}-002": "primary"}


async def test_a_rebooted_primary_stays_primary_and_forgets(state: StateFolder) -> None:
    async with platform(state) as cache:
        cache.create()
        await cache.settle()
        await call(cache.primary.port, "SET", "key", "1")
        assert cache.primary.node is not None
        before = cache.primary.node.process.pid
        rebooting = cache.call("RebootCacheCluster", CacheClusterId=f"{GROUP}-001", CacheNodeIdsToReboot=["0001"])[
            "CacheCluster"
        ]
        assert rebooting.cache_cluster_status == "rebooting cluster nodes"
        await cache.settle()
        assert cache.primary.node.process.pid != before
        assert cache.roles[f"{GROUP}-001"] == "primary"
        assert await call(cache.primary.port, "DBSIZE") == 0
        assert rebooting.cache_cluster_status == "available"


def failover(group: str, node_group: str) -> tuple[str, dict[str, Any]]:
    return "TestFailover", {"ReplicationGroupId": group, "NodeGroupId": node_group}


def reboot(cluster: str, node: str) -> tuple[str, dict[str, Any]]:
    return "RebootCacheCluster", {"CacheClusterId": cluster, "CacheNodeIdsToReboot": [node]}


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (failover(GROUP, "0002"), "NodeGroupNotFoundFault: .* no node group 0002"),
        (failover("other", "0001"), "other not found"),
        (failover(GROUP, "0001"), "must be enabled"),
        (reboot("other", "0001"), "other not found"),
        (reboot(f"{GROUP}-001", "0002"), "no node 0002"),
    ],
    ids=["node group", "group", "failover off", "cluster", "node"],
)
async def test_what_is_not_there_cannot_be_failed_over_or_rebooted(
    state: StateFolder, asked: tuple[str, dict[str, Any]], message: str
) -> None:
    async with platform(state) as cache:
        cache.create(AutomaticFailoverEnabled=False)
        with pytest.raises(Exception, match=message):
            cache.call(asked[0], **asked[1])
