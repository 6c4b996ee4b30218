"""From a task's record to the workload that stands for its container: image, environment, secrets, share of CPU.

A container image resolves through the services' catalogue to an entry point; the environment is the container's own,
then the run's overrides, then what only the platform knows.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from infrastructure.embedded.apis.ecs import metadata
from infrastructure.embedded.apis.ecs.record import Record
from infrastructure.embedded.engines.workload import Surroundings, Workload
from infrastructure.embedded.network.edges import Place
from infrastructure.embedded.pace import Pace
from services import catalog

CPU_UNITS = 1024
"""CPU units of one vCPU."""
DEFAULT_STOP_TIMEOUT_S = 30.0
"""Seconds between SIGTERM and SIGKILL on Fargate when the container does not say."""
MOST_STOP_TIMEOUT_S = 120.0


class CannotStart(Exception):
    """The task cannot start; the text is what AWS would show as the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Allotment:
    """What a task may use: virtual CPUs and bytes of memory."""

    vcpu: float
    memory_bytes: int

    @classmethod
    def of(cls, definition: Record) -> "Allotment":
        """The task's own size, else that of its containers together."""
        containers = definition.container_definitions
        cpu = float(definition.cpu or 0) or sum(float(c.get("cpu") or 0) for c in containers)
        megabytes = float(definition.memory or 0) or sum(
            float(c.get("memory") or c.get("memoryReservation") or 0) for c in containers
        )
        return cls(vcpu=(cpu or 256) / CPU_UNITS, memory_bytes=int((megabytes or 512) * 1024 * 1024))


def service_of(definition: Record) -> catalog.Service:
    """The service whose image the task definition names; `CannotStart` when there is none."""
    containers = definition.container_definitions
    if len(containers) != 1:
        raise CannotStart(
            f"CannotStartContainerError: the embedded cloud runs one container per task, {definition.family} has "
            f"{len(containers)}"
        )
    try:
        return catalog.service_of_image(str(containers[0]["image"]))
    except KeyError as unknown:
        raise CannotStart(f"CannotPullContainerError: {unknown.args[0]}") from unknown


def process_id(task: Record, definition: Record) -> str:
    """File-name safe and unique among the living: `order-4f1c29ab`."""
    return f"{definition.family}-{task.id.replace('-', '')[:8]}"


def workload_of(task: Record, definition: Record, port: int, around: Surroundings) -> Workload:
    """What runs for `task`; `CannotStart` when its image or a secret is not to be had."""
    own = _configured(task, definition.container_definitions[0], around)
    return Workload(
        id=process_id(task, definition),
        kind="ecs-task",
        resource=task.task_arn,
        service=service_of(definition),
        port=port,
        az=task.availability_zone,
        vcpu=Allotment.of(definition).vcpu,
        environment={**own, metadata.VARIABLE: metadata.address(around.url, task.id)},
        role=getattr(definition, "task_role_arn", None) or "",  # moto sets it where it is given
        where=_place(task),
    )


def _place(task: Record) -> Place:
    network = getattr(task, "network_configuration", {}).get("awsvpcConfiguration", {})
    return Place(groups=tuple(network.get("securityGroups", ())), subnets=tuple(network.get("subnets", ())))


def stop_timeout_s(definition: Record, pace: Pace) -> float:
    """Seconds from SIGTERM to SIGKILL; never below 2, since a process needs them at any pace."""
    configured = definition.container_definitions[0].get("stopTimeout")
    seconds = DEFAULT_STOP_TIMEOUT_S if configured is None else min(float(configured), MOST_STOP_TIMEOUT_S)
    return pace.seconds(seconds, at_least=2.0)


def _configured(task: Record, container: Mapping[str, Any], around: Surroundings) -> dict[str, str]:
    overrides = [
        entry
        for override in (task.overrides or {}).get("containerOverrides", ())
        if override.get("name") == container["name"]
        for entry in override.get("environment", ())
    ]
    plain = {e["name"]: str(e["value"]) for e in (*(container.get("environment") or ()), *overrides)}
    return plain | {s["name"]: _secret(s["valueFrom"], around) for s in container.get("secrets") or ()}


def _secret(source: str, around: Surroundings) -> str:
    try:
        return around.secret_of(source)
    except Exception as problem:
        raise CannotStart(
            f"ResourceInitializationError: unable to pull secrets or registry auth: {source}: {problem}"
        ) from problem
