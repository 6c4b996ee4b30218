"""Groups: as many instances as are desired, in balance over the zones, replaced when they are not sound."""

from pathlib import Path

import pytest

from infrastructure.embedded.apis.autoscaling.tests.fleet_world import GROUP, IMAGE, Fleet, fleet
from infrastructure.embedded.gateway.refused import Refused

pytestmark = pytest.mark.anyio
BOOT_S, GRACE_S = 0.4, 5.0
"""At the fast pace: 20 s until user data runs, and the least time that checks may fail."""


async def started(folder: Path, **changes: object) -> Fleet:
    made = fleet(folder)
    made.create(**changes)
    await made.settle()
    made.later(BOOT_S)
    await made.settle()
    return made


async def test_instances_are_pending_until_they_run_and_lie_in_both_zones(tmp_path: Path) -> None:
    made = fleet(tmp_path)
    made.create()
    await made.settle()
    assert len(made.ids("Pending")) == 2
    made.later(BOOT_S)
    await made.settle()
    assert len(made.ids()) == 2
    assert sorted(made.zones.values()) == [1, 1]
    assert [each["LaunchTemplate"]["Version"] for each in made.instances] == ["2", "2"]


async def test_a_terminated_instance_is_replaced_in_its_zone(tmp_path: Path) -> None:
    made = await started(tmp_path)
    gone = made.ids()[0]
    made.launch("TerminateInstances", InstanceIds=[gone])
    await made.settle()
    made.later(BOOT_S)
    await made.settle()
    assert len(made.ids()) == 2
    assert gone not in made.ids()
    assert sorted(made.zones.values()) == [1, 1]
    assert any("EC2 health check" in cause for cause in made.causes())


async def test_targets_follow_the_instances_in_service(tmp_path: Path) -> None:
    made = await started(tmp_path, TargetGroupARNs=["arn:tg"])
    assert sorted(made.targets.registered["arn:tg"]) == sorted(made.ids())
    gone = made.ids()[0]
    made.call("TerminateInstanceInAutoScalingGroup", InstanceId=gone, ShouldDecrementDesiredCapacity=False)
    await made.settle()
    assert gone not in made.targets.registered["arn:tg"]
    assert gone in made.ids("Terminating")  # connections drain, for a second at this pace, before it gets SIGTERM
    assert made.world.backends.ec2.get_instance(gone).state == "running"
    made.later(1.0)
    await made.settle()
    assert made.world.backends.ec2.get_instance(gone).state == "terminated"
    assert gone not in [each["InstanceId"] for each in made.instances]


async def test_an_instance_that_fails_its_load_balancers_checks_is_replaced_after_its_grace_period(
    tmp_path: Path,
) -> None:
    made = await started(tmp_path, TargetGroupARNs=["arn:tg"], HealthCheckType="ELB", HealthCheckGracePeriod=100)
    ill = made.ids()[0]
    made.targets.states[ill] = "unhealthy"
    await made.settle()
    assert ill in made.ids()
    made.later(GRACE_S)
    await made.settle()
    assert ill not in made.ids()
    said = f"{ill} was replaced, since its check of HTTP /ready says: Health checks failed with these codes: [404]"
    assert said in made.controller.unsettled()[0]
    made.later(BOOT_S)
    await made.settle()
    assert len(made.ids()) == 2
    assert said not in str(made.controller.unsettled())
    assert any("ELB system health check failure" in cause for cause in made.causes())


async def test_without_elb_checks_a_load_balancers_word_does_not_count(tmp_path: Path) -> None:
    made = await started(tmp_path, TargetGroupARNs=["arn:tg"])
    ill = made.ids()[0]
    made.targets.states[ill] = "unhealthy"
    made.later(1000.0)
    await made.settle()
    assert ill in made.ids()


async def test_an_instance_that_is_called_unhealthy_is_replaced(tmp_path: Path) -> None:
    made = await started(tmp_path)
    ill = made.ids()[0]
    made.call("SetInstanceHealth", InstanceId=ill, HealthStatus="Unhealthy")
    await made.settle()
    assert ill not in made.ids()
    assert any("user health-check" in cause for cause in made.causes())


