"""Auto Scaling groups in two zones, the first of them of workers that lease the shards of a stream, for the contract.

moto has neither a scheduler nor anybody who reads; the lease table is moto's.
"""

from dataclasses import dataclass, field
from typing import Any

from services.catalog import services_on

TABLE = "stream-leases-dev"
GROUPS = {service.key("AutoScalingGroupName"): f"cafe-{service.name}-dev" for service in services_on("ec2")}
NODES = "eks-main-dev"
"""The group of the cluster's nodes."""
TARGETS = f"arn:group/{services_on('ec2')[0].name}"
OUTPUTS = {
    "StreamLeaseTableName": TABLE,
    **GROUPS,
    "EksClusterName": "test",
    services_on("ec2")[0].key("TargetGroupArn"): TARGETS,
}
SHARDS = ("shardId-0", "shardId-1", "shardId-2")
ZONES = {"subnet-a": "us-east-1a", "subnet-b": "us-east-1b"}


@dataclass
class Group:
    """One group: where it may launch, and the zone of each instance that works."""

    name: str
    subnets: list[str] = field(default_factory=lambda: list(ZONES))
    zones: dict[str, str] = field(default_factory=dict)

    @property
    def record(self) -> dict[str, Any]:
        sound = {"LifecycleState": "InService", "HealthStatus": "Healthy"}
        arn = f"arn:aws:autoscaling:us-east-1:1:autoScalingGroup:x:autoScalingGroupName/{self.name}"
        return {
            "AutoScalingGroupName": self.name,
            "AutoScalingGroupARN": arn,
            "VPCZoneIdentifier": ",".join(self.subnets),
            "LaunchTemplate": {"Version": "1"},
            "MinSize": 2,
            "MaxSize": 4,
            "DesiredCapacity": 2,
            "Instances": [{**sound, "InstanceId": i, "AvailabilityZone": zone} for i, zone in self.zones.items()],
        }


class Fleet:
    """EC2's and Auto Scaling's APIs: what is terminated is replaced, and its shards are another's."""

    def __init__(self, calls: list[str], targets: list[str], dynamodb: Any) -> None:
        self._calls = calls
        self._targets = targets
        self._dynamodb = dynamodb
        self._groups = {name: Group(name) for name in (*GROUPS.values(), NODES)}
        self._workers = next(iter(self._groups.values()))
        self._started: list[str] = []
        self.is_replacing = True
        self.is_reading_on = True
        self.powerless: list[str] = []
        """The instances that had no time to hand over."""
        dynamodb.create_table(
            TableName=TABLE,
            KeySchema=[{"AttributeName": "leaseKey", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "leaseKey", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        for group in self._groups.values():
            for zone in ZONES.values():
                self._start(group, zone)
        self.lease("shardId-old", None, "SHARD_END")
        for number, shard in enumerate(SHARDS):
            self.lease(shard, self.working[number % 2])

    @property
    def working(self) -> list[str]:
        return list(self._workers.zones)

    def launch_in(self, *subnets: str) -> None:
        """Where the groups may launch."""
        for group in self._groups.values():
            group.subnets = list(subnets)

    def lease(self, shard: str, owner: str | None, checkpoint: str = "17") -> None:
        item = {"leaseKey": {"S": shard}, "checkpoint": {"S": checkpoint}}
        self._dynamodb.put_item(TableName=TABLE, Item={**item, **({"leaseOwner": {"S": owner}} if owner else {})})

    def describe_auto_scaling_groups(self, *, AutoScalingGroupNames: list[str]) -> dict[str, Any]:  # noqa: N803 - as AWS has it
        self._calls.append("DescribeAutoScalingGroups")
        return {"AutoScalingGroups": [self._groups[name].record for name in AutoScalingGroupNames]}

    def update_auto_scaling_group(self, *, AutoScalingGroupName: str, VPCZoneIdentifier: str) -> None:  # noqa: N803
        self._calls.append("UpdateAutoScalingGroup")
        self._groups[AutoScalingGroupName].subnets = VPCZoneIdentifier.split(",")

    def list_nodegroups(self, *, clusterName: str) -> dict[str, Any]:  # noqa: N803 - as AWS has it
        self._calls.append("ListNodegroups")
        return {"nodegroups": ["main"]}

    def describe_nodegroup(self, *, clusterName: str, nodegroupName: str) -> dict[str, Any]:  # noqa: N803
        self._calls.append("DescribeNodegroup")
        return {"nodegroup": {"resources": {"autoScalingGroups": [{"name": NODES}]}}}

    def describe_subnets(self, *, SubnetIds: list[str]) -> dict[str, Any]:  # noqa: N803 - as AWS has it
        self._calls.append("DescribeSubnets")
        return {"Subnets": [{"SubnetId": each, "AvailabilityZone": ZONES[each]} for each in SubnetIds]}

    def describe_instances(
        self,
        *,
        InstanceIds: list[str] | None = None,  # noqa: N803 - as AWS has it
        Filters: list[dict[str, Any]] | None = None,  # noqa: N803
    ) -> dict[str, Any]:
        self._calls.append("DescribeInstances")
        wanted = InstanceIds or [value for each in Filters or () for value in each["Values"]]
        working = [instance for group in self._groups.values() for instance in group.zones]
        states = {each: "running" if each in working else "shutting-down" for each in wanted}
        found = [{"InstanceId": each, "State": {"Name": state}} for each, state in states.items()]
        return {"Reservations": [{"Instances": found}]}

    def terminate_instances(self, *, InstanceIds: list[str], SkipOsShutdown: bool = False) -> None:  # noqa: N803 - as AWS has it
        self._calls.append("TerminateInstances")
        self.powerless += InstanceIds if SkipOsShutdown else []
        for name in InstanceIds:
            self._end(next(group for group in self._groups.values() if name in group.zones), name)

    def _end(self, group: Group, name: str) -> None:
        del group.zones[name]
        if name in self._targets:
            self._targets.remove(name)
        if self.is_replacing:
            taken = list(group.zones.values())
            self._start(group, min((ZONES[each] for each in group.subnets), key=taken.count))
        if self.is_reading_on:
            self._read_on(name)

    def _start(self, group: Group, zone: str) -> None:
        name = f"i-{len(self._started):017}"
        self._started.append(name)
        group.zones[name] = zone
        if group is self._workers:
            self._targets.append(name)

    def _read_on(self, gone: str) -> None:
        for item in self._dynamodb.scan(TableName=TABLE)["Items"]:
            if item.get("leaseOwner", {}).get("S") == gone:
                self.lease(item["leaseKey"]["S"], self.working[0])
