"""ElastiCache over moto's records, with real Redis servers: endpoints, roles, failover, reboot, metrics."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest

from infrastructure.embedded import lags
from infrastructure.embedded.apis.elasticache.controller import ElastiCacheController
from infrastructure.embedded.control.metric_store import Key
from infrastructure.embedded.engines.redis.group import RedisMember
from infrastructure.embedded.engines.redis.reading import Reading, metrics_between
from infrastructure.embedded.engines.redis.resp import Reply, RespConnection, RespError
from infrastructure.embedded.host.ports import Ports
from infrastructure.embedded.host.supervisor import Supervisor
from infrastructure.embedded.network.envoy.model import LOOPBACK, Endpoint, Fragment
from infrastructure.embedded.tests import processes
from infrastructure.embedded.tests.ecs_world import World, world
from infrastructure.embedded.tests.passes import measure, reconcile
from infrastructure.state import StateFolder

GROUP = "cafe-test"
pytestmark = pytest.mark.anyio


@dataclass(slots=True)
class Cache:
    world: World
    controller: ElastiCacheController

    @property
    def api(self) -> Any:
        return self.world.backends.elasticache

    @property
    def record(self) -> Any:
        return self.api.replication_groups[GROUP]

    @property
    def fragment(self) -> Fragment:
        return self.world.network.fragments["elasticache"]

    @property
    def primary(self) -> RedisMember:
        return self.controller._fleet.running[GROUP].primary

    @property
    def replica(self) -> RedisMember:
        [replica] = self.controller._fleet.running[GROUP].replicas
        return replica

    @property
    def roles(self) -> dict[str, str]:
        members = self.record.node_groups[0]["node_group_members"]
        return {member["cache_cluster_id"]: member["current_role"] for member in members}

    def served_at(self, name: str) -> int:
        """The port a service reaches the cache at, by way of upstream `name`."""
        [upstream] = [u for u in self.fragment.upstreams if u.name == name]
        return upstream.endpoints[0].port

    def call(self, action: str, **members: Any) -> Any:
        """What the operation gives, from inside the daemon."""
        return self.world.backends.operations.call("elasticache", action, **members)

    def create(self, **changes: Any) -> Any:
        wanted = {
            "ReplicationGroupId": GROUP,
            "ReplicationGroupDescription": "",
            "NumCacheClusters": 2,
            "AutomaticFailoverEnabled": True,
            "Engine": "redis",
            "CacheNodeType": "cache.t4g.small",
            "PreferredCacheClusterAZs": ["us-east-1a", "us-east-1b"],
            "Tags": [{"Key": "Project", "Value": "cloudcafe"}],
        }
        return self.call("CreateReplicationGroup", **wanted | changes)["ReplicationGroup"]

    def create_alone(self) -> Any:
        wanted = {"CacheClusterId": "alone", "CacheNodeType": "cache.t4g.micro", "Engine": "redis"}
        return self.call("CreateCacheCluster", **wanted)["CacheCluster"]

    def delete_alone(self) -> None:
        self.call("DeleteCacheCluster", CacheClusterId="alone")

    def delete(self) -> None:
        self.call("DeleteReplicationGroup", ReplicationGroupId=GROUP)

    async def settle(self) -> None:
        await reconcile(self.controller)

    async def die(self, member: RedisMember) -> None:
        """SIGKILL the member's server, wait until the controller was told, and let it act."""
        assert member.node is not None
        self.world.woken.clear()
        member.node.process.kill()
        await member.node.process.wait()
        assert "elasticache" in self.world.woken
        await self.settle()


async def call(port: int, *words: str | int) -> Reply:
    connection = await RespConnection.open(LOOPBACK, port, password="elasticache-password")
    try:
        return await connection.call(*words)
    finally:
        connection.close()


async def until(port: int, words: tuple[str, ...], expected: Reply) -> None:
    """Replication sends no event to outsiders: ask until the reply is the expected one."""
    async with asyncio.timeout(10):
        while await call(port, *words) != expected:  # noqa: ASYNC110  there is no event to wait for
            await asyncio.sleep(0.005)


@asynccontextmanager
async def platform(state: StateFolder) -> AsyncIterator[Cache]:
    made = world(state)
    supervisor, ports = Supervisor(state, zygote=processes.LIGHT_ZYGOTE), Ports()
    made.context = replace(made.context, supervisor=supervisor, ports=ports)
    controller = ElastiCacheController(made.context)
    try:
        yield Cache(made, controller)
    finally:
        await controller.close()
        await supervisor.close()
        ports.close()


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


async def test_hits_and_items_are_counted_per_node(state: StateFolder) -> None:
    async with platform(state) as cache:
        cache.create()
        await cache.settle()
        await call(cache.primary.port, "SET", "key", "1")
        await call(cache.primary.port, "GET", "key")
        await call(cache.primary.port, "GET", "other")
        metrics = cache.world.context.metrics
        await measure(metrics, cache.controller._metrics)
        store = metrics.store

        def value(name: str) -> float:
            key = Key.of("AWS/ElastiCache", name, {"CacheClusterId": f"{GROUP}-001"})
            [(_, bucket)] = store.query(key, 0, 1e12, 60)
            return bucket.total

        assert (value("CacheHits"), value("CacheMisses"), value("CurrItems")) == (1.0, 1.0, 1.0)
        assert value("CurrConnections") >= 1.0


def test_counters_begin_anew_with_a_new_server() -> None:
    before = Reading(pid="1", cpu_s=50.0, hits=100, misses=7, evictions=0, connections=1, items=1, used_bytes=1)
    same = {n: v for n, v, _ in metrics_between(before, replace(before, cpu_s=50.5, hits=130), 2.0)}
    assert (same["EngineCPUUtilization"], same["CacheHits"], same["CacheMisses"]) == (25.0, 30.0, 0.0)
    fresh = {n: v for n, v, _ in metrics_between(before, replace(before, pid="2", cpu_s=0.1, hits=3), 1.0)}
    assert (fresh["EngineCPUUtilization"], fresh["CacheHits"]) == (10.0, 3.0)
