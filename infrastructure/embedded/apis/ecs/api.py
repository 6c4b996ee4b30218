"""ECS calls that moto answers in its own way, answered as AWS does.

StopTask marks a task as unwanted instead of pretending that it stopped; UpdateService opens a deployment; DeleteService
drains; RunTask makes tasks that have yet to start. What follows is the controller's.
Sources: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/
"""

from collections.abc import Mapping, Sequence
from copy import copy
from datetime import UTC, datetime
from typing import Any

from botocore import xform_name

from infrastructure.embedded.apis.ecs.record import DEPLOYMENT_CONFIGURATION, ROLLS, EcsRecord, Record, open_deployment
from infrastructure.embedded.gateway.operations import Members, Operations, Output, operation
from infrastructure.embedded.gateway.paging import page
from infrastructure.embedded.gateway.refused import Refused

FARGATE = frozenset({"FARGATE", "FARGATE_SPOT"})
MOST_RUN = 10
MOST_DESCRIBED = 100
_ABOUT = frozenset({"cluster", "service", "forceNewDeployment"})
"""Members of UpdateService that are no property of the service."""


class EcsApi:
    """The operations; clusters, services and tasks stay moto's records."""

    def __init__(self, record: EcsRecord, operations: Operations) -> None:
        self._record = record
        self._backend = record.backend
        self._operations = operations

    # --- clusters -----------------------------------------------------------------------------------------------------

    @operation("CreateCluster", effect="tasks can be placed in it")
    def _create_cluster(self, given: Members) -> Output:
        """Who asks again for one that stands gets that one."""
        standing = self._backend.clusters.get(given.get("clusterName") or "default")
        if standing is not None and standing.status == "ACTIVE":
            return {"cluster": standing}
        return self._moto("CreateCluster", given)

    @operation("DeleteCluster", effect="no task can be placed in it")
    def _delete_cluster(self, given: Members) -> Output:
        cluster = self._cluster(given)
        services = (s for s in self._backend.services.values() if s.status != "INACTIVE")
        tasks = (task for task in self._record.tasks() if task.last_status != "STOPPED")
        for kind, records in (("Services", services), ("Tasks", tasks)):
            if any(record.cluster_arn == cluster.arn for record in records):
                text = f"The Cluster cannot be deleted while {kind} are active."
                raise Refused(f"ClusterContains{kind}Exception", text)
        cluster.status = "INACTIVE"
        return {"cluster": cluster}

    @operation("ListClusters")
    def _list_clusters(self, given: Members) -> Output:
        active = [cluster.arn for cluster in self._backend.clusters.values() if cluster.status == "ACTIVE"]
        return _paged(given, "clusterArns", active)

    def _cluster(self, given: Members) -> Record:
        found = self._backend.clusters.get(_name(given.get("cluster") or "default"))
        if found is None or found.status != "ACTIVE":
            raise Refused("ClusterNotFoundException", "Cluster not found.")
        return found

    # --- services -----------------------------------------------------------------------------------------------------

    @operation("CreateService", effect="its tasks start as processes and join their target groups")
    def _create_service(self, given: Members) -> Output:
        cluster = self._cluster(given)
        standing = self._backend.services.get(f"{cluster.name}:{given['serviceName']}")
        if standing is not None and standing.status == "DRAINING":
            raise _invalid("Unable to Start a service that is still Draining.")
        if standing is not None and standing.status != "INACTIVE":
            raise _invalid("Creation of service was not idempotent.")
        if not _is_fargate(given, cluster):
            raise _not_provided("services on container instances; their launchType is FARGATE")
        output = self._moto("CreateService", {**self._checked(given), "launchType": "FARGATE"})
        service = output["service"]
        service.deployment_configuration = {**DEPLOYMENT_CONFIGURATION, **given.get("deploymentConfiguration", {})}
        service.health_check_grace_period_seconds = given.get("healthCheckGracePeriodSeconds", 0)
        service.capacity_provider_strategy = given.get("capacityProviderStrategy", [])
        service.created_at = datetime.now(UTC)
        service.pending_count = 0
        service.completed = None
        return output

    @operation("UpdateService", effect="rolling deployment within the health percents, under its circuit breaker")
    def _update_service(self, given: Members) -> Output:
        service = self._service(given, given["service"])
        if service.status != "ACTIVE":
            raise Refused("ServiceNotActiveException", "Service was not ACTIVE.")
        changes = {xform_name(name): value for name, value in self._checked(given).items() if name not in _ABOUT}
        if "deployment_configuration" in changes:
            standing = getattr(service, "deployment_configuration", DEPLOYMENT_CONFIGURATION)
            changes["deployment_configuration"] = {**standing, **changes["deployment_configuration"]}
        rolls = any(getattr(service, name, None) != changes[name] for name in ROLLS if name in changes)
        for name, value in changes.items():
            setattr(service, name, value)
        if given.get("forceNewDeployment") or rolls:
            open_deployment(service)
        return {"service": service}

    @operation("DeleteService", effect="its tasks stop, then the service is INACTIVE")
    def _delete_service(self, given: Members) -> Output:
        service = self._service(given, given["service"])
        if service.status == "INACTIVE":
            raise _no_service()
        if service.desired_count > 0 and not given.get("force"):
            raise _invalid("The service cannot be stopped while it is scaled above 0.")
        service.desired_count = 0
        service.status = "DRAINING"
        return {"service": service}

    @operation("ListServices")
    def _list_services(self, given: Members) -> Output:
        wanted = {
            "cluster_arn": self._cluster(given).arn,
            "scheduling_strategy": given.get("schedulingStrategy"),
            "launch_type": given.get("launchType"),
        }
        active = (service for service in self._backend.services.values() if service.status != "INACTIVE")
        return _paged(given, "serviceArns", sorted(each.arn for each in active if _fits(each, wanted)), usual=10)

    def _service(self, given: Members, name: str) -> Record:
        found = self._backend.services.get(f"{self._cluster(given).name}:{_name(name)}")
        if found is None:
            raise _no_service()
        return found

    # --- tasks --------------------------------------------------------------------------------------------------------

    @operation("RunTask", effect="a process starts; it belongs to no service")
    def _run_task(self, given: Members) -> Output:
        cluster, checked = self._cluster(given), self._checked(given)
        if not 1 <= given.get("count", 1) <= MOST_RUN:
            raise _invalid(f"Count must be between 1 and {MOST_RUN}.")
        if not _is_fargate(given, cluster):
            raise _invalid("No Container Instances were found in your cluster.")
        if any(each.get("command") for each in given.get("overrides", {}).get("containerOverrides", ())):
            raise _not_provided("overrides of a container's command; a task runs the service that its image names")
        output = self._moto("RunTask", checked)
        for task in output["tasks"]:
            self._record.prepare(task)
        return output

    @operation(
        "StopTask", effect="the process leaves its target group and gets SIGTERM, later SIGKILL; it is replaced at once"
    )
    def _stop_task(self, given: Members) -> Output:
        task = self._tasks(given).get(_name(given["task"]))
        if task is None:
            raise _invalid("The referenced task was not found.")
        if task.desired_status != "STOPPED":
            task.desired_status = "STOPPED"
            task.stop_code = "UserInitiated"
            task.stopped_reason = given.get("reason") or "Task stopped by user"
            task.stopping_at = datetime.now(UTC)
        return {"task": task}

    @operation("DescribeTasks", effect="states, zone, exit code and stop reason are those of the process")
    def _describe_tasks(self, given: Members) -> Output:
        if not 1 <= len(given["tasks"]) <= MOST_DESCRIBED:
            raise _invalid(f"Tasks must be between 1 and {MOST_DESCRIBED}.")
        known, wanted = self._tasks(given), dict.fromkeys(map(_name, given["tasks"]))
        found = [known[name] for name in wanted if name in known]
        prefix = self._cluster(given).arn.replace(":cluster/", ":task/")
        return {
            "tasks": found if "TAGS" in given.get("include", ()) else [_without_tags(task) for task in found],
            "failures": [{"arn": f"{prefix}/{name}", "reason": "MISSING"} for name in wanted if name not in known],
        }

    @operation("ListTasks", effect="filters by service; stopped tasks only when asked for")
    def _list_tasks(self, given: Members) -> Output:
        service, family = given.get("serviceName"), given.get("family")
        wanted = {
            "container_instance_arn": given.get("containerInstance"),
            "desired_status": given.get("desiredStatus", "RUNNING"),
            "group": f"service:{self._service(given, service).name}" if service else None,
            "launch_type": given.get("launchType"),
            "started_by": given.get("startedBy"),
        }
        found = [each for each in self._tasks(given).values() if _fits(each, wanted) and _is_of_family(each, family)]
        return _paged(given, "taskArns", [task.task_arn for task in found])

    def _tasks(self, given: Members) -> dict[str, Record]:
        """The tasks of the cluster, by id."""
        cluster = self._cluster(given)
        return {task.id: task for task in self._record.tasks() if task.cluster_arn == cluster.arn}

    # --- what services and tasks have in common -----------------------------------------------------------------------

    def _moto(self, name: str, given: Members) -> Output:
        return self._operations.moto("ecs", name, given)

    def _checked(self, given: Members) -> dict[str, Any]:
        """`given` with the ARN of its task definition and a whole network; refused where AWS refuses it."""
        checked = dict(given)
        _require_rolling(given)
        if given.get("desiredCount", 0) < 0:
            raise _invalid("desiredCount must not be negative")
        if "taskDefinition" in given:
            checked["taskDefinition"] = self._definition(given["taskDefinition"]).arn
        if "networkConfiguration" in given:
            checked["networkConfiguration"] = self._network(given["networkConfiguration"])
        return checked

    def _definition(self, name: str) -> Record:
        """A revision that tasks may start from: the one that is named, or the family's latest."""
        family, _, number = _name(name).partition(":")
        revisions = self._backend.task_definitions.get(family, {})
        latest = max((revision for revision, each in revisions.items() if each.status == "ACTIVE"), default=0)
        found = revisions.get(int(number) if number.isdecimal() else 0 if number else latest)
        if found is None:
            raise Refused("ClientException", "TaskDefinition not found.")
        if found.status != "ACTIVE":
            raise Refused("ClientException", "TaskDefinition is inactive")
        return found

    def _network(self, given: Mapping[str, Any]) -> dict[str, Any] | None:
        """It names its security groups, if only none: moto asks for them, AWS does not."""
        if not given.get("awsvpcConfiguration"):
            return None
        network = {"securityGroups": [], **given["awsvpcConfiguration"]}
        if not network["subnets"]:
            raise _invalid("subnets can not be empty.")
        _require_known("subnet", network["subnets"], self._record.zones(), "The subnet ID '{}'", "InvalidSubnetID")
        groups = self._record.security_groups()
        _require_known("security group", network["securityGroups"], groups, "The security group '{}'", "InvalidGroup")
        return {"awsvpcConfiguration": network}


