"""A cache over moto's records, with real Redis servers, and how it is asked."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from infrastructure.embedded.apis.elasticache.controller import ElastiCacheController
from infrastructure.embedded.engines.redis.group import RedisMember
from infrastructure.embedded.engines.redis.resp import Reply, RespConnection
from infrastructure.embedded.host.ports import Ports
from infrastructure.embedded.host.supervisor import Supervisor
from infrastructure.embedded.network.envoy.model import LOOPBACK, Fragment
from infrastructure.embedded.tests import processes
from infrastructure.embedded.tests.ecs_world import World, world
from infrastructure.embedded.tests.passes import reconcile
from infrastructure.state import StateFolder

GROUP = "cafe-test"


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
