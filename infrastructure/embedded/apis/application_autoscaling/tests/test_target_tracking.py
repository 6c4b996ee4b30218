"""Target tracking: when it scales, by how much, and when it leaves well alone."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import pytest

from infrastructure.embedded.apis.application_autoscaling.api import metric_of
from infrastructure.embedded.apis.application_autoscaling.controller import ApplicationAutoScalingController
from infrastructure.embedded.apis.ecs.controller import EcsController
from infrastructure.embedded.control.target_tracking import Past, Policy, Step, agreed, decide
from infrastructure.embedded.tests.ecs_world import World, world
from infrastructure.embedded.tests.passes import reconcile
from infrastructure.state import StateFolder

NOW = 10_000.0
POLICY = Policy(target=70.0, least=2, most=4, out_cooldown_s=5.0, in_cooldown_s=10.0)
pytestmark = pytest.mark.anyio


def steady(value: float | None) -> list[float | None]:
    return [value] * 15


@pytest.mark.parametrize(
    ("values", "capacity", "expected"),
    [
        pytest.param([95.0] * 3, 2, 3, id="above the target it grows in proportion"),
        pytest.param([140.0] * 3, 2, 4, id="far above it grows at once as far as needed"),
        pytest.param([500.0] * 3, 2, 4, id="never above the maximum"),
        pytest.param([95.0] * 3, 4, None, id="at the maximum it stays"),
        pytest.param([95.0] * 2, 2, None, id="two periods do not suffice"),
        pytest.param([95.0, 69.0, 95.0], 2, None, id="a period below breaks the row"),
        pytest.param([95.0, None, 95.0, 95.0], 2, None, id="a period without data breaks the row"),
        pytest.param(steady(68.0), 3, None, id="between 90 % of the target and the target nothing happens"),
        pytest.param(steady(20.0), 4, 2, id="far below it shrinks in proportion"),
        pytest.param(steady(50.0), 4, 3, id="a little below it shrinks a little"),
        pytest.param(steady(60.0), 3, None, id="it does not shrink what would be too small"),
        pytest.param(steady(0.0), 4, 2, id="never below the minimum"),
        pytest.param([20.0] * 14, 4, None, id="fourteen periods do not suffice to shrink"),
        pytest.param([*steady(20.0), 63.5], 4, None, id="one period above keeps it from shrinking"),
        pytest.param(steady(0.0), 1, None, id="below the minimum it is not shrunk or grown"),
        pytest.param([95.0] * 3, 1, 2, id="below the minimum it grows to the minimum at least"),
        pytest.param([95.0] * 3, 0, 2, id="from nothing it grows to the minimum"),
        pytest.param(steady(None), 2, None, id="without data it stays"),
    ],
)
def test_capacity_follows_the_metric(values: Sequence[float | None], capacity: int, expected: int | None) -> None:
    step = decide(POLICY, values, capacity, Past(), NOW)
    assert (step.capacity if step else None) == expected


@pytest.mark.parametrize(
    ("values", "past", "expected"),
    [
        pytest.param([95.0] * 3, Past(out_at=NOW - 4.9), None, id="no growth while the last one cools down"),
        pytest.param([95.0] * 3, Past(out_at=NOW - 5.0), 4, id="growth after it"),
        pytest.param([95.0] * 3, Past(in_at=NOW), 4, id="growth right after shrinking"),
        pytest.param(steady(10.0), Past(in_at=NOW - 9.9), None, id="no shrinking while the last one cools down"),
        pytest.param(steady(10.0), Past(out_at=NOW - 4.9), None, id="no shrinking while a growth cools down"),
        pytest.param(steady(10.0), Past(in_at=NOW - 10.0, out_at=NOW - 5.0), 2, id="shrinking after both"),
    ],
)
def test_cooldowns_are_kept(values: Sequence[float | None], past: Past, expected: int | None) -> None:
    step = decide(POLICY, values, 3, past, NOW)
    assert (step.capacity if step else None) == expected


@pytest.mark.parametrize(
    ("values", "policy"),
    [
        (steady(0.0), Policy(target=70, least=2, most=4, out_cooldown_s=0, in_cooldown_s=0, is_in_disabled=True)),
        ([99.0] * 3, Policy(target=70, least=2, most=4, out_cooldown_s=0, in_cooldown_s=0, is_out_disabled=True)),
    ],
    ids=["in", "out"],
)
def test_either_direction_can_be_switched_off(values: Sequence[float | None], policy: Policy) -> None:
    assert decide(policy, values, 3, Past(), NOW) is None


def test_a_step_names_its_alarm_and_value() -> None:
    assert decide(POLICY, [90.0, 91.0, 92.0], 2, Past(), NOW) == Step(capacity=3, alarm="AlarmHigh", value=92.0)
    assert Past().out_at == -math.inf


CONFIGURATION = {
    "TargetValue": 70.0,
    "PredefinedMetricSpecification": {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"},
    "ScaleOutCooldown": 100,
    "ScaleInCooldown": 200,
}
MEMORY = {"PredefinedMetricSpecification": {"PredefinedMetricType": "ECSServiceAverageMemoryUtilization"}}
RESOURCE = "service/cafe-test/order"
WHERE = {"ServiceNamespace": "ecs", "ResourceId": RESOURCE, "ScalableDimension": "ecs:service:DesiredCount"}
KIND = "TargetTrackingScaling"


def scale(made: World, name: str, **members: Any) -> Any:
    """The output of an operation on the service's scaling."""
    return made.backends.operations.call("application-autoscaling", name, **{**WHERE, **members})


