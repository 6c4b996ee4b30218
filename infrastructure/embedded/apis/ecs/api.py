"""ECS calls that moto answers in its own way, answered as AWS does.

Replaced on one back end: ListTasks filters by service and leaves stopped tasks out unless asked; StopTask marks a task
as unwanted instead of pretending that it stopped; UpdateService opens a deployment; DeleteService drains; RunTask makes
tasks that have yet to start. CreateService keeps its deployment configuration and grace period.
Sources: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/
"""

import importlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from infrastructure.embedded.moto.refusals import refusal

# moto publishes no types. A record is one of its Task, Service, Cluster or TaskDefinition objects; what is read and
# written of it is named in this module and `ecs_record`.
Record = Any

DEPLOYMENT_CONFIGURATION: Mapping[str, object] = {
    "deploymentCircuitBreaker": {"enable": False, "rollback": False},
    "maximumPercent": 200,
    "minimumHealthyPercent": 100,
}
ROLLS = ("network_configuration", "load_balancers", "platform_version", "service_registries")
"""Properties whose change starts new tasks, beside the task definition."""


class EcsCalls:
    """The replaced calls. `prepare` makes a task record of moto's one that has yet to start."""

    def __init__(self, backend: Record, prepare: Callable[[Record], None]) -> None:
        self._backend = backend
        self._prepare = prepare
        self._moto_create_service = backend.create_service
        self._moto_run_task = backend.run_task

    def list_tasks(
        self,
        cluster_str: str | None = None,
        container_instance: str | None = None,
        family: str | None = None,
        started_by: str | None = None,
        service_name: str | None = None,
        desiredStatus: str | None = None,  # noqa: N803  moto calls it by this name
    ) -> list[Record]:
        cluster = self._backend._get_cluster(cluster_str) if cluster_str else None
        wanted = {
            "cluster_arn": cluster.arn if cluster else None,
            "container_instance_arn": container_instance,
            "started_by": started_by,
            "group": f"service:{service_name.rsplit('/', 1)[-1]}" if service_name else None,
            "desired_status": desiredStatus or ("RUNNING" if cluster else None),
        }
        return [task for task in self._tasks() if _fits(task, wanted) and _is_of_family(task, family)]

    def _tasks(self) -> list[Record]:
        return [task for tasks in self._backend.tasks.values() for task in tasks.values()]

    def stop_task(self, cluster_str: str, task_str: str, reason: str | None) -> Record:
        tasks = self._backend.tasks.get(self._backend._get_cluster(cluster_str).name, {})
        wanted = task_str.rsplit("/", 1)[-1]
        for task in tasks.values():
            if task.id == wanted:
                if task.desired_status != "STOPPED":
                    task.desired_status = "STOPPED"
                    task.stop_code = "UserInitiated"
                    task.stopped_reason = reason or "Task stopped by user"
                    task.stopping_at = datetime.now(UTC)
                return task
        raise refusal("ecs", "InvalidParameterException", "The referenced task was not found.")

    def run_task(
        self,
        cluster_str: str,
        task_definition_str: str,
        count: int,
        overrides: Record,
        started_by: str | None,
        tags: Record,
        launch_type: str | None,
        networking_configuration: Record = None,
        *rest: Record,
    ) -> list[Record]:
        cluster = self._backend._get_cluster(cluster_str)
        if launch_type in (None, "EC2") and not self._backend.container_instances.get(cluster.name):
            raise refusal("ecs", "InvalidParameterException", "No Container Instances were found in your cluster.")
        network = with_groups(networking_configuration)
        tasks: list[Record] = self._moto_run_task(
            cluster_str, task_definition_str, count, overrides, started_by, tags, launch_type, network, *rest
        )
        for task in tasks:
            self._prepare(task)
        return tasks

    def create_service(self, cluster_str: str, service_name: str, *arguments: Record, **keywords: Record) -> Record:
        cluster = self._backend._get_cluster(cluster_str)
        standing = self._backend.services.get(f"{cluster.name}:{service_name}")
        if standing is not None and standing.status != "INACTIVE":
            raise refusal("ecs", "InvalidParameterException", "Creation of service was not idempotent.")
        configuration = keywords.pop("deployment_configuration", None) or {}
        grace = keywords.pop("health_check_grace_period_seconds", None)
        keywords["network_configuration"] = with_groups(keywords.get("network_configuration"))
        service = self._moto_create_service(cluster_str, service_name, *arguments, **keywords)
        service.deployment_configuration = {**DEPLOYMENT_CONFIGURATION, **configuration}
        service.health_check_grace_period_seconds = grace or 0
        service.created_at = datetime.now(UTC)
        service.pending_count = 0
        return service

    def update_service(self, service_properties: dict[str, Record]) -> Record:
        changes = {name: value for name, value in service_properties.items() if value is not None}
        cluster = self._backend._get_cluster(changes.pop("cluster", "default"))
        service = self._backend._get_service(cluster.name, changes.pop("service").rsplit("/", 1)[-1])
        if service.status != "ACTIVE":
            raise refusal("ecs", "ECSException", "ServiceNotActiveException", "Service was not ACTIVE.")
        forced = changes.pop("force_new_deployment", False)
        if "task_definition" in changes:
            changes["task_definition"] = self._backend.describe_task_definition(changes["task_definition"]).arn
        if changes.get("desired_count", 0) < 0:
            raise refusal("ecs", "InvalidParameterException", "desiredCount must not be negative")
        if "deployment_configuration" in changes:
            standing = getattr(service, "deployment_configuration", DEPLOYMENT_CONFIGURATION)
            changes["deployment_configuration"] = {**standing, **changes["deployment_configuration"]}
        if "network_configuration" in changes:
            changes["network_configuration"] = with_groups(changes["network_configuration"])
        rolls = any(getattr(service, name, None) != changes[name] for name in ROLLS if name in changes)
        for name, value in changes.items():
            setattr(service, name, value)
        if forced or rolls:
            open_deployment(service)
        return service

    def delete_service(self, cluster_name: str, service_name: str, force: bool) -> Record:
        service = self._backend._get_service(cluster_name, service_name)
        if service.desired_count > 0 and not force:
            raise refusal(
                "ecs", "InvalidParameterException", "The service cannot be stopped while it is scaled above 0."
            )
        service.desired_count = 0
        service.status = "DRAINING"
        return service

    def list_services(
        self, cluster_str: str, scheduling_strategy: str | None = None, launch_type: str | None = None
    ) -> list[str]:
        cluster = self._backend._get_cluster(cluster_str)
        wanted = {
            "cluster_arn": cluster.arn,
            "scheduling_strategy": scheduling_strategy,
            "launch_type": launch_type,
        }
        services = self._backend.services.values()
        return sorted(s.arn for s in services if s.status != "INACTIVE" and _fits(s, wanted))


