"""ElastiCache calls that moto lacks or answers in its own way.

A replication group gets the number of nodes that was asked for, its members are cache clusters too, and its endpoints
are true from the moment it exists, since the outputs of a stack read them at once. RebootCacheCluster and TestFailover
are noted here and carried out by the controller.
"""

import importlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from infrastructure.embedded.moto.refusals import refusal
from infrastructure.embedded.network.envoy.model import LOOPBACK

Record = Any  # moto's replication groups and cache clusters, which publish no types

REDIS = ("redis", "valkey")
NODE = "0001"
"""The node id of a cluster's only node."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listeners:
    """The ports that clients reach a group by: its primary, and its replicas."""

    primary: int
    reader: int


@dataclass(slots=True)
class Requests:
    """What was asked for and is still to be done."""

    reboots: set[str] = field(default_factory=set)
    """Cache cluster ids."""
    failovers: set[str] = field(default_factory=set)
    """Replication group ids."""


class ElastiCacheCalls:
    """The replaced and added calls of one back end. `allocate` gives a free port."""

    def __init__(self, backend: Record, allocate: Callable[[], int]) -> None:
        self._backend = backend
        self._allocate = allocate
        self._moto_create_group = backend.create_replication_group
        self._moto_create_cluster = backend.create_cache_cluster
        self._moto_delete_cluster = backend.delete_cache_cluster
        self.listeners: dict[str, Listeners] = {}
        self.requests = Requests()

    def create_replication_group(self, **wanted: Record) -> Record:
        if (wanted.get("num_node_groups") or 1) > 1 or wanted.get("cluster_mode") == "enabled":
            raise refusal(
                "elasticache",
                "InvalidParameterValueException",
                "The embedded cloud runs replication groups of one shard (cluster mode disabled)",
            )
        nodes = int(wanted.get("num_cache_clusters") or 1)
        replicas = int(wanted.get("replicas_per_node_group") or nodes - 1)
        if wanted.get("automatic_failover_enabled") and replicas < 1:
            raise refusal(
                "elasticache",
                "InvalidParameterValueException",
                "Automatic failover is only supported with at least one replica: NumCacheClusters must be 2 or more",
            )
        group = self._moto_create_group(**(wanted | {"replicas_per_node_group": replicas}))
        self.listeners[group.replication_group_id] = Listeners(primary=self._allocate(), reader=self._allocate())
        self._address(group)
        for member in group.node_groups[0]["node_group_members"]:
            self._add_member(group, member)
        return group

    def _address(self, group: Record) -> None:
        """Write the endpoints into the record."""
        ports = self.listeners[group.replication_group_id]
        shard = group.node_groups[0]
        group.port = shard["port"] = ports.primary
        shard["primary_endpoint_address"] = shard["reader_endpoint_address"] = LOOPBACK
        shard["primary_endpoint"] = {"address": LOOPBACK, "port": ports.primary}
        shard["reader_endpoint"] = {"address": LOOPBACK, "port": ports.reader}

    def _add_member(self, group: Record, member: dict[str, Any]) -> None:
        self._create_cluster(
            cache_cluster_id=member["cache_cluster_id"],
            replication_group_id=group.replication_group_id,
            preferred_availability_zone=member["preferred_availability_zone"],
            cache_node_type=group.cache_node_type,
            engine=group.engine,
            engine_version=group.engine_version,
            cache_subnet_group_name=group.cache_subnet_group_name,
            cache_parameter_group_name=group.cache_parameter_group_name,
            security_group_ids=group.security_group_ids,
        )

    def _create_cluster(self, **wanted: Record) -> Record:
        code = self._moto_create_cluster.__func__.__code__
        absent = dict.fromkeys(code.co_varnames[1 : code.co_argcount])
        return self._moto_create_cluster(**(absent | wanted))

    def create_cache_cluster(self, **wanted: Record) -> Record:
        cluster = self._moto_create_cluster(**wanted)
        if cluster.engine in REDIS:
            port = self._allocate()
            self.listeners[cluster.cache_cluster_id] = Listeners(primary=port, reader=port)
            self.place(cluster, port)
        return cluster

    def delete_cache_cluster(self, cache_cluster_id: str) -> Record:
        cluster = self._backend.cache_clusters.get(cache_cluster_id)
        group = getattr(cluster, "replication_group_id", None)
        if group:
            raise refusal(
                "elasticache",
                "InvalidParameterValueException",
                f"{cache_cluster_id} is a member of replication group {group}, which the embedded cloud only deletes "
                "as a whole: DeleteReplicationGroup",
            )
        return self._moto_delete_cluster(cache_cluster_id)

    @staticmethod
    def place(cluster: Record, port: int) -> None:
        """Write where the cluster's only node answers."""
        cluster.port = port
        cluster.cache_nodes = [
            {
                "CacheNodeId": NODE,
                "CacheNodeStatus": "available",
                "CacheNodeCreateTime": cluster.cache_cluster_create_time,
                "CustomerAvailabilityZone": cluster.preferred_availability_zone,
                "Endpoint": {"Address": LOOPBACK, "Port": port},
            }
        ]

    def reboot_cache_cluster(self, cluster_id: str, node_ids: Iterable[str]) -> Record:
        [cluster] = self._backend.describe_cache_clusters(cluster_id)
        unknown = sorted(set(node_ids) - {NODE})
        if unknown:
            raise refusal(
                "elasticache",
                "InvalidParameterValueException",
                f"{cluster_id} has no node {', '.join(unknown)}; its only node is {NODE}",
            )
        cluster.cache_cluster_status = cluster.status = "rebooting cluster nodes"
        self.requests.reboots.add(cluster_id)
        return cluster

    def test_failover(self, group_id: str, node_group_id: str) -> Record:
        [group] = self._backend.describe_replication_groups(group_id)
        shards = [shard["node_group_id"] for shard in group.node_groups]
        if node_group_id not in shards:
            raise refusal(
                "elasticache",
                "InvalidParameterValueException",
                f"{group_id} has no node group {node_group_id}; it has {', '.join(shards)}",
            )
        if group.automatic_failover != "enabled":
            raise refusal(
                "elasticache",
                "InvalidParameterCombinationException",
                f"Automatic failover must be enabled on replication group {group_id} to test it",
            )
        group.status = "modifying"
        self.requests.failovers.add(group_id)
        return group

    def forget(self, identity: str) -> Listeners | None:
        """Drop the records of a group or a cluster that is gone."""
        self._backend.replication_groups.pop(identity, None)
        clusters = self._backend.cache_clusters
        for name, cluster in tuple(clusters.items()):
            if identity in (name, getattr(cluster, "replication_group_id", None)):
                del clusters[name]
        return self.listeners.pop(identity, None)


