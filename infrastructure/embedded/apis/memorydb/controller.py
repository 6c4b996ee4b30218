"""MemoryDB: the nodes of every cluster, real servers whose acknowledged writes are on disk.

Source: https://docs.aws.amazon.com/memorydb/latest/devguide/metrics.memorydb.html
"""

from collections.abc import Collection
from typing import ClassVar

from infrastructure.embedded.apis.memorydb.api import MemoryDbApi, Record
from infrastructure.embedded.control.context import Context
from infrastructure.embedded.control.endpoints import Entrance, is_platforms
from infrastructure.embedded.engines.redis.controller import RedisController
from infrastructure.embedded.engines.redis.group import Group, RedisMember

LOOK_S = 0.1
"""How soon a replica that could not take over yet is looked at again."""


class MemoryDbController(RedisController):
    """Runs the nodes of every cluster."""

    name = "memorydb"
    watches: ClassVar[frozenset[str]] = frozenset({"memorydb"})
    PARTS: ClassVar[tuple[type, ...]] = (MemoryDbApi,)
    UPSTREAM, NAMESPACE = "memorydb", "AWS/MemoryDB"
    METRICS = {  # noqa: RUF012  declared where it is inherited from
        "CacheHits": "KeyspaceHits",
        "CacheMisses": "KeyspaceMisses",
        "BytesUsedForCache": "BytesUsedForMemoryDB",
    }

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._backend = context.backends.memorydb
        operations = context.backends.operations
        self._calls = MemoryDbApi(self._backend, operations, self._engine.ports.allocate)
        operations.bind(self.name, self._calls)

    def _addressed(self) -> Collection[str]:
        return self._calls.ports

    def _wanted(self) -> dict[str, Record]:
        return {k: each for k, each in self._backend.clusters.items() if each.status != "deleting"}

    def _make(self, identity: str, record: Record) -> Group:
        nodes = record.shards[0]["Nodes"]
        return Group(
            id=identity,
            service=self.name,
            node_type=record.node_type,
            members=[
                RedisMember(
                    node["Name"], node["AvailabilityZone"], self._engine.ports.allocate(), is_primary=node is nodes[0]
                )
                for node in nodes
            ],
            engine=self._engine,
            changed=lambda _group: self._publish(),
            logs=self._engine.logs(f"memorydb-{identity}"),
        )

    async def _step(self, record: Record, group: Group) -> float | None:
        await group.fail_over()
        await group.revive()
        if group.id in self._calls.failovers:
            if not await group.hand_over():
                return LOOK_S
            self._calls.failovers.discard(group.id)
        if record.status != "deleting":
            record.status = "available"
        return None

    def _addresses(self, record: Record, group: Group) -> tuple[Entrance, ...]:
        known_as = self.UPSTREAM if is_platforms(self._backend.list_tags(record.arn)) else ""
        name, port, servers = f"memorydb-{group.id}", self._calls.ports[group.id], (group.primary.endpoint,)
        return (Entrance(name=name, port=port, servers=servers, known_as=known_as, url=self.URL),)

    def _forget(self, identity: str) -> Collection[int]:
        return self._calls.forget(identity)

    @staticmethod
    def _dimensions(member: str) -> tuple[dict[str, str], ...]:
        """A node is called after its cluster and shard: `cafe-dev-0001-001`."""
        return ({"ClusterName": member.rsplit("-", 2)[0], "NodeName": member},)