async def test_the_desired_capacity_is_followed_both_ways(tmp_path: Path) -> None:
    made = await started(tmp_path)
    made.call("SetDesiredCapacity", AutoScalingGroupName=GROUP, DesiredCapacity=4)
    await made.settle()
    made.later(BOOT_S)
    await made.settle()
    assert sorted(made.zones.values()) == [2, 2]
    made.call("SetDesiredCapacity", AutoScalingGroupName=GROUP, DesiredCapacity=2)
    await made.settle()
    assert sorted(made.zones.values()) == [1, 1]
    assert any("shrinking the capacity from 4 to 3" in cause for cause in made.causes())


@pytest.mark.parametrize(("wanted", "words"), [(1, "below min value 2"), (5, "above max value 4")])
async def test_a_capacity_out_of_bounds_is_refused(tmp_path: Path, wanted: int, words: str) -> None:
    made = await started(tmp_path)
    with pytest.raises(Refused, match=words):
        made.call("SetDesiredCapacity", AutoScalingGroupName=GROUP, DesiredCapacity=wanted)


async def test_an_instance_of_ones_own_is_attached(tmp_path: Path) -> None:
    made = await started(tmp_path)
    subnet = made.world.subnets[0]
    [own] = made.launch(
        "RunInstances", LaunchTemplate={"LaunchTemplateName": "web"}, MinCount=1, MaxCount=1, SubnetId=subnet
    )["Instances"]
    with pytest.raises(Refused, match="must exist and run"):
        made.call("AttachInstances", AutoScalingGroupName=GROUP, InstanceIds=[own.id])
    made.later(BOOT_S)
    await made.settle()
    made.later(BOOT_S)
    await made.settle()
    made.call("AttachInstances", AutoScalingGroupName=GROUP, InstanceIds=[own.id])
    await made.settle()
    assert own.id in made.ids()
    assert (made.group["DesiredCapacity"], len(made.ids())) == (3, 3)
    with pytest.raises(Refused, match="already part of"):
        made.call("AttachInstances", AutoScalingGroupName=GROUP, InstanceIds=[own.id])
    with pytest.raises(Refused, match="must exist and run"):
        made.call("AttachInstances", AutoScalingGroupName=GROUP, InstanceIds=["i-0123456789abcdef0"])


async def test_terminating_with_a_smaller_capacity_brings_no_replacement(tmp_path: Path) -> None:
    made = await started(tmp_path, DesiredCapacity=3)
    gone = made.ids()[0]
    made.call("TerminateInstanceInAutoScalingGroup", InstanceId=gone, ShouldDecrementDesiredCapacity=True)
    await made.settle()
    made.later(BOOT_S)
    await made.settle()
    assert (len(made.ids()), made.group["DesiredCapacity"]) == (2, 2)
    with pytest.raises(Refused, match="desiredSize equals minSize"):
        made.call("TerminateInstanceInAutoScalingGroup", InstanceId=made.ids()[0], ShouldDecrementDesiredCapacity=True)


async def test_a_detached_instance_runs_on_and_is_replaced(tmp_path: Path) -> None:
    made = await started(tmp_path)
    detached = made.ids()[0]
    made.call(
        "DetachInstances", AutoScalingGroupName=GROUP, InstanceIds=[detached], ShouldDecrementDesiredCapacity=False
    )
    await made.settle()
    made.later(BOOT_S)
    await made.settle()
    assert detached not in made.ids()
    assert len(made.ids()) == 2
    assert made.world.backends.ec2.get_instance(detached).state == "running"


async def test_a_protected_instance_does_not_leave_by_scaling_in(tmp_path: Path) -> None:
    made = await started(tmp_path, DesiredCapacity=3, NewInstancesProtectedFromScaleIn=True)
    made.call("SetDesiredCapacity", AutoScalingGroupName=GROUP, DesiredCapacity=2)
    await made.settle()
    assert len(made.ids()) == 3
    free = made.ids()[1]
    made.call("SetInstanceProtection", AutoScalingGroupName=GROUP, InstanceIds=[free], ProtectedFromScaleIn=False)
    await made.settle()
    assert free not in made.ids()


async def test_an_instance_in_standby_is_no_target_and_does_not_count(tmp_path: Path) -> None:
    made = await started(tmp_path, DesiredCapacity=3, TargetGroupARNs=["arn:tg"])
    aside = made.ids()[0]
    named = {"AutoScalingGroupName": GROUP, "InstanceIds": [aside]}
    made.call("EnterStandby", **named, ShouldDecrementDesiredCapacity=True)
    await made.settle()
    assert (made.ids("Standby"), len(made.ids()), aside in made.targets.registered["arn:tg"]) == ([aside], 2, False)
    made.call("ExitStandby", **named)
    await made.settle()
    assert (len(made.ids()), aside in made.targets.registered["arn:tg"]) == (3, True)


