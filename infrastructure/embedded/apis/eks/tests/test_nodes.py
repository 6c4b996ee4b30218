"""Node groups: their nodes are instances of an Auto Scaling group, and go the way these go."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from infrastructure.embedded.apis.eks.tests.account import GROUP, NAME, ROLE, Account, account_of
from infrastructure.embedded.gateway.refused import Refused
from infrastructure.state import StateFolder

pytestmark = pytest.mark.anyio
_GROUP = {"clusterName": NAME, "nodegroupName": GROUP}


@pytest.fixture
async def account(state: StateFolder) -> AsyncIterator[Account]:
    async with account_of(state) as made:
        await made.cluster()
        yield made


async def until(account: Account, look: Any, within_s: float = 15.0) -> None:
    """Let the controllers go on until `look` is true."""
    async with asyncio.timeout(within_s):
        while not await look():
            await account.reconcile(1)
            await asyncio.sleep(0.02)  # the cluster's own time is the machine's


async def test_a_group_is_an_auto_scaling_group_whose_instances_are_nodes(account: Account) -> None:
    described = await account.group()
    assert described["status"] == "ACTIVE"
    found = account.scaling_group
    assert described["resources"]["autoScalingGroups"] == [{"name": found["AutoScalingGroupName"]}]
    assert found["AutoScalingGroupName"].startswith(f"eks-{GROUP}-")
    tags = {each["Key"]: each["Value"] for each in found["Tags"]}
    wanted = {"eks:cluster-name": NAME, "eks:nodegroup-name": GROUP, f"kubernetes.io/cluster/{NAME}": "owned"}
    assert wanted.items() <= tags.items()
    instances = {
        each.private_dns_name: each for each in account.world.backends.ec2.all_instances() if each.state == "running"
    }
    nodes = {each["metadata"]["name"]: each for each in await account.nodes()}
    assert nodes.keys() == instances.keys()
    assert len({each.availability_zone for each in instances.values()}) == 2
    for name, node in nodes.items():
        instance = instances[name]
        assert node["spec"]["providerID"] == f"aws:///{instance.availability_zone}/{instance.id}"
        assert node["metadata"]["labels"]["topology.kubernetes.io/zone"] == instance.availability_zone
        cluster = account.call("DescribeCluster", name=NAME)["cluster"]
        assert [each.id for each in instance.security_groups] == [
            cluster["resourcesVpcConfig"]["clusterSecurityGroupId"]
        ]


async def test_a_terminated_instance_takes_its_node_with_it_and_is_replaced(account: Account) -> None:
    await account.group()
    node = (await account.nodes())[0]
    gone = node["spec"]["providerID"].rpartition("/")[2]
    account.other("ec2", "TerminateInstances", InstanceIds=[gone])

    async def replaced() -> bool:
        names = [each["metadata"]["name"] for each in await account.nodes()]
        return node["metadata"]["name"] not in names and len(names) == 2

    await until(account, replaced)


async def test_a_new_size_launches_and_drains_nodes(account: Account) -> None:
    await account.group()

    def count(of: int) -> Any:
        async def reached() -> bool:
            return len(await account.nodes()) == of and account.described["status"] == "ACTIVE"

        return reached

    update = account.call("UpdateNodegroupConfig", **_GROUP, scalingConfig={"desiredSize": 3})["update"]
    assert (update["status"], update["params"]) == ("InProgress", [{"type": "DesiredSize", "value": "3"}])
    named = {"name": NAME, "nodegroupName": GROUP}
    assert account.call("ListUpdates", **named)["updateIds"] == [update["id"]]
    await until(account, count(3))
    described = account.call("DescribeUpdate", **named, updateId=update["id"])["update"]
    assert described["status"] == "Successful"
    assert account.scaling_group["DesiredCapacity"] == 3
    account.call("UpdateNodegroupConfig", **_GROUP, scalingConfig={"desiredSize": 1})
    await until(account, count(1))


async def test_an_autoscaler_s_size_is_the_group_s(account: Account) -> None:
    await account.group()
    name = account.scaling_group["AutoScalingGroupName"]
    account.other("autoscaling", "SetDesiredCapacity", AutoScalingGroupName=name, DesiredCapacity=3)
    await account.reconcile()
    assert account.described["scalingConfig"]["desiredSize"] == 3


async def test_a_node_is_cordoned_before_its_group_ends_its_instance(account: Account) -> None:
    await account.group()
    identity = (await account.nodes())[0]["spec"]["providerID"].rpartition("/")[2]
    account.other(
        "autoscaling",
        "TerminateInstanceInAutoScalingGroup",
        InstanceId=identity,
        ShouldDecrementDesiredCapacity=True,
    )
    await account.reconcile(2)
    seen = {each["spec"]["providerID"].rpartition("/")[2]: each for each in await account.nodes()}
    assert seen[identity]["spec"]["unschedulable"]


async def test_what_a_deleted_group_was_made_of_is_gone(account: Account) -> None:
    await account.group()
    account.call("DeleteNodegroup", **_GROUP)
    assert account.described["status"] == "DELETING"

    async def gone() -> bool:
        return not account.call("ListNodegroups", clusterName=NAME)["nodegroups"]

    await until(account, gone)

    async def empty() -> bool:
        return await account.nodes() == []

    await until(account, empty)
    assert account.other("autoscaling", "DescribeAutoScalingGroups")["AutoScalingGroups"] == []
    assert account.world.backends.ec2.launch_templates == {}
    assert account.world.backends.iam.instance_profiles == {}
    with pytest.raises(Refused, match="No node group found"):
        account.call("DescribeNodegroup", **_GROUP)


_POLICY = {"RoleName": "late", "AssumeRolePolicyDocument": "{}"}


async def refused_group(account: Account) -> None:
    """A group whose role is deleted before anything is made of it."""
    account.other("iam", "CreateRole", **_POLICY)
    role = ROLE.replace("cluster", "late")
    sizes = {"minSize": 0, "maxSize": 2, "desiredSize": 1}
    account.call("CreateNodegroup", **_GROUP, nodeRole=role, subnets=account.world.subnets, scalingConfig=sizes)
    account.other("iam", "DeleteRole", RoleName="late")
    for _ in range(2):
        with pytest.raises(Exception, match="late"):  # moto's own
            await account.reconcile(1)
    assert len(account.world.backends.iam.instance_profiles) == 1
    assert account.described["resources"] == {"autoScalingGroups": []}


async def test_a_group_that_was_half_made_is_made_when_it_can_be(account: Account) -> None:
    await refused_group(account)
    account.other("iam", "CreateRole", **_POLICY)

    async def active() -> bool:
        return bool(account.described["status"] == "ACTIVE")

    await until(account, active)
    assert len(account.world.backends.iam.instance_profiles) == 1


async def test_nothing_is_left_of_a_group_that_was_half_made(account: Account) -> None:
    await refused_group(account)
    account.call("DeleteNodegroup", **_GROUP)
    await account.reconcile(1)
    assert account.call("ListNodegroups", clusterName=NAME)["nodegroups"] == []
    assert account.world.backends.iam.instance_profiles == {}
    assert account.world.backends.ec2.launch_templates == {}


async def test_a_scaling_group_that_somebody_took_away_is_told_of(account: Account) -> None:
    await account.group()
    name = account.scaling_group["AutoScalingGroupName"]
    account.other("autoscaling", "DeleteAutoScalingGroup", AutoScalingGroupName=name, ForceDelete=True)

    async def told() -> bool:
        return bool(account.described["status"] == "DEGRADED")

    await until(account, told)
    [issue] = account.described["health"]["issues"]
    assert (issue["code"], issue["resourceIds"]) == ("AutoScalingGroupNotFound", [name])
