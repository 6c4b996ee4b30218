"""The deployment circuit breaker: when it gives a deployment up, and what it goes back to."""

from typing import Any

import pytest

from infrastructure.embedded.apis.ecs.breaker import threshold
from infrastructure.embedded.apis.ecs.tests.platform import Ecs, platform
from infrastructure.embedded.gateway.refused import Refused
from infrastructure.state import StateFolder

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(("desired", "failures"), [(0, 3), (1, 3), (6, 3), (7, 4), (25, 13), (400, 200), (800, 200)])
def test_half_of_the_tasks_may_fail_within_bounds(desired: int, failures: int) -> None:
    assert threshold(desired) == failures


def _breaker(*, rollback: bool) -> dict[str, Any]:
    return {"deploymentCircuitBreaker": {"enable": True, "rollback": rollback}}


async def _crash(ecs: Ecs, revision: str, times: int = 12) -> None:
    """Every task of a revision dies as soon as it runs, and a minute passes each time."""
    for _ in range(times):
        await ecs.settle()
        for process in [each for each in ecs.running if each.spec.env.get("REVISION") == revision]:
            process.end(3)
        ecs.world.now[0] += 60.0
        await ecs.settle()


def _next(ecs: Ecs) -> str:
    return ecs.define(environment=[{"name": "REVISION", "value": "2"}])


def _states(ecs: Ecs) -> list[tuple[str, str]]:
    return [(each["status"], each["rolloutState"]) for each in ecs.service.deployments]


async def test_a_deployment_that_does_not_start_is_taken_back(state: StateFolder) -> None:
    async with platform(state) as ecs:
        first = ecs.define()
        ecs.create_service(group=ecs.group(), definition=first, deploymentConfiguration=_breaker(rollback=True))
        await ecs.settle()
        before = {process.spec.resource for process in ecs.running}
        completed = ecs.service.deployments[0]["id"]
        ecs.world.targets.otherwise = "initial"
        for process in ecs.running:
            ecs.world.targets.states[process.spec.port or 0] = "healthy"
        [failed, _] = ecs.update(taskDefinition=_next(ecs)).deployments
        await _crash(ecs, "2")
        ecs.world.targets.otherwise = "healthy"
        await ecs.settle()
        assert (failed["rolloutState"], failed["failedTasks"] >= 3) == ("FAILED", True)
        assert failed["rolloutStateReason"] == "ECS deployment circuit breaker: tasks failed to start."
        assert ecs.service.task_definition == first
        assert _states(ecs) == [("PRIMARY", "COMPLETED")]
        said = [event["message"] for event in ecs.service.events]
        assert f"(service order) (deployment {failed['id']}) deployment failed: tasks failed to start." in said
        assert f"(service order) rolling back to deployment {completed}." in said
        assert len(ecs.running) == 2
        assert not before & {process.spec.resource for process in ecs.running}, "going back is a deployment too"


async def test_without_rollback_it_is_given_up_and_the_old_tasks_serve_on(state: StateFolder) -> None:
    async with platform(state) as ecs:
        ecs.create_service(group=ecs.group(), deploymentConfiguration=_breaker(rollback=False))
        await ecs.settle()
        before = {process.spec.resource for process in ecs.running}
        ecs.world.targets.otherwise = "initial"
        for process in ecs.running:
            ecs.world.targets.states[process.spec.port or 0] = "healthy"
        ecs.update(taskDefinition=_next(ecs))
        await _crash(ecs, "2")
        assert _states(ecs) == [("PRIMARY", "FAILED"), ("ACTIVE", "COMPLETED")]
        started = len(ecs.world.supervisor.started)
        await _crash(ecs, "2", times=3)
        assert len(ecs.world.supervisor.started) == started, "nothing more is started"
        assert {process.spec.resource for process in ecs.running} == before
        ecs.world.targets.otherwise = "healthy"
        ecs.update(taskDefinition=ecs.define())
        await ecs.settle()
        assert _states(ecs) == [("PRIMARY", "COMPLETED")], "the next deployment is one like any other"


async def test_a_first_deployment_has_nothing_to_go_back_to(state: StateFolder) -> None:
    async with platform(state) as ecs:
        ecs.world.targets.otherwise = "initial"
        ecs.create_service(group=ecs.group(), definition=_next(ecs), deploymentConfiguration=_breaker(rollback=True))
        await _crash(ecs, "2")
        assert _states(ecs) == [("PRIMARY", "FAILED")]
        assert not ecs.running


async def test_without_a_breaker_it_is_tried_for_ever(state: StateFolder) -> None:
    async with platform(state) as ecs:
        ecs.world.targets.otherwise = "initial"
        ecs.create_service(group=ecs.group(), definition=_next(ecs))
        await _crash(ecs, "2")
        assert _states(ecs) == [("PRIMARY", "IN_PROGRESS")]
        assert ecs.service.deployments[0]["failedTasks"] > 3


async def test_tasks_that_die_after_the_first_healthy_one_do_not_count(state: StateFolder) -> None:
    async with platform(state) as ecs:
        ecs.create_service(deploymentConfiguration=_breaker(rollback=True), definition=_next(ecs), group=ecs.group())
        await ecs.settle()
        await _crash(ecs, "2")
        assert ecs.service.deployments[0]["rolloutState"] == "COMPLETED"
        assert ecs.service.deployments[0]["failedTasks"] == 0


@pytest.mark.parametrize(
    ("more", "what"),
    [
        ({"deploymentController": {"type": "CODE_DEPLOY"}}, "the deployment controller CODE_DEPLOY"),
        ({"deploymentController": {"type": "EXTERNAL"}}, "the deployment controller EXTERNAL"),
        ({"deploymentConfiguration": {"strategy": "BLUE_GREEN"}}, "BLUE_GREEN deployments"),
        (
            {"deploymentConfiguration": {"alarms": {"enable": True, "rollback": True, "alarmNames": ["a"]}}},
            "deployments that alarms stop",
        ),
    ],
    ids=["CodeDeploy", "external", "blue/green", "alarms"],
)
async def test_deployments_that_nobody_here_carries_out_are_refused(
    state: StateFolder, more: dict[str, Any], what: str
) -> None:
    async with platform(state) as ecs:
        with pytest.raises(Refused, match=what) as refused:
            ecs.create_service(**more)
        assert (refused.value.code, refused.value.status) == ("UnsupportedOperation", 501)
        assert not ecs.api.services
