"""ElastiCache: a Redis server per cache node, a primary and its replicas per replication group.

    wanted ──▶ started, answering ──▶ died ──▶ another is promoted (automatic failover) ──▶ started again as a replica
                                        └────▶ started again, empty (no replica, or none alive)

Roles stand in the control plane's record; the servers are made to follow them, never the other way round.
"""

import logging
from collections.abc import Collection
from dataclasses import dataclass
from typing import ClassVar

from infrastructure.embedded.apis.elasticache.api import REDIS, ElastiCacheApi, Listeners, Record
from infrastructure.embedded.apis.elasticache.metrics import ElastiCacheMetrics
from infrastructure.embedded.control.context import Context
from infrastructure.embedded.control.endpoints import Entrance, Entrances, is_platforms
from infrastructure.embedded.control.failures import all_of
from infrastructure.embedded.control.fleet import Fleet
from infrastructure.embedded.engines.redis.engine import NodeSpec, RedisEngine, RedisNode
from infrastructure.embedded.host.process import Process
from infrastructure.embedded.network.envoy.model import LOOPBACK, Endpoint

_log = logging.getLogger(__name__)

UPSTREAM = "elasticache"
"""The name by which services know the platform's cache, and the endpoint's name for people."""
URL = "redis://{host}:{port}/0"


@dataclass(slots=True)
class Member:
    """One node of a group: the port is its own for good, the server behind it comes and goes."""

    cluster_id: str
    az: str
    port: int
    is_primary: bool
    node: RedisNode | None = None

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint(LOOPBACK, self.port)

    @property
    def is_alive(self) -> bool:
        return self.node is not None and self.node.is_alive


