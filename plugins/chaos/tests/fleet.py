"""An Auto Scaling group of workers that lease the shards of a stream, for the faults' contract.

moto has neither a scheduler nor anybody who reads; the lease table is moto's.
"""

from typing import Any

TABLE, GROUP, TARGETS = "stream-leases-dev", "cafe-workers-dev", "arn:group/workers"
OUTPUTS = {
    "StreamLeaseTableName": TABLE,
    "LoyaltyAutoScalingGroupName": GROUP,
    "LoyaltyTargetGroupArn": TARGETS,
}
SHARDS = ("shardId-0", "shardId-1", "shardId-2")


class Fleet:
    """EC2's and Auto Scaling's APIs: what is terminated is replaced, and its shards are another's."""

    def __init__(self, calls: list[str], targets: list[str], dynamodb: Any) -> None:
        self._calls = calls
        self._targets = targets
        self._dynamodb = dynamodb
        self._states: dict[str, str] = {}
        self.is_replacing = True
        self.is_reading_on = True
        dynamodb.create_table(
            TableName=TABLE,
            KeySchema=[{"AttributeName": "leaseKey", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "leaseKey", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        self._start()
        self._start()
        self.lease("shardId-old", None, "SHARD_END")
        for number, shard in enumerate(SHARDS):
            self.lease(shard, self.working[number % 2])

    @property
    def working(self) -> list[str]:
        return [name for name, state in self._states.items() if state == "running"]

    def lease(self, shard: str, owner: str | None, checkpoint: str = "17") -> None:
        item = {"leaseKey": {"S": shard}, "checkpoint": {"S": checkpoint}}
        self._dynamodb.put_item(TableName=TABLE, Item={**item, **({"leaseOwner": {"S": owner}} if owner else {})})

    def describe_auto_scaling_groups(self, *, AutoScalingGroupNames: list[str]) -> dict[str, Any]:  # noqa: N803 - as AWS has it
        self._calls.append("DescribeAutoScalingGroups")
        [name] = AutoScalingGroupNames
        instances = [{"InstanceId": each, "LifecycleState": "InService"} for each in self.working]
        arn = f"arn:aws:autoscaling:us-east-1:123456789012:autoScalingGroup:x:autoScalingGroupName/{name}"
        bounds = {"MinSize": 2, "MaxSize": 4, "DesiredCapacity": 2, "LaunchTemplate": {"Version": "1"}}
        return {"AutoScalingGroups": [{"AutoScalingGroupARN": arn, "Instances": instances, **bounds}]}

    def describe_instances(self, *, InstanceIds: list[str]) -> dict[str, Any]:  # noqa: N803 - as AWS has it
        self._calls.append("DescribeInstances")
        found = [{"InstanceId": each, "State": {"Name": self._states[each]}} for each in InstanceIds]
        return {"Reservations": [{"Instances": found}]}

    def terminate_instances(self, *, InstanceIds: list[str], SkipOsShutdown: bool) -> None:  # noqa: N803 - as AWS has it
        self._calls.append("TerminateInstances")
        assert SkipOsShutdown, "a worker that is told to end hands over"
        for name in InstanceIds:
            self._states[name] = "shutting-down"
            self._targets.remove(name)
            if self.is_replacing:
                self._start()
            if self.is_reading_on:
                self._read_on(name)

    def _start(self) -> None:
        name = f"i-{len(self._states):017}"
        self._states[name] = "running"
        self._targets.append(name)

    def _read_on(self, gone: str) -> None:
        for item in self._dynamodb.scan(TableName=TABLE)["Items"]:
            if item.get("leaseOwner", {}).get("S") == gone:
                self.lease(item["leaseKey"]["S"], self.working[0])
