"""Warm pools: filled beforehand, taken from first, shrunk and deleted."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from infrastructure.embedded.apis.autoscaling.tests.fleet_world import GROUP, Fleet, fleet
from infrastructure.embedded.gateway.refused import Refused

pytestmark = pytest.mark.anyio
BOOT_S = 0.4


async def pooled(folder: Path, **members: Any) -> Fleet:
    """A group of two of at most four, with a pool."""
    made = fleet(folder)
    made.create()
    put(made, **members)
    await later(made)
    return made


async def later(made: Fleet) -> None:
    for _ in range(3):
        await made.settle()
        made.later(BOOT_S)
    await made.settle()


def put(made: Fleet, **members: Any) -> None:
    made.call("PutWarmPool", AutoScalingGroupName=GROUP, **members)


def pool(made: Fleet) -> Any:
    return made.call("DescribeWarmPool", AutoScalingGroupName=GROUP)


def warm(made: Fleet) -> Counter[str]:
    return Counter(each["LifecycleState"] for each in pool(made)["Instances"])


async def test_a_pool_holds_what_the_group_may_grow_by_stopped(tmp_path: Path) -> None:
    made = await pooled(tmp_path)
    assert warm(made) == {"Warmed:Stopped": 2}
    assert (len(made.instances), made.group["WarmPoolSize"]) == (2, 2)
    states = [made.world.backends.ec2.get_instance(each["InstanceId"]).state for each in pool(made)["Instances"]]
    assert states == ["stopped", "stopped"]
    assert pool(made)["WarmPoolConfiguration"]["PoolState"] == "Stopped"
    described = made.call("DescribeAutoScalingInstances")["AutoScalingInstances"]
    assert len(described) == 4


@pytest.mark.parametrize("state", ["Stopped", "Running"])
async def test_an_instance_on_its_way_into_the_pool_is_told_where_it_will_rest(state: str, tmp_path: Path) -> None:
    made = fleet(tmp_path)
    made.create()
    put(made, PoolState=state)
    await made.settle()
    asked = made.world.context.couplings.lifecycle_state
    assert warm(made) == {"Warmed:Pending": 2}
    assert {asked(each["InstanceId"]) for each in pool(made)["Instances"]} == {f"Warmed:{state}"}


@pytest.mark.parametrize(
    ("members", "size"),
    [({"MaxGroupPreparedCapacity": 3}, 1), ({"MinSize": 3}, 3), ({"MaxGroupPreparedCapacity": 1}, 0)],
)
async def test_a_pools_size_follows_its_settings(tmp_path: Path, members: dict[str, int], size: int) -> None:
    made = await pooled(tmp_path, **members)
    assert warm(made).total() == size


async def test_a_growing_group_takes_from_the_pool_first(tmp_path: Path) -> None:
    made = await pooled(tmp_path)
    waiting = {each["InstanceId"] for each in pool(made)["Instances"]}
    made.call("SetDesiredCapacity", AutoScalingGroupName=GROUP, DesiredCapacity=3)
    await later(made)
    entered = set(made.ids()) & waiting
    assert len(entered) == 1
    assert len(made.ids()) == 3
    assert warm(made) == {"Warmed:Stopped": 1}
    [started] = entered
    activities = made.call("DescribeScalingActivities", AutoScalingGroupName=GROUP)["Activities"]
    assert f"Launching a new EC2 instance from warm pool: {started}" in [each["Description"] for each in activities]


async def test_running_instances_enter_without_a_boot(tmp_path: Path) -> None:
    made = await pooled(tmp_path, PoolState="Running")
    assert warm(made) == {"Warmed:Running": 2}
    made.call("SetDesiredCapacity", AutoScalingGroupName=GROUP, DesiredCapacity=4)
    await made.settle()
    assert len(made.ids()) == 4


async def test_instances_come_back_by_scaling_in_where_they_are_reused(tmp_path: Path) -> None:
    made = await pooled(tmp_path, InstanceReusePolicy={"ReuseOnScaleIn": True})
    made.call("SetDesiredCapacity", AutoScalingGroupName=GROUP, DesiredCapacity=4)
    await later(made)
    before = set(made.ids())
    made.call("SetDesiredCapacity", AutoScalingGroupName=GROUP, DesiredCapacity=2)
    await later(made)
    assert {each["InstanceId"] for each in pool(made)["Instances"]} == before - set(made.ids())
    assert warm(made) == {"Warmed:Stopped": 2}


async def test_launch_hooks_are_waited_for_on_the_way_into_the_pool_and_out_of_it(tmp_path: Path) -> None:
    made = fleet(tmp_path)
    made.create()
    await later(made)
    hook = {"AutoScalingGroupName": GROUP, "LifecycleHookName": "ready"}
    transition = {"LifecycleTransition": "autoscaling:EC2_INSTANCE_LAUNCHING", "HeartbeatTimeout": 3000}
    made.call("PutLifecycleHook", **hook, **transition)
    put(made, MaxGroupPreparedCapacity=3)
    await later(made)
    assert warm(made) == {"Warmed:Pending:Wait": 1}
    [waiting] = [each["InstanceId"] for each in pool(made)["Instances"]]
    go_on = {"InstanceId": waiting, "LifecycleActionResult": "CONTINUE"}
    made.call("CompleteLifecycleAction", **hook, **go_on)
    await later(made)
    assert warm(made) == {"Warmed:Stopped": 1}
    made.call("SetDesiredCapacity", AutoScalingGroupName=GROUP, DesiredCapacity=3)
    await later(made)
    assert made.ids("Pending:Wait") == [waiting]
    made.call("CompleteLifecycleAction", **hook, **go_on)
    await made.settle()
    assert waiting in made.ids()


async def test_a_deleted_pool_takes_its_instances_along(tmp_path: Path) -> None:
    made = await pooled(tmp_path)
    gone = [each["InstanceId"] for each in pool(made)["Instances"]]
    made.call("DeleteWarmPool", AutoScalingGroupName=GROUP)
    assert pool(made)["WarmPoolConfiguration"]["Status"] == "PendingDelete"
    await later(made)
    assert "WarmPoolConfiguration" not in pool(made)
    assert {made.world.backends.ec2.get_instance(each).state for each in gone} == {"terminated"}
    assert len(made.ids()) == 2


async def test_a_deleted_group_takes_its_pool_along(tmp_path: Path) -> None:
    made = await pooled(tmp_path)
    made.call("DeleteAutoScalingGroup", AutoScalingGroupName=GROUP, ForceDelete=True)
    await later(made)
    assert made.call("DescribeAutoScalingGroups")["AutoScalingGroups"] == []


async def test_what_cannot_be_done_is_refused(tmp_path: Path) -> None:
    made = await pooled(tmp_path)
    with pytest.raises(Refused, match=r"not provided .*Hibernated"):
        put(made, PoolState="Hibernated")
    made.call("DeleteWarmPool", AutoScalingGroupName=GROUP)
    await later(made)
    with pytest.raises(Refused, match="No warm pool found"):
        made.call("DeleteWarmPool", AutoScalingGroupName=GROUP)
