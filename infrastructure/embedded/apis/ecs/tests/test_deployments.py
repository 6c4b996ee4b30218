"""What ECS does about a service that changes, cannot keep its tasks, or cannot be scheduled."""

import pytest

from infrastructure.embedded.apis.ecs.tests.platform import CLUSTER, SERVICE, platform
from infrastructure.state import StateFolder

pytestmark = pytest.mark.anyio


async def test_a_new_task_definition_rolls_out_behind_healthy_tasks(state: StateFolder) -> None:
    async with platform(state) as ecs:
        ecs.create_service(group=ecs.group())
        await ecs.settle()
        old = {process.spec.resource for process in ecs.running}
        ecs.world.targets.otherwise = "initial"
        for process in ecs.running:
            ecs.world.targets.states[process.spec.port or 0] = "healthy"
        ecs.update(taskDefinition=ecs.define(environment=[{"name": "REVISION", "value": "2"}]))
        await ecs.settle()
        assert old < {process.spec.resource for process in ecs.running}, "old tasks serve until new ones are healthy"
        assert [d["status"] for d in ecs.service.deployments] == ["PRIMARY", "ACTIVE"]
        assert "of an older deployment" in ecs.controller.unsettled()[0]
        ecs.world.targets.otherwise = "healthy"
        await ecs.settle()
        assert len(ecs.running) == 2
        assert all(process.spec.env["REVISION"] == "2" for process in ecs.running)
        [deployment] = ecs.service.deployments
        assert (deployment["rolloutState"], deployment["runningCount"]) == ("COMPLETED", 2)


async def test_force_new_deployment_replaces_every_task(state: StateFolder) -> None:
    async with platform(state) as ecs:
        ecs.create_service()
        await ecs.settle()
        before = {process.spec.resource for process in ecs.running}
        ecs.update(forceNewDeployment=True)
        await ecs.settle()
        after = {process.spec.resource for process in ecs.running}
        assert len(after) == 2
        assert not before & after


@pytest.mark.parametrize("desired", [0, 1, 4])
async def test_the_desired_count_can_be_changed(state: StateFolder, desired: int) -> None:
    async with platform(state) as ecs:
        ecs.create_service()
        await ecs.settle()
        ecs.update(desiredCount=desired)
        await ecs.settle()
        assert len(ecs.running) == ecs.service.running_count == desired


async def test_an_unhealthy_target_is_replaced_first_and_stopped_after(state: StateFolder) -> None:
    async with platform(state) as ecs:
        group = ecs.group()
        ecs.create_service(group=group)
        await ecs.settle()
        sick = ecs.running[0]
        ecs.world.targets.states[sick.spec.port or 0] = "unhealthy"
        await ecs.settle()
        assert sick.state == "exited"
        assert len(ecs.running) == 2
        task = ecs.ended()
        assert task.stop_code == "ServiceSchedulerInitiated"
        assert task.stopped_reason == f"Task failed ELB health checks in (target-group {group})"


async def test_a_service_that_cannot_keep_a_task_is_held_back_and_says_why(state: StateFolder) -> None:
    async with platform(state) as ecs:
        ecs.world.targets.otherwise = "initial"
        ecs.create_service(desired=1, group=ecs.group())
        for _ in range(8):
            await ecs.settle()
            for process in ecs.running:
                process.end(3)
            await ecs.settle()
        started = len(ecs.world.supervisor.started)
        assert started == 3
        assert any("unable to consistently start tasks" in event["message"] for event in ecs.service.events)
        [reason] = ecs.controller.unsettled()
        assert "0 of 1 tasks are healthy; the last one failed: Essential container in task exited" in reason
        assert "| the last words of order-" in reason
        ecs.world.now[0] += 1.0
        await ecs.settle()
        assert len(ecs.world.supervisor.started) == started + 1


async def test_a_service_without_a_subnet_waits_for_one(state: StateFolder) -> None:
    async with platform(state) as ecs:
        ecs.create_service()
        ecs.service.network_configuration = {"awsvpcConfiguration": {"subnets": ["subnet-gone"], "securityGroups": []}}
        await ecs.settle()
        assert not ecs.running
        assert ecs.controller.unsettled() == ("service order: 0 of 2 tasks are healthy",)
        ecs.update(networkConfiguration={"awsvpcConfiguration": {"subnets": ecs.world.subnets}})
        await ecs.settle()
        assert len(ecs.running) == 2


async def test_a_service_that_cannot_be_scheduled_does_not_hold_up_the_others(state: StateFolder) -> None:
    async with platform(state) as ecs:
        broken = ecs.create_service()
        broken.name, broken.task_definition = "broken", "order:99"
        ecs.api.services[f"{CLUSTER}:broken"] = ecs.api.services.pop(f"{CLUSTER}:{SERVICE}")
        ecs.create_service(desired=1)
        await ecs.settle()
        assert len(ecs.running) == 1
        [reason] = ecs.controller.unsettled()
        assert reason.startswith("service broken cannot be scheduled: ")
        assert "Unable to describe task definition" in reason
