"""A platform of one cluster for the tests of ECS, and calls on it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from infrastructure.embedded.apis.ecs.controller import EcsController
from infrastructure.embedded.pace import FAST, Pace
from infrastructure.embedded.tests.ecs_world import FakeProcess, World, world
from infrastructure.embedded.tests.passes import reconcile
from infrastructure.state import StateFolder

CLUSTER, SERVICE = "cafe-test", "order"


@dataclass(slots=True)
class Ecs:
    """A platform with one cluster, and calls on it."""

    world: World
    controller: EcsController
    looks_again_s: float | None = None

    @property
    def api(self) -> Any:
        """moto's records."""
        return self.world.backends.ecs

    def call(self, name: str, **members: Any) -> Any:
        """The output of an operation on the cluster."""
        return self.world.backends.operations.call("ecs", name, cluster=CLUSTER, **members)

    def run(self, *subnets: str, **members: Any) -> Any:
        """A task that belongs to no service."""
        network = {"awsvpcConfiguration": {"subnets": list(subnets or self.world.subnets)}}
        given = {"taskDefinition": self.define(), "launchType": "FARGATE", "networkConfiguration": network, **members}
        [task] = self.call("RunTask", **given)["tasks"]
        return task

    def stop(self, task: Any, reason: str | None = None) -> Any:
        return self.call("StopTask", task=task.task_arn, reason=reason)["task"]

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
                self.looks_again_s = await reconcile(self.controller)
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
        network = {"subnets": self.world.subnets, "securityGroups": [], "assignPublicIp": "DISABLED"}
        given = {
            "serviceName": SERVICE,
            "desiredCount": desired,
            "taskDefinition": definition or self.define(),
            "launchType": "FARGATE",
            "loadBalancers": [{"targetGroupArn": group, "containerName": "order", "containerPort": 80}]
            if group
            else [],
            "networkConfiguration": {"awsvpcConfiguration": network},
        }
        return self.call("CreateService", **{**given, **more})["service"]

    def update(self, **changes: Any) -> Any:
        return self.call("UpdateService", service=SERVICE, **changes)["service"]

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
