"""ECS with real processes, a real supervisor and a real reconciler: what happens to a task is what its record tells."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import psutil
import pytest

from infrastructure.embedded.apis.ecs.controller import EcsController
from infrastructure.embedded.control.reconciler import Reconciler
from infrastructure.embedded.host.ports import Ports
from infrastructure.embedded.host.supervisor import Process, Supervisor
from infrastructure.embedded.tests import processes
from infrastructure.embedded.tests.ecs_world import world
from infrastructure.state import StateFolder
from services import catalog

CLUSTER = "cafe-test"
RECOVERY_S = 2.0
pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def light_service(monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that only waits to be told to end, so that forking it needs none of the services' libraries."""
    light = replace(catalog.http_services()[0], name="light", image="test/light", entry="signal:pause")
    monkeypatch.setattr(catalog, "SERVICES", (light,))


@dataclass(slots=True)
class Platform:
    backends: Any
    controller: EcsController
    supervisor: Supervisor
    reconciler: Reconciler

    @property
    def living(self) -> dict[str, Process]:
        """The tasks' processes by task ARN."""
        return {process.spec.resource: process for process in self.supervisor.processes.values()}

    async def until(self, condition: Callable[[], bool]) -> float:
        """Seconds until `condition` held; readiness has no event that outsiders see."""
        began = time.monotonic()
        async with asyncio.timeout(10):
            while not condition():  # noqa: ASYNC110  there is no event to wait for
                await asyncio.sleep(0.002)
        return time.monotonic() - began

    def stop(self, arn: str, reason: str | None = None) -> None:
        self.backends.operations.call("ecs", "StopTask", cluster=CLUSTER, task=arn, reason=reason)

    def record(self, arn: str) -> Any:
        return self.backends.ecs.tasks[CLUSTER][arn]

    async def settle(self) -> None:
        assert await self.reconciler.settled(10.0) == ()


@asynccontextmanager
async def platform(state: StateFolder) -> AsyncIterator[Platform]:
    made = world(state)
    supervisor, ports = Supervisor(state, zygote=processes.LIGHT_ZYGOTE), Ports()
    reconciler = Reconciler(resync_s=60.0)

    def wake(name: str) -> None:
        if name == "ecs":
            reconciler.wake(name)

    context = replace(made.context, supervisor=supervisor, ports=ports, wake=wake)
    controller = EcsController(context)
    reconciler.adopt([controller])
    api = made.backends.ecs
    api.create_cluster(CLUSTER)
    api.register_task_definition(
        family="light",
        container_definitions=[{"name": "light", "image": "test/light:1", "stopTimeout": 30}],
        network_mode="awsvpc",
        requires_compatibilities=["FARGATE"],
        cpu="256",
        memory="512",
    )
    network = {"awsvpcConfiguration": {"subnets": made.subnets}}
    made.backends.operations.changed = reconciler.notify
    made.backends.operations.call(
        "ecs",
        "CreateService",
        cluster=CLUSTER,
        serviceName="light",
        desiredCount=2,
        taskDefinition="light",
        launchType="FARGATE",
        networkConfiguration=network,
    )
    reconciler.start()
    try:
        yield Platform(made.backends, controller, supervisor, reconciler)
    finally:
        await reconciler.close()
        await supervisor.close()
        ports.close()


async def test_a_killed_task_is_replaced_within_the_deadline(state: StateFolder) -> None:
    async with platform(state) as cloud:
        await cloud.settle()
        victim, process = next(iter(cloud.living.items()))
        os.kill(process.pid, signal.SIGKILL)
        took = await cloud.until(lambda: victim not in cloud.living and len(cloud.living) == 2)
        await cloud.settle()
        assert took < RECOVERY_S
        assert cloud.record(victim).containers[0].exitCode == 137
        assert cloud.record(victim).stop_code == "EssentialContainerExited"


async def test_a_stopped_task_gets_sigterm_and_is_replaced_within_the_deadline(state: StateFolder) -> None:
    async with platform(state) as cloud:
        await cloud.settle()
        victim = next(iter(cloud.living))
        cloud.stop(victim, "a drill")
        took = await cloud.until(lambda: victim not in cloud.living and len(cloud.living) == 2)
        await cloud.settle()
        assert took < RECOVERY_S
        assert cloud.record(victim).containers[0].exitCode == 143, "SIGTERM, as a container reports it"
        assert cloud.record(victim).stopped_reason == "a drill"


async def test_a_frozen_task_that_is_stopped_gets_sigkill_after_its_time(state: StateFolder) -> None:
    async with platform(state) as cloud:
        await cloud.settle()
        victim, process = next(iter(cloud.living.items()))
        process.pause()
        # Until it has stopped, a SIGTERM would come first: pending signals are taken in the order of their numbers.
        await cloud.until(lambda: psutil.Process(process.pid).status() == psutil.STATUS_STOPPED)
        cloud.stop(victim)
        replaced = await cloud.until(lambda: len(set(cloud.living) - {victim}) == 2)
        assert replaced < RECOVERY_S, "the replacement does not wait"
        await cloud.until(lambda: victim not in cloud.living)
        await cloud.settle()
        assert cloud.record(victim).containers[0].exitCode == 137


async def test_closing_leaves_no_process(state: StateFolder) -> None:
    async with platform(state) as cloud:
        await cloud.settle()
        pids = [process.pid for process in cloud.living.values()]
        await cloud.controller.close()
        assert all(processes.has_ended(pid, within_s=0.0) for pid in pids)
