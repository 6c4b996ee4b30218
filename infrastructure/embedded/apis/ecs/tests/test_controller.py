"""The ECS controller over moto's real records: what is wanted becomes processes, what becomes of them is recorded."""

from dataclasses import replace

import pytest

from infrastructure.embedded.apis.ecs.tests.platform import CLUSTER, SERVICE, platform
from infrastructure.embedded.pace import FAST
from infrastructure.errors import EnvironmentFault
from infrastructure.state import StateFolder

pytestmark = pytest.mark.anyio


async def test_a_service_reaches_its_desired_count_across_zones(state: StateFolder) -> None:
    async with platform(state) as ecs:
        ecs.create_service()
        await ecs.settle()
        assert len(ecs.running) == 2
        assert {task.availability_zone for task in ecs.tasks} == {"us-east-1a", "us-east-1b"}
        assert [task.last_status for task in ecs.tasks] == ["RUNNING", "RUNNING"]
        assert (ecs.service.running_count, ecs.service.pending_count) == (2, 0)
        assert ecs.service.deployments[0]["rolloutState"] == "COMPLETED"
        assert ecs.controller.unsettled() == ()
        assert ecs.service.events[0]["message"] == "(service order) has reached a steady state."
        assert ecs.api.clusters[CLUSTER].running_tasks_count == 2


async def test_a_network_without_dns_host_names_is_no_obstacle(state: StateFolder) -> None:
    async with platform(state) as ecs:
        ec2 = ecs.world.backends.ec2
        vpc = ec2.create_vpc("10.1.0.0/16")
        ec2.modify_vpc_attribute(vpc.id, "enable_dns_hostnames", False)
        subnet = ec2.create_subnet(vpc.id, "10.1.0.0/24", availability_zone="us-east-1c")
        task = ecs.run(subnet.id)
        assert task.availability_zone == "us-east-1c"
        assert "privateDnsName" not in {detail["name"] for detail in task.attachments[0]["details"]}


async def test_a_stopped_task_is_replaced_while_it_still_stops(state: StateFolder) -> None:
    async with platform(state) as ecs:
        group = ecs.group()
        ecs.create_service(group=group)
        await ecs.settle()
        ecs.world.supervisor.obeys = False
        stopped = ecs.tasks[0]
        ecs.stop(stopped, "chaos")
        await ecs.settle()
        [stopping] = [p for p in ecs.running if p.spec.resource == stopped.task_arn]
        assert stopping.signals == ["TERM, KILL after 2 s"]
        assert stopped.last_status == "DEACTIVATING"
        assert len(ecs.wanted()) == 2
        assert len(ecs.world.targets.registered[group]) == 3
        stopping.end(0)
        await ecs.settle()
        assert (stopped.last_status, stopped.stop_code, stopped.stopped_reason) == ("STOPPED", "UserInitiated", "chaos")
        assert stopped.containers[0].exitCode == 0


async def test_a_task_that_is_stopped_gets_requests_until_it_is_deregistered_a_moment_after_sigterm(
    state: StateFolder,
) -> None:
    async with platform(state) as ecs:
        group = ecs.group()
        ecs.create_service(group=group)
        await ecs.settle()
        ecs.world.supervisor.obeys = False
        ecs.stop(ecs.tasks[0])
        await ecs.settle()
        [stopping] = [p for p in ecs.running if p.signals]
        assert stopping.spec.port in ecs.world.targets.registered[group]
        assert ecs.looks_again_s == pytest.approx(0.05)
        ecs.world.now[0] += 0.05
        await ecs.settle()
        assert stopping.spec.port not in ecs.world.targets.registered[group]


async def test_a_task_that_its_service_stops_is_deregistered_with_sigterm(state: StateFolder) -> None:
    async with platform(state) as ecs:
        group = ecs.group()
        ecs.create_service(group=group)
        await ecs.settle()
        ecs.world.supervisor.obeys = False
        ecs.update(desiredCount=1)
        await ecs.settle()
        [stopping] = [p for p in ecs.running if p.signals]
        assert stopping.spec.port not in ecs.world.targets.registered[group]


@pytest.mark.parametrize(("code", "expected"), [(1, 1), (0, 0), (-9, 137)])
async def test_a_task_that_dies_is_replaced_at_once_and_tells_how(state: StateFolder, code: int, expected: int) -> None:
    async with platform(state) as ecs:
        group = ecs.group()
        ecs.create_service(group=group)
        await ecs.settle()
        victim = ecs.running[0]
        victim.end(code)
        assert victim.spec.port not in ecs.world.targets.registered[group], "requests must not wait for a pass"
        await ecs.settle()
        dead = ecs.ended()
        assert dead.stop_code == "EssentialContainerExited"
        assert dead.containers[0].exitCode == expected
        assert len(ecs.running) == 2
        assert victim.spec.port not in ecs.world.ports.given


