"""Target tracking of groups: which policies there may be, and when a group grows and shrinks by them."""

from pathlib import Path
from typing import Any

import pytest

from infrastructure.embedded.apis.autoscaling.tests.fleet_world import GROUP, Fleet, fleet
from infrastructure.embedded.control.metric_store import Key
from infrastructure.embedded.gateway.refused import Refused

pytestmark = pytest.mark.anyio
CPU = {
    "PredefinedMetricSpecification": {"PredefinedMetricType": "ASGAverageCPUUtilization"},
    "TargetValue": 50.0,
}
GROUP_CPU = Key.of("AWS/EC2", "CPUUtilization", {"AutoScalingGroupName": GROUP})
QUEUE = {
    "CustomizedMetricSpecification": {
        "Namespace": "cafe",
        "MetricName": "Backlog",
        "Dimensions": [{"Name": "Queue", "Value": "points"}],
        "Statistic": "Maximum",
    },
    "TargetValue": 100.0,
}


def put(made: Fleet, name: str = "cpu", tracking: Any = CPU, **more: Any) -> Any:
    given = {"AutoScalingGroupName": GROUP, "PolicyName": name, "PolicyType": "TargetTrackingScaling"}
    return made.call("PutScalingPolicy", **given, TargetTrackingConfiguration=tracking, **more)


def policies(made: Fleet) -> list[Any]:
    return list(made.call("DescribePolicies", AutoScalingGroupName=GROUP)["ScalingPolicies"])


def alarms(made: Fleet) -> dict[str, Any]:
    return {a.name: a for a in made.world.backends.cloudwatch.alarms.values()}


async def reports(made: Fleet, value: float, seconds: int, key: Key = GROUP_CPU) -> None:
    """The metric is at `value` for so long; the controllers run meanwhile."""
    for _ in range(seconds):
        metrics, now = made.world.context.metrics, made.world.now[0]
        metrics.put(key.namespace, key.name, value, "None", dict(key.dimensions), now)
        made.later(1.0)
        await made.settle(2)


async def standing(folder: Path, **changes: Any) -> Fleet:
    made = fleet(folder)
    made.create(**changes)
    await made.settle()
    made.later(5.0)
    await made.settle()
    return made


async def test_a_policy_is_described_with_the_alarms_that_show_it(tmp_path: Path) -> None:
    made = await standing(tmp_path)
    answer = put(made, EstimatedInstanceWarmup=60)
    [described] = policies(made)
    assert described["PolicyARN"] == answer["PolicyARN"]
    assert ":scalingPolicy:" in answer["PolicyARN"]
    assert answer["PolicyARN"].endswith(f":autoScalingGroupName/{GROUP}:policyName/cpu")
    assert [a["AlarmName"] for a in described["Alarms"]] == list(alarms(made))
    assert {(a.comparison_operator, a.threshold, a.evaluation_periods) for a in alarms(made).values()} == {
        ("GreaterThanThreshold", 50.0, 3),
        ("LessThanThreshold", 45.0, 15),
    }


async def test_another_put_keeps_the_arn_and_replaces_the_alarms(tmp_path: Path) -> None:
    made = await standing(tmp_path)
    first, before = put(made), set(alarms(made))
    second = put(made, tracking={**CPU, "TargetValue": 60.0, "DisableScaleIn": True})
    assert second["PolicyARN"] == first["PolicyARN"]
    assert [a.threshold for a in alarms(made).values()] == [60.0]
    assert before.isdisjoint(alarms(made))


