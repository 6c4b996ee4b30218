"""MemoryDB over moto's records, with real servers: an endpoint, two zones, no acknowledged write that is ever lost."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest

from infrastructure.embedded.apis.memorydb.controller import MemoryDbController
from infrastructure.embedded.control.metric_store import Key
from infrastructure.embedded.engines.redis.group import Group, RedisMember
from infrastructure.embedded.engines.redis.resp import RespConnection, RespError
from infrastructure.embedded.gateway.refused import Refused
from infrastructure.embedded.host.ports import Ports
from infrastructure.embedded.host.supervisor import Supervisor
from infrastructure.embedded.network.envoy.model import LOOPBACK, Fragment
from infrastructure.embedded.tests import processes
from infrastructure.embedded.tests.ecs_world import World, world
from infrastructure.embedded.tests.passes import measure, reconcile
from infrastructure.state import StateFolder

CLUSTER = "cafe-test"
pytestmark = pytest.mark.anyio


@dataclass(slots=True)
class Databases:
    world: World
    controller: MemoryDbController

    def call(self, action: str, **members: Any) -> Any:
        return self.world.backends.operations.call("memorydb", action, **members)

    def create(self, **changes: Any) -> Any:
        self.call("CreateSubnetGroup", SubnetGroupName="private", SubnetIds=self._subnets())
        wanted: dict[str, Any] = {"ClusterName": CLUSTER, "NodeType": "db.t4g.small", "ACLName": "open-access"}
        wanted |= {"SubnetGroupName": "private", "Tags": [{"Key": "Project", "Value": "cloudcafe"}]}
        return self.call("CreateCluster", **wanted | changes)["Cluster"]

    def _subnets(self) -> list[str]:
        ec2 = self.world.backends.ec2
        vpc = ec2.create_vpc("10.0.0.0/16")
        made = [
            ec2.create_subnet(vpc.id, f"10.0.{n}.0/24", availability_zone=f"us-east-1{zone}")
            for n, zone in enumerate("ab")
        ]
        return [each.id for each in made]

    @property
    def cluster(self) -> Any:
        [found] = self.call("DescribeClusters", ClusterName=CLUSTER, ShowShardDetails=True)["Clusters"]
        return found

    @property
    def group(self) -> Group:
        return self.controller._fleet.running[CLUSTER]

    async def settle(self) -> None:
        await reconcile(self.controller)


@asynccontextmanager
async def platform(state: StateFolder) -> AsyncIterator[Databases]:
    made = world(state)
    supervisor, ports = Supervisor(state, zygote=processes.LIGHT_ZYGOTE), Ports()
    made.context = replace(made.context, supervisor=supervisor, ports=ports)
    controller = MemoryDbController(made.context)
    try:
        yield Databases(made, controller)
    finally:
        await controller.close()
        await supervisor.close()
        ports.close()


async def ask(member: RedisMember, *words: str | int) -> Any:
    connection = await RespConnection.open(LOOPBACK, member.port, password="memorydb-password")
    try:
        return await connection.call(*words)
    finally:
        connection.close()


async def kept(database: Databases, disturb: Callable[[], Awaitable[None]]) -> tuple[int, set[str]]:
    """How many writes were acknowledged while `disturb` happened, and which of them are not there afterwards."""
    acknowledged: list[str] = []
    enough = asyncio.Event()

    async def write(member: RedisMember) -> None:
        connection = await RespConnection.open(LOOPBACK, member.port, password="memorydb-password")
        try:
            while await connection.call("SET", f"k{len(acknowledged)}", "1") == "OK":
                acknowledged.append(f"k{len(acknowledged)}")
                if len(acknowledged) == 50:
                    enough.set()
        except (OSError, RespError):
            connection.close()  # the server is gone, or is no primary any more

    writing = asyncio.create_task(write(database.group.primary))
    await enough.wait()
    await disturb()
    await asyncio.wait_for(writing, 10)
    there = set(await ask(database.group.primary, "KEYS", "*"))
    return len(acknowledged), set(acknowledged) - there


async def test_a_cluster_has_a_node_in_each_zone_and_an_endpoint_that_is_true(state: StateFolder) -> None:
    async with platform(state) as database:
        made = database.create()
        assert (made["Status"], made["ClusterEndpoint"]["Address"]) == ("creating", LOOPBACK)
        await database.settle()
        assert database.controller.unsettled() == ()
        [shard] = database.cluster["Shards"]
        assert [node["AvailabilityZone"] for node in shard["Nodes"]] == ["us-east-1a", "us-east-1b"]
        assert database.cluster["Status"] == "available"
        port = made["ClusterEndpoint"]["Port"]
        assert database.world.network.endpoints["memorydb"] == f"redis://:memorydb-password@{LOOPBACK}:{port}/0"
        assert database.world.network.upstreams["memorydb"] == (database.group.primary.endpoint,)


async def test_a_failover_loses_no_acknowledged_write(state: StateFolder) -> None:
    async with platform(state) as database:
        database.create()
        await database.settle()
        old = database.group.primary

        async def fail_over() -> None:
            asked = database.call("FailoverShard", ClusterName=CLUSTER, ShardName="0001")
            assert asked["Cluster"]["Status"] == "updating"
            while database.cluster["Status"] == "updating":  # a replica that still copies is asked again
                await database.settle()

        count, lost = await kept(database, fail_over)
        assert (count >= 50, lost) == (True, set())
        assert database.group.primary is not old
        assert database.cluster["Status"] == "available"
        assert database.world.network.upstreams["memorydb"] == (database.group.primary.endpoint,)


async def test_a_demoted_primary_keeps_its_connections_and_answers_readonly(state: StateFolder) -> None:
    async with platform(state) as database:
        database.create()
        await database.settle()
        open_before = await RespConnection.open(LOOPBACK, database.group.primary.port, password="memorydb-password")
        try:
            await open_before.call("SET", "points", "7")
            database.call("FailoverShard", ClusterName=CLUSTER, ShardName="0001")
            while database.cluster["Status"] == "updating":
                await database.settle()
            with pytest.raises(RespError, match="READONLY"):
                await open_before.call("SET", "points", "8")
            assert await open_before.call("GET", "points") == "7"
        finally:
            open_before.close()


async def test_a_killed_primary_loses_no_acknowledged_write(state: StateFolder) -> None:
    async with platform(state) as database:
        database.create()
        await database.settle()
        old = database.group.primary

        async def kill() -> None:
            assert old.node is not None
            old.node.process.kill()
            await old.node.process.wait()
            assert "memorydb" in database.world.woken
            await database.settle()

        count, lost = await kept(database, kill)
        assert (count >= 50, lost) == (True, set())
        assert database.group.primary is not old
        assert database.controller.unsettled() == ()


async def test_the_data_outlives_all_nodes(state: StateFolder) -> None:
    async with platform(state) as database:
        database.create()
        await database.settle()
        await ask(database.group.primary, "SET", "points", "7")
        await database.group.kill()
        await database.settle()
        assert await ask(database.group.primary, "GET", "points") == "7"


async def test_a_deleted_cluster_leaves_nothing(state: StateFolder) -> None:
    async with platform(state) as database:
        database.create()
        await database.settle()
        logs = database.group.logs
        assert logs is not None
        assert logs.is_dir()
        assert database.call("DeleteCluster", ClusterName=CLUSTER)["Cluster"]["Status"] == "deleting"
        with pytest.raises(Refused, match="InvalidClusterStateFault"):
            database.call("DeleteCluster", ClusterName=CLUSTER)
        await database.settle()
        assert (database.world.backends.memorydb.clusters, logs.exists()) == ({}, False)
        assert database.world.network.fragments["memorydb"] == Fragment()
        assert database.world.network.upstreams["memorydb"] == ()


async def test_what_is_deleted_before_anybody_looked_is_gone(state: StateFolder) -> None:
    async with platform(state) as database:
        database.create()
        database.call("DeleteCluster", ClusterName=CLUSTER)
        await database.settle()
        assert database.world.backends.memorydb.clusters == {}
        assert database.world.context.ports._allocated == set()


@pytest.mark.parametrize(
    ("action", "members", "refusal"),
    [
        ("FailoverShard", {"ClusterName": "other", "ShardName": "0001"}, "ClusterNotFoundFault"),
        ("FailoverShard", {"ClusterName": CLUSTER, "ShardName": "0002"}, "ShardNotFoundFault"),
        ("FailoverShard", {"ClusterName": CLUSTER, "ShardName": "0001"}, "InvalidClusterStateFault: .* is creating"),
        ("DeleteCluster", {"ClusterName": "other"}, "ClusterNotFoundFault"),
        ("UpdateCluster", {"ClusterName": CLUSTER, "ReplicaConfiguration": {"ReplicaCount": 3}}, "does not change the"),
        ("UpdateCluster", {"ClusterName": CLUSTER, "ACLName": "nobody"}, "ACLNotFoundFault"),
        ("CreateACL", {"ACLName": "open-access"}, "ACLAlreadyExistsFault"),
        ("CreateACL", {"ACLName": "own", "UserNames": ["nobody"]}, "UserNotFoundFault"),
        ("DeleteACL", {"ACLName": "open-access"}, "InvalidACLStateFault"),
        ("DeleteACL", {"ACLName": "own"}, "ACLNotFoundFault"),
    ],
)
async def test_what_cannot_be_is_refused_in_aws_words(
    state: StateFolder, action: str, members: dict[str, Any], refusal: str
) -> None:
    async with platform(state) as database:
        database.create()
        with pytest.raises(Refused, match=refusal):
            database.call(action, **members)


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"NumShards": 2}, "clusters of one shard"),
        ({"ACLName": "nobody"}, "ACLNotFoundFault"),
        ({"SubnetGroupName": "nowhere"}, "SubnetGroupNotFoundFault"),
    ],
)
async def test_a_cluster_that_cannot_be_had_is_refused(
    state: StateFolder, changes: dict[str, Any], refusal: str
) -> None:
    async with platform(state) as database:
        with pytest.raises(Refused, match=refusal):
            database.create(**changes)
        assert database.world.backends.memorydb.clusters == {}


async def test_an_access_control_list_is_kept_and_cannot_go_while_it_is_used(state: StateFolder) -> None:
    async with platform(state) as database:
        password = {"Type": "password", "Passwords": ["correct-horse-battery"]}
        database.call("CreateUser", UserName="loyalty", AuthenticationMode=password, AccessString="on ~* +@all")
        database.call("CreateACL", ACLName="own", UserNames=["loyalty"])
        database.create(ACLName="own")
        [found] = database.call("DescribeACLs", ACLName="own")["ACLs"]
        assert (found["UserNames"], found["Clusters"]) == (["loyalty"], [CLUSTER])
        with pytest.raises(Refused, match="InvalidACLStateFault"):
            database.call("DeleteACL", ACLName="own")
        database.call("UpdateCluster", ClusterName=CLUSTER, ACLName="open-access")
        database.call("UpdateACL", ACLName="own", UserNamesToAdd=["default", "loyalty"], UserNamesToRemove=["loyalty"])
        [found] = database.call("DescribeACLs", ACLName="own")["ACLs"]
        assert found["UserNames"] == ["default", "loyalty"], (
            "what a stack's update says: all that are to be, none that were"
        )
        database.call("UpdateACL", ACLName="own", UserNamesToRemove=["default", "loyalty"])
        assert database.call("DeleteACL", ACLName="own")["ACL"]["UserNames"] == []
        assert [each["Name"] for each in database.call("DescribeACLs")["ACLs"]] == ["open-access"]


async def test_figures_are_filed_under_memorydbs_own_names(state: StateFolder) -> None:
    async with platform(state) as database:
        database.create()
        await database.settle()
        await ask(database.group.primary, "SET", "points", "7")
        await ask(database.group.primary, "GET", "points")
        await measure(database.world.context.metrics, database.controller._metrics)
        where = {"ClusterName": CLUSTER, "NodeName": f"{CLUSTER}-0001-001"}
        store = database.world.context.metrics.store
        [(_, hits)] = store.query(Key.of("AWS/MemoryDB", "KeyspaceHits", where), 0, 1e12, 60)
        assert hits.total == 1.0
