"""ElastiCache calls that moto lacks or answers in its own way.

A replication group gets the number of nodes that was asked for, its members are cache clusters too, and its endpoints
are true from the moment it exists, since the outputs of a stack read them at once. RebootCacheCluster and TestFailover
are noted here and carried out by the controller.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from infrastructure.embedded.gateway.operations import Members, Operations, Output, operation
from infrastructure.embedded.gateway.refused import Refused, unsupported
from infrastructure.embedded.network.envoy.model import LOOPBACK

Record = Any  # moto's replication groups and cache clusters, which publish no types

REDIS = ("redis", "valkey")
_TOKEN = re.compile(r"[A-Za-z0-9!&#$^<>-]{16,128}")
DEFAULT_VERSION = "7.1.0"
NODE = "0001"
"""The node id of a cluster's only node."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupPorts:
    """The ports that clients reach a group by: its primary, and its replicas."""

    primary: int
    reader: int


class ElastiCacheApi:
    """The operations that moto lacks or answers in its own way. `allocate` gives a free port."""

    def __init__(self, backend: Record, operations: Operations, allocate: Callable[[], int]) -> None:
        self._backend = backend
        self._operations = operations
        self._allocate = allocate
        self.ports: dict[str, GroupPorts] = {}
        self.tokens: dict[str, tuple[str, ...]] = {}
        """The AUTH tokens that open a group or a cluster, by its id; one that has none is not here."""
        self.reboots: set[str] = set()
        """Cache cluster ids whose reboot was asked for and is still to be done."""
        self.failovers: set[str] = set()
        """Replication group ids, likewise."""

    @operation("CreateReplicationGroup", effect="a Redis server per node, replicating; endpoints answer")
    def create_replication_group(self, given: Members) -> Output:
        if given.get("NumNodeGroups", 1) > 1 or given.get("ClusterMode") == "enabled":
            raise _invalid("The embedded cloud runs replication groups of one shard (cluster mode disabled)")
        _check_token(given)
        replicas = given.get("ReplicasPerNodeGroup") or int(given.get("NumCacheClusters") or 1) - 1
        if given.get("AutomaticFailoverEnabled") and replicas < 1:
            raise _invalid(
                "Automatic failover is only supported with at least one replica: NumCacheClusters must be 2 or more"
            )
        output = self._moto("CreateReplicationGroup", {**given, "ReplicasPerNodeGroup": replicas})
        group = output["ReplicationGroup"]
        self.ports[group.replication_group_id] = GroupPorts(primary=self._allocate(), reader=self._allocate())
        self._keep_token(group.replication_group_id, given)
        self._address(group)
        for member in group.node_groups[0]["node_group_members"]:
            self._add_member(group, member)
        return output

    def _keep_token(self, identity: str, given: Members) -> None:
        if "AuthToken" in given:
            self.tokens[identity] = (given["AuthToken"],)

    @operation("ModifyReplicationGroup", effect="its settings and its AUTH token; the number of nodes stays")
    def modify_replication_group(self, given: Members) -> Output:
        """An AUTH token is rotated (both open, then), set or deleted; clients that are connected stay.

        Source: https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/auth.html (modifying the AUTH token)
        """
        identity, strategy = given["ReplicationGroupId"], given.get("AuthTokenUpdateStrategy", "ROTATE")
        [group] = self._backend.describe_replication_groups(identity)
        before = self.tokens.get(identity, ())
        if "AuthToken" in given:
            _check_token({**given, "TransitEncryptionEnabled": group.transit_encryption_enabled})
        elif "AuthTokenUpdateStrategy" in given and strategy != "DELETE":
            raise Refused("InvalidParameterCombination", f"AuthTokenUpdateStrategy {strategy} needs an AuthToken")
        output = self._moto("ModifyReplicationGroup", given)
        if strategy == "DELETE":
            self.tokens.pop(identity, None)
        elif "AuthToken" in given:
            self.tokens[identity] = (
                (*before[-1:], given["AuthToken"]) if strategy == "ROTATE" else (given["AuthToken"],)
            )
        group.auth_token_enabled = identity in self.tokens
        return output

    def _moto(self, name: str, given: Members) -> Output:
        return self._operations.moto("elasticache", name, given)

    def _address(self, group: Record) -> None:
        ports = self.ports[group.replication_group_id]
        shard = group.node_groups[0]
        group.port = shard["port"] = ports.primary
        shard["primary_endpoint_address"] = shard["reader_endpoint_address"] = LOOPBACK
        shard["primary_endpoint"] = {"address": LOOPBACK, "port": ports.primary}
        shard["reader_endpoint"] = {"address": LOOPBACK, "port": ports.reader}

    def _add_member(self, group: Record, member: dict[str, Any]) -> None:
        wanted = {
            "CacheClusterId": member["cache_cluster_id"],
            "ReplicationGroupId": group.replication_group_id,
            "PreferredAvailabilityZone": member["preferred_availability_zone"],
            "CacheNodeType": group.cache_node_type,
            "Engine": group.engine,
            "EngineVersion": group.engine_version,
            "CacheSubnetGroupName": group.cache_subnet_group_name,
            "CacheParameterGroupName": group.cache_parameter_group_name,
            "SecurityGroupIds": group.security_group_ids,
        }
        self._create({name: value for name, value in wanted.items() if value is not None})

    def _create(self, given: Members) -> Output:
        """A cluster always says its version: tools read it, and AWS fills it in."""
        version = {"EngineVersion": DEFAULT_VERSION} if given.get("Engine") in REDIS else {}
        return self._moto("CreateCacheCluster", {**version, **given})

    @operation("CreateCacheCluster", effect="a Redis server; memcached is refused")
    def create_cache_cluster(self, given: Members) -> Output:
        if given.get("Engine") not in REDIS:
            raise unsupported(f"the engine {given.get('Engine', 'memcached')}; {' and '.join(REDIS)} run")
        _check_token(given)
        output = self._create(given)
        cluster, port = output["CacheCluster"], self._allocate()
        self._keep_token(cluster.cache_cluster_id, given)
        self.ports[cluster.cache_cluster_id] = GroupPorts(primary=port, reader=port)
        self.place(cluster, port)
        return output

    @operation("DeleteCacheCluster", effect="its server ends, its endpoint refuses")
    def delete_cache_cluster(self, given: Members) -> Output:
        identity = given["CacheClusterId"]
        group = getattr(self._backend.cache_clusters.get(identity), "replication_group_id", None)
        if group:
            raise _invalid(
                f"{identity} is a member of replication group {group}, which the embedded cloud only deletes "
                "as a whole: DeleteReplicationGroup"
            )
        return self._moto("DeleteCacheCluster", given)

    @staticmethod
    def place(cluster: Record, port: int) -> None:
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

    @operation("RebootCacheCluster", effect="the server ends and comes back empty in the same role")
    def reboot_cache_cluster(self, given: Members) -> Output:
        [cluster] = self._backend.describe_cache_clusters(given["CacheClusterId"])
        unknown = sorted(set(given["CacheNodeIdsToReboot"]) - {NODE})
        if unknown:
            raise _invalid(f"{cluster.cache_cluster_id} has no node {', '.join(unknown)}; its only node is {NODE}")
        cluster.cache_cluster_status = cluster.status = "rebooting cluster nodes"
        self.reboots.add(cluster.cache_cluster_id)
        return {"CacheCluster": cluster}

    @operation(
        "TestFailover",
        effect="a replica takes the primary's place; the old one keeps its connections, answers READONLY, "
        "and is replaced; the endpoint follows",
    )
    def test_failover(self, given: Members) -> Output:
        [group] = self._backend.describe_replication_groups(given["ReplicationGroupId"])
        shards = [shard["node_group_id"] for shard in group.node_groups]
        if given["NodeGroupId"] not in shards:
            text = f"{group.replication_group_id} has no node group {given['NodeGroupId']}; it has {', '.join(shards)}"
            raise Refused("NodeGroupNotFoundFault", text, status=404)
        if group.automatic_failover != "enabled":
            raise Refused(
                "InvalidParameterCombination",
                f"Automatic failover must be enabled on replication group {group.replication_group_id} to test it",
            )
        group.status = "modifying"
        self.failovers.add(group.replication_group_id)
        return {"ReplicationGroup": group}

    def forget(self, identity: str) -> GroupPorts | None:
        self._backend.replication_groups.pop(identity, None)
        clusters = self._backend.cache_clusters
        for name, cluster in tuple(clusters.items()):
            if identity in (name, getattr(cluster, "replication_group_id", None)):
                del clusters[name]
        self.tokens.pop(identity, None)
        return self.ports.pop(identity, None)


def _check_token(given: Members) -> None:
    """Refuse an AUTH token as AWS does.

    Source: https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_CreateReplicationGroup.html
    """
    if "AuthToken" not in given:
        return
    if not given.get("TransitEncryptionEnabled"):
        raise Refused("InvalidParameterCombination", "An AUTH token needs TransitEncryptionEnabled to be true")
    if not _TOKEN.fullmatch(given["AuthToken"]):
        raise _invalid(
            "An AUTH token has 16 to 128 printable characters; of the special ones only !, &, #, $, ^, <, > and -"
        )


def _invalid(message: str) -> Refused:
    return Refused("InvalidParameterValue", message)