@pytest.mark.parametrize("process", ["Launch", "ReplaceUnhealthy", "HealthCheck", "Terminate"])
async def test_a_suspended_process_is_not_done_until_it_is_resumed(tmp_path: Path, process: str) -> None:
    made = await started(tmp_path)
    made.call("SuspendProcesses", AutoScalingGroupName=GROUP, ScalingProcesses=[process])
    before = made.ids()
    made.launch("TerminateInstances", InstanceIds=before[:1])
    await made.settle()
    made.later(BOOT_S)
    await made.settle()
    assert set(made.ids()) <= set(before)
    made.call("ResumeProcesses", AutoScalingGroupName=GROUP, ScalingProcesses=[process])
    await made.settle()
    made.later(BOOT_S)
    await made.settle()
    assert len(set(made.ids()) - set(before)) == 1


async def test_a_deleted_group_takes_its_instances_along(tmp_path: Path) -> None:
    made = await started(tmp_path)
    with pytest.raises(Refused, match="ResourceInUse"):
        made.call("DeleteAutoScalingGroup", AutoScalingGroupName=GROUP)
    made.call("DeleteAutoScalingGroup", AutoScalingGroupName=GROUP, ForceDelete=True)
    assert made.group["Status"] == "Delete in progress"
    await made.settle()
    assert made.call("DescribeAutoScalingGroups")["AutoScalingGroups"] == []
    assert made.world.supervisor.running == []


async def test_a_launch_that_fails_says_why_and_is_tried_again_later(tmp_path: Path) -> None:
    made = fleet(tmp_path)
    made.version(ImageId="ami-00000000000000000")
    made.create()
    await made.settle()
    [reason] = made.controller.unsettled()
    assert "0 of 2 instances are in service" in reason
    assert "InvalidAMIID.NotFound" in reason
    attempts = len(made.causes())
    await made.settle()
    assert len(made.causes()) == attempts
    made.version(ImageId=IMAGE)
    made.later(2.0)
    await made.settle()
    made.later(BOOT_S)
    await made.settle()
    assert len(made.ids()) == 2


async def test_a_group_that_is_not_whole_shows_a_console(tmp_path: Path) -> None:
    made = await started(tmp_path, TargetGroupARNs=["arn:tg"])
    made.targets.states[made.ids()[0]] = "unhealthy"
    [reason] = made.controller.unsettled()
    assert f"1 of 2 instances are in service; the console of {made.ids()[0]}" in reason


async def test_only_tags_that_are_to_propagate_reach_the_instances(tmp_path: Path) -> None:
    tags = [
        {"Key": "Service", "Value": "loyalty", "PropagateAtLaunch": True},
        {"Key": "Module", "Value": "compute", "PropagateAtLaunch": False},
    ]
    made = await started(tmp_path, Tags=tags)
    found = {tag["key"]: tag["value"] for tag in made.world.backends.ec2.get_instance(made.ids()[0]).get_tags()}
    assert found["Service"] == "loyalty"
    assert found["aws:autoscaling:groupName"] == GROUP
    assert "Module" not in found


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"MinSize": 5}, "Max bound must be greater"),
        ({"DesiredCapacity": 9}, "Desired capacity:9 must be between the specified min size:2 and max size:4"),
        ({"VPCZoneIdentifier": ""}, "At least one Availability Zone or VPC Subnet"),
        ({"LaunchTemplate": {}}, "launchTemplateId or LaunchTemplateName"),
        ({"MixedInstancesPolicy": {"LaunchTemplate": {}}}, "UnsupportedOperation"),
    ],
)
async def test_a_group_that_cannot_be_is_refused(tmp_path: Path, changes: dict[str, object], words: str) -> None:
    made = fleet(tmp_path)
    with pytest.raises(Refused, match=words):
        made.create(**changes)


async def test_a_name_that_is_taken_and_one_that_is_unknown_are_refused(tmp_path: Path) -> None:
    made = fleet(tmp_path)
    made.create()
    with pytest.raises(Refused, match="AlreadyExists"):
        made.create()
    with pytest.raises(Refused, match="AutoScalingGroup name not found"):
        made.call("SetDesiredCapacity", AutoScalingGroupName="nobody", DesiredCapacity=1)
