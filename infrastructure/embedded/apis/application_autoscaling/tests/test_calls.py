"""What the calls about scaling refuse, and what they leave behind."""

from typing import Any

import pytest

from infrastructure.embedded.apis.application_autoscaling.tests.test_target_tracking import (
    CONFIGURATION,
    MEMORY,
    put_policy,
    scale,
    tracked,
)
from infrastructure.embedded.gateway.refused import Refused
from infrastructure.embedded.tests.ecs_world import World
from infrastructure.state import StateFolder

MISSING, INVALID, NOT_PROVIDED = "ObjectNotFoundException", "ValidationException", "UnsupportedOperation"
UNKNOWN = {"ResourceId": "service/cafe-test/nah"}
pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("name", "members", "code", "message"),
    [
        pytest.param(
            "RegisterScalableTarget", {"MinCapacity": 5}, INVALID, "cannot be less than", id="above the maximum"
        ),
        pytest.param(
            "RegisterScalableTarget",
            {"MinCapacity": 5, "MaxCapacity": 2},
            INVALID,
            "cannot be less than",
            id="reversed",
        ),
        pytest.param("RegisterScalableTarget", {"MinCapacity": -1}, INVALID, "greater than or equal", id="negative"),
        pytest.param("RegisterScalableTarget", UNKNOWN, INVALID, "ECS service doesn't exist", id="no such service"),
        pytest.param("RegisterScalableTarget", {"ResourceId": "service/nah"}, INVALID, "Unsupported", id="no resource"),
        pytest.param(
            "RegisterScalableTarget",
            {"ServiceNamespace": "dynamodb"},
            NOT_PROVIDED,
            "scaling of dynamodb",
            id="a table",
        ),
        pytest.param("DeregisterScalableTarget", UNKNOWN, MISSING, "No scalable target found for", id="unregistered"),
        pytest.param(
            "DeleteScalingPolicy", {"PolicyName": "nah"}, MISSING, "No scaling policy found for", id="no such policy"
        ),
        pytest.param(
            "PutScalingPolicy",
            {"PolicyName": "x", "PolicyType": "TargetTrackingScaling", **UNKNOWN},
            MISSING,
            "No scalable target registered for service namespace: ecs, resource ID: service/cafe-test/nah, scalable "
            "dimension: ecs:service:DesiredCount",
            id="a policy of what is not registered",
        ),
        pytest.param(
            "PutScalingPolicy",
            {"PolicyName": "x", "PolicyType": "StepScaling"},
            INVALID,
            "StepScalingPolicyConfiguration is required",
            id="no steps",
        ),
        pytest.param(
            "PutScalingPolicy",
            {"PolicyName": "x", "PolicyType": "PredictiveScaling"},
            NOT_PROVIDED,
            "PredictiveScaling policies",
            id="forecasts",
        ),
        pytest.param(
            "PutScheduledAction",
            {"ScheduledActionName": "x", "Schedule": "rate(1 hour)", **UNKNOWN},
            MISSING,
            "No scalable target registered for",
            id="a schedule of what is not registered",
        ),
        pytest.param(
            "PutScheduledAction",
            {"ScheduledActionName": "x", "Schedule": "whenever"},
            INVALID,
            "Schedule expression",
            id="no schedule",
        ),
        pytest.param(
            "PutScheduledAction",
            {"ScheduledActionName": "x", "Schedule": "rate(2 minute)"},
            INVALID,
            "Schedule expression",
            id="a rate that is none",
        ),
        pytest.param(
            "PutScheduledAction",
            {"ScheduledActionName": "x", "Schedule": "cron(0 1 * * *)"},
            INVALID,
            "Schedule expression",
            id="five fields",
        ),
        pytest.param(
            "DeleteScheduledAction",
            {"ScheduledActionName": "nah"},
            MISSING,
            "No scheduled action found for",
            id="no such schedule",
        ),
        pytest.param("PutScalingPolicy", {"PolicyName": "x"}, INVALID, "PolicyType is required", id="no type"),
        pytest.param(
            "PutScalingPolicy",
            {"PolicyName": "x", "PolicyType": "TargetTrackingScaling"},
            INVALID,
            "Configuration is required",
            id="no configuration",
        ),
        pytest.param(
            "PutScalingPolicy",
            {
                "PolicyName": "x",
                "PolicyType": "TargetTrackingScaling",
                "TargetTrackingScalingPolicyConfiguration": {
                    "PredefinedMetricSpecification": {"PredefinedMetricType": "ECSServiceAverageMemoryUtilization"},
                    "TargetValue": -1.0,
                },
            },
            INVALID,
            "TargetValue -1.0 must be greater than 0",
            id="a target below everything",
        ),
    ],
)
async def test_what_aws_refuses_is_refused(
    state: StateFolder, name: str, members: dict[str, Any], code: str, message: str
) -> None:
    made, _, _ = await tracked(state)
    with pytest.raises(Refused, match=message) as refused:
        scale(made, name, **members)
    assert refused.value.code == code


async def test_the_first_registration_names_both_bounds(state: StateFolder) -> None:
    made, _, _ = await tracked(state)
    scale(made, "DeregisterScalableTarget")
    with pytest.raises(Refused, match="MinCapacity and MaxCapacity are required"):
        scale(made, "RegisterScalableTarget", MinCapacity=1)


async def test_two_policies_do_not_follow_one_metric_and_none_follows_what_nobody_reports(state: StateFolder) -> None:
    made, _, _ = await tracked(state)
    with pytest.raises(Refused, match="Only one TargetTrackingScaling policy for a given metric"):
        put_policy(made, "again")
    with pytest.raises(Refused, match="tracking of this metric"):
        put_policy(made, "x", PredefinedMetricSpecification={"PredefinedMetricType": "ALBRequestCountPerTarget"})


async def test_a_policy_that_is_changed_stays_the_same_policy(state: StateFolder) -> None:
    made, _, _ = await tracked(state)
    put_policy(made, "memory", **MEMORY)
    before = _policies(made)["cpu"]
    again = put_policy(made, "cpu", TargetValue=50.0)
    after = _policies(made)["cpu"]
    assert again["PolicyARN"] == after["PolicyARN"] == before["PolicyARN"]
    assert after["TargetTrackingScalingPolicyConfiguration"] == CONFIGURATION | {"TargetValue": 50.0}
    assert len(made.backends.cloudwatch.alarms) == 4, "two of each policy"


async def test_policies_are_described_by_name(state: StateFolder) -> None:
    made, _, _ = await tracked(state)
    put_policy(made, "memory", **MEMORY)
    assert set(_policies(made)) == {"cpu", "memory"}
    assert set(_policies(made, PolicyNames=["memory"])) == {"memory"}


async def test_the_policies_of_a_target_go_with_it(state: StateFolder) -> None:
    made, _, _ = await tracked(state)
    scale(made, "DeregisterScalableTarget")
    assert (_policies(made), made.backends.cloudwatch.alarms) == ({}, {})


def _policies(made: World, **wanted: Any) -> dict[str, Any]:
    found = made.backends.operations.call(
        "application-autoscaling", "DescribeScalingPolicies", ServiceNamespace="ecs", **wanted
    )
    return {each["PolicyName"]: each for each in found["ScalingPolicies"]}