def _require_rolling(given: Members) -> None:
    """Refused: deployments that are somebody else's to carry out, or that follow what nothing here follows."""
    controller = given.get("deploymentController", {}).get("type", "ECS")
    configured = given.get("deploymentConfiguration", {})
    if controller != "ECS":
        raise _not_provided(f"the deployment controller {controller}; ECS's own rolls services out")
    if configured.get("strategy", "ROLLING") != "ROLLING":
        raise _not_provided(f"{configured['strategy']} deployments; ROLLING ones are carried out")
    if configured.get("alarms", {}).get("enable"):
        raise _not_provided("deployments that alarms stop; the circuit breaker does")


def _require_known(kind: str, named: Sequence[str], known: Any, said: str, code: str) -> None:
    for name in named:
        if name not in known:
            why = f"{said.format(name)} does not exist (ErrorCode: {code}.NotFound)"
            raise _invalid(f"Error retrieving {kind} information for [{name}]: {why}")


def _is_fargate(given: Members, cluster: Record) -> bool:
    """Whether tasks need no container instance: by launch type, else by capacity provider."""
    strategy = given.get("capacityProviderStrategy") or cluster.default_capacity_provider_strategy
    first = strategy[0]["capacityProvider"] if strategy else "EC2"
    return str(given.get("launchType") or first) in FARGATE


def _paged(given: Members, name: str, arns: list[str], usual: int = 100) -> Output:
    try:
        found, following = page(arns, given.get("nextToken") or None, min(given.get("maxResults") or usual, 100))
    except ValueError:
        raise _invalid("Invalid token.") from None
    return {name: found, "nextToken": following}


def _name(arn: str) -> str:
    """The name in an ARN, or the name that it is."""
    return arn.split("/")[-1]


def _without_tags(task: Record) -> Record:
    shown = copy(task)
    shown.tags = []
    return shown


def _fits(record: Record, wanted: Mapping[str, object]) -> bool:
    return all(value is None or getattr(record, name) == value for name, value in wanted.items())


def _is_of_family(task: Record, family: str | None) -> bool:
    return family is None or _name(task.task_definition_arn).partition(":")[0] == family


def _invalid(message: str) -> Refused:
    return Refused("InvalidParameterException", message)


def _no_service() -> Refused:
    return Refused("ServiceNotFoundException", "Service not found.")


def _not_provided(what: str) -> Refused:
    return Refused("UnsupportedOperation", f"not provided by the embedded cloud: {what}", status=501)
