"""Clusters over moto's records, with real warehouses: what is committed outlives whatever happens to the process."""

import asyncio
from typing import Any

import pytest

from infrastructure.embedded.apis.redshift_data.tests.redshift_world import CLUSTER, USER, Redshift, redshift
from infrastructure.embedded.apis.secretsmanager.controller import SecretsManagerController
from infrastructure.embedded.control.metric_store import Key
from infrastructure.embedded.engines.warehouse.client import WarehouseClient
from infrastructure.embedded.engines.warehouse.engine import WarehouseNode
from infrastructure.embedded.gateway.refused import Refused
from infrastructure.embedded.network.envoy.model import Fragment
from infrastructure.embedded.tests.passes import reconcile
from infrastructure.state import StateFolder

pytestmark = pytest.mark.anyio

SLOW = "SELECT SUM(a.n * b.n) FROM t a, t b, t c, t d, t e, t f, t g, t h, t i, t j WHERE a.n % 7 <> b.n % 11"


def node(cloud: Redshift) -> WarehouseNode:
    found = cloud.warehouse.node
    assert found is not None
    return found


async def with_rows(cloud: Redshift) -> None:
    await cloud.create()
    await cloud.run("CREATE TABLE t (n BIGINT)")
    cloud.put("numbers", "\n".join(map(str, range(100))))
    await cloud.copy("t", "numbers")


async def count(cloud: Redshift) -> int:
    [[found]] = await cloud.rows("SELECT COUNT(*) FROM t")
    return int(found)


async def busy(cloud: Redshift) -> tuple[list[str], str]:
    """Five statements that run, and one that waits."""
    slow = [await cloud.submit(SLOW) for _ in range(5)]
    waiting = await cloud.submit("SELECT 1")
    while cloud.warehouse.queue.running < 5:
        await cloud.ask("DescribeStatement", Id=waiting, WaitTimeSeconds=1)
    return slow, waiting


async def errors(cloud: Redshift, identities: list[str]) -> set[tuple[str, str]]:
    found = [await cloud.over(each) for each in identities]
    return {(each["Status"], each["Error"]) for each in found}


async def test_a_cluster_has_an_endpoint_and_a_secret_from_the_start(state: StateFolder) -> None:
    async with redshift(state) as cloud:
        made = await cloud.create()
        [found] = cloud.call("DescribeClusters", ClusterIdentifier=CLUSTER)["Clusters"]
        assert (found.status, found.endpoint["Address"], found.endpoint["Port"]) == (
            "available",
            "127.0.0.1",
            made.port,
        )
        secret = cloud.world.backends.secretsmanager.get_secret_value(made.master_password_secret_arn, "", "")
        assert USER in secret["SecretString"]
        assert cloud.world.network.upstreams["redshift"] == (node(cloud).endpoint,)
        assert cloud.world.network.endpoints["redshift"] == f"redshift://127.0.0.1:{made.port}/dev"
        assert cloud.controller.unsettled() == ()


async def test_the_managed_secret_rotates_and_the_old_password_is_over(state: StateFolder) -> None:
    async with redshift(state) as cloud:
        arn = (await cloud.create()).master_password_secret_arn
        rotation = SecretsManagerController(cloud.world.context)
        before = cloud.world.backends.redshift.clusters[CLUSTER].master_user_password
        cloud.world.backends.operations.call("secretsmanager", "RotateSecret", SecretId=arn)
        await reconcile(rotation)
        held = cloud.world.backends.operations.call("secretsmanager", "GetSecretValue", SecretId=arn)
        assert before not in held["SecretString"]
        del cloud.where["DbUser"]
        cloud.where["SecretArn"] = arn
        await cloud.run("SELECT 1")


async def test_a_pause_fails_what_waits_and_what_runs_and_loses_nothing(state: StateFolder) -> None:
    async with redshift(state) as cloud:
        await with_rows(cloud)
        slow, waiting = await busy(cloud)
        assert cloud.call("PauseCluster", ClusterIdentifier=CLUSTER)["Cluster"].status == "pausing"
        await cloud.settle()
        assert cloud.status == "paused"
        assert await errors(cloud, [*slow, waiting]) == {("FAILED", "The cluster was paused")}
        assert cloud.world.network.upstreams["redshift"] == ()
        with pytest.raises(Refused, match=r"The cluster cafe-test is paused"):
            await cloud.submit("SELECT 1")
        with pytest.raises(Refused, match="InvalidClusterState"):
            cloud.call("PauseCluster", ClusterIdentifier=CLUSTER)
        cloud.call("ResumeCluster", ClusterIdentifier=CLUSTER)
        await cloud.settle()
        assert cloud.status == "available"
        assert await count(cloud) == 100


