"""MemoryDB calls that moto lacks or answers in its own way.

A cluster's endpoint is true from the moment it exists: the outputs of a stack read it at once. A failover is noted here
and carried out by the controller; access control lists are kept here, since moto has none.
Source: https://docs.aws.amazon.com/memorydb/latest/APIReference/
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from infrastructure.embedded.gateway.operations import Members, Operations, Output, operation
from infrastructure.embedded.gateway.refused import Refused
from infrastructure.embedded.network.envoy.model import LOOPBACK

Record = Any  # moto's clusters and subnet groups, which publish no types

OPEN_ACCESS = "open-access"
"""The list that every account has; its only user is `default`."""


@dataclass(slots=True)
class AccessControlList:
    """Who may use the clusters that name it."""

    name: str
    arn: str
    users: list[str] = field(default_factory=list)


class MemoryDbApi:
    """`allocate` gives a free port. `ports`: where clients reach each cluster; `failovers`: those still to switch."""

    def __init__(self, backend: Record, operations: Operations, allocate: Callable[[], int]) -> None:
        self._backend = backend
        self._operations = operations
        self._allocate = allocate
        self.ports: dict[str, int] = {}
        self.failovers: set[str] = set()
        self._lists: dict[str, AccessControlList] = {}
        self._add_list(OPEN_ACCESS, ["default"])

    # --- clusters -----------------------------------------------------------------------------------------------------

    @operation("CreateCluster", effect="a primary and its replicas with append-only files; the endpoint answers")
    def create_cluster(self, given: Members) -> Output:
        if given.get("NumShards", 1) > 1:
            raise _invalid("The embedded cloud runs clusters of one shard")
        self._list(given["ACLName"])
        if given.get("SubnetGroupName", "default") not in self._backend.subnet_groups:
            raise Refused("SubnetGroupNotFoundFault", f"{given.get('SubnetGroupName')} is not present")
        self._operations.moto("memorydb", "CreateCluster", given)
        cluster = self._backend.clusters[given["ClusterName"]]
        cluster.status = "creating"
        cluster.port = self.ports[cluster.cluster_name] = self._allocate()
        cluster.cluster_endpoint = {"Address": LOOPBACK, "Port": cluster.port}
        self._place(cluster)
        return {"Cluster": cluster.to_dict()}

    def _place(self, cluster: Record) -> None:
        """One node a zone, as far as the subnet group's zones go, and all hash slots in the only shard."""
        subnets = self._backend.subnet_groups[cluster.subnet_group_name].subnets
        zones = sorted({subnet.availability_zone for subnet in subnets})
        for shard in cluster.shards:
            shard["Slots"] = "0-16383"
            for number, node in enumerate(shard["Nodes"]):
                node["AvailabilityZone"] = zones[number % len(zones)]
                node["Endpoint"] = {"Address": LOOPBACK, "Port": cluster.port}

    @operation("UpdateCluster", effect="its settings; the number of nodes stays")
    def update_cluster(self, given: Members) -> Output:
        if given.get("ReplicaConfiguration") or given.get("ShardConfiguration"):
            raise _invalid("The embedded cloud does not change the number of a cluster's shards and replicas")
        if given.get("ACLName"):
            self._list(given["ACLName"])
        return self._operations.moto("memorydb", "UpdateCluster", given)

    @operation("DeleteCluster", effect="its servers end, its endpoint refuses, its data is gone")
    def delete_cluster(self, given: Members) -> Output:
        cluster = self._cluster(given["ClusterName"])
        if cluster.status == "deleting":
            raise Refused("InvalidClusterStateFault", f"Cluster {cluster.cluster_name} is deleting.")
        if given.get("FinalSnapshotName"):
            named = {"ClusterName": cluster.cluster_name, "SnapshotName": given["FinalSnapshotName"]}
            self._operations.moto("memorydb", "CreateSnapshot", named)
        cluster.status = "deleting"
        return {"Cluster": cluster.to_dict()}

    @operation(
        "FailoverShard", effect="a replica takes over once it has every acknowledged write; the endpoint follows"
    )
    def failover_shard(self, given: Members) -> Output:
        cluster = self._cluster(given["ClusterName"])
        if given["ShardName"] not in [shard["Name"] for shard in cluster.shards]:
            raise Refused("ShardNotFoundFault", f"Shard {given['ShardName']} is not in {cluster.cluster_name}")
        if cluster.status != "available":
            raise Refused("InvalidClusterStateFault", f"Cluster {cluster.cluster_name} is {cluster.status}.")
        if len(cluster.shards[0]["Nodes"]) < 2:
            raise _invalid(f"Shard {given['ShardName']} of {cluster.cluster_name} has no replica to fail over to")
        cluster.status = "updating"
        self.failovers.add(cluster.cluster_name)
        return {"Cluster": cluster.to_desc_dict()}

    def _cluster(self, name: str) -> Record:
        if name not in self._backend.clusters:
            raise Refused("ClusterNotFoundFault", f"Cluster {name} not found.")
        return self._backend.clusters[name]

    def forget(self, name: str) -> tuple[int, ...]:
        """Drop the record of a cluster that is gone; the port clients reached it by."""
        self._backend.clusters.pop(name, None)
        self.failovers.discard(name)
        return (self.ports.pop(name),) if name in self.ports else ()

    # --- access control lists -----------------------------------------------------------------------------------------

    @operation("CreateACL", record="servers ask for no password yet")
    def create_acl(self, given: Members) -> Output:
        if given["ACLName"] in self._lists:
            raise Refused("ACLAlreadyExistsFault", f"ACL {given['ACLName']} already exists.")
        users = self._known(given.get("UserNames", []))
        made = self._add_list(given["ACLName"], users)
        self._backend.tagger.tag_resource(made.arn, given.get("Tags", []))
        return {"ACL": self._described(made)}

    @operation("UpdateACL", record="servers ask for no password yet")
    def update_acl(self, given: Members) -> Output:
        found = self._list(given["ACLName"])
        kept = [user for user in found.users if user not in given.get("UserNamesToRemove", [])]
        found.users = list(dict.fromkeys((*kept, *self._known(given.get("UserNamesToAdd", [])))))
        return {"ACL": self._described(found)}

    @operation("DeleteACL", record="servers ask for no password yet")
    def delete_acl(self, given: Members) -> Output:
        found = self._list(given["ACLName"])
        used = self._described(found)["Clusters"]
        if found.name == OPEN_ACCESS or used:
            raise Refused("InvalidACLStateFault", f"ACL {found.name} is in use: {', '.join(used) or 'the default one'}")
        self._backend.tagger.delete_all_tags_for_resource(found.arn)
        return {"ACL": self._described(self._lists.pop(found.name))}

    @operation("DescribeACLs")
    def describe_acls(self, given: Members) -> Output:
        found = [self._list(given["ACLName"])] if given.get("ACLName") else list(self._lists.values())
        return {"ACLs": [self._described(each) for each in found]}

    @operation("ListTags")
    def list_tags(self, given: Members) -> Output:
        return self._tags("ListTags", given)

    @operation("TagResource", record="tags")
    def tag(self, given: Members) -> Output:
        return self._tags("TagResource", given)

    @operation("UntagResource", record="tags")
    def untag(self, given: Members) -> Output:
        return self._tags("UntagResource", given)

    def _tags(self, name: str, given: Members) -> Output:
        """The tags after the call: moto's, but for the lists, which it does not know."""
        arn = given["ResourceArn"]
        if ":acl/" not in arn:
            return self._operations.moto("memorydb", name, given)
        self._list(arn.rpartition("/")[2])
        tagger = self._backend.tagger
        tagger.tag_resource(arn, given.get("Tags", []))
        tagger.untag_resource_using_names(arn, given.get("TagKeys", []))
        return {"TagList": tagger.list_tags_for_resource(arn)["Tags"]}

    def _add_list(self, name: str, users: list[str]) -> AccessControlList:
        arn = f"arn:aws:memorydb:{self._backend.region_name}:{self._backend.account_id}:acl/{name}"
        made = self._lists[name] = AccessControlList(name, arn, users)
        return made

    def _list(self, name: str) -> AccessControlList:
        if name not in self._lists:
            raise Refused("ACLNotFoundFault", f"ACL {name} not found.")
        return self._lists[name]

    def _known(self, users: list[str]) -> list[str]:
        unknown = [user for user in users if user not in self._backend.users]
        if unknown:
            raise Refused("UserNotFoundFault", f"User {', '.join(unknown)} not found.")
        return list(users)

    def _described(self, each: AccessControlList) -> dict[str, Any]:
        clusters = [name for name, cluster in self._backend.clusters.items() if cluster.acl_name == each.name]
        return {
            "Name": each.name,
            "Status": "active",
            "UserNames": each.users,
            "MinimumEngineVersion": "6.2",
            "Clusters": clusters,
            "ARN": each.arn,
        }


def _invalid(message: str) -> Refused:
    return Refused("InvalidParameterValueException", message)