async def test_a_task_of_an_unknown_image_fails_to_start_with_a_reason(state: StateFolder) -> None:
    async with platform(state) as ecs:
        ecs.create_service(desired=1, definition=ecs.define(image="nginx:latest"))
        await ecs.settle(passes=2)
        failed = ecs.tasks[0]
        assert failed.stop_code == "TaskFailedToStart"
        assert "CannotPullContainerError" in failed.stopped_reason
        assert "cloudcafe/order" in failed.stopped_reason
        assert not ecs.running


async def test_a_process_that_cannot_start_fails_its_task(state: StateFolder) -> None:
    async with platform(state) as ecs:
        ecs.world.supervisor.refusal = "no zygote"
        ecs.create_service(desired=1)
        await ecs.settle(passes=20)
        assert (ecs.tasks[0].stop_code, ecs.tasks[0].stopped_reason) == ("TaskFailedToStart", "no zygote")
        assert not ecs.world.ports.given


async def test_tasks_that_wait_for_their_first_healthy_check_are_looked_at_when_it_comes(
    state: StateFolder,
) -> None:
    async with platform(state) as ecs:
        ecs.world.targets.otherwise = "initial"
        ecs.create_service(group=ecs.group())
        await ecs.settle(passes=20)
        assert (ecs.looks_again_s, [task.last_status for task in ecs.tasks]) == (None, ["RUNNING", "RUNNING"])
        assert ecs.controller.unsettled() == ("service order: 0 of 2 tasks are healthy",)
        ecs.world.targets.otherwise = "healthy"
        await ecs.settle()  # as a change of health wakes it
        assert ecs.controller.unsettled() == ()


async def test_a_task_for_which_no_port_is_left_fails_and_is_replaced_when_there_is_one(
    state: StateFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none_left() -> int:
        raise EnvironmentFault("no port is left")

    async with platform(state) as ecs:
        with monkeypatch.context() as full:
            full.setattr(ecs.world.ports, "allocate", none_left)
            ecs.create_service(desired=1)
            await ecs.settle(passes=20)
        assert (ecs.tasks[0].stop_code, ecs.tasks[0].stopped_reason) == ("TaskFailedToStart", "no port is left")
        ecs.world.now[0] += 60.0
        await ecs.settle()
        assert [task.last_status for task in ecs.wanted()] == ["RUNNING"]


async def test_a_starting_task_is_given_time_whatever_the_pace(state: StateFolder) -> None:
    async with platform(state) as ecs:
        ecs.world.targets.otherwise = "unhealthy"
        ecs.create_service(desired=1, group=ecs.group())
        await ecs.settle()
        assert len(ecs.world.supervisor.started) == 1
        ecs.world.now[0] += 25.0
        await ecs.settle()
        assert len(ecs.world.supervisor.started) > 1


async def test_a_task_starts_after_the_delay_of_the_pace(state: StateFolder) -> None:
    async with platform(state, replace(FAST, task_start_s=20.0)) as ecs:
        ecs.create_service(desired=1)
        await ecs.settle()
        assert not ecs.running
        assert (ecs.tasks[0].last_status, ecs.service.pending_count) == ("PROVISIONING", 1)
        ecs.world.now[0] += 20.0
        await ecs.settle()
        assert len(ecs.running) == 1


async def test_a_task_stopped_before_it_started_never_starts(state: StateFolder) -> None:
    async with platform(state, replace(FAST, task_start_s=20.0)) as ecs:
        ecs.create_service(desired=1)
        await ecs.settle()
        first = ecs.tasks[0]
        ecs.stop(first)
        await ecs.settle()
        assert first.last_status == "STOPPED"
        assert len(ecs.wanted()) == 1
        assert not ecs.world.supervisor.started


async def test_deleting_a_service_stops_its_tasks_and_frees_what_they_held(state: StateFolder) -> None:
    async with platform(state) as ecs:
        interfaces = len(ecs.world.backends.ec2.enis)
        ecs.create_service(group=ecs.group())
        await ecs.settle()
        ecs.call("DeleteService", service=SERVICE, force=True)
        assert ecs.service.status == "DRAINING"
        await ecs.settle()
        assert ecs.service.status == "INACTIVE"
        assert not ecs.running
        assert not ecs.world.ports.given
        assert len(ecs.world.backends.ec2.enis) == interfaces
        assert ecs.call("ListServices")["serviceArns"] == []


async def test_tasks_of_a_service_whose_record_is_gone_are_stopped(state: StateFolder) -> None:
    async with platform(state) as ecs:
        ecs.create_service()
        await ecs.settle()
        ecs.api.services.clear()
        await ecs.settle()
        assert not ecs.running


async def test_closing_ends_every_process(state: StateFolder) -> None:
    async with platform(state) as ecs:
        ecs.create_service()
        await ecs.settle()
        await ecs.controller.close()
        await ecs.controller.close()
        assert not ecs.running
