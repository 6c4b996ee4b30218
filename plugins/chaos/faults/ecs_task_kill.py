"""One running task of a service is stopped: the load balancer routes round it, the scheduler replaces it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from plugins.chaos.fault import Call, Cloud, EmptyTargetError, Json, Kind, Patience, Plan
from plugins.chaos.targets import ecs
from services.catalog import Service

_TARGET_HEALTH = "elasticloadbalancing:DescribeTargetHealth"


@dataclass(frozen=True, slots=True, kw_only=True)
class EcsTaskKill:
    """Blast radius: one task. Any would do, so it is the first by ARN: a rerun chooses by the same rule."""

    service: Service
    name: str = "ecs-task-kill"
    kind: Kind = "self-healing"
    reads: tuple[str, ...] = ("ecs:ListTasks", "ecs:DescribeTasks", "ecs:DescribeServices", _TARGET_HEALTH)
    writes: tuple[str, ...] = ("ecs:StopTask",)
    patience: Patience = field(default_factory=lambda: Patience(deadline_s=180.0))  # Fargate: 20 to 90 s a task

    @property
    def title(self) -> str:
        return f"one running task of the {self.service.name} service is stopped"

    def plan(self, cloud: Cloud, at: float) -> Plan:
        cluster, service = cloud.output("ClusterName"), cloud.output(self.service.key("ServiceName"))
        group = cloud.output(self.service.key("TargetGroupArn"))
        tasks, healthy = ecs.running(cloud, cluster, service), ecs.healthy(cloud, group)
        if not tasks or not healthy:
            raise EmptyTargetError(f"{service} has {len(tasks)} running tasks, {len(healthy)} healthy: none to stop")
        backup: dict[str, Json] = {"cluster": cluster, "service": service, "group": group}
        backup |= {"task": tasks[0], "healthy": healthy}
        call = Call(action="ecs:StopTask", resource=tasks[0])
        plan = Plan(fault=self.name, targets=tasks[:1], calls=(call,), undo=(), backup=backup, created_at=at)
        return plan.reaching(f"1 of {len(tasks)} tasks of {service}")

    def inject(self, cloud: Cloud, plan: Plan) -> None:
        cloud.client("ecs").stop_task(cluster=plan.saved("cluster"), task=plan.saved("task"), reason=self.title)

    def rollback(self, cloud: Cloud, plan: Plan) -> None:
        cluster, service, group = map(plan.saved, ("cluster", "service", "group"))
        self.patience.until_clear(lambda: ecs.missing(cloud, cluster, service, group))

    def symptom(self, cloud: Cloud, plan: Plan) -> str | None:
        status = ecs.status_of(cloud, plan.saved("cluster"), plan.saved("task"))
        gone = sorted(set(plan.saved("healthy")) - set(ecs.healthy(cloud, plan.saved("group"))))
        if status != "STOPPED" or not gone:
            return None
        return f"task {plan.saved('task').rsplit('/', 1)[-1]} is STOPPED, target {', '.join(gone)} takes no requests"

    def fingerprint(self, cloud: Cloud, plan: Plan) -> Mapping[str, Json]:
        """Of a whole service. How many tasks make it whole is not in it: that is the scaling policy's to change."""
        self.rollback(cloud, plan)
        service = ecs.describe(cloud, plan.saved("cluster"), plan.saved("service"))
        return {"status": service["status"], "task_definition": service["taskDefinition"], "missing": None}
