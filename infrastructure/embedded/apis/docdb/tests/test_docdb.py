"""DocumentDB over its records, with real servers: states, roles, endpoints, and what is refused."""

import gc
import weakref
from typing import Any

import pymongo
import pytest

from infrastructure.embedded.apis.docdb.tests.documents_world import (
    CLUSTER,
    FIRST,
    PASSWORD,
    SECOND,
    TAGS,
    Documents,
    platform,
)
from infrastructure.embedded.control.metric_store import Key
from infrastructure.embedded.engines.documents.scram import User
from infrastructure.embedded.gateway.refused import Refused
from infrastructure.embedded.tests.passes import measure
from infrastructure.state import StateFolder

pytestmark = pytest.mark.anyio


async def test_a_cluster_lives(state: StateFolder) -> None:
    async with platform(state) as it:
        made = it.create(FIRST, SECOND)
        assert (made["Status"], made["Endpoint"], made["ReaderEndpoint"]) == ("creating", "127.0.0.1", "127.0.0.2")
        await it.settle()
        assert (it.record["Status"], it.states) == ("available", {FIRST: "available", SECOND: "available"})
        assert it.roles == {FIRST: True, SECOND: False}
        assert it.controller.unsettled() == ()
        name = f"docdb-{CLUSTER}"
        assert it.served() == {name: (it.endpoint(FIRST),), f"{name}-reader": (it.endpoint(SECOND),)}
        assert it.world.network.upstreams["documentdb"] == (it.endpoint(FIRST),)
        assert len((await it.greeting())["hosts"]) == 2

        it.call("FailoverDBCluster", DBClusterIdentifier=CLUSTER)
        assert it.record["Status"] == "failing-over"
        await it.settle()
        assert (it.record["Status"], it.roles) == ("available", {FIRST: False, SECOND: True})
        assert it.served() == {name: (it.endpoint(SECOND),), f"{name}-reader": (it.endpoint(FIRST),)}

        it.call("RebootDBInstance", DBInstanceIdentifier=FIRST)
        before = dict(it.cluster.running())[FIRST].process.pid
        assert it.states[FIRST] == "rebooting"
        await it.settle()
        assert it.states[FIRST] == "available"
        assert dict(it.cluster.running())[FIRST].process.pid != before

        it.call("DeleteDBInstance", DBInstanceIdentifier=SECOND)
        assert it.states[SECOND] == "deleting"
        await it.settle()
        assert it.roles == {FIRST: True}
        assert (await it.greeting())["isWritablePrimary"]

        it.call("DeleteDBInstance", DBInstanceIdentifier=FIRST)
        it.call("DeleteDBCluster", DBClusterIdentifier=CLUSTER, SkipFinalSnapshot=True)
        await it.settle()
        await it.settle()
        with pytest.raises(Refused, match="DBClusterNotFoundFault"):
            _ = it.record
        assert it.served() == {}


async def test_a_dead_primary_is_replaced_and_a_stopped_cluster_keeps_its_data(state: StateFolder) -> None:
    async with platform(state) as it:
        it.create(FIRST, SECOND, Tags=[])
        await it.settle()
        assert "documentdb" not in it.world.network.endpoints  # no stack of the platform's made it
        it.call("AddTagsToResource", ResourceName=it.record["DBClusterArn"], Tags=TAGS)
        process = dict(it.cluster.running())[FIRST].process
        process.kill()
        await process.wait()
        assert "docdb" in it.world.woken
        await it.settle()
        assert (it.roles, set(it.states.values())) == ({FIRST: False, SECOND: True}, {"available"})
        await it.greeting()

        it.call("StopDBCluster", DBClusterIdentifier=CLUSTER)
        await it.settle()
        assert (it.record["Status"], set(it.states.values()), it.cluster.running()) == ("stopped", {"stopped"}, [])
        it.call("StartDBCluster", DBClusterIdentifier=CLUSTER)
        await it.settle()
        assert it.record["Status"] == "available"
        await it.greeting()
        async with pymongo.AsyncMongoClient[dict[str, Any]](it.url) as client:
            assert await client.menu.items.count_documents({}) == 2


