"""Step scaling: by how much each step changes the capacity, when it cools down, and that an alarm drives it."""

from typing import Any

import pytest

from infrastructure.embedded.apis.application_autoscaling.controller import ApplicationAutoScalingController
from infrastructure.embedded.apis.application_autoscaling.tests.test_target_tracking import NOW, live, scale, tracked
from infrastructure.embedded.control.step_scaling import Cooling, StepPolicy, decide, problem, steps_of
from infrastructure.embedded.gateway.refused import Refused
from infrastructure.embedded.tests.ecs_world import World
from infrastructure.embedded.tests.passes import reconcile
from infrastructure.state import StateFolder

pytestmark = pytest.mark.anyio


def _step(by: int, lower: float | None = None, upper: float | None = None) -> dict[str, Any]:
    bounds = {"MetricIntervalLowerBound": lower, "MetricIntervalUpperBound": upper}
    return {"ScalingAdjustment": by, **{name: bound for name, bound in bounds.items() if bound is not None}}


OUT = (_step(1, 0, 10), _step(2, 10, 20), _step(4, 20))
IN = (_step(-1, -10, 0), _step(-2, None, -10))


def _policy(kind: str = "ChangeInCapacity", steps: Any = OUT, **more: Any) -> StepPolicy:
    return StepPolicy(
        kind=kind, steps=steps_of({"StepAdjustments": steps}), cooldown_s=10.0, **{"least": 0, "most": 100, **more}
    )


@pytest.mark.parametrize(
    ("policy", "breach", "expected"),
    [
        pytest.param(_policy(), 0.0, 11, id="at the threshold: the lower bound belongs to the step"),
        pytest.param(_policy(), 9.9, 11, id="below the upper bound"),
        pytest.param(_policy(), 10.0, 12, id="the upper bound belongs to the next step"),
        pytest.param(_policy(), 500.0, 14, id="an open step"),
        pytest.param(_policy(), -1.0, None, id="no step"),
        pytest.param(_policy(steps=IN), -10.0, 8, id="below the threshold the upper bound belongs to the step"),
        pytest.param(_policy(steps=IN), -9.9, 9, id="above the lower bound"),
        pytest.param(_policy(most=12), 500.0, 12, id="never above the maximum"),
        pytest.param(_policy(steps=IN, least=9), -50.0, 9, id="never below the minimum"),
        pytest.param(_policy(most=9), 500.0, None, id="above the maximum it does not shrink"),
        pytest.param(_policy("ExactCapacity", [_step(3, 0)]), 1.0, 3, id="exactly"),
        pytest.param(_policy("PercentChangeInCapacity", [_step(25, 0)]), 1.0, 12, id="2.5 more is 2 more"),
        pytest.param(_policy("PercentChangeInCapacity", [_step(5, 0)]), 1.0, 11, id="0.5 more is 1 more"),
        pytest.param(_policy("PercentChangeInCapacity", [_step(-25, 0)]), 1.0, 8, id="2.5 less is 2 less"),
        pytest.param(_policy("PercentChangeInCapacity", [_step(-5, 0)]), 1.0, 9, id="0.5 less is 1 less"),
        pytest.param(_policy("PercentChangeInCapacity", [_step(5, 0)], smallest=3), 1.0, 13, id="the least change"),
    ],
)
def test_the_step_of_the_breach_changes_the_capacity(policy: StepPolicy, breach: float, expected: int | None) -> None:
    assert decide(policy, breach, 10, None, NOW) == expected


@pytest.mark.parametrize(
    ("steps", "breach", "cooling", "capacity", "expected"),
    [
        pytest.param(OUT, 5.0, Cooling(base=10, at=NOW - 9.9, is_out=True), 11, None, id="added already"),
        pytest.param(OUT, 15.0, Cooling(base=10, at=NOW - 9.9, is_out=True), 11, 12, id="a larger step adds the rest"),
        pytest.param(OUT, 5.0, Cooling(base=10, at=NOW - 10.0, is_out=True), 11, 12, id="after it, anew"),
        pytest.param(IN, -5.0, Cooling(base=10, at=NOW - 5.0, is_out=True), 11, None, id="no removal meanwhile"),
        pytest.param(IN, -5.0, Cooling(base=10, at=NOW - 5.0, is_out=False), 9, None, id="no removal after a removal"),
        pytest.param(OUT, 5.0, Cooling(base=10, at=NOW - 5.0, is_out=False), 9, 10, id="growth right after a removal"),
    ],
)
def test_what_cools_down_keeps_changes_away(
    steps: Any, breach: float, cooling: Cooling, capacity: int, expected: int | None
) -> None:
    assert decide(_policy(steps=steps), breach, capacity, cooling, NOW) == expected


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"AdjustmentType": None}, "AdjustmentType must be one of"),
        ({"StepAdjustments": []}, "At least one StepAdjustment"),
        ({"StepAdjustments": [_step(1)]}, "At least one of MetricIntervalLowerBound"),
        ({"StepAdjustments": [_step(1, 5, 5)]}, "must be greater than"),
        ({"StepAdjustments": [_step(1, 0, 10), _step(2, 5)]}, "can't overlap"),
        ({"StepAdjustments": [_step(1, 0, 10), _step(2, 15)]}, "can't have gaps"),
        ({"StepAdjustments": [_step(1, 0, 10)]}, "unspecified upper bound"),
        ({"StepAdjustments": [_step(-1, -10, 0)]}, "unspecified lower bound"),
        ({"MinAdjustmentMagnitude": 2}, "only with PercentChangeInCapacity"),
        ({}, None),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_steps_that_leave_out_or_cover_twice_are_refused(changes: dict[str, Any], message: str | None) -> None:
    found = problem({"AdjustmentType": "ChangeInCapacity", "StepAdjustments": OUT, **changes})
    assert (found is None) if message is None else (found is not None and message in found)