def install(backend: Record, allocate: Callable[[], int]) -> ElastiCacheCalls:
    """Answer these calls of this moto back end as AWS does."""
    calls = ElastiCacheCalls(backend, allocate)
    backend.create_replication_group = calls.create_replication_group
    backend.create_cache_cluster = calls.create_cache_cluster
    backend.delete_cache_cluster = calls.delete_cache_cluster
    backend.cafe_calls = calls
    handlers = importlib.import_module("moto.elasticache.responses")
    handlers.ElastiCacheResponse.reboot_cache_cluster = _handle_reboot_cache_cluster
    handlers.ElastiCacheResponse.test_failover = _handle_test_failover
    return calls


# `handler` is moto's response object of one request.
def _handle_reboot_cache_cluster(handler: Any) -> Any:
    cluster = handler.elasticache_backend.cafe_calls.reboot_cache_cluster(
        handler._get_param("CacheClusterId"), handler._get_param("CacheNodeIdsToReboot", [])
    )
    return importlib.import_module("moto.core.responses").ActionResult({"CacheCluster": cluster})


def _handle_test_failover(handler: Any) -> Any:
    group = handler.elasticache_backend.cafe_calls.test_failover(
        handler._get_param("ReplicationGroupId"), handler._get_param("NodeGroupId")
    )
    return importlib.import_module("moto.core.responses").ActionResult({"ReplicationGroup": group})
