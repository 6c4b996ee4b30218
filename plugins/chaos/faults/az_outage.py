"""Everything in one Availability Zone stops: tasks, instances, nodes, the database's writer. Of two, one is left."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from plugins.chaos.fault import Call, Cloud, Json, Kind, Patience, Plan
from plugins.chaos.faults.rds_failover import RdsFailover
from plugins.chaos.targets import aurora, ecs, eks, zones
from services.catalog import Service

_UPDATE = "autoscaling:UpdateAutoScalingGroup"


@dataclass(frozen=True, slots=True, kw_only=True)
class AzOutage:
    """The zone is the database writer's. Groups, of nodes too, may launch nothing there until the rollback; a task's
    replacement may be placed there again, since another network configuration would replace all of a service's tasks.
    """

    tasks: Service
    instances: tuple[Service, ...]
    pods: tuple[Service, ...]
    name: str = "az-outage"
    title: str = "everything in one Availability Zone stops: tasks, instances, nodes and the database's writer"
    kind: Kind = "reversible"
    reads: tuple[str, ...] = (
        *("autoscaling:DescribeAutoScalingGroups", "ec2:DescribeInstances", "ec2:DescribeSubnets"),
        *("eks:DescribeCluster", "eks:DescribeNodegroup", "eks:ListNodegroups", "kubernetes:get deployments"),
        *("ecs:DescribeServices", "ecs:DescribeTasks", "ecs:ListTasks", "elasticloadbalancing:DescribeTargetHealth"),
        *("rds:DescribeDBClusters", "rds:DescribeDBInstances", "secretsmanager:GetSecretValue"),
    )
    writes: tuple[str, ...] = (_UPDATE, "ec2:TerminateInstances", "ecs:StopTask", "rds:FailoverDBCluster")
    failover: RdsFailover = field(default_factory=RdsFailover)
    patience: Patience = field(default_factory=lambda: Patience(deadline_s=600.0))  # an instance takes minutes

    def plan(self, cloud: Cloud, at: float) -> Plan:
        database = self.failover.plan(cloud, at)
        groups = (*zones.groups_of(cloud, self.instances), *eks.node_groups(cloud, self.pods))
        there = zones.standing(cloud, zones.of_database(cloud, database.saved("writer")), self.tasks, groups)
        updates = tuple(Call(action=_UPDATE, resource=part.group["AutoScalingGroupARN"]) for part in there.parts)
        ends = [Call(action="ec2:TerminateInstances", resource=arn) for arn in there.instance_arns]
        stops = [Call(action="ecs:StopTask", resource=task) for task in there.tasks]
        calls = (*updates, *ends, *stops, *database.calls)
        targets = (*there.tasks, *there.instances, *database.targets)
        backup = {**database.backup, **there.backup, "pods": eks.behind(cloud, self.pods)}
        backup["targets"] = cloud.output(self.tasks.key("TargetGroupArn"))
        plan = Plan(fault=self.name, targets=targets, calls=calls, undo=updates, backup=backup, created_at=at)
        return plan.reaching(f"{there}, the database's writer")

    def inject(self, cloud: Cloud, plan: Plan) -> None:
        for part in plan.saved("groups"):
            zones.launch_in(cloud, part["name"], part["left"])
        for instance in plan.saved("instances"):
            cloud.client("ec2").terminate_instances(InstanceIds=[instance])
        for task in plan.saved("tasks"):
            cloud.client("ecs").stop_task(cluster=plan.saved("ecs"), task=task, reason=self.title)
        self.failover.inject(cloud, plan)

    def rollback(self, cloud: Cloud, plan: Plan) -> None:
        groups = {part["name"]: part["subnets"] for part in plan.saved("groups")}
        zones.launch_everywhere(cloud, groups)
        self.patience.until_clear(lambda: ecs.missing(cloud, *map(plan.saved, ("ecs", "service", "targets"))))
        self.patience.until_clear(lambda: zones.missing(cloud, groups) or eks.missing(cloud, plan.saved("pods")))
        self.failover.rollback(cloud, plan)

    def symptom(self, cloud: Cloud, plan: Plan) -> str | None:
        """The writer serves from elsewhere, and what ran in the zone does not."""
        moved, tasks, instances = self.failover.symptom(cloud, plan), plan.saved("tasks"), plan.saved("instances")
        states = {ecs.status_of(cloud, plan.saved("ecs"), task) for task in tasks}
        if moved is None or states != {"STOPPED"} or zones.running(cloud, instances):
            return None
        return f"in {plan.saved('zone')} {len(tasks)} tasks and {len(instances)} instances have ended; {moved}"

    def fingerprint(self, cloud: Cloud, plan: Plan) -> Mapping[str, Json]:
        """Of a whole platform. How its parts are spread over the zones is not in it: that is the schedulers' to say."""
        self.rollback(cloud, plan)
        kept = zones.bounds(cloud, [part["name"] for part in plan.saved("groups")])
        cluster = aurora.describe(cloud, plan.saved("cluster"))
        return {**kept, "members": cluster.members, "writers": len(cluster.writers), "missing": None}