async def _stepped(
    state: StateFolder, *steps: dict[str, Any], **more: Any
) -> tuple[World, ApplicationAutoScalingController, Any, str]:
    """A service whose CPU alarm (above 80 percent) drives a policy of steps."""
    made, controller, service = await tracked(state)
    scale(made, "DeleteScalingPolicy", PolicyName="cpu")
    configured = {"AdjustmentType": "ChangeInCapacity", "StepAdjustments": list(steps), "Cooldown": 250, **more}
    given = {"PolicyName": "steps", "PolicyType": "StepScaling", "StepScalingPolicyConfiguration": configured}
    arn = str(scale(made, "PutScalingPolicy", **given)["PolicyARN"])
    alarm = made.backends.cloudwatch.put_metric_alarm(
        name="busy",
        namespace="AWS/ECS",
        metric_name="CPUUtilization",
        metric_data_queries=[],
        comparison_operator="GreaterThanThreshold",
        evaluation_periods=1,
        period=60,
        threshold=80.0,
        statistic="Average",
        description="",
        dimensions=[{"Name": "ClusterName", "Value": "cafe-test"}, {"Name": "ServiceName", "Value": "order"}],
        alarm_actions=[arn],
    )
    return made, controller, service, alarm.name


async def test_an_alarm_drives_the_policy_that_it_names(state: StateFolder) -> None:
    made, controller, service, name = await _stepped(state, *OUT)
    await live(made, controller, 85.0, 3)
    assert service.desired_count == 2, "an alarm that does not call changes nothing"
    made.backends.cloudwatch.alarms[name].state_value = "ALARM"
    await live(made, controller, 85.0, 2)
    assert service.desired_count == 3, "once in a cool-down"
    await live(made, controller, 95.0, 2)
    assert service.desired_count == 4, "a larger step counts from where the cool-down began"
    [first, second] = scale(made, "DescribeScalingActivities")["ScalingActivities"]
    assert first["Cause"] == second["Cause"] == "monitor alarm busy in state ALARM triggered policy steps"
    assert [each["Description"] for each in (first, second)] == [
        "Setting desired count to 4.",
        "Setting desired count to 3.",
    ]
    [policy] = scale(made, "DescribeScalingPolicies")["ScalingPolicies"]
    assert [each["AlarmName"] for each in policy["Alarms"]] == ["busy"]


@pytest.mark.parametrize("why", ["actions disabled", "suspended", "service gone"])
async def test_an_alarm_that_may_not_act_does_not(state: StateFolder, why: str) -> None:
    made, controller, service, name = await _stepped(state, *OUT)
    alarm = made.backends.cloudwatch.alarms[name]
    alarm.state_value = "ALARM"
    if why == "actions disabled":
        alarm.actions_enabled = False
    elif why == "suspended":
        scale(made, "RegisterScalableTarget", SuspendedState={"DynamicScalingOutSuspended": True})
    else:
        service.status = "INACTIVE"
    await live(made, controller, 99.0, 3)
    assert service.desired_count == 2


async def test_a_policy_of_steps_stays_one_and_is_not_made_wrong(state: StateFolder) -> None:
    made, _, _, _ = await _stepped(state, *OUT)
    with pytest.raises(Refused, match="cannot change the policy type"):
        scale(made, "PutScalingPolicy", PolicyName="steps", PolicyType="TargetTrackingScaling")
    with pytest.raises(Refused, match="can't overlap"):
        scale(
            made,
            "PutScalingPolicy",
            PolicyName="steps",
            PolicyType="StepScaling",
            StepScalingPolicyConfiguration={
                "AdjustmentType": "ChangeInCapacity",
                "StepAdjustments": [_step(1, 0, 10), _step(2, 5)],
            },
        )


async def test_bounds_move_the_capacity_at_once_and_say_why(state: StateFolder) -> None:
    made, controller, service = await tracked(state)
    scale(made, "RegisterScalableTarget", MinCapacity=4, MaxCapacity=8)
    assert service.desired_count == 4
    scale(made, "RegisterScalableTarget", MinCapacity=1, MaxCapacity=3)
    assert service.desired_count == 3
    scale(made, "RegisterScalableTarget", MinCapacity=2)
    assert service.desired_count == 3, "what is within its bounds stays"
    causes = [each["Cause"] for each in scale(made, "DescribeScalingActivities")["ScalingActivities"]]
    assert causes == ["maximum capacity was set to 3", "minimum capacity was set to 4"]
    await reconcile(controller)
    assert service.desired_count == 3
