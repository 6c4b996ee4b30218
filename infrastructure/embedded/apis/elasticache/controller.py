"""ElastiCache: a Redis server per cache node, a primary and its replicas per replication group.

Roles stand in the control plane's record; the servers are made to follow them, never the other way round. A cluster
that stands alone is a group of one.
"""

from collections.abc import Collection
from typing import ClassVar

from infrastructure.embedded.apis.elasticache.api import NODE, REDIS, ElastiCacheApi, Record
from infrastructure.embedded.control.context import Context
from infrastructure.embedded.control.endpoints import Entrance, is_platforms
from infrastructure.embedded.engines.redis.controller import RedisController
from infrastructure.embedded.engines.redis.group import Group, RedisMember
from infrastructure.embedded.network.envoy.model import LOOPBACK


class ElastiCacheController(RedisController):
    """Runs the nodes of every Redis replication group and cache cluster."""

    name = "elasticache"
    watches: ClassVar[frozenset[str]] = frozenset({"elasticache"})
    PARTS: ClassVar[tuple[type, ...]] = (ElastiCacheApi,)
    UPSTREAM, NAMESPACE = "elasticache", "AWS/ElastiCache"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._backend = context.backends.elasticache
        operations = context.backends.operations
        self._calls = ElastiCacheApi(self._backend, operations, self._engine.ports.allocate)
        operations.bind(self.name, self._calls)

    def _addressed(self) -> Collection[str]:
        return self._calls.ports

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

    def _make(self, identity: str, record: Record) -> Group:
        if identity in self._backend.replication_groups:
            nodes = [
                (node["cache_cluster_id"], node["preferred_availability_zone"], node["current_role"] == "primary")
                for node in record.node_groups[0]["node_group_members"]
            ]
        else:
            nodes = [(identity, record.preferred_availability_zone or f"{self._context.region}a", True)]
        return Group(
            id=identity,
            service=self.name,
            node_type=record.cache_node_type,
            members=[
                RedisMember(name, az, self._engine.ports.allocate(), is_primary) for name, az, is_primary in nodes
            ],
            engine=self._engine,
            changed=self._role_changed,
            tokens=self._calls.tokens.get(identity, ()),
        )

    async def _step(self, _record: Record, group: Group) -> None:
        asked = self._calls.reboots & {member.id for member in group.members}
        await group.reboot(asked)
        self._calls.reboots -= asked
        if group.id in self._calls.failovers and group.primary.node is not None:
            await group.primary.node.stop()
        self._calls.failovers.discard(group.id)
        record = self._backend.replication_groups.get(group.id)
        if record is not None and record.automatic_failover == "enabled":
            await group.fail_over()
        await group.admit(self._calls.tokens.get(group.id, ()))
        await group.revive()
        self._write_back(group)

    def _role_changed(self, group: Group) -> None:
        self._publish()
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
        known_as, ports = self.UPSTREAM if is_platforms(tags) else "", self._calls.ports[group.id]
        name, url, primary = f"elasticache-{group.id}", self.URL, (group.primary.endpoint,)
        found = [Entrance(name=name, port=ports.primary, servers=primary, known_as=known_as, url=url)]
        if ports.reader != ports.primary:
            readers = tuple(replica.endpoint for replica in group.replicas) or primary
            found.append(Entrance(name=f"{name}-reader", port=ports.reader, servers=readers))
        return found

    def _forget(self, identity: str) -> Collection[int]:
        ports = self._calls.forget(identity)
        return {ports.primary, ports.reader} if ports is not None else ()

    @staticmethod
    def _dimensions(member: str) -> tuple[dict[str, str], ...]:
        return {"CacheClusterId": member}, {"CacheClusterId": member, "CacheNodeId": NODE}
