"""The control plane's records of ECS: what is wanted is read from them, what became of it is written back.

    PROVISIONING ▶ PENDING ▶ RUNNING ▶ DEACTIVATING ▶ STOPPED
Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-lifecycle-explanation.html
"""

import importlib
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from infrastructure.embedded.apis.ecs.schedule import Subnet

# moto publishes no types. A record is one of its Task, Service, Cluster or TaskDefinition objects; what is read and
# written of it is named in this module and `api`.
Record = Any

DEPLOYMENT_CONFIGURATION: Mapping[str, object] = {
    "deploymentCircuitBreaker": {"enable": False, "rollback": False},
    "maximumPercent": 200,
    "minimumHealthyPercent": 100,
}
ROLLS = ("task_definition", "network_configuration", "load_balancers", "platform_version", "service_registries")
"""Properties whose change starts new tasks."""
MAX_EVENTS = 100
"""Events a service remembers; AWS's own number."""
STOPPED_KEPT_S = 3600.0
"""Seconds for which a stopped task can still be described; AWS says at least an hour."""
STOPPED_KEPT = 1000
"""Stopped tasks kept at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """Why a task ends: AWS's stop code and text."""

    code: str
    reason: str


class EcsRecord:
    """Reads and writes one region's ECS records. Times are Unix seconds."""

    def __init__(self, backend: Record, ec2: Record, region: str) -> None:
        self.backend = backend
        self._ec2 = ec2
        self._region = region

    def services(self) -> tuple[Record, ...]:
        """Services that ECS itself deploys and that are not gone yet."""
        return tuple(s for s in self.backend.services.values() if s.status != "INACTIVE" and s.deployments)

    def tasks(self) -> Iterator[Record]:
        return (task for tasks in self.backend.tasks.values() for task in tasks.values())

    def definition(self, arn: str) -> Record:
        return self.backend.describe_task_definition(arn)

    def subnets(self, service: Record) -> tuple[Subnet, ...]:
        """Where the service's tasks may run; without a network configuration, one nameless subnet in the first zone."""
        configuration = (service.network_configuration or {}).get("awsvpcConfiguration")
        if configuration is None:
            return (Subnet(id="", az=f"{self._region}a"),)
        zones = self.zones()
        return tuple(Subnet(id=name, az=zones[name]) for name in configuration["subnets"] if name in zones)

    def zones(self) -> dict[str, str]:
        """The zone of every subnet there is."""
        known = (zone.items() for zone in self._ec2.subnets.values())
        return {name: str(subnet.availability_zone) for subnets in known for name, subnet in subnets}

    def security_groups(self) -> set[str]:
        """Ids of every security group there is."""
        return {name for groups in self._ec2.groups.values() for name in groups}

    def create_task(self, service: Record, subnet: Subnet) -> Record:
        """A task of the service's primary deployment, yet to start."""
        deployment = service.deployments[0]
        cluster = self.backend._get_cluster(service.cluster_name)
        definition = self.definition(deployment["taskDefinition"])
        task = importlib.import_module("moto.ecs.models").Task(
            cluster=cluster,
            task_definition=definition,
            container_instance_arn=None,
            resource_requirements=None,
            backend=self.backend,
            group=f"service:{service.name}",
            launch_type="FARGATE",
            started_by=deployment["id"],
            tags=list(service.tags) if service.propagate_tags == "SERVICE" else [],
            networking_configuration=_in_one_subnet(service.network_configuration, subnet),
            platform_version="1.4.0",
        )
        self.backend.tasks.setdefault(cluster.name, {})[task.task_arn] = task
        self.prepare(task, subnet.az)
        return task

    def prepare(self, task: Record, az: str | None = None) -> None:
        """Make a task that moto created, and calls running, one that is yet to start."""
        task._transitions = []  # moto would let it stop by being described
        definition = self.definition(task.task_definition_arn)
        configuration = getattr(task, "network_configuration", {}).get("awsvpcConfiguration", {})
        subnet = next(iter(configuration.get("subnets", ())), "")
        task.availability_zone = az or self.zones().get(subnet, f"{self._region}a")
        task.created_at = datetime.now(UTC)
        task.cpu, task.memory = definition.cpu, definition.memory
        task.launch_type = "FARGATE"  # moto leaves it out where a capacity provider says it
        task.health_status = "UNKNOWN"
        task.platform_family = "Linux"
        task.last_status = "PROVISIONING"
        for attachment in task.attachments:
            attachment["details"] = [detail for detail in attachment["details"] if detail["value"] is not None]
        for container in task.containers:
            container.exitCode = None
            container.task_arn = task.task_arn
            container.container_arn = f"{task.task_arn.replace(':task/', ':container/')}/{uuid.uuid4()}"
            container.health_status = "UNKNOWN"
            container.network_interfaces = [
                {"attachmentId": a["id"], "privateIpv4Address": detail["value"]}
                for a in task.attachments
                for detail in a["details"]
                if detail["name"] == "privateIPv4Address"
            ]

    def pending(self, task: Record, now: float) -> None:
        task.last_status = "PENDING"
        task.pull_started_at = _moment(now)

    def running(self, task: Record, now: float) -> None:
        task.last_status = "RUNNING"
        task.connectivity = "CONNECTED"
        task.connectivity_at = task.pull_stopped_at = task.started_at = _moment(now)
        for container in task.containers:
            container.last_status = "RUNNING"
            container.runtime_id = f"{task.id.replace('-', '')}-{uuid.uuid4().int % 10**10}"

    def unwanted(self, task: Record, end: Exit, now: float) -> None:
        """From now on the task is to stop; the first reason given stays."""
        if task.desired_status != "STOPPED":
            task.desired_status = "STOPPED"
            task.stop_code, task.stopped_reason = end.code, end.reason
            task.stopping_at = _moment(now)

    def stopping(self, task: Record) -> None:
        task.last_status = "DEACTIVATING"

    def stopped(self, task: Record, now: float, exit_code: int | None) -> None:
        """The task's process is gone; `exit_code` as a container reports it, None when it never ran."""
        task.last_status = task.desired_status = "STOPPED"
        task.execution_stopped_at = task.stopped_at = _moment(now)
        for container in task.containers:
            container.last_status = "STOPPED"
            if exit_code is not None:
                container.exitCode = exit_code
        for attachment in task.attachments:
            attachment["status"] = "DELETED"
            self._release(attachment["details"])

    def _release(self, details: Iterable[dict[str, str]]) -> None:
        interfaces = [d["value"] for d in details if d["name"] == "networkInterfaceId"]
        for interface in interfaces:
            if interface in self._ec2.enis:  # a stack that was deleted took it along
                self._ec2.delete_network_interface(interface)

    def event(self, service: Record, text: str) -> None:
        """Tell `(service NAME) text` in the service's events, newest first."""
        message = f"(service {service.name}) {text}"
        service.events.insert(0, {"id": str(uuid.uuid4()), "createdAt": datetime.now(UTC), "message": message})
        del service.events[MAX_EVENTS:]

    def roll_if_changed(self, service: Record) -> None:
        """Open a deployment when the service's task definition is not the one being deployed, whoever changed it."""
        service.task_definition = self.definition(service.task_definition).arn
        if service.deployments[0]["taskDefinition"] != service.task_definition:
            open_deployment(service)

    def count(self, service: Record, *, is_steady: bool) -> bool:
        """Bring the service's counts and deployments up to date; True when it has just reached its steady state."""
        tasks = [
            t for t in self.tasks() if t.group == f"service:{service.name}" and t.cluster_arn == service.cluster_arn
        ]
        service.running_count, service.pending_count = _counts(tasks)
        primary = service.deployments[0]
        primary["desiredCount"] = service.desired_count
        for deployment in service.deployments:
            own = [t for t in tasks if t.started_by == deployment["id"]]
            deployment["runningCount"], deployment["pendingCount"] = _counts(own)
        standing = {t.started_by for t in tasks if t.last_status != "STOPPED"}
        service.deployments = [d for d in service.deployments if d is primary or d["id"] in standing]
        if is_steady and primary["rolloutState"] == "IN_PROGRESS":
            primary["rolloutState"] = "COMPLETED"
            primary["rolloutStateReason"] = f"ECS deployment {primary['id']} completed."
            primary["updatedAt"] = datetime.now(UTC)
            service.completed = (primary["id"], {name: getattr(service, name, None) for name in ROLLS})
            return True
        return False

    def count_clusters(self) -> None:
        """Bring every cluster's counts up to date."""
        for cluster in self.backend.clusters.values():
            tasks = [t for t in self.tasks() if t.cluster_arn == cluster.arn]
            cluster.running_tasks_count, cluster.pending_tasks_count = _counts(tasks)
            cluster.active_services_count = sum(
                s.cluster_arn == cluster.arn and s.status == "ACTIVE" for s in self.backend.services.values()
            )

    def forget_stopped(self, now: float) -> tuple[str, ...]:
        """Drop stopped tasks that are past keeping; their ARNs."""
        stopped = sorted(
            (task.stopped_at.timestamp(), task.task_arn) for task in self.tasks() if task.last_status == "STOPPED"
        )
        surplus = len(stopped) - STOPPED_KEPT
        gone = tuple(arn for number, (at, arn) in enumerate(stopped) if number < surplus or now - at > STOPPED_KEPT_S)
        for tasks in self.backend.tasks.values():
            for arn in gone:
                tasks.pop(arn, None)
        return gone


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """What a service's deployment configuration says."""

    minimum_percent: int
    maximum_percent: int
    grace_s: float
    has_breaker: bool
    is_taken_back: bool
    """What the circuit breaker does with a deployment that it ends."""

    @classmethod
    def of(cls, service: Record) -> "Deployment":
        configured: dict[str, Any] = {
            **DEPLOYMENT_CONFIGURATION,
            **(getattr(service, "deployment_configuration", None) or {}),
        }
        breaker = configured["deploymentCircuitBreaker"]
        return cls(
            has_breaker=bool(breaker["enable"]),
            is_taken_back=bool(breaker["rollback"]),
            minimum_percent=int(configured["minimumHealthyPercent"]),
            maximum_percent=int(configured["maximumPercent"]),
            grace_s=float(getattr(service, "health_check_grace_period_seconds", 0) or 0),
        )