def install(backend: Record, prepare: Callable[[Record], None]) -> None:
    """Answer these calls of this moto back end as AWS does."""
    calls = EcsCalls(backend, prepare)
    for name in (
        "list_tasks",
        "stop_task",
        "run_task",
        "create_service",
        "update_service",
        "delete_service",
        "list_services",
    ):
        setattr(backend, name, getattr(calls, name))
    # moto adds up None for a container without a memory size of its own, which is how Fargate is normally used.
    backend._calculate_task_resource_requirements = _no_requirements
    # moto reads a task interface's DNS name, and gives it one only where the VPC has DNS host names.
    interfaces = importlib.import_module("moto.ec2.models.elastic_network_interfaces")
    interfaces.NetworkInterface.private_dns_name = None
    # moto's handler drops what its back end has no parameter for.
    handlers = importlib.import_module("moto.ecs.responses")
    handlers.EC2ContainerServiceResponse.create_service = _handle_create_service


def _no_requirements(_definition: Record) -> dict[str, object]:
    """What a task takes of a container instance: nothing, there are none."""
    return {"CPU": 0, "MEMORY": 0, "PORTS": [], "PORTS_UDP": []}


def with_groups(network: Record) -> Record:
    """A network configuration that names its security groups, if only none: moto asks for them, AWS does not."""
    if not network:
        return None
    return {"awsvpcConfiguration": {"securityGroups": [], **network.get("awsvpcConfiguration", {})}}


def open_deployment(service: Record) -> None:
    """A new primary deployment of the service's task definition; the others stand until their tasks are gone."""
    if not service.deployments:  # an external deployment controller: not scheduled here
        return
    now = datetime.now(UTC)
    number = importlib.import_module("moto.moto_api._internal").mock_random.randint(0, 32**12)
    identity = f"ecs-svc/{number}"
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


# `handler` is moto's response object of one request.
def _handle_create_service(handler: Any) -> Any:
    names = {
        "cluster_str": "cluster",
        "service_name": "serviceName",
        "task_definition_str": "taskDefinition",
        "load_balancers": "loadBalancers",
        "scheduling_strategy": "schedulingStrategy",
        "service_registries": "serviceRegistries",
        "tags": "tags",
        "deployment_controller": "deploymentController",
        "launch_type": "launchType",
        "platform_version": "platformVersion",
        "network_configuration": "networkConfiguration",
        "role_arn": "role",
        "deployment_configuration": "deploymentConfiguration",
        "health_check_grace_period_seconds": "healthCheckGracePeriodSeconds",
    }
    values = {name: handler._get_param(parameter) for name, parameter in names.items()}
    values["cluster_str"] = values["cluster_str"] or "default"
    service = handler.ecs_backend.create_service(
        desired_count=handler._get_int_param("desiredCount"),
        propagate_tags=handler._get_param("propagateTags") or "NONE",
        **values,
    )
    return importlib.import_module("moto.core.responses").ActionResult({"service": service})


def _fits(record: Record, wanted: Mapping[str, object]) -> bool:
    return all(value is None or getattr(record, name) == value for name, value in wanted.items())


def _is_of_family(task: Record, family: str | None) -> bool:
    return family is None or task.task_definition_arn.rsplit("/", 1)[-1].split(":")[0] == family
