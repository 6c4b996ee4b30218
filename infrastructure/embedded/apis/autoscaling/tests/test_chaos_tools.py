"""The calls that chaos tools make on groups and their instances, in the order in which they make them."""

from pathlib import Path

import pytest

from infrastructure.embedded.apis.autoscaling.tests.fleet_world import GROUP, Fleet, fleet
from infrastructure.embedded.gateway.refused import Refused

pytestmark = pytest.mark.anyio
BOOT_S = 0.4


async def standing(folder: Path) -> Fleet:
    made = fleet(folder)
    made.create(Tags=[{"Key": "Project", "Value": "cafe", "PropagateAtLaunch": True}], TargetGroupARNs=["arn:tg"])
    await whole(made)
    return made


async def whole(made: Fleet) -> None:
    """As many in service as are desired, and no others."""
    for _ in range(5):
        await made.settle()
        made.later(1.0)
    await made.settle()
    assert len(made.ids()) == len(made.instances) == made.group["DesiredCapacity"]


def tagged(made: Fleet) -> list[str]:
    """Groups by their tags, as `asg` actions find them."""
    filters = [{"Name": "key", "Values": ["Project"]}, {"Name": "value", "Values": ["cafe"]}]
    return [each["ResourceId"] for each in made.call("DescribeTags", Filters=filters)["Tags"]]


async def test_random_instances_are_terminated_and_replaced(tmp_path: Path) -> None:
    made = await standing(tmp_path)
    [group] = made.call("DescribeAutoScalingGroups", AutoScalingGroupNames=tagged(made))["AutoScalingGroups"]
    chosen = sorted(each["InstanceId"] for each in group["Instances"] if each["LifecycleState"] == "InService")[:1]
    made.launch("TerminateInstances", InstanceIds=chosen)
    await whole(made)
    assert chosen[0] not in made.ids()


async def test_stopped_instances_are_replaced(tmp_path: Path) -> None:
    made = await standing(tmp_path)
    [chosen, _] = made.ids()
    made.launch("StopInstances", InstanceIds=[chosen], Force=True)
    await whole(made)
    assert chosen not in made.ids()


async def test_detached_instances_live_on_and_are_replaced(tmp_path: Path) -> None:
    made = await standing(tmp_path)
    [chosen, _] = made.ids()
    answer = made.call(
        "DetachInstances",
        AutoScalingGroupName=GROUP,
        InstanceIds=[chosen],
        ShouldDecrementDesiredCapacity=False,
    )
    assert f"instance {chosen} was detached in response to a user request." in answer["Activities"][0]["Cause"]
    await whole(made)
    assert made.world.backends.ec2.get_instance(chosen).state == "running"
    assert chosen not in made.targets.registered["arn:tg"]


async def test_a_suspended_group_replaces_nothing_until_it_is_resumed(tmp_path: Path) -> None:
    made = await standing(tmp_path)
    made.call("SuspendProcesses", AutoScalingGroupName=GROUP, ScalingProcesses=["Launch"])
    assert [each["ProcessName"] for each in made.group["SuspendedProcesses"]] == ["Launch"]
    made.launch("TerminateInstances", InstanceIds=made.ids()[:1])
    await made.settle()
    assert len(made.ids()) == 1
    made.call("ResumeProcesses", AutoScalingGroupName=GROUP, ScalingProcesses=["Launch"])
    await whole(made)


async def test_what_is_stopped_in_a_zone_may_hold_one_that_cannot_be(tmp_path: Path) -> None:
    """Tools ask for all instances of a zone; AWS refuses the call whole where one of them has been terminated."""
    made = await standing(tmp_path)
    [gone, other] = made.ids()
    made.launch("TerminateInstances", InstanceIds=[gone])
    await whole(made)
    with pytest.raises(Refused, match="not in a state from which it can be stopped"):
        made.launch("StopInstances", InstanceIds=[gone, other])
    assert other in made.ids()


async def test_standby_says_how_the_capacity_changed(tmp_path: Path) -> None:
    made = await standing(tmp_path)
    made.call("SetDesiredCapacity", AutoScalingGroupName=GROUP, DesiredCapacity=3)
    await whole(made)
    chosen = made.ids()[:1]
    given = {"AutoScalingGroupName": GROUP, "InstanceIds": chosen}
    [entered] = made.call("EnterStandby", **given, ShouldDecrementDesiredCapacity=True)["Activities"]
    assert "was moved to standby in response to a user request, shrinking the capacity from 3 to 2." in entered["Cause"]
    [left] = made.call("ExitStandby", **given)["Activities"]
    assert "was moved out of standby in response to a user request, increasing the capacity" in left["Cause"]
    await whole(made)
