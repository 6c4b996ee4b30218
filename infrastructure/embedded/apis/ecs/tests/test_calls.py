"""What a caller of ECS is told of tasks, and what is refused."""

import json
from typing import Any

import pytest

from infrastructure.embedded.apis.ecs import metadata
from infrastructure.embedded.apis.ecs.tests.platform import CLUSTER, SERVICE, platform
from infrastructure.embedded.control.metric_store import Key
from infrastructure.embedded.gateway.call import Answer
from infrastructure.embedded.gateway.pages import REST
from infrastructure.embedded.gateway.refused import Refused
from infrastructure.embedded.tests.control import Control, run
from infrastructure.state import StateFolder

INVALID, CLIENT = "InvalidParameterException", "ClientException"
pytestmark = pytest.mark.anyio


async def test_run_task_starts_a_process_of_its_own(state: StateFolder) -> None:
    async with platform(state) as ecs:
        overrides = {"containerOverrides": [{"name": "order", "environment": [{"name": "MODE", "value": "once"}]}]}
        task = ecs.run(ecs.world.subnets[1], overrides=overrides, startedBy="me")
        assert (task.last_status, task.started_by) == ("PROVISIONING", "me")
        await ecs.settle()
        [process] = ecs.running
        assert (process.spec.env["MODE"], process.spec.az) == ("once", "us-east-1b")
        process.end(0)
        await ecs.settle()
        assert task.last_status == "STOPPED"
        assert not ecs.running, "no service, no replacement"


async def test_a_network_may_leave_its_security_groups_out(state: StateFolder) -> None:
    async with platform(state) as ecs:
        ecs.create_service(networkConfiguration={"awsvpcConfiguration": {"subnets": ecs.world.subnets}})
        ecs.run()
        await ecs.settle()
        assert len(ecs.running) == 3


@pytest.mark.parametrize("is_default", [True, False], ids=["the cluster's", "the call's"])
async def test_a_capacity_provider_of_fargate_needs_no_instance(state: StateFolder, is_default: bool) -> None:
    async with platform(state) as ecs:
        strategy = [{"capacityProvider": "FARGATE_SPOT", "weight": 1}]
        ecs.api.clusters[CLUSTER].default_capacity_provider_strategy = strategy if is_default else None
        given: dict[str, Any] = {} if is_default else {"capacityProviderStrategy": strategy}
        assert ecs.run(launchType=None, **given).launch_type == "FARGATE"
        ecs.create_service(launchType=None, **given)
        await ecs.settle()
        assert len(ecs.running) == 3


async def test_describing_a_task_does_not_change_it(state: StateFolder) -> None:
    async with platform(state) as ecs:
        ecs.create_service(desired=1)
        await ecs.settle()
        for _ in range(5):
            [task] = ecs.call("DescribeTasks", tasks=[ecs.tasks[0].task_arn])["tasks"]
            assert task.last_status == "RUNNING"


async def test_a_task_that_is_not_there_is_a_failure_and_tags_are_shown_when_asked_for(state: StateFolder) -> None:
    async with platform(state) as ecs:
        tags = [{"key": "who", "value": "me"}]
        task = ecs.run(tags=tags)
        found = ecs.call("DescribeTasks", tasks=[task.id, "deadbeef"])
        assert ([each.task_arn for each in found["tasks"]], found["tasks"][0].tags) == ([task.task_arn], [])
        assert found["failures"] == [{"arn": task.task_arn.replace(task.id, "deadbeef"), "reason": "MISSING"}]
        [shown] = ecs.call("DescribeTasks", tasks=[task.id], include=["TAGS"])["tasks"]
        assert shown.tags == tags


async def test_listing_tasks_filters_by_service_and_status(state: StateFolder) -> None:
    def listed(**wanted: Any) -> list[str]:
        return list(ecs.call("ListTasks", **wanted)["taskArns"])

    async with platform(state) as ecs:
        ecs.create_service()
        own = ecs.run(startedBy="me")
        await ecs.settle()
        of_service = next(task for task in ecs.tasks if task.group == f"service:{SERVICE}")
        stopped = ecs.stop(of_service, "x")
        await ecs.settle()
        assert len(listed(serviceName=SERVICE)) == 2
        assert len(listed(serviceName=ecs.service.arn)) == 2
        assert len(listed(family="order")) == len(listed(launchType="FARGATE")) == len(listed()) == 3
        assert (listed(startedBy="me"), listed(family="other")) == ([own.task_arn], [])
        assert listed(desiredStatus="STOPPED") == [stopped.task_arn]
        first = ecs.call("ListTasks", maxResults=2)
        assert listed() == [*first["taskArns"], *listed(nextToken=first["nextToken"])]


async def test_services_are_listed_by_tens(state: StateFolder) -> None:
    async with platform(state) as ecs:
        for number in range(11):
            ecs.create_service(serviceName=f"s{number}")
        first = ecs.call("ListServices")
        rest = ecs.call("ListServices", nextToken=first["nextToken"])
        assert (len(first["serviceArns"]), len(rest["serviceArns"]), rest["nextToken"]) == (10, 1, None)


