"""Lifecycle hooks hold instances on their way; a refresh replaces them a few at a time."""

from pathlib import Path

import pytest

from infrastructure.embedded.apis.autoscaling.tests.fleet_world import GROUP, Fleet
from infrastructure.embedded.apis.autoscaling.tests.test_groups import BOOT_S, started
from infrastructure.embedded.gateway.refused import Refused

pytestmark = pytest.mark.anyio

LAUNCHING = {
    "LifecycleHookName": "warm-up",
    "LifecycleTransition": "autoscaling:EC2_INSTANCE_LAUNCHING",
    "HeartbeatTimeout": 100,
    "DefaultResult": "ABANDON",
}
TERMINATING = {
    "LifecycleHookName": "hand-over",
    "LifecycleTransition": "autoscaling:EC2_INSTANCE_TERMINATING",
    "HeartbeatTimeout": 100,
    "DefaultResult": "CONTINUE",
}
HEARTBEAT_S = 2.0
"""A hundred seconds at the fast pace."""


async def replaced(made: Fleet) -> None:
    await made.settle()
    made.later(BOOT_S)
    await made.settle()


async def test_a_launching_instance_waits_for_its_hook(tmp_path: Path) -> None:
    made = await started(tmp_path, LifecycleHookSpecificationList=[LAUNCHING])
    waiting = made.ids("Pending:Wait")
    assert len(waiting) == 2
    for instance in waiting:
        made.call(
            "CompleteLifecycleAction",
            AutoScalingGroupName=GROUP,
            LifecycleHookName="warm-up",
            InstanceId=instance,
            LifecycleActionResult="CONTINUE",
        )
    await made.settle()
    assert sorted(made.ids()) == sorted(waiting)


async def test_who_never_completes_is_abandoned_and_a_heartbeat_puts_that_off(tmp_path: Path) -> None:
    made = await started(tmp_path, LifecycleHookSpecificationList=[LAUNCHING])
    first, second = made.ids("Pending:Wait")
    made.later(HEARTBEAT_S / 2)
    made.call(
        "RecordLifecycleActionHeartbeat", AutoScalingGroupName=GROUP, LifecycleHookName="warm-up", InstanceId=first
    )
    made.later(HEARTBEAT_S / 2)
    await made.settle()
    assert first in made.ids("Pending:Wait")
    assert second not in [each["InstanceId"] for each in made.instances]


async def test_an_ending_instance_runs_until_its_hook_is_through(tmp_path: Path) -> None:
    made = await started(tmp_path, LifecycleHookSpecificationList=[TERMINATING])
    leaving = made.ids()[0]
    made.call("TerminateInstanceInAutoScalingGroup", InstanceId=leaving, ShouldDecrementDesiredCapacity=False)
    await made.settle()
    assert made.ids("Terminating:Wait") == [leaving]
    assert made.world.backends.ec2.get_instance(leaving).state == "running"
    made.later(HEARTBEAT_S)
    await made.settle()
    assert made.world.backends.ec2.get_instance(leaving).state == "terminated"


async def test_completing_what_nobody_waits_for_is_refused(tmp_path: Path) -> None:
    made = await started(tmp_path, LifecycleHookSpecificationList=[LAUNCHING])
    with pytest.raises(Refused, match="No active Lifecycle Action found with instance ID i-0"):
        made.call(
            "CompleteLifecycleAction",
            AutoScalingGroupName=GROUP,
            LifecycleHookName="warm-up",
            InstanceId="i-0",
            LifecycleActionResult="CONTINUE",
        )


async def test_a_refresh_replaces_all_never_more_than_one_of_two_at_a_time(tmp_path: Path) -> None:
    made = await started(tmp_path)
    before = made.ids()
    made.version()
    started_id = made.call("StartInstanceRefresh", AutoScalingGroupName=GROUP)["InstanceRefreshId"]
    assert made.refresh["Status"] == "Pending"
    for _ in range(6):
        await made.settle()
        assert len(made.ids()) >= 1
        made.later(BOOT_S)
    await made.settle()
    assert (made.refresh["Status"], made.refresh["PercentageComplete"]) == ("Successful", 100)
    assert made.refresh["InstanceRefreshId"] == started_id
    assert set(made.ids()).isdisjoint(before)
    assert {each["LaunchTemplate"]["Version"] for each in made.instances} == {"3"}


async def test_one_refresh_at_a_time_and_a_cancelled_one_stops(tmp_path: Path) -> None:
    made = await started(tmp_path)
    before = made.ids()
    made.call("StartInstanceRefresh", AutoScalingGroupName=GROUP)
    with pytest.raises(Refused, match="InstanceRefreshInProgress"):
        made.call("StartInstanceRefresh", AutoScalingGroupName=GROUP)
    made.call("CancelInstanceRefresh", AutoScalingGroupName=GROUP)
    await replaced(made)
    assert (made.refresh["Status"], made.ids()) == ("Cancelled", before)
    with pytest.raises(Refused, match="ActiveInstanceRefreshNotFound"):
        made.call("CancelInstanceRefresh", AutoScalingGroupName=GROUP)


async def test_a_refresh_whose_launches_fail_goes_back_if_it_is_to(tmp_path: Path) -> None:
    made = await started(tmp_path, LaunchTemplate={"LaunchTemplateName": "web", "Version": "2"})
    made.version(ImageId="ami-00000000000000000")
    wanted = {"LaunchTemplate": {"LaunchTemplateName": "web", "Version": "3"}}
    made.call(
        "StartInstanceRefresh",
        AutoScalingGroupName=GROUP,
        DesiredConfiguration=wanted,
        Preferences={"AutoRollback": True},
    )
    for _ in range(8):
        await replaced(made)
        made.later(20.0)
    assert made.refresh["Status"] == "RollbackSuccessful"
    assert {each["LaunchTemplate"]["Version"] for each in made.instances} == {"2"}
    assert len(made.ids()) == 2
