"""ElastiCache: a Redis server per cache node, a primary and its replicas per replication group.

Roles stand in the control plane's record; the servers are made to follow them, never the other way round. A cluster
that stands alone is a group of one.
"""

import time
from collections.abc import Collection
from dataclasses import replace
from typing import ClassVar

from infrastructure.embedded import lags
from infrastructure.embedded.apis.elasticache.api import NODE, REDIS, ElastiCacheApi, Record
from infrastructure.embedded.control.context import Context
from infrastructure.embedded.control.endpoints import Entrance
from infrastructure.embedded.engines.redis.controller import Node, RedisController
from infrastructure.embedded.engines.redis.group import Group
from infrastructure.embedded.network.envoy.model import LOOPBACK


class ElastiCacheController(RedisController):
    """Runs the nodes of every Redis replication group and cache cluster."""

    name = "elasticache"
    watches: ClassVar[frozenset[str]] = frozenset({"elasticache"})
    PARTS: ClassVar[tuple[type, ...]] = (ElastiCacheApi,)
    _calls: ElastiCacheApi
    NAMESPACE = "AWS/ElastiCache"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._replaced_at: dict[str, float] = {}
        """Members that were demoted, and when their nodes are replaced, in monotonic seconds."""

    def _wanted(self) -> dict[str, Record]:
        """Every group, and every cluster that stands alone, that is on record and not being deleted."""
        clusters = {
            identity: record
            for identity, record in self._backend.cache_clusters.items()
            if record.engine in REDIS and not getattr(record, "replication_group_id", None)
            if record.cache_cluster_status != "deleting"
        }
        groups = {k: record for k, record in self._backend.replication_groups.items() if record.status != "deleting"}
        return {k: record for k, record in (clusters | groups).items() if k in self._calls.ports}

    def _nodes(self, identity: str, record: Record) -> list[Node]:
        if identity not in self._backend.replication_groups:
            return [(identity, record.preferred_availability_zone or f"{self._context.region}a", True)]
        return [
            (node["cache_cluster_id"], node["preferred_availability_zone"], node["current_role"] == "primary")
            for node in record.node_groups[0]["node_group_members"]
        ]

    def _tokens(self, identity: str) -> tuple[str, ...]:
        return tuple(self._calls.tokens.get(identity, ()))

    async def _step(self, _record: Record, group: Group) -> float | None:
        asked = self._calls.reboots & {member.id for member in group.members}
        await group.reboot({*asked, *self._due(group)})
        self._calls.reboots -= asked
        if group.id in self._calls.failovers and group.primary.node is not None:
            await self._test_failover(group)
        self._calls.failovers.discard(group.id)
        record = self._backend.replication_groups.get(group.id)
        if record is not None and record.automatic_failover == "enabled":
            await group.fail_over()
        await group.admit(self._tokens(group.id))
        await group.revive()
        self._write_back(group)
        ends = [self._replaced_at[member.id] for member in group.members if member.id in self._replaced_at]
        return max(min(ends) - time.monotonic(), 0.0) if ends else None

    async def _test_failover(self, group: Group) -> None:
        """The primary is demoted, and its node replaced later; without a replica that could take over it dies."""
        old = group.primary
        if await group.demote():
            self._replaced_at[old.id] = time.monotonic() + lags.DEMOTED_PRIMARY.at(self._context.pace)
        elif old.node is not None:
            await old.node.stop()

    def _due(self, group: Group) -> Collection[str]:
        """The demoted members whose nodes are to be replaced now. One that is primary again is left alone."""
        now = time.monotonic()
        due = {m.id for m in group.members if self._replaced_at.get(m.id, now + 1.0) <= now}
        for member in due:
            del self._replaced_at[member]
        return due - {group.primary.id}

    def _role_changed(self, group: Group) -> None:
        super()._role_changed(group)
        self._note_roles(group)

    def _note_roles(self, group: Group) -> None:
        record = self._backend.replication_groups.get(group.id)
        for noted in record.node_groups[0]["node_group_members"] if record is not None else ():
            member = next(m for m in group.members if m.id == noted["cache_cluster_id"])
            noted["current_role"] = "primary" if member.is_primary else "replica"
            noted["read_endpoint"] = {"address": LOOPBACK, "port": member.port}

    def _write_back(self, group: Group) -> None:
        self._note_roles(group)
        record = self._backend.replication_groups.get(group.id)
        if record is not None and record.status == "modifying":
            record.status = "available"
        for member in group.members:
            cluster = self._backend.cache_clusters.get(member.id)
            if cluster is not None and cluster.cache_cluster_status != "deleting":  # asked for while it started
                cluster.cache_cluster_status = cluster.status = "available"
                alone = self._calls.ports[group.id].primary
                self._calls.place(cluster, alone if record is None else member.port)

    def _addresses(self, record: Record, group: Group) -> list[Entrance]:
        tags = self._backend.tagging_service.list_tags_for_resource(record.arn)["Tags"]
        ports, stale_s = self._calls.ports[group.id], lags.PRIMARY_NAME.at(self._context.pace)
        found = [replace(self._entrance(record, group, ports.primary, tags), stale_s=stale_s)]
        if ports.reader != ports.primary:
            readers = tuple(replica.endpoint for replica in group.replicas) or found[0].servers
            found.append(Entrance(name=f"{found[0].name}-reader", port=ports.reader, servers=readers))
        return found

    def _forget(self, identity: str) -> Collection[int]:
        ports = self._calls.forget(identity)
        return {ports.primary, ports.reader} if ports is not None else ()

    @staticmethod
    def _dimensions(member: str) -> tuple[dict[str, str], ...]:
        return {"CacheClusterId": member}, {"CacheClusterId": member, "CacheNodeId": NODE}