def open_deployment(service: Record) -> None:
    """A new primary deployment of the service's task definition; the others stand until their tasks are gone."""
    if not service.deployments:  # an external deployment controller: not scheduled here
        return
    now = datetime.now(UTC)
    identity = f"ecs-svc/{uuid.uuid4().int % 10**19}"
    for deployment in service.deployments:
        deployment["status"] = "ACTIVE"
    newest = dict(service.deployments[0])
    newest |= {
        "id": identity,
        "status": "PRIMARY",
        "taskDefinition": service.task_definition,
        "desiredCount": service.desired_count,
        "networkConfiguration": service.network_configuration or None,
        "createdAt": now,
        "updatedAt": now,
        "runningCount": 0,
        "pendingCount": 0,
        "failedTasks": 0,
        "rolloutState": "IN_PROGRESS",
        "rolloutStateReason": f"ECS deployment {identity} in progress.",
    }
    service.deployments.insert(0, newest)


def _counts(tasks: Iterable[Record]) -> tuple[int, int]:
    statuses = [task.last_status for task in tasks]
    return statuses.count("RUNNING"), statuses.count("PROVISIONING") + statuses.count("PENDING")


def _in_one_subnet(configuration: dict[str, Any] | None, subnet: Subnet) -> dict[str, Any] | None:
    """moto places a task in the first subnet: hand it the chosen one alone."""
    if not configuration or not subnet.id:
        return configuration or None
    return {"awsvpcConfiguration": {**configuration["awsvpcConfiguration"], "subnets": [subnet.id]}}


def _moment(now: float) -> datetime:
    return datetime.fromtimestamp(now, UTC)
