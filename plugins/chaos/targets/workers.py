"""The workers of a stream as the faults see them: their group, the shards that each has leased, and what is missing."""

from collections.abc import Mapping
from typing import Any

from plugins.books.readers import scan
from plugins.chaos.fault import Cloud
from plugins.chaos.targets import ecs, zones
from services.analytics.leases import SHARD_END

LEASES = "StreamLeaseTableName"
"""The stack output that names the lease table, whose columns are those of the Kinesis Client Library."""


def leases(cloud: Cloud) -> Mapping[str, str | None]:
    """Who reads each shard that is not read to its end; None: nobody."""
    found = {
        item["leaseKey"]["S"]: item.get("leaseOwner", {}).get("S")
        for item in scan(cloud, cloud.output(LEASES))
        if item["checkpoint"]["S"] != SHARD_END
    }
    return dict(sorted(found.items()))


def in_service(record: Any) -> tuple[str, ...]:
    """The ids of the group's instances that work, sorted."""
    return tuple(sorted(one["InstanceId"] for one in record["Instances"] if one["LifecycleState"] == "InService"))


def busiest(leased: Mapping[str, str | None], instances: tuple[str, ...]) -> tuple[str, ...]:
    """Those of `instances` that read any of the `leased` shards, the one with most of them first."""
    owners = list(leased.values())
    reading = [one for one in instances if one in owners]
    return tuple(sorted(reading, key=lambda one: (-owners.count(one), one)))


def state(cloud: Cloud, instance: str) -> str:
    """The state of an instance; one that EC2 has forgotten was terminated."""
    found = cloud.client("ec2").describe_instances(InstanceIds=[instance])["Reservations"]
    return str(found[0]["Instances"][0]["State"]["Name"]) if found else "terminated"


def missing(cloud: Cloud, name: str, targets: str) -> str | None:
    """What is still missing of a whole group: its instances, each of them healthy, and a reader of every shard."""
    record, there = zones.group(cloud, name), len(ecs.healthy(cloud, targets))
    desired, working = record["DesiredCapacity"], in_service(record)
    if len(working) < desired or there < desired:
        return f"group {name} wants {desired} instances: {len(working)} are in service, {there} are healthy"
    unread = [shard for shard, owner in leases(cloud).items() if owner not in working]
    return f"nobody who lives reads {', '.join(unread)}" if unread else None