async def test_a_killed_process_is_started_again_on_its_data(state: StateFolder) -> None:
    async with redshift(state) as cloud:
        await with_rows(cloud)
        session = (await cloud.run("CREATE TEMP TABLE mine (n INT)", SessionKeepAliveSeconds=600))["SessionId"]
        slow, waiting = await busy(cloud)
        before = node(cloud).process
        before.kill()
        await before.wait()
        assert "redshift" in cloud.world.woken
        assert await errors(cloud, slow) == {("FAILED", "Connection to the cluster was lost")}
        await cloud.settle()
        assert (await cloud.over(waiting))["Status"] in ("FAILED", "FINISHED")
        assert node(cloud).process is not before
        assert await count(cloud) == 100
        with pytest.raises(Refused, match=r"Session .* is CLOSED"):
            await cloud.submit("SELECT 1", SessionId=session)


async def test_what_was_not_committed_is_gone_after_a_kill(state: StateFolder) -> None:
    async with redshift(state) as cloud:
        await with_rows(cloud)
        session = (await cloud.run("BEGIN", SessionKeepAliveSeconds=600))["SessionId"]
        await cloud.run("DELETE FROM t", SessionId=session)
        node(cloud).process.kill()
        await node(cloud).process.wait()
        await cloud.settle()
        assert await count(cloud) == 100


async def test_a_reboot_is_another_process_on_the_same_data(state: StateFolder) -> None:
    async with redshift(state) as cloud:
        await with_rows(cloud)
        before = node(cloud).process.pid
        assert cloud.call("RebootCluster", ClusterIdentifier=CLUSTER)["Cluster"].status == "rebooting"
        with pytest.raises(Refused, match=r"ValidationException: .* is rebooting"):
            await cloud.submit("SELECT 1")
        await cloud.settle()
        assert (cloud.status, node(cloud).process.pid == before) == ("available", False)
        assert await count(cloud) == 100


async def test_a_deleted_cluster_leaves_nothing(state: StateFolder) -> None:
    async with redshift(state) as cloud:
        made = await cloud.create()
        arn, results = made.master_password_secret_arn, cloud.warehouse.results
        kept = (await cloud.run("SELECT 1"))["Id"]
        with pytest.raises(Refused, match=r"InvalidParameterCombination: FinalClusterSnapshotIdentifier is required"):
            cloud.call("DeleteCluster", ClusterIdentifier=CLUSTER)
        cloud.call("DeleteCluster", ClusterIdentifier=CLUSTER, SkipFinalClusterSnapshot=True)
        assert cloud.status == "deleting"
        await cloud.settle()
        assert cloud.world.backends.redshift.clusters == {}
        assert arn not in cloud.world.backends.secretsmanager.secrets
        assert cloud.world.network.fragments["redshift"] == Fragment()
        assert cloud.world.context.ports._allocated == set()
        assert [each.name for each in results.parent.iterdir()] == ["results", "staging"]
        assert (await cloud.ask("GetStatementResult", Id=kept))["Records"] == [[{"longValue": 1}]]


async def test_what_is_deleted_before_anybody_looked_is_gone(state: StateFolder) -> None:
    async with redshift(state) as cloud:
        await cloud.create()
        cloud.call("DeleteCluster", ClusterIdentifier=CLUSTER, SkipFinalClusterSnapshot=True)
        await cloud.settle()
        await cloud.create()
        assert cloud.status == "available"
        assert await cloud.rows("SELECT COUNT(*) FROM svv_tables WHERE table_schema = 'public'") == [[0]]


async def test_postgresqls_protocol_is_refused_in_its_own_words(state: StateFolder) -> None:
    async with redshift(state) as cloud:
        await cloud.create()
        reader, writer = await asyncio.open_connection("127.0.0.1", node(cloud).endpoint.port)
        try:
            writer.write((8).to_bytes(4, "big") + (80_877_103).to_bytes(4, "big"))
            assert await reader.readexactly(1) == b"N"
            start = (196_608).to_bytes(4, "big") + b"user\0cafe\0\0"
            writer.write((len(start) + 4).to_bytes(4, "big") + start)
            said = await reader.read()
        finally:
            writer.close()
        assert said[:1] == b"E"
        assert b"run statements with the Redshift Data API" in said


async def test_nobody_without_the_token_is_answered(state: StateFolder) -> None:
    async with redshift(state) as cloud:
        await cloud.create()
        with pytest.raises(ConnectionError):
            await WarehouseClient.connect(node(cloud).endpoint.port, "guessed")


