"""The worker that reads most shards of the stream is killed: its leases run out, others read on where it was."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from plugins.chaos.fault import Call, Cloud, EmptyTargetError, Json, Kind, Patience, Plan
from plugins.chaos.targets import ecs, workers, zones
from services.catalog import Service


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamWorkerKill:
    """Blast radius: one instance of the group. Its power is cut: it finishes no batch and hands over nothing."""

    service: Service
    name: str = "stream-worker-kill"
    kind: Kind = "self-healing"
    reads: tuple[str, ...] = (
        "autoscaling:DescribeAutoScalingGroups",
        "dynamodb:Scan",
        "ec2:DescribeInstances",
        "elasticloadbalancing:DescribeTargetHealth",
    )
    writes: tuple[str, ...] = ("ec2:TerminateInstances",)
    patience: Patience = field(default_factory=lambda: Patience(deadline_s=300.0))  # EC2: some minutes an instance

    @property
    def title(self) -> str:
        return f"the instance of the {self.service.name} service that reads most shards loses its power"

    def plan(self, cloud: Cloud, at: float) -> Plan:
        name = cloud.output(self.service.key("AutoScalingGroupName"))
        targets = cloud.output(self.service.key("TargetGroupArn"))
        record = zones.group(cloud, name)
        instances, healthy = workers.in_service(record), ecs.healthy(cloud, targets)
        leased = workers.leases(cloud)
        reading = workers.busiest(leased, instances)
        if not reading or len(instances) < 2:
            raise EmptyTargetError(f"{name} has {len(instances)} instances, {len(reading)} of them read a shard")
        victim = reading[0]
        shards = [shard for shard, owner in leased.items() if owner == victim]
        call = Call(action="ec2:TerminateInstances", resource=zones.instance_arn(record, victim))
        backup: dict[str, Json] = {"group": name, "targets": targets, "instance": victim}
        backup |= {"shards": shards, "healthy": healthy}
        plan = Plan(fault=self.name, targets=(victim,), calls=(call,), undo=(), backup=backup, created_at=at)
        return plan.reaching(f"1 of {len(instances)} instances of {name}, which reads {', '.join(shards)}")

    def inject(self, cloud: Cloud, plan: Plan) -> None:
        cloud.client("ec2").terminate_instances(InstanceIds=[plan.saved("instance")], SkipOsShutdown=True)

    def rollback(self, cloud: Cloud, plan: Plan) -> None:
        self.patience.until_clear(lambda: workers.missing(cloud, plan.saved("group"), plan.saved("targets")))

    def symptom(self, cloud: Cloud, plan: Plan) -> str | None:
        state = workers.state(cloud, plan.saved("instance"))
        gone = sorted(set(plan.saved("healthy")) - set(ecs.healthy(cloud, plan.saved("targets"))))
        if state not in ("shutting-down", "terminated") or not gone:
            return None
        return f"instance {plan.saved('instance')} is {state}, target {', '.join(gone)} is gone"

    def fingerprint(self, cloud: Cloud, plan: Plan) -> Mapping[str, Json]:
        """Of a whole group: its bounds and its template, and that somebody reads every shard."""
        self.rollback(cloud, plan)
        record = zones.group(cloud, plan.saved("group"))
        bounds: dict[str, Json] = {name: record[name] for name in ("MinSize", "MaxSize", "DesiredCapacity")}
        return {**bounds, "template": record["LaunchTemplate"]["Version"], "missing": None}
