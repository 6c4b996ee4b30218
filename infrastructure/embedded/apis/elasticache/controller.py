"""ElastiCache: a Redis server per cache node, a primary and its replicas per replication group.

    wanted ──▶ started, answering ──▶ died ──▶ another is promoted (automatic failover) ──▶ started again as a replica
                                        └────▶ started again, empty (no replica, or none alive)

Roles stand in the control plane's record; the servers are made to follow them, never the other way round.
"""

import asyncio
import logging
from collections.abc import Awaitable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from infrastructure.embedded.apis.elasticache import api
from infrastructure.embedded.apis.elasticache.api import REDIS, Listeners, Record
from infrastructure.embedded.apis.elasticache.metrics import ElastiCacheMetrics
from infrastructure.embedded.control.context import Context
from infrastructure.embedded.control.failures import raise_all
from infrastructure.embedded.engines.redis.engine import NodeSpec, RedisEngine, RedisNode
from infrastructure.embedded.host.process import Process
from infrastructure.embedded.network.envoy.model import LOOPBACK, Endpoint, Fragment, TcpListener, Upstream

_log = logging.getLogger(__name__)

UPSTREAM = "elasticache"
"""The name by which services know the platform's cache, and the endpoint's name for people."""


@dataclass(slots=True)
class Member:
    """One node of a group: the port is its own for good, the server behind it comes and goes."""

    cluster_id: str
    az: str
    port: int
    is_primary: bool
    node: RedisNode | None = None

    @property
    def is_alive(self) -> bool:
        return self.node is not None and self.node.is_alive


