"""Target tracking of a service: its policies move its count, say why, and leave well alone."""

from typing import Any

import pytest

from infrastructure.embedded.apis.application_autoscaling.api import metric_of
from infrastructure.embedded.apis.application_autoscaling.controller import ApplicationAutoScalingController
from infrastructure.embedded.apis.ecs.controller import EcsController
from infrastructure.embedded.tests.ecs_world import World, world
from infrastructure.embedded.tests.passes import reconcile
from infrastructure.state import StateFolder

NOW = 10_000.0
pytestmark = pytest.mark.anyio


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
