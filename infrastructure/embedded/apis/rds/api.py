"""RDS calls about clusters of Aurora PostgreSQL and their instances; any other engine is refused.

A cluster's endpoints and port are true from the moment it exists, since the outputs of a stack read them at once.
Failovers, reboots and stops are noted here and carried out by the controller; so are states and roles, which only the
controller writes. Codes and rules: https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_Operations.html
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from infrastructure.embedded.apis.rds.events import Events
from infrastructure.embedded.control.database_clusters import (
    check_password_change,
    identifier,
    paged,
    require_status,
    require_successor,
    require_word_of_snapshot,
)
from infrastructure.embedded.gateway.operations import Members, Output, operation
from infrastructure.embedded.gateway.refused import Refused
from infrastructure.embedded.moto.records import Backends

Record = Any  # moto's clusters, instances and back end, which publish no types

ENGINE = "aurora-postgresql"
DEFAULT_VERSION = "16.6"


@dataclass(slots=True)
class Requests:
    """What was asked for and is still to be done."""

    failovers: dict[str, str | None] = field(default_factory=dict)
    """Cluster id to the instance that is to be the writer, or None for any."""
    reboots: set[str] = field(default_factory=set)
    """Instance ids."""


class RdsCalls:
    """Answers them, with moto's records. `allocate` gives a free port."""

    def __init__(self, backends: Backends, allocate: Callable[[], int]) -> None:
        self._operations = backends.operations
        self._backend = backends.rds
        self._allocate = allocate
        self.ports: set[int] = set()
        """Those that clusters were given; the controller releases them."""
        self.events = Events()
        self.requests = Requests()

    # --- clusters -----------------------------------------------------------------------------------------------------

    @operation("CreateDBCluster", effect="endpoints that refuse until an instance runs; Aurora PostgreSQL only")
    def _create_cluster(self, given: Members) -> Output:
        if given["Engine"] != ENGINE:
            raise _not_served(f"the engine {given['Engine']}")
        identity, subnets = identifier(given, "DBClusterIdentifier"), given.get("DBSubnetGroupName")
        if identity in self._backend.clusters:
            raise Refused("DBClusterAlreadyExistsFault", f"DB cluster {identity} already exists")
        if subnets is not None and subnets not in self._backend.subnet_groups:
            raise Refused("DBSubnetGroupNotFoundFault", f"DB subnet group {subnets} does not exist.", status=404)
        version = given.get("EngineVersion") or DEFAULT_VERSION
        group = given.get("DBClusterParameterGroupName") or f"default.{ENGINE}{str(version).partition('.')[0]}"
        own = {"DBClusterIdentifier": identity, "EngineVersion": version, "DBClusterParameterGroupName": group}
        output = self._moto("CreateDBCluster", {**given, **own, "Port": self._port()})
        self.events.note("RDS-EVENT-0170", output["DBCluster"])
        return output

    def _port(self) -> int:
        port = self._allocate()
        self.ports.add(port)
        return port

    @operation("ModifyDBCluster", effect="a new master password counts at once; other settings are records")
    def _modify_cluster(self, given: Members) -> Output:
        cluster = self._cluster(given)
        _check_changes(cluster, given)
        changes = {name: value for name, value in given.items() if name != "RotateMasterUserPassword"}
        status = cluster.status
        try:
            output = self._moto("ModifyDBCluster", {**changes, "DBClusterIdentifier": cluster.resource_id})
        finally:  # moto takes it off the record before it looks at what is wanted
            self._backend.clusters.setdefault(cluster.resource_id, cluster)
            cluster.status = status
        if given.get("RotateMasterUserPassword"):
            self._operations.call("secretsmanager", "RotateSecret", SecretId=cluster.master_user_secret.secret_arn)
        return output

    @operation("DeleteDBCluster", effect="its data is gone, its endpoints refuse")
    def _delete_cluster(self, given: Members) -> Output:
        cluster = self._cluster(given)
        require_word_of_snapshot(given)
        output = self._moto("DeleteDBCluster", {**given, "DBClusterIdentifier": cluster.resource_id})
        cluster.status = "deleting"
        self._forget_backups(cluster)
        self.events.note("RDS-EVENT-0171", cluster)
        return output

    def _forget_backups(self, cluster: Record) -> None:
        """Automated ones go with their cluster, and leave their names to the next one's."""
        snapshots = self._backend.cluster_snapshots
        for name, snapshot in tuple(snapshots.items()):
            if snapshot.snapshot_type == "automated" and snapshot.cluster.resource_id == cluster.resource_id:
                del snapshots[name]

    @operation(
        "FailoverDBCluster", effect="a reader with every commit is promoted, connections are cut, endpoints follow"
    )
    def _fail_over(self, given: Members) -> Output:
        cluster, target = self._cluster(given), given.get("TargetDBInstanceIdentifier")
        readers = [member.resource_id for member in cluster.members if not member.is_cluster_writer]
        successor = require_successor(cluster.resource_id, cluster.status, readers, target)
        cluster.status = "failing-over"
        self.requests.failovers[cluster.resource_id] = successor
        return {"DBCluster": cluster}

    @operation("StopDBCluster", effect="the servers end in order, the data stays")
    def _stop_cluster(self, given: Members) -> Output:
        return self._switch(self._cluster(given), "available", "stopping")

    @operation("StartDBCluster", effect="the servers run again on their data")
    def _start_cluster(self, given: Members) -> Output:
        return self._switch(self._cluster(given), "stopped", "starting")

    def _switch(self, cluster: Record, before: str, after: str) -> Output:
        require_status(cluster.resource_id, cluster.status, before)
        cluster.status = after
        for member in cluster.members:
            member.status = after
        return {"DBCluster": cluster}

    @operation("DescribeDBClusters", effect="true roles and states; DocumentDB's clusters are listed too, as on AWS")
    def _describe_clusters(self, given: Members) -> Output:
        return self._described("DescribeDBClusters", "DBClusters", "DBClusterIdentifier", given)

    # --- instances ----------------------------------------------------------------------------------------------------

    @operation(
        "CreateDBInstance",
        effect="in a cluster: a PostgreSQL server, the first as writer, others as synchronous readers; refused outside",
    )
    def _create_instance(self, given: Members) -> Output:
        if "DBClusterIdentifier" not in given:
            raise _not_served("DB instances outside a cluster")
        identifier(given, "DBInstanceIdentifier")
        cluster = self._cluster(given)
        group = cluster.db_subnet_group_name
        placed = {"DBSubnetGroupName": group} if group in self._backend.subnet_groups else {}
        zone = given.get("AvailabilityZone") or self._zone_of_fewest(cluster)
        output = self._moto("CreateDBInstance", {**given, **placed, "AvailabilityZone": zone})
        instance = output["DBInstance"]
        instance.status = "creating"
        instance.port = cluster.port
        return output

    def _zone_of_fewest(self, cluster: Record) -> str:
        """One of the subnet group's zones, in which the cluster has the fewest instances."""
        group = self._backend.subnet_groups.get(cluster.db_subnet_group_name)
        zones = [subnet["SubnetAvailabilityZone"]["Name"] for subnet in group.subnets] if group else []
        used = Counter(member.availability_zone for member in cluster.members)
        candidates = sorted(set(zones)) or sorted(cluster.availability_zones)[:2]
        return str(min(candidates, key=lambda zone: (used[zone], zone)))

    @operation("ModifyDBInstance", effect="its settings; the server stays as it is")
    def _modify_instance(self, given: Members) -> Output:
        instance = self._instance(given)
        if given.get("NewDBInstanceIdentifier"):
            raise _not_served("renaming instances, whose servers carry the name,")
        return self._moto("ModifyDBInstance", {**given, "DBInstanceIdentifier": instance.resource_id})

    @operation("DeleteDBInstance", effect="its server ends; a reader takes over from a writer")
    def _delete_instance(self, given: Members) -> Output:
        instance = self._instance(given)
        output = self._moto("DeleteDBInstance", {**given, "DBInstanceIdentifier": instance.resource_id})
        self.events.note("RDS-EVENT-0003", instance)
        return output

    @operation("RebootDBInstance", effect="the server restarts in its role")
    def _reboot_instance(self, given: Members) -> Output:
        instance = self._instance(given)
        if instance.status != "available":
            raise Refused(
                "InvalidDBInstanceState",
                f"DB instance {instance.resource_id} is {instance.status}; only an available one can be rebooted",
            )
        instance.status = "rebooting"
        self.requests.reboots.add(instance.resource_id)
        return {"DBInstance": instance}

    @operation("StopDBInstance", effect="refused, as on AWS: an instance of a cluster stops with it")
    def _stop_instance(self, given: Members) -> Output:
        raise self._not_alone(given)

    @operation("StartDBInstance", effect="refused, as on AWS: an instance of a cluster starts with it")
    def _start_instance(self, given: Members) -> Output:
        raise self._not_alone(given)

    def _not_alone(self, given: Members) -> Refused:
        engine = self._instance(given).engine
        return Refused(
            "InvalidParameterCombination", f"{engine} DB instances are not eligible for stopping and starting."
        )

    @operation(
        "DescribeDBInstances",
        effect="true states; each instance's own endpoint; DocumentDB's instances are listed too, as on AWS",
    )
    def _describe_instances(self, given: Members) -> Output:
        return self._described("DescribeDBInstances", "DBInstances", "DBInstanceIdentifier", given)

    # --- what they share ----------------------------------------------------------------------------------------------

    def _cluster(self, given: Members) -> Record:
        identity = str(given["DBClusterIdentifier"])
        if identity not in self._backend.clusters:
            raise Refused("DBClusterNotFoundFault", f"DBCluster {identity} not found.", status=404)
        return self._backend.clusters[identity]

    def _instance(self, given: Members) -> Record:
        identity = str(given["DBInstanceIdentifier"])
        if identity not in self._backend.databases:
            raise Refused("DBInstanceNotFound", f"DBInstance {identity} not found.", status=404)
        return self._backend.databases[identity]

    def _described(self, name: str, member: str, identity: str, given: Members) -> Output:
        """The one of that identity, else a page of all, with those of the APIs that share this one's control plane."""
        asked = {each: value for each, value in given.items() if each not in ("Marker", "MaxRecords")}
        own = self._moto(name, asked)[member]
        others = () if given.get(identity) else self._operations.listed_beside("rds", name, member, asked)
        return paged(member, [*own, *others], given)

    def _moto(self, name: str, given: Members) -> Output:
        return self._operations.moto("rds", name, given)


def _not_served(what: str) -> Refused:
    text = f"not provided by the embedded cloud: {what}; it runs clusters of {ENGINE}; see PARITY.md"
    return Refused("UnsupportedOperation", text, status=501)


def _check_changes(cluster: Record, given: Members) -> None:
    if given.get("NewDBClusterIdentifier") or given.get("Port") not in (None, cluster.port):
        raise _not_served("another name or port for a cluster")
    check_password_change(given, was_managed=hasattr(cluster, "master_user_secret"))