@pytest.mark.parametrize(
    ("call", "code", "message"),
    [
        pytest.param(
            lambda ecs: ecs.call("StopTask", task="no-such-task"), INVALID, "task was not found", id="stop unknown"
        ),
        pytest.param(lambda ecs: ecs.create_service(), INVALID, "was not idempotent", id="create twice"),
        pytest.param(
            lambda ecs: [ecs.call("DeleteService", service=SERVICE, force=True), ecs.create_service()],
            INVALID,
            "still Draining",
            id="create while it drains",
        ),
        pytest.param(
            lambda ecs: ecs.update(taskDefinition="order:99"), CLIENT, "TaskDefinition not found", id="unknown revision"
        ),
        pytest.param(
            lambda ecs: ecs.run(taskDefinition="nope"), CLIENT, "TaskDefinition not found", id="unknown definition"
        ),
        pytest.param(
            lambda ecs: [
                ecs.call("DeregisterTaskDefinition", taskDefinition="order:1"),
                ecs.run(taskDefinition="order:1"),
            ],
            CLIENT,
            "TaskDefinition is inactive",
            id="inactive definition",
        ),
        pytest.param(
            lambda ecs: ecs.call("DeleteService", service=SERVICE), INVALID, "scaled above 0", id="delete scaled"
        ),
        pytest.param(
            lambda ecs: ecs.call("DeleteService", service="nope"),
            "ServiceNotFoundException",
            "not found",
            id="unknown service",
        ),
        pytest.param(
            lambda ecs: [ecs.call("DeleteService", service=SERVICE, force=True), ecs.update(desiredCount=1)],
            "ServiceNotActiveException",
            "not ACTIVE",
            id="update while it drains",
        ),
        pytest.param(lambda ecs: ecs.update(desiredCount=-1), INVALID, "must not be negative", id="negative count"),
        pytest.param(
            lambda ecs: ecs.run("subnet-gone"), INVALID, "InvalidSubnetID.NotFound", id="run in an unknown subnet"
        ),
        pytest.param(
            lambda ecs: ecs.update(
                networkConfiguration={
                    "awsvpcConfiguration": {"subnets": ecs.world.subnets, "securityGroups": ["sg-gone"]}
                }
            ),
            INVALID,
            "InvalidGroup.NotFound",
            id="unknown security group",
        ),
        pytest.param(
            lambda ecs: ecs.run(launchType="EC2"), INVALID, "No Container Instances were found", id="run on instances"
        ),
        pytest.param(
            lambda ecs: ecs.create_service(serviceName="other", launchType=None),
            "UnsupportedOperation",
            "services on container instances",
            id="a service on instances",
        ),
        pytest.param(lambda ecs: ecs.run(count=11), INVALID, "between 1 and 10", id="run more than ten"),
        pytest.param(
            lambda ecs: ecs.run(overrides={"containerOverrides": [{"name": "order", "command": ["exit", "7"]}]}),
            "UnsupportedOperation",
            "overrides of a container's command",
            id="another command",
        ),
        pytest.param(
            lambda ecs: ecs.call("ListTasks", serviceName="nope"),
            "ServiceNotFoundException",
            "Service not found",
            id="list of an unknown service",
        ),
        pytest.param(lambda ecs: ecs.call("ListTasks", nextToken="x"), INVALID, "Invalid token", id="no token of ours"),
        pytest.param(
            lambda ecs: ecs.call("DescribeTasks", tasks=["x"] * 101), INVALID, "between 1 and 100", id="too many tasks"
        ),
        pytest.param(
            lambda ecs: ecs.call("DeleteCluster"),
            "ClusterContainsServicesException",
            "Services are active",
            id="delete a cluster with services",
        ),
    ],
)
async def test_what_aws_refuses_is_refused(state: StateFolder, call: Any, code: str, message: str) -> None:
    async with platform(state) as ecs:
        ecs.create_service()
        with pytest.raises(Refused, match=message) as refused:
            call(ecs)
        assert refused.value.code == code


async def test_a_cluster_goes_when_nothing_is_left_in_it(state: StateFolder) -> None:
    async with platform(state) as ecs:
        assert (
            ecs.world.backends.operations.call("ecs", "CreateCluster", clusterName=CLUSTER)["cluster"]
            is (ecs.api.clusters[CLUSTER])
        ), "asked for again, it is the one that stands"
        task = ecs.run()
        with pytest.raises(Refused, match="Tasks are active"):
            ecs.call("DeleteCluster")
        ecs.stop(task)
        await ecs.settle()
        assert ecs.call("DeleteCluster")["cluster"].status == "INACTIVE"
        assert ecs.world.backends.operations.call("ecs", "ListClusters")["clusterArns"] == []
        with pytest.raises(Refused, match="Cluster not found"):
            ecs.run()


def test_there_are_no_container_instances() -> None:
    """And an ECS-controlled service has no task sets."""
    wanted: dict[str, dict[str, object]] = {
        "StartTask": {"containerInstances": ["i"], "taskDefinition": "d"},
        "UpdateContainerInstancesState": {"containerInstances": ["i"], "status": "DRAINING"},
        "CreateTaskSet": {"service": "s", "cluster": "c", "taskDefinition": "d"},
    }
    control = Control()
    for name, members in wanted.items():
        assert run(control.refusal("ecs", name, **members))["status"] == 501


@pytest.mark.parametrize(
    ("action", "members", "code"),
    [
        ("TagResource", {"tags": [{"key": "team", "value": "menu"}]}, "ResourceNotFoundException"),
        ("UntagResource", {"tagKeys": ["team"]}, "ResourceNotFoundException"),
        ("ListTagsForResource", {}, INVALID),
    ],
)
def test_what_is_not_there_has_no_tags(action: str, members: dict[str, Any], code: str) -> None:
    arn = "arn:aws:ecs:us-east-1:123456789012:capacity-provider/absent"
    assert run(Control().refusal("ecs", action, resourceArn=arn, **members))["__type"] == code


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
