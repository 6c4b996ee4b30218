"""Step and simple scaling of groups: alarms call, steps count from what is warm, simple policies cool down."""

from pathlib import Path
from typing import Any

import pytest

from infrastructure.embedded.apis.autoscaling.tests.fleet_world import GROUP, Fleet, fleet
from infrastructure.embedded.gateway.refused import Refused

pytestmark = pytest.mark.anyio
BOOT_S, LOOK_S = 0.4, 1.0
STEPS = [
    {"MetricIntervalLowerBound": 0.0, "MetricIntervalUpperBound": 10.0, "ScalingAdjustment": 1},
    {"MetricIntervalLowerBound": 10.0, "ScalingAdjustment": 3},
]
STEPPED = {"PolicyType": "StepScaling", "AdjustmentType": "ChangeInCapacity", "StepAdjustments": STEPS}
SIMPLE = {"PolicyType": "SimpleScaling", "AdjustmentType": "ChangeInCapacity", "ScalingAdjustment": 1}


async def standing(folder: Path, **changes: Any) -> Fleet:
    made = fleet(folder)
    made.create(**{"MaxSize": 10, **changes})
    await made.settle()
    made.later(BOOT_S)
    await made.settle()
    return made


def put(made: Fleet, policy: dict[str, Any], name: str = "busy", **more: Any) -> str:
    given = {"AutoScalingGroupName": GROUP, "PolicyName": name, **policy, **more}
    return str(made.call("PutScalingPolicy", **given)["PolicyARN"])


def alarm(made: Fleet, arn: str, *, name: str = "cpu", comparison: str = "GreaterThanThreshold") -> Any:
    """An alarm at 50 that has the policy as its action; its record."""
    made.world.backends.operations.call(
        "monitoring",
        "PutMetricAlarm",
        AlarmName=name,
        AlarmActions=[arn],
        Namespace="cafe",
        MetricName="Load",
        Statistic="Average",
        Period=60,
        EvaluationPeriods=1,
        Threshold=50.0,
        ComparisonOperator=comparison,
    )
    return made.world.backends.cloudwatch.alarms[name]


async def looks(made: Fleet, value: float, times: int = 4) -> None:
    """The metric is at `value` while policies are looked at so often."""
    for _ in range(times):
        metrics = made.world.context.metrics
        metrics.put("cafe", "Load", value, "None", {}, made.world.now[0])
        made.later(LOOK_S)
        await made.settle(2)


def execute(made: Fleet, **more: Any) -> None:
    made.call("ExecutePolicy", AutoScalingGroupName=GROUP, PolicyName="busy", **more)


async def test_an_alarm_calls_the_step_of_its_breach_and_a_higher_one_adds_the_difference(tmp_path: Path) -> None:
    made = await standing(tmp_path)
    called = alarm(made, put(made, STEPPED, EstimatedInstanceWarmup=6_000))
    called.state_value = "ALARM"
    await looks(made, 55.0)
    assert made.group["DesiredCapacity"] == 3, "one more, however often it is looked at while that one warms up"
    await looks(made, 75.0)
    assert made.group["DesiredCapacity"] == 5, "three more than the two that are warm"
    assert "a monitor alarm cpu in state ALARM triggered policy busy changing the desired capacity from 3 to 5" in (
        " ".join(made.causes())
    )


async def test_a_warm_group_takes_the_next_step(tmp_path: Path) -> None:
    made = await standing(tmp_path)
    called = alarm(made, put(made, STEPPED, EstimatedInstanceWarmup=100))  # 2 s at this pace
    called.state_value = "ALARM"
    await looks(made, 55.0, 7)
    assert made.group["DesiredCapacity"] > 3


async def test_an_alarm_that_is_not_raised_calls_nothing(tmp_path: Path) -> None:
    made = await standing(tmp_path)
    alarm(made, put(made, STEPPED))
    await looks(made, 75.0)
    assert made.group["DesiredCapacity"] == 2


