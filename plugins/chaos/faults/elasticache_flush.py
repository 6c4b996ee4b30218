"""Every key of the cache is dropped at once: the service must work from its table while the cache warms again."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import redis

from plugins.chaos.fault import Cloud, EmptyTargetError, Json, Kind, Patience, Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class ElastiCacheFlush:
    """The keys are gone for good, but a cache holds nothing that its table does not: it heals by being used.
    FLUSHALL is a command of the data plane, so IAM has no action for it; the security group lets the caller in.
    """

    name: str = "elasticache-flush"
    title: str = "every key of the cache is dropped (FLUSHALL)"
    kind: Kind = "self-healing"
    reads: tuple[str, ...] = ("elasticache:DescribeReplicationGroups",)
    writes: tuple[str, ...] = ()
    group_output: str = "CacheReplicationGroupId"
    patience: Patience = field(default_factory=Patience)

    def plan(self, cloud: Cloud, at: float) -> Plan:
        group = _group(cloud, cloud.output(self.group_output))
        name, members = group["ReplicationGroupId"], sorted(group["MemberClusters"])
        if not members:
            raise EmptyTargetError(f"replication group {name} has no cache node to flush")
        with _connection(cloud) as cache:
            keys, ran_out = cache.dbsize(), _ran_out(cache)
        backup: dict[str, Json] = {"group": name, "members": members, "keys": keys, "ran_out": ran_out}
        plan = Plan(fault=self.name, targets=tuple(members), calls=(), undo=(), backup=backup, created_at=at)
        return plan.reaching(f"all {keys} keys, on {len(members)} of {len(members)} nodes")

    def inject(self, cloud: Cloud, plan: Plan) -> None:
        with _connection(cloud) as cache:
            cache.flushall()

    def rollback(self, cloud: Cloud, plan: Plan) -> None:
        """Nothing brings the keys back but use; what can be seen to is that the cache takes it."""

        def not_answering() -> str | None:
            try:
                with _connection(cloud) as cache:
                    return None if cache.ping() else "the cache does not answer PING"
            except redis.RedisError as refused:
                return f"the cache does not answer: {refused}"

        self.patience.until_clear(not_answering)

    def symptom(self, cloud: Cloud, plan: Plan) -> str | None:
        """Looked at right after the flush: under load the cache soon holds as many keys as before."""
        with _connection(cloud) as cache:
            keys, ran_out = cache.dbsize(), _ran_out(cache) - plan.saved("ran_out")
        dropped = plan.saved("keys") - keys - max(ran_out, 0)  # a cache that was started anew counts from 0
        return f"the cache fell from {plan.saved('keys')} keys to {keys}" if dropped > plan.saved("keys") / 2 else None

    def fingerprint(self, cloud: Cloud, plan: Plan) -> Mapping[str, Json]:
        group = _group(cloud, plan.saved("group"))
        with _connection(cloud) as cache:
            role, policy = cache.role()[0], cache.info("memory").get("maxmemory_policy")
        members = sorted(group["MemberClusters"])
        return {"status": group["Status"], "members": members, "role": role, "policy": policy}


def _ran_out(cache: Any) -> int:
    """How many keys went by themselves since the server's start: their time was over, or there was no room."""
    stats = cache.info("stats")
    return int(stats["expired_keys"]) + int(stats["evicted_keys"])


def _connection(cloud: Cloud) -> Any:  # redis-py types its answers as a union of sync and async
    return redis.Redis.from_url(cloud.endpoint("elasticache"), decode_responses=True, socket_timeout=2.0)


def _group(cloud: Cloud, name: str) -> Any:
    return cloud.client("elasticache").describe_replication_groups(ReplicationGroupId=name)["ReplicationGroups"][0]
