"""What an instance is told of its group's wish."""

from pathlib import Path

import pytest

from infrastructure.embedded.apis.autoscaling.tests.test_groups import BOOT_S, started

pytestmark = pytest.mark.anyio


async def test_an_instance_is_told_where_it_is_to_go(tmp_path: Path) -> None:
    made = await started(tmp_path, TargetGroupARNs=["arn:tg"])
    asked = made.world.context.couplings.lifecycle_state
    first, second = made.ids()
    made.call(
        "EnterStandby", AutoScalingGroupName="loyalty", InstanceIds=[second], ShouldDecrementDesiredCapacity=False
    )
    made.call("TerminateInstanceInAutoScalingGroup", InstanceId=first, ShouldDecrementDesiredCapacity=False)
    await made.settle()
    assert {asked(each) for each in made.ids("Pending")} == {"InService"}
    assert (asked(first), asked(second), asked("i-0")) == ("Terminated", "Standby", None)
    made.later(BOOT_S)
    await made.settle()
    assert {asked(each) for each in made.ids()} == {"InService"}