def put_policy(made: World, name: str, **changes: Any) -> Any:
    configured = CONFIGURATION | changes
    return scale(
        made,
        "PutScalingPolicy",
        PolicyName=name,
        PolicyType=KIND,
        TargetTrackingScalingPolicyConfiguration=configured,
    )


async def tracked(state: StateFolder, **changes: Any) -> tuple[World, ApplicationAutoScalingController, Any]:
    made = world(state)
    made.now[0] = NOW
    EcsController(made.context, made.clock)
    ecs, call = made.backends.ecs, made.backends.operations.call
    ecs.create_cluster("cafe-test")
    ecs.register_task_definition(family="order", container_definitions=[{"name": "o", "image": "i", "memory": 1}])
    wanted = {"serviceName": "order", "desiredCount": 2, "taskDefinition": "order", "launchType": "FARGATE"}
    service = call("ecs", "CreateService", cluster="cafe-test", **wanted)["service"]
    controller = ApplicationAutoScalingController(made.context, made.clock)
    scale(made, "RegisterScalableTarget", MinCapacity=2, MaxCapacity=4)
    put_policy(made, "cpu", **changes)
    return made, controller, service


async def live(made: World, controller: ApplicationAutoScalingController, cpu: float, periods: int) -> None:
    """`periods` seconds at `cpu` percent, looked at a moment after each has ended."""
    for _ in range(periods):
        put(made, "CPUUtilization", cpu)
        made.now[0] += 1.3
        await reconcile(controller)
        made.now[0] -= 0.3


def put(made: World, metric: str, value: float) -> None:
    """What the period that begins now will show."""
    dimensions = {"ClusterName": "cafe-test", "ServiceName": "order"}
    made.context.metrics.put("AWS/ECS", metric, value, "Percent", dimensions, made.now[0])


async def test_a_service_under_stress_grows_and_shrinks_back(state: StateFolder) -> None:
    made, controller, service = await tracked(state)
    await live(made, controller, 60.0, 10)
    assert service.desired_count == 2, "an ordinary load below the target changes nothing"
    await live(made, controller, 95.0, 10)
    assert service.desired_count == 4
    assert "ecs" in made.woken
    await live(made, controller, 5.0, 25)
    assert service.desired_count == 2


async def test_a_service_shrinks_only_when_all_of_its_policies_agree(state: StateFolder) -> None:
    made, controller, service = await tracked(state)
    put_policy(made, "memory", **MEMORY)
    service.desired_count = 4
    for used in (*[68.0] * 20, *[10.0] * 14):
        put(made, "MemoryUtilization", used)
        await live(made, controller, 10.0, 1)
        assert service.desired_count == 4
    put(made, "MemoryUtilization", 10.0)
    await live(made, controller, 10.0, 1)
    assert service.desired_count == 2


