"""One running task of the order service is stopped: the load balancer routes round it, the scheduler replaces it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from plugins.chaos.fault import Call, Cloud, EmptyTargetError, Json, Kind, Patience, Plan

_TARGET_HEALTH = "elasticloadbalancing:DescribeTargetHealth"


@dataclass(frozen=True, slots=True, kw_only=True)
class EcsTaskKill:
    """Blast radius: one task. Any would do, so it is the first by ARN: a rerun chooses by the same rule."""

    name: str = "ecs-task-kill"
    title: str = "one running task of the order service is stopped"
    kind: Kind = "self-healing"
    reads: tuple[str, ...] = ("ecs:ListTasks", "ecs:DescribeTasks", "ecs:DescribeServices", _TARGET_HEALTH)
    writes: tuple[str, ...] = ("ecs:StopTask",)
    patience: Patience = field(default_factory=lambda: Patience(deadline_s=180.0))  # Fargate: 20 to 90 s a task

    def plan(self, cloud: Cloud, at: float) -> Plan:
        cluster, service = cloud.output("ClusterName"), cloud.output("OrderServiceName")
        group = cloud.output("OrderTargetGroupArn")
        tasks, healthy = _running(cloud, cluster, service), _healthy(cloud, group)
        if not tasks or not healthy:
            raise EmptyTargetError(f"{service} has {len(tasks)} running tasks, {len(healthy)} healthy: none to stop")
        backup: dict[str, Json] = {"cluster": cluster, "service": service, "group": group}
        backup |= {"task": tasks[0], "healthy": healthy}
        call = Call(action="ecs:StopTask", resource=tasks[0])
        return Plan(fault=self.name, targets=tasks[:1], calls=(call,), undo=(), backup=backup, created_at=at)

    def inject(self, cloud: Cloud, plan: Plan) -> None:
        cloud.client("ecs").stop_task(cluster=plan.saved("cluster"), task=plan.saved("task"), reason=self.title)

    def rollback(self, cloud: Cloud, plan: Plan) -> None:
        self.patience.until_clear(lambda: _missing(cloud, plan))

    def symptom(self, cloud: Cloud, plan: Plan) -> str | None:
        found = cloud.client("ecs").describe_tasks(cluster=plan.saved("cluster"), tasks=[plan.saved("task")])["tasks"]
        status = found[0]["lastStatus"] if found else "STOPPED"  # AWS forgets a stopped task after an hour
        gone = sorted(set(plan.saved("healthy")) - set(_healthy(cloud, plan.saved("group"))))
        if status != "STOPPED" or not gone:
            return None
        return f"task {plan.saved('task').rsplit('/', 1)[-1]} is STOPPED, target {', '.join(gone)} takes no requests"

    def fingerprint(self, cloud: Cloud, plan: Plan) -> Mapping[str, Json]:
        """Of a whole service. How many tasks make it whole is not in it: that is the scaling policy's to change."""
        self.rollback(cloud, plan)
        service = _service(cloud, plan)
        return {"status": service["status"], "task_definition": service["taskDefinition"], "missing": None}


def _running(cloud: Cloud, cluster: str, service: str) -> tuple[str, ...]:
    arns = cloud.client("ecs").list_tasks(cluster=cluster, serviceName=service, desiredStatus="RUNNING")["taskArns"]
    tasks = cloud.client("ecs").describe_tasks(cluster=cluster, tasks=arns)["tasks"] if arns else ()
    return tuple(sorted(task["taskArn"] for task in tasks if task["lastStatus"] == "RUNNING"))


def _healthy(cloud: Cloud, group: str) -> tuple[str, ...]:
    described = cloud.client("elbv2").describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
    targets = (each["Target"] for each in described if each["TargetHealth"]["State"] == "healthy")
    return tuple(sorted(f"{target['Id']}:{target['Port']}" for target in targets))


def _service(cloud: Cloud, plan: Plan) -> Any:  # boto3 types its answers in stubs only
    found = cloud.client("ecs").describe_services(cluster=plan.saved("cluster"), services=[plan.saved("service")])
    return found["services"][0]


def _missing(cloud: Cloud, plan: Plan) -> str | None:
    service = _service(cloud, plan)
    desired, running = service["desiredCount"], service["runningCount"]
    healthy = len(_healthy(cloud, plan.saved("group")))
    if running >= desired and healthy >= desired:
        return None
    return f"service {plan.saved('service')} wants {desired} tasks: {running} run, {healthy} are healthy"
