"""Scheduled actions of scalable targets: bounds change when they are due, and the count with them."""

from typing import Any

import pytest

from infrastructure.embedded.apis.application_autoscaling.tests.test_target_tracking import scale, tracked
from infrastructure.embedded.tests.passes import reconcile
from infrastructure.state import StateFolder

pytestmark = pytest.mark.anyio
LATER = 60.0


async def acted(state: StateFolder, schedule: str, seconds: float = LATER, **more: Any) -> tuple[Any, Any, Any]:
    """The world `seconds` after an action was put at 02:46:40 that wants 3 to 6 tasks."""
    made, controller, service = await tracked(state)
    wanted = {"MinCapacity": 3, "MaxCapacity": 6}
    scale(
        made, "PutScheduledAction", ScheduledActionName="rush", Schedule=schedule, ScalableTargetAction=wanted, **more
    )
    await reconcile(controller)
    assert service.desired_count == 2
    made.now[0] += seconds
    await reconcile(controller)
    return made, controller, service


@pytest.mark.parametrize(
    "schedule", ["at(1970-01-01T02:47:00)", "cron(47 2 ? * THU *)", "rate(1 minute)"], ids=["at", "cron", "rate"]
)
async def test_bounds_change_when_the_action_is_due(schedule: str, state: StateFolder) -> None:
    made, _, service = await acted(state, schedule)
    assert service.desired_count == 3
    [target] = scale(made, "DescribeScalableTargets")["ScalableTargets"]
    assert (target["MinCapacity"], target["MaxCapacity"]) == (3, 6)
    [activity] = scale(made, "DescribeScalingActivities")["ScalingActivities"]
    assert activity["Cause"] == "scheduled action name rush was triggered"


@pytest.mark.parametrize(
    ("schedule", "more"),
    [
        pytest.param("at(1970-01-01T02:48:00)", {}, id="not yet"),
        pytest.param("at(1970-01-01T02:46:39)", {}, id="in the past"),
        pytest.param("at(1970-01-01T02:47:00)", {"Timezone": "Asia/Tokyo"}, id="in another zone"),
        pytest.param("rate(1 minute)", {"EndTime": 10_030.0}, id="after its end"),
        pytest.param("rate(1 minute)", {"StartTime": 10_030.0}, id="before its start"),
    ],
)
async def test_nothing_changes_while_it_is_not_due(schedule: str, more: dict[str, Any], state: StateFolder) -> None:
    _, _, service = await acted(state, schedule, **more)
    assert service.desired_count == 2


async def test_a_suspended_target_is_left_alone(state: StateFolder) -> None:
    made, controller, service = await acted(state, "at(1970-01-01T02:47:20)", 10.0)
    scale(made, "RegisterScalableTarget", SuspendedState={"ScheduledScalingSuspended": True})
    made.now[0] += LATER
    await reconcile(controller)
    assert service.desired_count == 2


async def test_it_is_done_once_each_time(state: StateFolder) -> None:
    made, controller, service = await acted(state, "at(1970-01-01T02:47:00)")
    scale(made, "RegisterScalableTarget", MinCapacity=1, MaxCapacity=6)
    service.desired_count = 1
    made.now[0] += LATER
    await reconcile(controller)
    assert service.desired_count == 1
