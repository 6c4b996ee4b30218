"""ElastiCache: a Redis server per cache node, a primary and its replicas per replication group.

Roles stand in the control plane's record; the servers are made to follow them, never the other way round. A cluster
that stands alone is a group of one.
"""

from collections.abc import Collection
from typing import ClassVar

from infrastructure.embedded.apis.elasticache.api import NODE, REDIS, ElastiCacheApi, Record
from infrastructure.embedded.control.context import Context
from infrastructure.embedded.control.endpoints import Entrance, Entrances, is_platforms
from infrastructure.embedded.control.failures import all_of
from infrastructure.embedded.control.fleet import Fleet
from infrastructure.embedded.engines.redis.asking import RedisMetrics
from infrastructure.embedded.engines.redis.engine import RedisEngine, RedisNode
from infrastructure.embedded.engines.redis.group import Group, Member
from infrastructure.embedded.host.process import Process
from infrastructure.embedded.network.envoy.model import LOOPBACK

UPSTREAM = "elasticache"
"""The name by which services know the platform's cache, and the endpoint's name for people."""
URL = "redis://{host}:{port}/0"


class ElastiCacheController:
    """Runs the nodes of every Redis replication group and cache cluster."""

    name: ClassVar[str] = "elasticache"
    watches: ClassVar[frozenset[str]] = frozenset({"elasticache"})
    PARTS: ClassVar[tuple[type, ...]] = (ElastiCacheApi,)

    def __init__(self, context: Context) -> None:
        self._context = context
        self._backend = context.backends.elasticache
        self._engine = RedisEngine(context.supervisor, context.ports, context.state)
        operations = context.backends.operations
        self._calls = ElastiCacheApi(self._backend, operations, self._engine.allocate)
        operations.bind(self.name, self._calls)
        self._fleet = Fleet(
            wanted=self._wanted, make=self._make, step=self._step, remove=Group.remove, changed=self._publish
        )
        self._entrances = Entrances(context, self.name, UPSTREAM)
        self._metrics = RedisMetrics(context.metrics, "AWS/ElastiCache", self._running, _dimensions)
        context.supervisor.on_exit(self._on_exit)

    def keys(self) -> Collection[str]:
        """Every group and cluster; with those that were deleted before anybody looked."""
        return {**self._calls.listeners, **dict.fromkeys(self._fleet.keys())}

    async def reconcile(self, key: str, /) -> float | None:
        look_s = await self._fleet.reconcile(key)
        if key not in self._fleet:
            self._forget(key)
        return look_s

    def _wanted(self) -> dict[str, Record]:
        """Every group, and every cluster that stands alone, that is on record and not being deleted."""
        clusters = {
            identity: record
            for identity, record in self._backend.cache_clusters.items()
            if record.engine in REDIS and not getattr(record, "replication_group_id", None)
            if record.cache_cluster_status != "deleting"
        }
        groups = {k: record for k, record in self._backend.replication_groups.items() if record.status != "deleting"}
        return {k: record for k, record in (clusters | groups).items() if k in self._calls.listeners}

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
            members=[Member(name, az, self._engine.allocate(), is_primary) for name, az, is_primary in nodes],
            engine=self._engine,
            changed=self._role_changed,
        )

    async def _step(self, _record: Record, group: Group) -> None:
        requests = self._calls.requests
        asked = requests.reboots & {member.id for member in group.members}
        await group.reboot(asked)
        requests.reboots -= asked
        if group.id in requests.failovers and group.primary.node is not None:
            await group.primary.node.stop()
        requests.failovers.discard(group.id)
        record = self._backend.replication_groups.get(group.id)
        if record is not None and record.automatic_failover == "enabled":
            await group.fail_over()
        await group.revive()
        self._write_back(group)

    def _role_changed(self, group: Group) -> None:
        self._publish()
        self._note_roles(group)

    def _note_roles(self, group: Group) -> None:
        """Make the record say which node is what, and where."""
        record = self._backend.replication_groups.get(group.id)
        for noted in record.node_groups[0]["node_group_members"] if record is not None else ():
            member = next(m for m in group.members if m.id == noted["cache_cluster_id"])
            noted["current_role"] = "primary" if member.is_primary else "replica"
            noted["read_endpoint"] = {"address": LOOPBACK, "port": member.port}

    def _write_back(self, group: Group) -> None:
        """Every node runs: say so."""
        self._note_roles(group)
        record = self._backend.replication_groups.get(group.id)
        if record is not None and record.status == "modifying":
            record.status = "available"
        for member in group.members:
            cluster = self._backend.cache_clusters.get(member.id)
            if cluster is not None and cluster.cache_cluster_status != "deleting":  # asked for while it started
                cluster.cache_cluster_status = cluster.status = "available"
                alone = self._calls.listeners[group.id].primary
                self._calls.place(cluster, alone if record is None else member.port)

    def _publish(self) -> None:
        """Primary and reader endpoints of every group."""
        entrances = []
        for record, group in self._fleet.matched():
            tags = self._backend.tagging_service.list_tags_for_resource(record.arn)["Tags"]
            name, known_as = f"elasticache-{group.id}", UPSTREAM if is_platforms(tags) else ""
            primary, ports = (group.primary.endpoint,), self._calls.listeners[group.id]
            entrances.append(Entrance(name=name, port=ports.primary, servers=primary, known_as=known_as, url=URL))
            if ports.reader != ports.primary:
                readers = tuple(replica.endpoint for replica in group.replicas) or primary
                entrances.append(Entrance(name=f"{name}-reader", port=ports.reader, servers=readers))
        self._entrances.publish(entrances)

    def _forget(self, identity: str) -> None:
        """Drop the record, and the ports clients reached it by."""
        listeners = self._calls.forget(identity)
        for port in {listeners.primary, listeners.reader} if listeners is not None else ():
            self._engine.release(port)

    def _running(self) -> list[tuple[str, RedisNode]]:
        return [each for group in self._fleet.running.values() for each in group.running()]

    def _on_exit(self, process: Process) -> None:
        if process.spec.kind == "redis" and process.spec.service == self.name:
            self._context.wake(self.name)

    def unsettled(self) -> tuple[str, ...]:
        """Nodes that do not run."""
        missing = self._wanted().keys() - self._fleet.running.keys()
        down = [m.id for group in self._fleet.running.values() for m in group.members if not m.is_alive]
        return tuple(f"cache {name} is not running yet" for name in (*sorted(missing), *down))

    async def close(self) -> None:
        """Kill every server."""
        await self._metrics.asking.close()
        await all_of(self.name, (group.kill() for group in self._fleet.clear()))


def _dimensions(cluster: str) -> tuple[dict[str, str], ...]:
    return {"CacheClusterId": cluster}, {"CacheClusterId": cluster, "CacheNodeId": NODE}
