"""MemoryDB: the nodes of every cluster, real servers whose acknowledged writes are on disk.

Source: https://docs.aws.amazon.com/memorydb/latest/devguide/metrics.memorydb.html
"""

from collections.abc import Collection
from typing import ClassVar

from infrastructure.embedded.apis.memorydb.api import MemoryDbApi, Record
from infrastructure.embedded.control.endpoints import Entrance
from infrastructure.embedded.engines.redis.controller import Node, RedisController
from infrastructure.embedded.engines.redis.group import Group

LOOK_S = 0.1
"""How soon a replica that could not take over yet is looked at again."""


class MemoryDbController(RedisController):
    """Runs the nodes of every cluster."""

    name = "memorydb"
    watches: ClassVar[frozenset[str]] = frozenset({"memorydb"})
    PARTS: ClassVar[tuple[type, ...]] = (MemoryDbApi,)
    _calls: MemoryDbApi
    NAMESPACE, IS_DURABLE = "AWS/MemoryDB", True
    METRICS = {  # noqa: RUF012  declared where it is inherited from
        "CacheHits": "KeyspaceHits",
        "CacheMisses": "KeyspaceMisses",
        "BytesUsedForCache": "BytesUsedForMemoryDB",
    }

    def _wanted(self) -> dict[str, Record]:
        return {k: each for k, each in self._backend.clusters.items() if each.status != "deleting"}

    def _nodes(self, _identity: str, record: Record) -> list[Node]:
        nodes = record.shards[0]["Nodes"]
        return [(node["Name"], node["AvailabilityZone"], node is nodes[0]) for node in nodes]

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
        return (self._entrance(record, group, self._calls.ports[group.id], self._backend.list_tags(record.arn)),)

    def _forget(self, identity: str) -> Collection[int]:
        return self._calls.forget(identity)

    @staticmethod
    def _dimensions(member: str) -> tuple[dict[str, str], ...]:
        """A node is called after its cluster and shard: `cafe-dev-0001-001`."""
        return ({"ClusterName": member.rsplit("-", 2)[0], "NodeName": member},)