async def test_another_password_counts_at_once_and_a_managed_one_lies_in_a_secret(state: StateFolder) -> None:
    async with platform(state) as it:
        it.create(FIRST)
        await it.settle()
        it.call("ModifyDBCluster", DBClusterIdentifier=CLUSTER, MasterUserPassword="another-horse")
        await it.settle()
        assert (await it.greeting(password="another-horse"))["isWritablePrimary"]
        managed = {"MasterUserPassword": None, "ManageMasterUserPassword": True}
        other = it.create(DBClusterIdentifier="other", **managed)
        secret = other["MasterUserSecret"]["SecretArn"]
        told = it.world.backends.operations.call("secretsmanager", "GetSecretValue", SecretId=secret)["SecretString"]
        assert '"username": "cafe"' in told
        it.call("DeleteDBCluster", DBClusterIdentifier="other", SkipFinalSnapshot=True)
        await it.settle()
        assert secret not in it.world.backends.secretsmanager.secrets


async def test_the_figures_are_those_of_the_servers(state: StateFolder) -> None:
    async with platform(state) as it:
        it.create(FIRST, SECOND)
        await it.settle()
        await it.greeting()
        await measure(it.world.context.metrics, it.controller._metrics.asking)
        assert _figure(it, "OpcountersInsert", FIRST) == 1.0
        assert _figure(it, "OpcountersInsert", SECOND) == 0.0
        assert _figure(it, "DBInstanceReplicaLag", SECOND) == 0.0
        for name in ("CPUUtilization", "DatabaseConnections", "FreeableMemory"):
            assert _figure(it, name, FIRST) >= 0.0


async def test_what_has_counted_once_is_not_remembered_when_it_is_gone(state: StateFolder) -> None:
    async with platform(state) as it:
        it.create(FIRST)
        await it.settle()
        await measure(it.world.context.metrics, it.controller._metrics.asking)
        before = weakref.ref(dict(it.cluster.running())[FIRST])
        it.call("RebootDBInstance", DBInstanceIdentifier=FIRST)
        await it.settle()
        await it.greeting()
        await measure(it.world.context.metrics, it.controller._metrics.asking)
        key = Key.of("AWS/DocDB", "OpcountersInsert", {"DBInstanceIdentifier": FIRST})
        found = it.world.context.metrics.store.query(key, 0, 1e12, 60)
        assert sum(each.total for _, each in found) == 1.0
        gc.collect()
        assert before() is None


async def test_the_user_of_a_deleted_cluster_is_forgotten(state: StateFolder) -> None:
    def known() -> list[User]:
        gc.collect()
        return [each for each in gc.get_objects() if isinstance(each, User) and each.name == "leaving"]

    async with platform(state) as it:
        it.create(MasterUsername="leaving")
        await it.settle()
        assert known()
        it.call("DeleteDBCluster", DBClusterIdentifier=CLUSTER, SkipFinalSnapshot=True)
        await it.settle()
        assert known() == []


def _figure(it: Documents, name: str, instance: str) -> float:
    key = Key.of("AWS/DocDB", name, {"DBInstanceIdentifier": instance})
    [(_, found)] = it.world.context.metrics.store.query(key, 0, 1e12, 60)
    return float(found.total)