@dataclass(slots=True)
class Group:
    """A replication group, or a cache cluster that stands alone (a group of one)."""

    id: str
    node_type: str
    listeners: Listeners
    is_platforms: bool
    members: list[Member]

    @property
    def primary(self) -> Member:
        return next(member for member in self.members if member.is_primary)

    @property
    def replicas(self) -> list[Member]:
        return [member for member in self.members if not member.is_primary]


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
            wanted=self._wanted, make=self._make, step=self._step, remove=self._remove, changed=self._publish
        )
        self._entrances = Entrances(context, self.name, UPSTREAM)
        self._metrics = ElastiCacheMetrics(context.metrics, self._running)
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
            node_type=record.cache_node_type,
            listeners=self._calls.listeners[identity],
            is_platforms=is_platforms(self._backend.tagging_service.list_tags_for_resource(record.arn)["Tags"]),
            members=[
                Member(cluster_id=name, az=az, port=self._engine.allocate(), is_primary=is_primary)
                for name, az, is_primary in nodes
            ],
        )

    async def _step(self, _record: Record, group: Group) -> None:
        await self._reboot(group)
        await self._fail_over(group)
        await self._revive(group)
        self._write_back(group)

    async def _reboot(self, group: Group) -> None:
        """A reboot keeps the roles: the node comes back as what it was, without its data."""
        asked = [m for m in group.members if m.cluster_id in self._calls.requests.reboots]
        await all_of(group.id, (m.node.stop() for m in asked if m.node is not None))
        await self._start(group, asked)
        self._calls.requests.reboots -= {member.cluster_id for member in asked}

    async def _fail_over(self, group: Group) -> None:
        """Promote a replica when the primary is dead, or is to be taken for dead."""
        if group.id in self._calls.requests.failovers and group.primary.node is not None:
            await group.primary.node.stop()
        self._calls.requests.failovers.discard(group.id)
        successor = None if group.primary.is_alive else await self._successor(group)
        if successor is None or successor.node is None:
            return
        old = group.primary
        await successor.node.promote()
        old.is_primary, successor.is_primary = False, True
        self._publish()
        self._note_roles(group)
        _log.warning("%s: %s is primary now, after %s", group.id, successor.cluster_id, old.cluster_id)
        followers = [m.node for m in group.replicas if m.node is not None and m.is_alive]
        await all_of(group.id, (node.follow(successor.node.endpoint) for node in followers))

    async def _successor(self, group: Group) -> Member | None:
        """The answering replica with the most of the primary's data; none before the group ran or without failover."""
        record = self._backend.replication_groups.get(group.id)
        if record is None or record.automatic_failover != "enabled" or group.primary.node is None:
            return None
        alive = [(member, member.node) for member in group.replicas if member.node is not None and member.is_alive]
        offsets = [(await node.offset(), member) for member, node in alive]
        able = [found for found in offsets if found[0] >= 0]
        return max(able, key=lambda found: found[0])[1] if able else None

    async def _revive(self, group: Group) -> None:
        await self._start(group, [member for member in group.members if not member.is_alive])

    async def _start(self, group: Group, members: list[Member]) -> None:
        """Start servers, a primary before its replicas."""
        for is_primary in (True, False):
            await all_of(group.id, (self._start_one(group, m) for m in members if m.is_primary is is_primary))

    async def _start_one(self, group: Group, member: Member) -> None:
        if member.node is not None:
            await member.node.kill()
        primary = None if member.is_primary else group.primary.endpoint
        member.node = await self._engine.start(
            NodeSpec(
                id=f"redis-{member.cluster_id}",
                resource=member.cluster_id,
                az=member.az,
                port=member.port,
                node_type=group.node_type,
                primary=primary,
            )
        )

    def _note_roles(self, group: Group) -> None:
        """Make the record say which node is what, and where."""
        record = self._backend.replication_groups.get(group.id)
        for noted in record.node_groups[0]["node_group_members"] if record is not None else ():
            member = next(m for m in group.members if m.cluster_id == noted["cache_cluster_id"])
            noted["current_role"] = "primary" if member.is_primary else "replica"
            noted["read_endpoint"] = {"address": LOOPBACK, "port": member.port}

    def _write_back(self, group: Group) -> None:
        """Every node runs: say so."""
        self._note_roles(group)
        record = self._backend.replication_groups.get(group.id)
        if record is not None and record.status == "modifying":
            record.status = "available"
        for member in group.members:
            cluster = self._backend.cache_clusters.get(member.cluster_id)
            if cluster is not None and cluster.cache_cluster_status != "deleting":  # asked for while it started
                cluster.cache_cluster_status = cluster.status = "available"
                self._calls.place(cluster, member.port if record is not None else group.listeners.primary)

    def _publish(self) -> None:
        """Primary and reader endpoints of every group."""
        entrances = []
        for group in self._fleet.running.values():
            name, known_as = f"elasticache-{group.id}", UPSTREAM if group.is_platforms else ""
            primary = (group.primary.endpoint,)
            entrances.append(
                Entrance(name=name, port=group.listeners.primary, servers=primary, known_as=known_as, url=URL)
            )
            if group.listeners.reader != group.listeners.primary:
                readers = tuple(replica.endpoint for replica in group.replicas) or primary
                entrances.append(Entrance(name=f"{name}-reader", port=group.listeners.reader, servers=readers))
        self._entrances.publish(entrances)

    async def _remove(self, group: Group) -> None:
        await all_of(group.id, (member.node.stop() for member in group.members if member.node is not None))
        for member in group.members:
            self._engine.release(member.port)

    def _forget(self, identity: str) -> None:
        """Drop the record, and the ports clients reached it by."""
        listeners = self._calls.forget(identity)
        for port in {listeners.primary, listeners.reader} if listeners is not None else ():
            self._engine.release(port)

    def _running(self) -> list[tuple[str, RedisNode]]:
        return [
            (m.cluster_id, m.node)
            for group in self._fleet.running.values()
            for m in group.members
            if m.node is not None and m.is_alive
        ]

    def _on_exit(self, process: Process) -> None:
        if process.spec.kind == "redis":
            self._context.wake(self.name)

    def unsettled(self) -> tuple[str, ...]:
        """Nodes that do not run."""
        missing = self._wanted().keys() - self._fleet.running.keys()
        down = [m.cluster_id for group in self._fleet.running.values() for m in group.members if not m.is_alive]
        return tuple(f"cache {name} is not running yet" for name in (*sorted(missing), *down))

    async def close(self) -> None:
        """Kill every server."""
        await self._metrics.asking.close()
        nodes = [m.node for group in self._fleet.clear() for m in group.members if m.node is not None]
        await all_of("elasticache", (node.kill() for node in nodes))