async def test_a_clock_that_is_set_back_stops_no_scaling(state: StateFolder) -> None:
    made, controller, service = await tracked(state)
    await live(made, controller, 95.0, 3)
    assert service.desired_count == 3
    made.now[0] -= 3600.0
    await live(made, controller, 95.0, 3)
    assert service.desired_count == 4


async def test_a_period_that_has_just_ended_is_waited_for(state: StateFolder) -> None:
    """Its data points are written on the boundary, as the pass may be: it must not look as if they were missing."""
    made, controller, service = await tracked(state)
    for _ in range(4):
        await reconcile(controller)
        put(made, "CPUUtilization", 95.0)
        made.now[0] += 1.0
    await reconcile(controller)
    assert service.desired_count == 3


@pytest.mark.parametrize(
    ("steps", "disabled", "expected"),
    [
        pytest.param([("AlarmHigh", 3), None], [False, False], 3, id="one suffices to grow"),
        pytest.param([("AlarmHigh", 3), ("AlarmHigh", 5)], [False, False], 5, id="the one that wants most"),
        pytest.param([("AlarmHigh", 3), ("AlarmLow", 1)], [False, False], 3, id="growing goes first"),
        pytest.param([("AlarmLow", 1), None], [False, False], None, id="one does not suffice to shrink"),
        pytest.param([("AlarmLow", 1), ("AlarmLow", 2)], [False, False], 2, id="the one that wants most stay"),
        pytest.param([("AlarmLow", 1), None], [False, True], 1, id="one that never shrinks is not asked"),
        pytest.param([None], [True], None, id="nobody is asked"),
    ],
)
def test_several_policies_agree_as_on_aws(
    steps: list[tuple[Literal["AlarmHigh", "AlarmLow"], int] | None], disabled: list[bool], expected: int | None
) -> None:
    found = agreed(
        [replace(POLICY, is_in_disabled=each) for each in disabled],
        [None if step is None else Step(capacity=step[1], alarm=step[0], value=1.0) for step in steps],
    )
    assert (found.capacity if found else None) == expected


async def test_every_change_is_an_activity_with_its_cause(state: StateFolder) -> None:
    made, controller, _ = await tracked(state)
    await live(made, controller, 95.0, 4)
    where = {"ServiceNamespace": "ecs", "ResourceId": RESOURCE}
    [activity] = made.backends.operations.call("application-autoscaling", "DescribeScalingActivities", **where)[
        "ScalingActivities"
    ]
    assert activity["Description"] == "Setting desired count to 3."
    assert activity["Cause"].endswith("in state ALARM triggered policy cpu")
    assert activity["Cause"].startswith(f"monitor alarm TargetTracking-{RESOURCE}-AlarmHigh-")


async def test_the_policys_alarms_have_its_thresholds(state: StateFolder) -> None:
    made, controller, _ = await tracked(state)
    await reconcile(controller)
    assert sorted(alarm.threshold for alarm in made.backends.cloudwatch.alarms.values()) == [63.0, 70.0]


async def test_a_suspended_target_is_left_alone(state: StateFolder) -> None:
    made, controller, service = await tracked(state)
    scale(made, "RegisterScalableTarget", SuspendedState={"DynamicScalingOutSuspended": True})
    await live(made, controller, 95.0, 10)
    assert service.desired_count == 2


async def test_a_policy_without_its_service_does_nothing(state: StateFolder) -> None:
    made, controller, service = await tracked(state)
    service.status = "INACTIVE"
    await live(made, controller, 95.0, 5)
    assert service.desired_count == 2


@pytest.mark.parametrize(
    ("configured", "expected"),
    [
        (CONFIGURATION, "CPUUtilization"),
        (MEMORY, "MemoryUtilization"),
        ({"CustomizedMetricSpecification": {"Namespace": "N", "MetricName": "M", "Dimensions": []}}, "M"),
        ({"PredefinedMetricSpecification": {"PredefinedMetricType": "ALBRequestCountPerTarget"}}, None),
    ],
    ids=["cpu", "memory", "custom", "not followed"],
)
def test_the_followed_metric_is_the_configured_one(configured: dict[str, Any], expected: str | None) -> None:
    key = metric_of(configured, RESOURCE)
    assert (key.name if key else None) == expected