CREATED: dict[str, tuple[dict[str, Any], str]] = {
    "engine": ({"Engine": "neptune"}, "InvalidParameterValue"),
    "version": ({"EngineVersion": "5.0.0"}, "UnsupportedOperation"),
    "identifier": ({"DBClusterIdentifier": "-x"}, "InvalidParameterValue"),
    "no user": ({"MasterUsername": None}, "InvalidParameterValue"),
    "no password": ({"MasterUserPassword": None}, "InvalidParameterValue"),
    "short password": ({"MasterUserPassword": "short"}, "InvalidParameterValue"),
    "two passwords": ({"ManageMasterUserPassword": True}, "InvalidParameterCombination"),
    "no such subnets": ({"DBSubnetGroupName": "absent"}, "DBSubnetGroupNotFoundFault"),
    "no such parameters": ({"DBClusterParameterGroupName": "absent"}, "DBClusterParameterGroupNotFound"),
    "serverless": ({"ServerlessV2ScalingConfiguration": {"MinCapacity": 1.0}}, "UnsupportedOperation"),
}


@pytest.mark.parametrize("name", CREATED)
async def test_a_cluster_that_cannot_be_is_refused(state: StateFolder, name: str) -> None:
    changes, code = CREATED[name]
    async with platform(state) as it:
        with pytest.raises(Refused) as refused:
            it.create(**changes)
        assert refused.value.code == code


_OTHER = {"DBInstanceIdentifier": "x", "Engine": "docdb", "DBInstanceClass": "db.t4g.medium"}
_SAME = {"Engine": "docdb", "MasterUsername": "cafe", "MasterUserPassword": PASSWORD}
ASKED: dict[str, tuple[str, dict[str, Any], str]] = {
    "again": ("CreateDBCluster", _SAME, "DBClusterAlreadyExistsFault"),
    "failover of one": ("FailoverDBCluster", {}, "InvalidDBClusterStateFault"),
    "stop what is not there yet": ("StopDBCluster", {}, "InvalidDBClusterStateFault"),
    "delete with instances": ("DeleteDBCluster", {"SkipFinalSnapshot": True}, "InvalidDBClusterStateFault"),
    "delete without a word of snapshots": ("DeleteDBCluster", {}, "InvalidParameterCombination"),
    "delete with a snapshot": ("DeleteDBCluster", {"FinalDBSnapshotIdentifier": "s"}, "UnsupportedOperation"),
    "rotate what is not managed": (
        "ModifyDBCluster",
        {"RotateMasterUserPassword": True, "ApplyImmediately": True},
        "InvalidParameterCombination",
    ),
    "rename": ("ModifyDBCluster", {"NewDBClusterIdentifier": "x"}, "UnsupportedOperation"),
    "instance again": (
        "CreateDBInstance",
        {**_OTHER, "DBInstanceIdentifier": FIRST},
        "DBInstanceAlreadyExists",
    ),
    "instance of an engine": (
        "CreateDBInstance",
        {**_OTHER, "Engine": "neptune"},
        "InvalidParameterValue",
    ),
    "instance of no class": (
        "CreateDBInstance",
        {**_OTHER, "DBInstanceClass": "big"},
        "InvalidParameterValue",
    ),
    "filter": ("DescribeDBClusters", {"Filters": [{"Name": "x", "Values": ["y"]}]}, "InvalidParameterValue"),
}


@pytest.mark.parametrize("name", ASKED)
async def test_a_call_that_cannot_be_done_is_refused(state: StateFolder, name: str) -> None:
    action, members, code = ASKED[name]
    async with platform(state) as it:
        it.create(FIRST)
        with pytest.raises(Refused) as refused:
            it.call(action, DBClusterIdentifier=CLUSTER, **members)
        assert refused.value.code == code


async def test_calls_about_its_records_are_its_own_and_others_are_rds(state: StateFolder) -> None:
    async with platform(state) as it:
        arn = it.create(FIRST)["DBClusterArn"]
        owns = it.world.context.owners["docdb"]
        assert owns("DescribeDBClusters", {"DBClusterIdentifier": CLUSTER.upper()})
        assert owns("RebootDBInstance", {"DBInstanceIdentifier": FIRST})
        assert owns("AddTagsToResource", {"ResourceName": arn})
        assert not owns("DescribeDBClusters", {"DBClusterIdentifier": "cafe-test"})
        assert not owns("DescribeDBClusters", {})
