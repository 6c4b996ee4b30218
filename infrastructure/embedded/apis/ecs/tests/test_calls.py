"""What a caller of ECS is told of tasks, and what is refused."""

import json
from typing import Any

import pytest

from infrastructure.embedded.apis.ecs import metadata
from infrastructure.embedded.apis.ecs.tests.platform import CLUSTER, SERVICE, platform
from infrastructure.embedded.control.metric_store import Key
from infrastructure.embedded.gateway.call import Answer
from infrastructure.embedded.gateway.pages import REST
from infrastructure.state import StateFolder

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


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


async def test_a_task_says_where_it_runs(state: StateFolder) -> None:
    async with platform(state) as ecs:
        ecs.create_service(desired=1)
        await ecs.settle()
        [task], [process] = ecs.tasks, ecs.running
        assert process.spec.resource == task.task_arn
        assert process.spec.az == task.availability_zone
        assert process.spec.entry == "services.order.app:serve"
        assert {"PORT": str(process.spec.port), "CAFE_VCPU": "0.5"}.items() <= process.spec.env.items()
        told = metadata.page(ecs.api)
        where = process.spec.env["ECS_CONTAINER_METADATA_URI_V4"].partition(metadata.PAGE)[2]
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
