"""The ECS controller over moto's real records: what is wanted becomes processes, what becomes of them is recorded."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest

from infrastructure.embedded.controllers import ecs_metadata
from infrastructure.embedded.controllers.ecs import EcsController
from infrastructure.embedded.interceptors import Answer
from infrastructure.embedded.metric_store import Key
from infrastructure.embedded.pace import FAST, Pace
from infrastructure.embedded.pages import REST
from infrastructure.embedded.tests.ecs_world import FakeProcess, World, world
from infrastructure.state import StateFolder

CLUSTER, SERVICE = "cafe-test", "order"
pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@dataclass(slots=True)
class Ecs:
    """A platform with one cluster, and calls on it by way of the records a real call would reach."""

    world: World
    controller: EcsController

    @property
    def api(self) -> Any:
        return self.world.backends.ecs

    @property
    def service(self) -> Any:
        return self.api.services[f"{CLUSTER}:{SERVICE}"]

    @property
    def tasks(self) -> list[Any]:
        return list(self.api.tasks.get(CLUSTER, {}).values())

    @property
    def running(self) -> list[FakeProcess]:
        return self.world.supervisor.running

    async def settle(self, passes: int = 6) -> None:
        """Reconcile as often as the controller was woken, letting what runs beside it run."""
        self.world.woken.add("ecs")
        for _ in range(passes):
            if "ecs" in self.world.woken:
                self.world.woken.discard("ecs")
                await self.controller.reconcile()
            for _ in range(5):
                await asyncio.sleep(0)

    def define(self, *, image: str = "repository.example/cloudcafe/order:1", **container: Any) -> str:
        """A new revision of the task definition; its ARN."""
        definition = self.api.register_task_definition(
            family="order",
            container_definitions=[{"name": "order", "image": image, "stopTimeout": 30, **container}],
            network_mode="awsvpc",
            requires_compatibilities=["FARGATE"],
            cpu="512",
            memory="1024",
        )
        return str(definition.arn)

    def group(self) -> str:
        arn = self.world.backends.elbv2.create_target_group(
            "order", vpc_id=self.world.backends.ec2.describe_subnets()[0].vpc_id, protocol="HTTP", port="80"
        ).arn
        return str(arn)

    def create_service(
        self, *, desired: int = 2, definition: str | None = None, group: str | None = None, **more: Any
    ) -> Any:
        return self.api.create_service(
            CLUSTER,
            SERVICE,
            desired,
            definition or self.define(),
            launch_type="FARGATE",
            load_balancers=[{"targetGroupArn": group, "containerName": "order", "containerPort": 80}] if group else [],
            network_configuration=more.pop("network_configuration", None)
            or {
                "awsvpcConfiguration": {
                    "subnets": self.world.subnets,
                    "securityGroups": [],
                    "assignPublicIp": "DISABLED",
                }
            },
            **more,
        )

    def update(self, **changes: Any) -> Any:
        return self.api.update_service({"cluster": CLUSTER, "service": SERVICE, **changes})

    def wanted(self) -> list[Any]:
        return [task for task in self.tasks if task.desired_status == "RUNNING"]

    def ended(self) -> Any:
        [task] = [task for task in self.tasks if task.last_status == "STOPPED"]
        return task


@asynccontextmanager
async def platform(state: StateFolder, pace: Pace = FAST) -> AsyncIterator[Ecs]:
    made = world(state, pace)
    made.backends.ecs.create_cluster(CLUSTER)
    ecs = Ecs(made, EcsController(made.context, made.clock))
    try:
        yield ecs
    finally:
        await ecs.controller.close()


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


async def test_a_task_says_where_it_runs(state: StateFolder) -> None:
    async with platform(state) as ecs:
        ecs.create_service(desired=1)
        await ecs.settle()
        [task], [process] = ecs.tasks, ecs.running
        assert process.spec.resource == task.task_arn
        assert process.spec.az == task.availability_zone
        assert process.spec.entry == "services.order.app:serve"
        assert {"PORT": str(process.spec.port), "CAFE_VCPU": "0.5"}.items() <= process.spec.env.items()
        told = ecs_metadata.page(ecs.api)
        where = process.spec.env["ECS_CONTAINER_METADATA_URI_V4"].partition(ecs_metadata.PAGE)[2]
        answer = await told({REST: f"{where}/task"})
        assert isinstance(answer, Answer)
        assert {"TaskARN": task.task_arn, "AvailabilityZone": task.availability_zone}.items() <= (
            json.loads(answer.body).items()
        )
        for strange in (f"{where}/stats", "nobody/task"):
            refused = await told({REST: strange})
            assert isinstance(refused, Answer)
            assert refused.status == 404
        [attachment] = task.attachments
        assert {d["name"]: d["value"] for d in attachment["details"]}["subnetId"] in ecs.world.subnets


async def test_a_network_without_dns_host_names_is_no_obstacle(state: StateFolder) -> None:
    async with platform(state) as ecs:
        ec2 = ecs.world.backends.ec2
        vpc = ec2.create_vpc("10.1.0.0/16")
        ec2.modify_vpc_attribute(vpc.id, "enable_dns_hostnames", False)
        subnet = ec2.create_subnet(vpc.id, "10.1.0.0/24", availability_zone="us-east-1c")
        network = {"awsvpcConfiguration": {"subnets": [subnet.id], "securityGroups": []}}
        [task] = ecs.api.run_task(CLUSTER, ecs.define(), 1, None, "me", None, "FARGATE", network)
        assert task.availability_zone == "us-east-1c"
        assert "privateDnsName" not in {detail["name"] for detail in task.attachments[0]["details"]}


async def test_a_stopped_task_is_replaced_while_it_still_stops(state: StateFolder) -> None:
    async with platform(state) as ecs:
        group = ecs.group()
        ecs.create_service(group=group)
        await ecs.settle()
        ecs.world.supervisor.obeys = False
        stopped = ecs.tasks[0]
        ecs.api.stop_task(CLUSTER, stopped.task_arn, "chaos")
        await ecs.settle()
        [stopping] = [p for p in ecs.running if p.spec.resource == stopped.task_arn]
        assert stopping.signals == ["TERM, KILL after 2 s"]
        assert stopped.last_status == "DEACTIVATING"
        assert stopping.spec.port not in ecs.world.targets.registered[group]
        assert len(ecs.wanted()) == 2
        assert len(ecs.world.targets.registered[group]) == 2
        stopping.end(0)
        await ecs.settle()
        assert (stopped.last_status, stopped.stop_code, stopped.stopped_reason) == ("STOPPED", "UserInitiated", "chaos")
        assert stopped.containers[0].exitCode == 0


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


async def test_a_new_task_definition_rolls_out_behind_healthy_tasks(state: StateFolder) -> None:
    async with platform(state) as ecs:
        ecs.create_service(group=ecs.group())
        await ecs.settle()
        old = {process.spec.resource for process in ecs.running}
        ecs.world.targets.otherwise = "initial"
        for process in ecs.running:
            ecs.world.targets.states[process.spec.port or 0] = "healthy"
        ecs.update(task_definition=ecs.define(environment=[{"name": "REVISION", "value": "2"}]))
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
        ecs.update(force_new_deployment=True)
        await ecs.settle()
        after = {process.spec.resource for process in ecs.running}
        assert len(after) == 2
        assert not before & after


@pytest.mark.parametrize("desired", [0, 1, 4])
async def test_the_desired_count_can_be_changed(state: StateFolder, desired: int) -> None:
    async with platform(state) as ecs:
        ecs.create_service()
        await ecs.settle()
        ecs.update(desired_count=desired)
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
        ecs.api.stop_task(CLUSTER, first.task_arn, None)
        await ecs.settle()
        assert first.last_status == "STOPPED"
        assert len(ecs.wanted()) == 1
        assert not ecs.world.supervisor.started


async def test_deleting_a_service_stops_its_tasks_and_frees_what_they_held(state: StateFolder) -> None:
    async with platform(state) as ecs:
        interfaces = len(ecs.world.backends.ec2.enis)
        ecs.create_service(group=ecs.group())
        await ecs.settle()
        ecs.api.delete_service(CLUSTER, SERVICE, force=True)
        assert ecs.service.status == "DRAINING"
        await ecs.settle()
        assert ecs.service.status == "INACTIVE"
        assert not ecs.running
        assert not ecs.world.ports.given
        assert len(ecs.world.backends.ec2.enis) == interfaces
        assert ecs.api.list_services(CLUSTER) == []


async def test_tasks_of_a_service_whose_record_is_gone_are_stopped(state: StateFolder) -> None:
    async with platform(state) as ecs:
        ecs.create_service()
        await ecs.settle()
        ecs.api.services.clear()
        await ecs.settle()
        assert not ecs.running


async def test_run_task_starts_a_process_of_its_own(state: StateFolder) -> None:
    async with platform(state) as ecs:
        overrides = {"containerOverrides": [{"name": "order", "environment": [{"name": "MODE", "value": "once"}]}]}
        network = {"awsvpcConfiguration": {"subnets": ecs.world.subnets[1:], "securityGroups": []}}
        [task] = ecs.api.run_task(CLUSTER, ecs.define(), 1, overrides, "me", None, "FARGATE", network)
        assert task.last_status == "PROVISIONING"
        await ecs.settle()
        [process] = ecs.running
        assert (process.spec.env["MODE"], process.spec.az) == ("once", "us-east-1b")
        process.end(0)
        await ecs.settle()
        assert task.last_status == "STOPPED"
        assert not ecs.running, "no service, no replacement"


async def test_a_network_may_leave_its_security_groups_out(state: StateFolder) -> None:
    async with platform(state) as ecs:
        network = {"awsvpcConfiguration": {"subnets": ecs.world.subnets}}
        ecs.create_service(network_configuration=network)
        ecs.api.run_task(CLUSTER, ecs.define(), 1, None, None, None, "FARGATE", network)
        await ecs.settle()
        assert len(ecs.running) == 3


async def test_a_service_without_a_subnet_waits_for_one(state: StateFolder) -> None:
    async with platform(state) as ecs:
        ecs.create_service()
        ecs.service.network_configuration = {"awsvpcConfiguration": {"subnets": ["subnet-gone"], "securityGroups": []}}
        await ecs.settle()
        assert not ecs.running
        assert ecs.controller.unsettled() == ("service order: 0 of 2 tasks are healthy",)
        ecs.update(network_configuration={"awsvpcConfiguration": {"subnets": ecs.world.subnets}})
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


async def test_run_task_without_fargate_needs_an_instance(state: StateFolder) -> None:
    async with platform(state) as ecs:
        with pytest.raises(Exception, match="No Container Instances were found"):
            ecs.api.run_task(CLUSTER, ecs.define(), 1, None, "me", None, "EC2")


async def test_describing_a_task_does_not_change_it(state: StateFolder) -> None:
    async with platform(state) as ecs:
        ecs.create_service(desired=1)
        await ecs.settle()
        for _ in range(5):
            [task] = ecs.api.describe_tasks(CLUSTER, [ecs.tasks[0].task_arn])
            assert task.last_status == "RUNNING"


async def test_listing_tasks_filters_by_service_and_status(state: StateFolder) -> None:
    async with platform(state) as ecs:
        ecs.create_service()
        network = {"awsvpcConfiguration": {"subnets": ecs.world.subnets, "securityGroups": []}}
        ecs.api.run_task(CLUSTER, ecs.define(), 1, None, "me", None, "FARGATE", network)
        await ecs.settle()
        of_service = next(task for task in ecs.tasks if task.group == f"service:{SERVICE}")
        stopped = ecs.api.stop_task(CLUSTER, of_service.task_arn, "x")
        await ecs.settle()
        assert len(ecs.api.list_tasks(CLUSTER, service_name=SERVICE)) == 2
        assert len(ecs.api.list_tasks(CLUSTER, service_name=ecs.service.arn)) == 2
        assert len(ecs.api.list_tasks(CLUSTER)) == 3
        assert ecs.api.list_tasks(CLUSTER, desiredStatus="STOPPED") == [stopped]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda ecs: ecs.api.stop_task(CLUSTER, "no-such-task", None), "The referenced task was not found"),
        (lambda ecs: ecs.create_service(), "Creation of service was not idempotent"),
        (lambda ecs: ecs.update(task_definition="order:99"), "Unable to describe task definition"),
        (
            lambda ecs: ecs.api.delete_service(CLUSTER, SERVICE, force=False),
            "cannot be stopped while it is scaled above 0",
        ),
        (lambda ecs: ecs.update(desired_count=-1), "must not be negative"),
    ],
    ids=["stop unknown", "create twice", "unknown definition", "delete scaled", "negative count"],
)
async def test_what_aws_refuses_is_refused(state: StateFolder, call: Any, message: str) -> None:
    async with platform(state) as ecs:
        ecs.create_service()
        with pytest.raises(Exception, match=message):
            call(ecs)


async def test_stopped_tasks_are_forgotten_in_the_end(state: StateFolder) -> None:
    async with platform(state) as ecs:
        ecs.create_service(desired=1)
        await ecs.settle()
        ecs.running[0].end(1)
        await ecs.settle()
        assert len(ecs.tasks) == 2
        ecs.world.now[0] += 3601.0
        await ecs.settle()
        assert [task.last_status for task in ecs.tasks] == ["RUNNING"]


async def test_cpu_and_memory_are_in_percent_of_what_a_task_was_allotted(state: StateFolder) -> None:
    async with platform(state) as ecs:
        ecs.create_service()
        await ecs.settle()
        metrics = ecs.world.context.metrics
        metrics.collect(1.0, 1000.0)
        for process, spent in zip(ecs.running, (0.5, 0.25), strict=True):
            process.cpu_s += spent
        metrics.collect(1.0, 1001.0)
        dimensions = {"ClusterName": CLUSTER, "ServiceName": SERVICE}
        [(_, cpu)] = metrics.store.query(Key.of("AWS/ECS", "CPUUtilization", dimensions), 1001, 1002, 1)
        [(_, memory)] = metrics.store.query(Key.of("AWS/ECS", "MemoryUtilization", dimensions), 1001, 1002, 1)
        assert (cpu.statistic("Average"), cpu.statistic("Maximum")) == (75.0, 100.0)
        assert memory.statistic("Average") == 6.25


async def test_closing_ends_every_process(state: StateFolder) -> None:
    async with platform(state) as ecs:
        ecs.create_service()
        await ecs.settle()
        await ecs.controller.close()
        await ecs.controller.close()
        assert not ecs.running
