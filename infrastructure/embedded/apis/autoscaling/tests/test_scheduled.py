"""Scheduled actions of groups: what is due is done once, at its time, and says so."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from infrastructure.embedded.apis.autoscaling.tests.fleet_world import GROUP, Fleet, fleet
from infrastructure.embedded.gateway.refused import Refused

pytestmark = pytest.mark.anyio


@pytest.fixture
def made(tmp_path: Path) -> Fleet:
    found = fleet(tmp_path)
    found.create()
    return found


def moment(made: Fleet, seconds: float) -> datetime:
    return datetime.fromtimestamp(made.world.now[0], UTC) + timedelta(seconds=seconds)


def put(made: Fleet, name: str = "rush", **members: Any) -> None:
    given = {"AutoScalingGroupName": GROUP, "ScheduledActionName": name, **members}
    made.call("PutScheduledUpdateGroupAction", **given)


def actions(made: Fleet, **members: Any) -> list[Any]:
    return list(made.call("DescribeScheduledActions", **members)["ScheduledUpdateGroupActions"])


async def test_a_one_time_action_is_done_at_its_time_and_gone(made: Fleet) -> None:
    put(made, StartTime=moment(made, 100.0), MinSize=3, MaxSize=6, DesiredCapacity=4)
    made.later(99.0)
    await made.settle()
    assert (made.group["MaxSize"], len(made.instances)) == (4, 2)
    made.later(2.0)
    await made.settle()
    group = made.group
    assert (group["MinSize"], group["MaxSize"], group["DesiredCapacity"], len(group["Instances"])) == (3, 6, 4, 4)
    assert actions(made) == []
    assert any(
        "a scheduled action update of AutoScalingGroup constraints to min: 3, max: 6, desired: 4 changing the desired"
        " capacity from 2 to 4." in cause
        for cause in made.causes()
    )


async def test_a_recurring_action_comes_again_until_its_end(made: Fleet) -> None:
    made.later(60.0 - made.world.now[0] % 60.0)  # two whole minutes lie before its end, whenever this is run
    put(made, Recurrence="* * * * *", EndTime=moment(made, 130.0), DesiredCapacity=3)
    made.later(61.0)
    await made.settle()
    assert made.group["DesiredCapacity"] == 3
    made.call("SetDesiredCapacity", AutoScalingGroupName=GROUP, DesiredCapacity=2)
    made.later(60.0)
    await made.settle()
    assert made.group["DesiredCapacity"] == 3
    assert actions(made) == []


async def test_a_suspended_process_passes_it_over(made: Fleet) -> None:
    put(made, StartTime=moment(made, 10.0), DesiredCapacity=4)
    made.call("SuspendProcesses", AutoScalingGroupName=GROUP, ScalingProcesses=["ScheduledActions"])
    made.later(11.0)
    await made.settle()
    made.call("ResumeProcesses", AutoScalingGroupName=GROUP)
    await made.settle()
    assert (made.group["DesiredCapacity"], actions(made)) == (2, [])


async def test_bounds_that_cross_are_a_failed_activity(made: Fleet) -> None:
    put(made, StartTime=moment(made, 10.0), MinSize=5)
    made.later(11.0)
    await made.settle()
    [failed] = [a for a in made.call("DescribeScalingActivities")["Activities"] if a["StatusCode"] == "Failed"]
    assert "min size 5 is greater than max size 4" in failed["Cause"]
    assert made.group["MinSize"] == 2


async def test_actions_are_described_by_their_time_and_deleted(made: Fleet) -> None:
    put(made, "late", StartTime=moment(made, 200.0), DesiredCapacity=3)
    put(made, "soon", StartTime=moment(made, 100.0), DesiredCapacity=4)
    assert [each["ScheduledActionName"] for each in actions(made, AutoScalingGroupName=GROUP)] == ["soon", "late"]
    [late] = actions(made, StartTime=moment(made, 150.0))
    assert (late["DesiredCapacity"], late["StartTime"]) == (3, late["Time"])
    assert late["ScheduledActionARN"].endswith(":scheduledActionName/late")
    made.call("DeleteScheduledAction", AutoScalingGroupName=GROUP, ScheduledActionName="soon")
    names = {"AutoScalingGroupName": GROUP, "ScheduledActionNames": ["late", "never"]}
    [failed] = made.call("BatchDeleteScheduledAction", **names)["FailedScheduledActions"]
    assert failed["ScheduledActionName"] == "never"
    assert actions(made) == []


async def test_a_batch_keeps_what_is_right(made: Fleet) -> None:
    given = [
        {"ScheduledActionName": "right", "Recurrence": "0 8 * * MON-FRI", "TimeZone": "UTC", "MinSize": 3},
        {"ScheduledActionName": "wrong", "Recurrence": "0 8 * *", "MinSize": 3},
    ]
    answer = made.call(
        "BatchPutScheduledUpdateGroupAction", AutoScalingGroupName=GROUP, ScheduledUpdateGroupActions=given
    )
    [failed] = answer["FailedScheduledUpdateGroupActions"]
    assert (failed["ScheduledActionName"], "5 fields" in failed["ErrorMessage"]) == ("wrong", True)
    assert [each["ScheduledActionName"] for each in actions(made)] == ["right"]


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"DesiredCapacity": 3}, "StartTime or Recurrence"),
        ({"Recurrence": "* * * * *"}, "At least one of MinSize"),
        ({"Recurrence": "* * * * *", "MinSize": 3, "MaxSize": 2}, "Max bound"),
        ({"Recurrence": "0 0 31 2 *", "MinSize": 3}, "never due"),
        ({"Recurrence": "* * * * *", "TimeZone": "Mars/Olympus", "MinSize": 3}, "not a time zone"),
    ],
)
async def test_what_can_never_be_done_is_refused(made: Fleet, members: dict[str, Any], words: str) -> None:
    with pytest.raises(Refused, match=words):
        put(made, **members)


@pytest.mark.parametrize(("seconds", "words"), [(-1.0, "in the past"), (100.0, "end time")])
async def test_times_must_be_in_order(made: Fleet, seconds: float, words: str) -> None:
    with pytest.raises(Refused, match=words):
        put(made, StartTime=moment(made, seconds), EndTime=moment(made, 50.0), DesiredCapacity=3)
