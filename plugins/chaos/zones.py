"""What stands in an Availability Zone, as the faults see it: tasks of a service, instances and subnets of a group."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from plugins.chaos import ecs
from plugins.chaos.fault import Cloud, EmptyTargetError, Json
from services.catalog import Service


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Of one service's tasks and of a group's instances, those in `zone`; `left` are the group's subnets elsewhere."""

    zone: str
    cluster: str
    service: str
    tasks: tuple[str, ...]
    all_tasks: int
    group: Any  # boto3 types its answers in stubs only
    instances: tuple[str, ...]
    subnets: tuple[str, ...]
    left: tuple[str, ...]

    def __str__(self) -> str:
        tasks, instances = f"{len(self.tasks)} of {self.all_tasks} tasks", len(self.group["Instances"])
        group = self.group["AutoScalingGroupName"]
        return f"{self.zone}: {tasks} of {self.service}, {len(self.instances)} of {instances} instances of {group}"

    def check(self) -> None:
        """`EmptyTargetError` unless something stands there, and something is left elsewhere."""
        if not (self.tasks and self.instances and self.left and len(self.tasks) < self.all_tasks):
            left = f"{len(self.left)} of {len(self.subnets)} subnets elsewhere"
            raise EmptyTargetError(f"{self}, {left}: an outage needs some of each there, and some elsewhere")

    @property
    def instance_arns(self) -> tuple[str, ...]:
        """As IAM knows the instances: in the group's partition, region and account."""
        _, partition, _, region, account, *_ = self.group["AutoScalingGroupARN"].split(":")
        return tuple(f"arn:{partition}:ec2:{region}:{account}:instance/{each}" for each in self.instances)

    @property
    def backup(self) -> Mapping[str, Json]:
        """What an outage's plan holds of it."""
        return {
            "zone": self.zone,
            "ecs": self.cluster,
            "service": self.service,
            "tasks": self.tasks,
            "group": self.group["AutoScalingGroupName"],
            "instances": self.instances,
            "subnets": self.subnets,
            "left": self.left,
        }


def standing(cloud: Cloud, zone: str, tasks: Service, instances: Service) -> Standing:
    """What of the service that is `tasks`, and of the one that is `instances`, stands in `zone`."""
    cluster, service = cloud.output("ClusterName"), cloud.output(tasks.key("ServiceName"))
    placed = _of_tasks(cloud, cluster, ecs.running(cloud, cluster, service))
    found = group(cloud, cloud.output(instances.key("AutoScalingGroupName")))
    subnets = tuple(found["VPCZoneIdentifier"].split(","))
    return Standing(
        zone=zone,
        cluster=cluster,
        service=service,
        tasks=tuple(task for task, where in placed.items() if where == zone),
        all_tasks=len(placed),
        group=found,
        instances=tuple(each["InstanceId"] for each in found["Instances"] if each["AvailabilityZone"] == zone),
        subnets=subnets,
        left=tuple(name for name, where in _of_subnets(cloud, subnets).items() if where != zone),
    )


def of_database(cloud: Cloud, instance: str) -> str:
    """The zone of a database instance."""
    found = cloud.client("rds").describe_db_instances(DBInstanceIdentifier=instance)["DBInstances"]
    return str(found[0]["AvailabilityZone"])


def group(cloud: Cloud, name: str) -> Any:  # boto3 types its answers in stubs only
    """The record of an Auto Scaling group, which has its instances and their zones."""
    found = cloud.client("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[name])
    return found["AutoScalingGroups"][0]


def launch_in(cloud: Cloud, name: str, subnets: Sequence[str]) -> None:
    """From now on the group launches in these subnets alone."""
    request = {"AutoScalingGroupName": name, "VPCZoneIdentifier": ",".join(subnets)}
    cloud.client("autoscaling").update_auto_scaling_group(**request)


def running(cloud: Cloud, instances: Sequence[str]) -> tuple[str, ...]:
    """Those of the instances that run."""
    filters = [{"Name": "instance-id", "Values": list(instances)}]
    found = cloud.client("ec2").describe_instances(Filters=filters)["Reservations"]
    every = (each for reservation in found for each in reservation["Instances"])
    return tuple(each["InstanceId"] for each in every if each["State"]["Name"] == "running")


def missing(cloud: Cloud, name: str) -> str | None:
    """What is still missing of a whole group: as many sound instances in service as it wants, and no others."""
    record = group(cloud, name)
    states = [(each["LifecycleState"], each["HealthStatus"]) for each in record["Instances"]]
    if states == [("InService", "Healthy")] * record["DesiredCapacity"]:
        return None
    return f"group {name} wants {record['DesiredCapacity']} instances in service and healthy; it has {states}"


def _of_tasks(cloud: Cloud, cluster: str, tasks: Sequence[str]) -> dict[str, str]:
    found = cloud.client("ecs").describe_tasks(cluster=cluster, tasks=list(tasks))["tasks"] if tasks else ()
    return {task["taskArn"]: task["availabilityZone"] for task in found}


def _of_subnets(cloud: Cloud, subnets: Sequence[str]) -> dict[str, str]:
    found = cloud.client("ec2").describe_subnets(SubnetIds=list(subnets))["Subnets"]
    return {subnet["SubnetId"]: subnet["AvailabilityZone"] for subnet in found}