@pytest.mark.parametrize("by", ["name", "arn", "group"])
async def test_a_policy_that_goes_takes_its_alarms_along(by: str, tmp_path: Path) -> None:
    made = await standing(tmp_path)
    arn = put(made)["PolicyARN"]
    if by == "group":
        made.call("DeleteAutoScalingGroup", AutoScalingGroupName=GROUP, ForceDelete=True)
        await made.settle()
        made.later(60.0)
        await made.settle()
    elif by == "arn":
        made.call("DeletePolicy", PolicyName=arn)
    else:
        made.call("DeletePolicy", AutoScalingGroupName=GROUP, PolicyName="cpu")
    assert (policies(made), alarms(made)) == ([], {})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"PolicyType": "PredictiveScaling"}, "not provided .*PredictiveScaling"),
        ({"PolicyType": "StepScaling"}, "cannot change the policy type"),
        (
            {"PolicyName": "other", "TargetTrackingConfiguration": None},
            "TargetTrackingConfiguration is required",
        ),
        ({"Cooldown": 5}, "Cooldown is not supported for policies of type TargetTrackingScaling"),
        (
            {
                "TargetTrackingConfiguration": {
                    "PredefinedMetricSpecification": {"PredefinedMetricType": "ASGAverageNetworkIn"},
                    "TargetValue": 1.0,
                }
            },
            "tracking of this metric; of the predefined ones, ASGAverageCPUUtilization is",
        ),
        ({"TargetTrackingConfiguration": {**CPU, "TargetValue": 0.0}}, "TargetValue 0.0 must be greater than 0"),
        ({"PolicyName": "second"}, "Only one TargetTrackingScaling policy for a given metric"),
        ({"AutoScalingGroupName": "nobody"}, "name not found"),
    ],
)
async def test_what_cannot_be_carried_out_is_refused(changes: Any, words: str, tmp_path: Path) -> None:
    made = await standing(tmp_path)
    put(made)
    given = {
        "AutoScalingGroupName": GROUP,
        "PolicyName": "other" if "TargetTrackingConfiguration" in changes else "cpu",
        "PolicyType": "TargetTrackingScaling",
        "TargetTrackingConfiguration": CPU,
    }
    with pytest.raises(Refused, match=words):
        made.call("PutScalingPolicy", **given | changes)
    with pytest.raises(Refused, match="Could not find a policy named never"):
        made.call("DeletePolicy", AutoScalingGroupName=GROUP, PolicyName="never")


async def test_a_busy_group_grows_and_says_which_alarm_called(tmp_path: Path) -> None:
    made = await standing(tmp_path, MaxSize=3)
    put(made, EstimatedInstanceWarmup=0)
    await reports(made, 75.0, 6)
    assert made.group["DesiredCapacity"] == len(made.instances) == 3
    high = next(name for name in alarms(made) if "AlarmHigh" in name)
    text = f"a monitor alarm {high} in state ALARM triggered policy cpu changing the desired capacity from 2 to 3. At "
    assert text in made.causes()[0]
    assert "increasing the capacity from 2 to 3." in made.causes()[0]


async def test_an_instance_that_warms_up_is_no_reason_for_one_more(tmp_path: Path) -> None:
    made = await standing(tmp_path)
    made.later(10_000.0)
    put(made, EstimatedInstanceWarmup=5_000)
    await reports(made, 70.0, 12)
    assert made.group["DesiredCapacity"] == 3
    await reports(made, 95.0, 6)
    assert made.group["DesiredCapacity"] == 4, "the two warm ones alone call for more than three"


async def test_an_idle_group_shrinks_once_all_are_warm_to_its_minimum(tmp_path: Path) -> None:
    made = await standing(tmp_path, DesiredCapacity=4)
    put(made, EstimatedInstanceWarmup=0)
    await reports(made, 10.0, 14)
    assert made.group["DesiredCapacity"] == 4, "fifteen periods are needed"
    await reports(made, 10.0, 10)
    assert made.group["DesiredCapacity"] == 2


async def test_a_metric_of_ones_own_scales_by_its_statistic(tmp_path: Path) -> None:
    made = await standing(tmp_path)
    put(made, tracking=QUEUE, EstimatedInstanceWarmup=0)
    await reports(made, 190.0, 6, Key.of("cafe", "Backlog", {"Queue": "points"}))
    assert made.group["DesiredCapacity"] == 4


@pytest.mark.parametrize("how", ["suspended", "disabled", "scale-in disabled"])
async def test_what_is_switched_off_scales_nothing(how: str, tmp_path: Path) -> None:
    made = await standing(tmp_path, DesiredCapacity=3)
    put(
        made,
        tracking={**CPU, "DisableScaleIn": how == "scale-in disabled"},
        EstimatedInstanceWarmup=0,
        Enabled=how != "disabled",
    )
    if how == "suspended":
        made.call("SuspendProcesses", AutoScalingGroupName=GROUP, ScalingProcesses=["AlarmNotification"])
    await reports(made, 90.0 if how != "scale-in disabled" else 5.0, 25)
    assert made.group["DesiredCapacity"] == 3


async def test_a_count_that_somebody_set_says_so_in_its_activities(tmp_path: Path) -> None:
    made = await standing(tmp_path)
    made.call("SetDesiredCapacity", AutoScalingGroupName=GROUP, DesiredCapacity=3)
    await made.settle()
    text = "a user request explicitly set group desired capacity changing the desired capacity from 2 to 3. At "
    assert text in made.causes()[0]