MANAGED = {"ManageMasterPassword": True, "MasterUsername": USER}
WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("CreateCluster", {"ClusterIdentifier": CLUSTER, **MANAGED}, "ClusterAlreadyExists"),
    ("CreateCluster", {"ClusterIdentifier": "a--b", **MANAGED}, "InvalidParameterValue: .* two consecutive hyphens"),
    ("CreateCluster", {"NodeType": "huge", **MANAGED}, "InvalidParameterValue: Invalid node type: huge"),
    ("CreateCluster", {"MasterUsername": USER}, "InvalidParameterCombination: Either MasterUserPassword or"),
    ("CreateCluster", {"MasterUsername": USER, "MasterUserPassword": "short"}, "between 8 and 64"),
    ("CreateCluster", {"MasterUsername": USER, "MasterUserPassword": "lower-case-1"}, "at least one upper case letter"),
    ("CreateCluster", {"MasterUsername": USER, "MasterUserPassword": "No spaces 1"}, "is not a valid password"),
    ("CreateCluster", {**MANAGED, "ClusterType": "multi-node"}, "must be greater than or equal to 2"),
    ("CreateCluster", {**MANAGED, "ClusterSubnetGroupName": "none"}, "ClusterSubnetGroupNotFoundFault"),
    ("CreateCluster", {**MANAGED, "Port": 80}, "Port must be between 1150 and 65535"),
    ("ModifyCluster", {"ClusterIdentifier": CLUSTER, "NodeType": "ra3.4xlarge"}, "UnsupportedOperation"),
    ("ModifyCluster", {"ClusterIdentifier": CLUSTER, "NewClusterIdentifier": "b"}, "UnsupportedOperation"),
    ("PauseCluster", {"ClusterIdentifier": "other"}, "ClusterNotFound: Cluster other not found"),
    ("ResumeCluster", {"ClusterIdentifier": CLUSTER}, "InvalidClusterState: .* must be paused"),
    ("DeleteClusterSubnetGroup", {"ClusterSubnetGroupName": "none"}, "ClusterSubnetGroupNotFoundFault"),
]


async def test_what_cannot_be_is_refused_in_aws_words(state: StateFolder) -> None:
    async with redshift(state) as cloud:
        await cloud.create()
        for action, members, refusal in WRONG:
            given = {"ClusterIdentifier": "new", "NodeType": "ra3.large", **members} if action[0] == "C" else members
            with pytest.raises(Refused, match=refusal):
                cloud.call(action, **given)
        assert list(cloud.world.backends.redshift.clusters) == [CLUSTER]


async def test_a_cluster_lives_in_its_subnet_group(state: StateFolder) -> None:
    async with redshift(state) as cloud:
        subnets = cloud.world.subnets
        cloud.call("CreateClusterSubnetGroup", ClusterSubnetGroupName="Private", Description="d", SubnetIds=subnets[1:])
        made = await cloud.create(ClusterSubnetGroupName="private")
        [zone] = [each.availability_zone for each in cloud.world.backends.ec2.describe_subnets(subnets[1:])]
        assert (made.availability_zone, made.vpc_id is not None) == (zone, True)
        with pytest.raises(Refused, match=r"InvalidClusterSubnetGroupStateFault: .* in use by cafe-test"):
            cloud.call("DeleteClusterSubnetGroup", ClusterSubnetGroupName="private")
        cloud.call("ModifyClusterSubnetGroup", ClusterSubnetGroupName="private", SubnetIds=subnets)
        [group] = cloud.call("DescribeClusterSubnetGroups", ClusterSubnetGroupName="private")["ClusterSubnetGroups"]
        assert sorted(group.subnet_ids) == sorted(subnets)


async def test_figures_are_filed_under_redshifts_names(state: StateFolder) -> None:
    async with redshift(state) as cloud:
        await with_rows(cloud)
        metrics = cloud.world.context.metrics
        metrics.collect(1.0, 1000.0)
        await cloud.run("SELECT 1")
        await cloud.run("SELECT 2", SessionKeepAliveSeconds=600)
        metrics.collect(1.0, 1001.0)
        where = {"ClusterIdentifier": CLUSTER}

        def last(name: str) -> float:
            return metrics.store.query(Key.of("AWS/Redshift", name, where), 1001, 1002, 1)[-1][1].total

        assert (last("HealthStatus"), last("QueriesCompletedPerSecond"), last("WLMQueueLength")) == (1.0, 2.0, 0.0)
        assert (last("DatabaseConnections"), last("WLMRunningQueries")) == (1.0, 0.0)
        assert last("CPUUtilization") >= 0.0
        cloud.call("PauseCluster", ClusterIdentifier=CLUSTER)
        await cloud.settle()
        metrics.collect(1.0, 1002.0)
        assert metrics.store.query(Key.of("AWS/Redshift", "HealthStatus", where), 1002, 1003, 1) == ()


async def test_statements_are_counted_on_after_a_pause_and_anew_for_a_namesake(state: StateFolder) -> None:
    async with redshift(state) as cloud:
        metrics = cloud.world.context.metrics
        key = Key.of("AWS/Redshift", "QueriesCompletedPerSecond", {"ClusterIdentifier": CLUSTER})

        def rate(at: int) -> float:
            metrics.collect(1.0, float(at))
            return metrics.store.query(key, at, at + 1, 1)[-1][1].total

        await cloud.create()
        await cloud.run("SELECT 1")
        await cloud.run("SELECT 2")
        assert rate(1000) == 2.0
        cloud.call("PauseCluster", ClusterIdentifier=CLUSTER)
        await cloud.settle()
        metrics.collect(1.0, 1001.0)
        cloud.call("ResumeCluster", ClusterIdentifier=CLUSTER)
        await cloud.settle()
        assert rate(1002) == 0.0
        cloud.call("DeleteCluster", ClusterIdentifier=CLUSTER, SkipFinalClusterSnapshot=True)
        await cloud.settle()
        await cloud.create()
        await cloud.run("SELECT 1")
        assert rate(1003) == 1.0