@dataclass(slots=True)
class Group:
    """A replication group, or a cache cluster that stands alone (a group of one)."""

    id: str
    node_type: str
    listeners: Listeners
    members: list[Member] = field(default_factory=list)

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
    effects: ClassVar[Mapping[str, str]] = {
        "CreateReplicationGroup": "a Redis server per node, replicating; endpoints answer",
        "CreateCacheCluster": "a Redis server; memcached is a record only",
        "DeleteReplicationGroup": "its servers end, its endpoints refuse",
        "DeleteCacheCluster": "its server ends, its endpoint refuses",
        "RebootCacheCluster": "the server ends and comes back empty in the same role",
        "TestFailover": "the primary ends, a replica takes its place, the endpoint follows",
    }

    def __init__(self, context: Context) -> None:
        self._context = context
        self._backend = context.backends.elasticache
        self._engine = RedisEngine(context.supervisor, context.ports, context.state)
        self._calls = api.install(self._backend, self._engine.allocate)
        self._groups: dict[str, Group] = {}
        self._metrics = ElastiCacheMetrics(context.metrics, self._running)
        context.supervisor.on_exit(self._on_exit)

    async def reconcile(self, _key: str, /) -> None:
        wanted = dict(self._wanted())
        for identity in self._calls.listeners.keys() - wanted.keys() - self._groups.keys():
            self._forget(identity)  # deleted before anybody looked
        for identity in [identity for identity in self._groups if identity not in wanted]:
            await self._remove(self._groups.pop(identity))
        for identity, group in wanted.items():
            if identity not in self._groups:
                self._groups[identity] = group
        self._publish()
        failures = []
        for group in self._groups.values():
            try:
                await self._step(group)
            except Exception as failure:  # noqa: BLE001  raised below: one group keeps no other from its servers
                failures.append(failure)
        self._publish()
        raise_all("elasticache", failures)

    async def _step(self, group: Group) -> None:
        await self._reboot(group)
        await self._fail_over(group)
        await self._revive(group)
        self._write_back(group)

    def _wanted(self) -> Iterator[tuple[str, Group]]:
        """Every group in the record that is not being deleted; those that already run keep their members."""
        for identity, record in tuple(self._backend.replication_groups.items()):
            if record.status == "deleting" or identity not in self._calls.listeners:
                continue
            yield identity, self._groups.get(identity) or self._new_group(identity, record)
        for identity, record in tuple(self._backend.cache_clusters.items()):
            is_alone = record.engine in REDIS and not getattr(record, "replication_group_id", None)
            if is_alone and record.cache_cluster_status != "deleting" and identity in self._calls.listeners:
                yield identity, self._groups.get(identity) or self._new_single(identity, record)

    def _new_group(self, identity: str, record: Record) -> Group:
        group = Group(id=identity, node_type=record.cache_node_type, listeners=self._calls.listeners[identity])
        for member in record.node_groups[0]["node_group_members"]:
            group.members.append(
                Member(
                    cluster_id=member["cache_cluster_id"],
                    az=member["preferred_availability_zone"],
                    port=self._engine.allocate(),
                    is_primary=member["current_role"] == "primary",
                )
            )
        return group

    def _new_single(self, identity: str, record: Record) -> Group:
        az = record.preferred_availability_zone or f"{self._context.region}a"
        group = Group(id=identity, node_type=record.cache_node_type, listeners=self._calls.listeners[identity])
        group.members.append(Member(cluster_id=identity, az=az, port=self._engine.allocate(), is_primary=True))
        return group

    async def _reboot(self, group: Group) -> None:
        """A reboot keeps the roles: the node comes back as what it was, without its data."""
        asked = [m for m in group.members if m.cluster_id in self._calls.requests.reboots]
        await asyncio.gather(*(m.node.stop() for m in asked if m.node is not None))
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
        await _all(node.follow(successor.node.endpoint) for node in followers)

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
            await _all(self._start_one(group, m) for m in members if m.is_primary is is_primary)

    async def _start_one(self, group: Group, member: Member) -> None:
        if member.node is not None:
            await member.node.kill()
        primary = None if member.is_primary else Endpoint(LOOPBACK, group.primary.port)
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
        """Primary and reader endpoints of every group; the first group is the one services know as `elasticache`."""
        listeners: list[TcpListener] = []
        upstreams: list[Upstream] = []
        for group in self._groups.values():
            primary = (Endpoint(LOOPBACK, group.primary.port),)
            name = f"elasticache-{group.id}"
            listeners.append(TcpListener(name=name, port=group.listeners.primary, upstream=name))
            upstreams.append(Upstream(name=name, endpoints=primary))
            if group.listeners.reader != group.listeners.primary:
                readers = tuple(Endpoint(LOOPBACK, m.port) for m in group.replicas) or primary
                listeners.append(
                    TcpListener(name=f"{name}-reader", port=group.listeners.reader, upstream=f"{name}-reader")
                )
                upstreams.append(Upstream(name=f"{name}-reader", endpoints=readers))
        self._context.envoy.publish(self.name, Fragment(listeners=tuple(listeners), upstreams=tuple(upstreams)))
        first = next(iter(self._groups.values()), None)
        if first is None:
            self._context.network.set_upstream(UPSTREAM, ())
            return
        self._context.network.set_upstream(UPSTREAM, (Endpoint(LOOPBACK, first.primary.port),))
        self._context.network.expose(UPSTREAM, f"redis://{LOOPBACK}:{first.listeners.primary}/0")

    async def _remove(self, group: Group) -> None:
        await asyncio.gather(*(member.node.stop() for member in group.members if member.node is not None))
        for member in group.members:
            self._engine.release(member.port)
        self._publish()
        self._forget(group.id)

    def _forget(self, identity: str) -> None:
        """Drop the record, and the ports clients reached it by."""
        listeners = self._calls.forget(identity)
        for port in {listeners.primary, listeners.reader} if listeners is not None else ():
            self._engine.release(port)

    def _running(self) -> list[tuple[str, RedisNode]]:
        return [
            (m.cluster_id, m.node)
            for group in self._groups.values()
            for m in group.members
            if m.node is not None and m.is_alive
        ]

    def _on_exit(self, process: Process) -> None:
        if process.spec.kind == "redis":
            self._context.wake(self.name)

    def unsettled(self) -> tuple[str, ...]:
        """Nodes that do not run."""
        missing = [identity for identity, _ in self._wanted_ids() if identity not in self._groups]
        down = [m.cluster_id for group in self._groups.values() for m in group.members if not m.is_alive]
        return tuple(f"cache {name} is not running yet" for name in (*missing, *down))

    def _wanted_ids(self) -> list[tuple[str, Record]]:
        groups = self._backend.replication_groups.items()
        return [(identity, record) for identity, record in groups if record.status != "deleting"]

    async def close(self) -> None:
        """Kill every server."""
        await self._metrics.asking.close()
        nodes = [m.node for group in self._groups.values() for m in group.members if m.node is not None]
        await asyncio.gather(*(node.kill() for node in nodes))
        self._groups.clear()


async def _all(works: Iterable[Awaitable[None]]) -> None:
    """Wait for every one of them, then raise what the first failure was: none goes on unwatched."""
    for result in await asyncio.gather(*works, return_exceptions=True):
        if isinstance(result, BaseException):
            raise result