async def test_a_simple_policy_waits_for_its_cooldown(tmp_path: Path) -> None:
    made = await standing(tmp_path)
    called = alarm(made, put(made, SIMPLE, Cooldown=500))  # 10 s at this pace
    called.state_value = "ALARM"
    await looks(made, 75.0, 6)
    assert made.group["DesiredCapacity"] == 3
    await looks(made, 75.0, 8)
    assert made.group["DesiredCapacity"] == 4


async def test_a_policy_shrinks_a_group_to_its_minimum(tmp_path: Path) -> None:
    made = await standing(tmp_path, DesiredCapacity=4)
    steps = [{"MetricIntervalUpperBound": 0.0, "ScalingAdjustment": -3}]
    arn = put(made, {**STEPPED, "StepAdjustments": steps}, EstimatedInstanceWarmup=0)
    alarm(made, arn, comparison="LessThanThreshold").state_value = "ALARM"
    await looks(made, 5.0)
    assert made.group["DesiredCapacity"] == 2


async def test_a_change_in_percent_has_a_least_size(tmp_path: Path) -> None:
    made = await standing(tmp_path)
    put(made, SIMPLE, AdjustmentType="PercentChangeInCapacity", ScalingAdjustment=10, MinAdjustmentMagnitude=2)
    execute(made)
    assert made.group["DesiredCapacity"] == 4


async def test_executing_honours_the_cooldown_where_it_is_asked_to(tmp_path: Path) -> None:
    made = await standing(tmp_path)
    put(made, SIMPLE)
    execute(made, HonorCooldown=True)
    with pytest.raises(Refused, match="cooldown") as refused:
        execute(made, HonorCooldown=True)
    assert refused.value.code == "ScalingActivityInProgress"
    execute(made)
    assert made.group["DesiredCapacity"] == 4


async def test_executing_steps_takes_the_breach(tmp_path: Path) -> None:
    made = await standing(tmp_path)
    put(made, STEPPED)
    with pytest.raises(Refused, match="MetricValue and BreachThreshold"):
        execute(made)
    execute(made, MetricValue=65.0, BreachThreshold=50.0)
    await made.settle()
    assert made.group["DesiredCapacity"] == 5
    assert any("a user request executed policy busy changing" in cause for cause in made.causes())


async def test_a_policy_is_described_as_it_was_put_with_the_alarms_that_name_it(tmp_path: Path) -> None:
    made = await standing(tmp_path)
    arn = put(made, STEPPED, EstimatedInstanceWarmup=60)
    alarm(made, arn)
    [shown] = made.call("DescribePolicies", AutoScalingGroupName=GROUP, PolicyTypes=["StepScaling"])["ScalingPolicies"]
    assert (shown["PolicyType"], shown["StepAdjustments"], shown["EstimatedInstanceWarmup"]) == (
        "StepScaling",
        STEPS,
        60,
    )
    assert [each["AlarmName"] for each in shown["Alarms"]] == ["cpu"]
    assert made.call("DescribePolicies", PolicyTypes=["SimpleScaling"])["ScalingPolicies"] == []


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        ({**SIMPLE, "ScalingAdjustment": None}, "ScalingAdjustment is required"),
        ({**SIMPLE, "AdjustmentType": "Doubling"}, "AdjustmentType must be one of"),
        ({**SIMPLE, "MinAdjustmentMagnitude": 2}, "only with PercentChangeInCapacity"),
        ({**SIMPLE, "EstimatedInstanceWarmup": 5}, "EstimatedInstanceWarmup is not supported"),
        ({**STEPPED, "StepAdjustments": []}, "At least one StepAdjustment"),
        ({**STEPPED, "Cooldown": 5}, "Cooldown is not supported for policies of type StepScaling"),
    ],
)
async def test_what_aws_refuses_is_refused(policy: dict[str, Any], words: str, tmp_path: Path) -> None:
    made = await standing(tmp_path)
    with pytest.raises(Refused, match=words):
        put(made, policy)
