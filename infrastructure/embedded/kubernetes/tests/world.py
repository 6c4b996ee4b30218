"""A cluster of two nodes for the length of a test, with images that run the container's own command."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from infrastructure.embedded.host.ports import Ports
from infrastructure.embedded.host.process import Process
from infrastructure.embedded.kubernetes.api.server import Authenticate
from infrastructure.embedded.kubernetes.cluster import Cluster
from infrastructure.embedded.kubernetes.controllers.target_groups import TargetGroups
from infrastructure.embedded.kubernetes.kubelet import images
from infrastructure.embedded.kubernetes.kubelet.images import KIND
from infrastructure.embedded.kubernetes.kubelet.machine import Machine
from infrastructure.embedded.kubernetes.schema import kinds
from infrastructure.embedded.kubernetes.store.objects import Object
from infrastructure.embedded.network.envoy.process import Envoy
from infrastructure.embedded.pace import FAST, Pace
from infrastructure.embedded.tests.supervisors import supervised
from infrastructure.state import StateFolder

COMMAND = "test/command"
NODES = ("node-a", "node-b")
REGION = "us-east-1"


def machine(name: str, zone: str = "a") -> Machine:
    return Machine(
        name=name, instance=f"i-{name}", instance_type="t3.medium", zone=f"{REGION}{zone}", region=REGION, group="main"
    )


@asynccontextmanager
async def running(
    state: StateFolder,
    pace: Pace = FAST,
    clock: Callable[[], float] = time.time,
    target_groups: TargetGroups | None = None,
    authenticate: Authenticate = lambda _: None,
    *,
    has_data_plane: bool = False,
) -> AsyncIterator[Cluster]:
    """One that serves, with a node in each of two zones; with a data plane the addresses of Services lead to pods."""
    ports = Ports()
    async with supervised(state) as supervisor, AsyncExitStack() as stack:
        envoy = Envoy(supervisor, state) if has_data_plane else None
        if envoy is not None:
            stack.push_async_callback(envoy.close)
            await envoy.start()
        cluster = Cluster(
            "test",
            supervisor=supervisor,
            state=state,
            ports=ports,
            pace=pace,
            clock=clock,
            authenticate=authenticate,
            images=images.named({COMMAND: images.command}),
            target_groups=target_groups,
            data_plane=envoy,
        )
        await cluster.open()
        try:
            for name, zone in zip(NODES, "ab", strict=True):
                cluster.join(machine(name, zone))
            yield cluster
        finally:
            await cluster.close()
            ports.close()


async def until(look: Callable[[], object], within_s: float = 10.0) -> None:
    """Wait for what the cluster does by itself."""
    async with asyncio.timeout(within_s):
        while not look():  # noqa: ASYNC110 - as below
            await asyncio.sleep(0.01)  # the cluster has many events, and none for "the look is true"


def create(cluster: Cluster, *made: dict[str, Any]) -> None:
    """Objects as manifests have them."""
    for each in made:
        kind = kinds.called(each["apiVersion"], each["kind"])
        assert kind is not None
        cluster.registry.create(kind, each)


def pods(cluster: Cluster) -> list[Object]:
    return cluster.registry.store.all(kinds.POD.id)


def processes(cluster: Cluster) -> list[Process]:
    """The pods' processes that run."""
    return [each for each in cluster.supervisor.processes.values() if each.spec.kind == KIND]
