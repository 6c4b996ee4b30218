"""Target tracking: when it scales, by how much, and when it leaves well alone."""

import json
import math
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from infrastructure.embedded.controllers.application_autoscaling import (
    ApplicationAutoScalingController,
    _handle_describe_scaling_activities,
    metric_of,
)
from infrastructure.embedded.controllers.autoscaling_policy import Past, Policy, Step, decide
from infrastructure.embedded.controllers.ecs import EcsController
from infrastructure.embedded.tests.ecs_world import World, world
from infrastructure.state import StateFolder

NOW = 10_000.0
POLICY = Policy(target=70.0, least=2, most=4, out_cooldown_s=5.0, in_cooldown_s=10.0)
pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


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
RESOURCE = "service/cafe-test/order"
WHERE = {"service_namespace": "ecs", "resource_id": RESOURCE, "scalable_dimension": "ecs:service:DesiredCount"}


async def tracked(state: StateFolder, **changes: Any) -> tuple[World, ApplicationAutoScalingController, Any]:
    made = world(state)
    made.now[0] = NOW
    EcsController(made.context, made.clock)
    ecs, scaling = made.backends.ecs, made.backends.applicationautoscaling
    ecs.create_cluster("cafe-test")
    ecs.register_task_definition(family="order", container_definitions=[{"name": "o", "image": "i", "memory": 1}])
    service = ecs.create_service("cafe-test", "order", 2, "order", launch_type="FARGATE")
    controller = ApplicationAutoScalingController(made.context, made.clock)
    scaling.register_scalable_target("ecs", RESOURCE, "ecs:service:DesiredCount", 2, 4, "role", None)
    scaling.put_scaling_policy(
        policy_name="cpu", policy_type="TargetTrackingScaling", policy_body=CONFIGURATION | changes, **WHERE
    )
    return made, controller, service


async def live(made: World, controller: ApplicationAutoScalingController, cpu: float, periods: int) -> None:
    """`periods` seconds at `cpu` percent."""
    for _ in range(periods):
        dimensions = {"ClusterName": "cafe-test", "ServiceName": "order"}
        made.context.metrics.put("AWS/ECS", "CPUUtilization", cpu, "Percent", dimensions, made.now[0])
        made.now[0] += 1.0
        await controller.reconcile()


async def test_a_service_under_stress_grows_and_shrinks_back(state: StateFolder) -> None:
    made, controller, service = await tracked(state)
    await live(made, controller, 60.0, 10)
    assert service.desired_count == 2, "an ordinary load below the target changes nothing"
    await live(made, controller, 95.0, 10)
    assert service.desired_count == 4
    assert "ecs" in made.woken
    await live(made, controller, 5.0, 25)
    await controller.close()
    assert service.desired_count == 2


async def test_every_change_is_an_activity_with_its_cause(state: StateFolder) -> None:
    made, controller, _ = await tracked(state)
    await live(made, controller, 95.0, 4)
    await controller.close()
    parameters = {"ServiceNamespace": "ecs", "ResourceId": RESOURCE}
    handler = SimpleNamespace(
        applicationautoscaling_backend=made.backends.applicationautoscaling, _get_param=parameters.get
    )
    [activity] = json.loads(_handle_describe_scaling_activities(handler))["ScalingActivities"]
    assert activity["Description"] == "Setting desired count to 3."
    assert activity["Cause"].endswith("in state ALARM triggered policy cpu")
    assert activity["Cause"].startswith(f"monitor alarm TargetTracking-{RESOURCE}-AlarmHigh-")


async def test_the_policys_alarms_have_its_thresholds(state: StateFolder) -> None:
    made, controller, _ = await tracked(state)
    await controller.reconcile()
    await controller.close()
    assert sorted(alarm.threshold for alarm in made.backends.cloudwatch.alarms.values()) == [63.0, 70.0]


async def test_a_suspended_target_is_left_alone(state: StateFolder) -> None:
    made, controller, service = await tracked(state)
    made.backends.applicationautoscaling.register_scalable_target(
        "ecs", RESOURCE, "ecs:service:DesiredCount", None, None, "role", {"DynamicScalingOutSuspended": True}
    )
    await live(made, controller, 95.0, 10)
    await controller.close()
    assert service.desired_count == 2


async def test_a_policy_without_its_service_does_nothing(state: StateFolder) -> None:
    made, controller, service = await tracked(state)
    service.status = "INACTIVE"
    await live(made, controller, 95.0, 5)
    await controller.close()
    assert service.desired_count == 2


@pytest.mark.parametrize(
    ("configured", "expected"),
    [
        (CONFIGURATION, "CPUUtilization"),
        (
            {"PredefinedMetricSpecification": {"PredefinedMetricType": "ECSServiceAverageMemoryUtilization"}},
            "MemoryUtilization",
        ),
        ({"CustomizedMetricSpecification": {"Namespace": "N", "MetricName": "M", "Dimensions": []}}, "M"),
        ({"PredefinedMetricSpecification": {"PredefinedMetricType": "ALBRequestCountPerTarget"}}, None),
    ],
    ids=["cpu", "memory", "custom", "not followed"],
)
def test_the_followed_metric_is_the_configured_one(configured: dict[str, Any], expected: str | None) -> None:
    key = metric_of(configured, RESOURCE)
    assert (key.name if key else None) == expected
