"""What stands in an Availability Zone, as the faults see it: tasks of a service, instances and subnets of groups."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from plugins.chaos.fault import Cloud, EmptyTargetError, Json
from plugins.chaos.targets import ecs
from services.catalog import Service


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Of one Auto Scaling group: its instances in the zone. `left` are its subnets elsewhere."""

    group: Any  # boto3 types its answers in stubs only
    instances: tuple[str, ...]
    subnets: tuple[str, ...]
    left: tuple[str, ...]

    def __str__(self) -> str:
        return f"{len(self.instances)} of {len(self.group['Instances'])} instances of {self.name}"

    @property
    def name(self) -> str:
        return str(self.group["AutoScalingGroupName"])

    @property
    def instance_arns(self) -> tuple[str, ...]:
        """As IAM knows the instances: in the group's partition, region and account."""
        return tuple(instance_arn(self.group, each) for each in self.instances)

    @property
    def backup(self) -> Mapping[str, Json]:
        """What an outage's plan holds of it."""
        return {"name": self.name, "instances": self.instances, "subnets": self.subnets, "left": self.left}


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Of one service's tasks and of some groups' instances, those in `zone`."""

    zone: str
    cluster: str
    service: str
    tasks: tuple[str, ...]
    all_tasks: int
    parts: tuple[Part, ...]

    def __str__(self) -> str:
        groups = ", ".join(map(str, self.parts))
        return f"{self.zone}: {len(self.tasks)} of {self.all_tasks} tasks of {self.service}, {groups}"

    def check(self) -> None:
        """`EmptyTargetError` unless something of each stands there, and something is left elsewhere."""
        whole = all(part.instances and part.left for part in self.parts)
        if not (self.tasks and whole and len(self.tasks) < self.all_tasks):
            left = ", ".join(f"{len(part.left)} of {len(part.subnets)} of {part.name}" for part in self.parts)
            raise EmptyTargetError(
                f"{self}; subnets elsewhere: {left}: an outage needs some of each there, and some elsewhere"
            )

    @property
    def instances(self) -> tuple[str, ...]:
        return tuple(each for part in self.parts for each in part.instances)

    @property
    def instance_arns(self) -> tuple[str, ...]:
        return tuple(each for part in self.parts for each in part.instance_arns)

    @property
    def backup(self) -> Mapping[str, Json]:
        """What an outage's plan holds of it."""
        return {
            "zone": self.zone,
            "ecs": self.cluster,
            "service": self.service,
            "tasks": self.tasks,
            "groups": tuple(part.backup for part in self.parts),
            "instances": self.instances,
        }


def standing(cloud: Cloud, zone: str, tasks: Service, groups: Iterable[str]) -> Standing:
    """What of the service that is `tasks`, and of the Auto Scaling groups called `groups`, stands in `zone`.

    `EmptyTargetError` unless something of each stands there, and something is left elsewhere.
    """
    cluster, service = cloud.output("ClusterName"), cloud.output(tasks.key("ServiceName"))
    placed = _of_tasks(cloud, cluster, ecs.running(cloud, cluster, service))
    found = Standing(
        zone=zone,
        cluster=cluster,
        service=service,
        tasks=tuple(task for task, where in placed.items() if where == zone),
        all_tasks=len(placed),
        parts=tuple(_part(cloud, zone, name) for name in groups),
    )
    found.check()
    return found


def _part(cloud: Cloud, zone: str, name: str) -> Part:
    found = group(cloud, name)
    subnets = tuple(found["VPCZoneIdentifier"].split(","))
    return Part(
        group=found,
        instances=tuple(each["InstanceId"] for each in found["Instances"] if each["AvailabilityZone"] == zone),
        subnets=subnets,
        left=tuple(subnet for subnet, where in _of_subnets(cloud, subnets).items() if where != zone),
    )


def groups_of(cloud: Cloud, services: Iterable[Service]) -> tuple[str, ...]:
    """The names of the services' Auto Scaling groups."""
    return tuple(cloud.output(service.key("AutoScalingGroupName")) for service in services)


def of_database(cloud: Cloud, instance: str) -> str:
    """The zone of a database instance."""
    found = cloud.client("rds").describe_db_instances(DBInstanceIdentifier=instance)["DBInstances"]
    return str(found[0]["AvailabilityZone"])


def group(cloud: Cloud, name: str) -> Any:  # boto3 types its answers in stubs only
    """The record of an Auto Scaling group, which has its instances and their zones."""
    found = cloud.client("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[name])
    return found["AutoScalingGroups"][0]


def instance_arn(record: Any, instance: str) -> str:
    """As IAM knows an instance of the group with this record: in the group's partition, region and account."""
    _, partition, _, region, account, *_ = record["AutoScalingGroupARN"].split(":")
    return f"arn:{partition}:ec2:{region}:{account}:instance/{instance}"


def launch_in(cloud: Cloud, name: str, subnets: Sequence[str]) -> None:
    """From now on the group launches in these subnets alone."""
    request = {"AutoScalingGroupName": name, "VPCZoneIdentifier": ",".join(subnets)}
    cloud.client("autoscaling").update_auto_scaling_group(**request)


def launch_everywhere(cloud: Cloud, subnets: Mapping[str, Sequence[str]]) -> None:
    """Those of the groups that do not launch in all of their `subnets` do so again."""
    for name, every in subnets.items():
        if group(cloud, name)["VPCZoneIdentifier"] != ",".join(every):
            launch_in(cloud, name, every)


def running(cloud: Cloud, instances: Sequence[str]) -> tuple[str, ...]:
    """Those of the instances that run."""
    filters = [{"Name": "instance-id", "Values": list(instances)}]
    found = cloud.client("ec2").describe_instances(Filters=filters)["Reservations"]
    every = (each for reservation in found for each in reservation["Instances"])
    return tuple(each["InstanceId"] for each in every if each["State"]["Name"] == "running")


def bounds(cloud: Cloud, names: Iterable[str]) -> dict[str, Json]:
    """Where each group may launch, and how many."""
    records = {name: group(cloud, name) for name in names}
    return {
        name: [record[key] for key in ("VPCZoneIdentifier", "MinSize", "MaxSize")] for name, record in records.items()
    }


def missing(cloud: Cloud, names: Iterable[str]) -> str | None:
    """What is still missing of whole groups: as many sound instances in service as each wants, and no others."""
    for record in (group(cloud, name) for name in names):
        states = [(each["LifecycleState"], each["HealthStatus"]) for each in record["Instances"]]
        if states != [("InService", "Healthy")] * record["DesiredCapacity"]:
            wanted = f"{record['DesiredCapacity']} instances in service and healthy"
            return f"group {record['AutoScalingGroupName']} wants {wanted}; it has {states}"
    return None


def _of_tasks(cloud: Cloud, cluster: str, tasks: Sequence[str]) -> dict[str, str]:
    found = cloud.client("ecs").describe_tasks(cluster=cluster, tasks=list(tasks))["tasks"] if tasks else ()
    return {task["taskArn"]: task["availabilityZone"] for task in found}


def _of_subnets(cloud: Cloud, subnets: Sequence[str]) -> dict[str, str]:
    found = cloud.client("ec2").describe_subnets(SubnetIds=list(subnets))["Subnets"]
    return {subnet["SubnetId"]: subnet["AvailabilityZone"] for subnet in found}
