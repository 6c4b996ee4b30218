"""Instances of a group in two zones, for the faults' contract; an ended one is replaced where the group may launch."""

from typing import Any

ZONES = {"subnet-a": "us-east-1a", "subnet-b": "us-east-1b"}
GROUP = "cafe-loyalty-dev"


class Group:
    """Auto Scaling's API, and its scheduler."""

    def __init__(self, calls: list[str]) -> None:
        self._calls = calls
        self.subnets = list(ZONES)
        self.zones = {"i-1": "us-east-1a", "i-2": "us-east-1b"}
        """Of the instances that run."""

    def describe_auto_scaling_groups(self, *, AutoScalingGroupNames: list[str]) -> dict[str, Any]:  # noqa: N803
        self._calls.append("DescribeAutoScalingGroups")
        [name] = AutoScalingGroupNames
        sound = {"LifecycleState": "InService", "HealthStatus": "Healthy"}
        group = {
            "AutoScalingGroupName": name,
            "AutoScalingGroupARN": f"arn:aws:autoscaling:us-east-1:1:group/{name}",
            "VPCZoneIdentifier": ",".join(self.subnets),
            "MinSize": 2,
            "MaxSize": 4,
            "DesiredCapacity": 2,
            "Instances": [{**sound, "InstanceId": i, "AvailabilityZone": z} for i, z in self.zones.items()],
        }
        return {"AutoScalingGroups": [group]}

    def update_auto_scaling_group(self, *, AutoScalingGroupName: str, VPCZoneIdentifier: str) -> None:  # noqa: N803
        self._calls.append("UpdateAutoScalingGroup")
        assert AutoScalingGroupName == GROUP
        self.subnets = VPCZoneIdentifier.split(",")

    def replace(self, instance: str) -> None:
        del self.zones[instance]
        self.zones[f"{instance}-again"] = ZONES[self.subnets[0]]


class Instances:
    """EC2's API of them."""

    def __init__(self, calls: list[str], group: Group) -> None:
        self._calls = calls
        self._group = group

    def describe_subnets(self, *, SubnetIds: list[str]) -> dict[str, Any]:  # noqa: N803 - as AWS has it
        self._calls.append("DescribeSubnets")
        return {"Subnets": [{"SubnetId": each, "AvailabilityZone": ZONES[each]} for each in SubnetIds]}

    def describe_instances(self, *, Filters: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803 - as AWS has it
        self._calls.append("DescribeInstances")
        [wanted] = Filters
        states = {each: "running" if each in self._group.zones else "terminated" for each in wanted["Values"]}
        found = [{"InstanceId": each, "State": {"Name": state}} for each, state in states.items()]
        return {"Reservations": [{"Instances": found}]}

    def terminate_instances(self, *, InstanceIds: list[str]) -> None:  # noqa: N803 - as AWS has it
        self._calls.append("TerminateInstances")
        for each in InstanceIds:
            self._group.replace(each)
