"""RDS calls that moto answers in its own way, for clusters of Aurora PostgreSQL.

A cluster's endpoints and port are true from the moment it exists, since the outputs of a stack read them at once.
Failovers, reboots and stops are noted here and carried out by the controller; so are states and roles, which only the
controller writes. Instances outside a cluster and clusters of other engines stay moto's: records only.
"""

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from infrastructure.embedded.apis.rds.events import Events
from infrastructure.embedded.moto.refusals import refusal

Record = Any  # moto's clusters, instances and back end, which publish no types

ENGINE = "aurora-postgresql"
DEFAULT_VERSION = "16.6"
SetMasterPassword = Callable[[str, str], Awaitable[None]]


@dataclass(slots=True)
class Requests:
    """What was asked for and is still to be done."""

    failovers: dict[str, str | None] = field(default_factory=dict)
    """Cluster id to the instance that is to be the writer, or None for any."""
    reboots: set[str] = field(default_factory=set)
    """Instance ids."""


def is_aurora(record: Record) -> bool:
    """Whether a cluster, or an instance, is one whose servers run here."""
    return record.engine == ENGINE and (hasattr(record, "reader_endpoint") or bool(record.db_cluster_identifier))


class RdsCalls:
    """The replaced calls of one back end. `allocate` gives a free port.

    `set_master_password(cluster id, password)` is the controller's: it changes the password in the running cluster.
    """

    def __init__(self, backend: Record, allocate: Callable[[], int], set_master_password: SetMasterPassword) -> None:
        self._backend = backend
        self._allocate = allocate
        self._moto_create_cluster = backend.create_db_cluster
        self._moto_create_instance = backend.create_db_instance
        self._moto_delete_cluster = backend.delete_db_cluster
        self._moto_delete_instance = backend.delete_db_instance
        self._moto_modify_cluster = backend.modify_db_cluster
        self.ports: set[int] = set()
        """Those that clusters were given; the controller releases them."""
        self.events = Events(backend)
        self.requests = Requests()
        self.set_master_password = set_master_password

    # --- clusters -----------------------------------------------------------------------------------------------------

    def create_db_cluster(self, wanted: Record) -> Record:
        identity = str(wanted["db_cluster_identifier"]).lower()
        if identity in self._backend.clusters:
            raise self._refusal(
                "RDSClientError", "DBClusterAlreadyExistsFault", f"DB cluster {identity} already exists"
            )
        if wanted.get("engine") != ENGINE:
            return self._moto_create_cluster(wanted)
        version = wanted.get("engine_version") or DEFAULT_VERSION
        group = wanted.get("db_cluster_parameter_group_name") or f"default.{ENGINE}{str(version).partition('.')[0]}"
        own = {"engine_version": version, "db_cluster_parameter_group_name": group, "port": self._port()}
        cluster = self._moto_create_cluster({**wanted, **own})
        self.events.tell("RDS-EVENT-0170", cluster)
        return cluster

    def _port(self) -> int:
        port = self._allocate()
        self.ports.add(port)
        return port

    def modify_db_cluster(self, wanted: Record) -> Record:
        cluster = self._cluster(wanted["db_cluster_identifier"])
        if is_aurora(cluster) and wanted.get("new_db_cluster_identifier"):
            raise self._refusal(
                "InvalidParameterCombination",
                "the embedded cloud does not rename clusters: their servers carry the name",
            )
        status, port = cluster.status, cluster.port
        try:
            answer = self._moto_modify_cluster(wanted)
        finally:  # moto takes it off the record before it looks at what is wanted
            self._backend.clusters.setdefault(cluster.resource_id, cluster)
        if is_aurora(cluster):
            cluster.status, cluster.port = status, port
        return answer

    def delete_db_cluster(self, cluster_identifier: str, snapshot_name: str | None = None) -> Record:
        cluster = self._moto_delete_cluster(cluster_identifier, snapshot_name)
        if is_aurora(cluster):
            cluster.status = "deleting"
            self._forget_backups(cluster)
            self.events.tell("RDS-EVENT-0171", cluster)
        return cluster

    def _forget_backups(self, cluster: Record) -> None:
        """Automated ones go with their cluster, and leave their names to the next one's."""
        snapshots = self._backend.cluster_snapshots
        for name, snapshot in tuple(snapshots.items()):
            if snapshot.snapshot_type == "automated" and snapshot.cluster.resource_id == cluster.resource_id:
                del snapshots[name]

    def failover_db_cluster(
        self, db_cluster_identifier: str, target_db_instance_identifier: str | None = None
    ) -> Record:
        cluster = self._cluster(db_cluster_identifier)
        if cluster.status != "available":
            raise self._bad_state(f"DB cluster {cluster.resource_id} is {cluster.status}; it must be available")
        readers = [member.resource_id for member in cluster.members if not member.is_cluster_writer]
        if not readers:
            raise self._bad_state(
                f"DB cluster {cluster.resource_id} has no reader to fail over to; it needs at least two instances"
            )
        if target_db_instance_identifier is not None and target_db_instance_identifier.lower() not in readers:
            raise self._refusal(
                "InvalidParameterValue",
                f"{target_db_instance_identifier} is no reader of {cluster.resource_id}; it has {', '.join(readers)}",
            )
        cluster.status = "failing-over"
        target = target_db_instance_identifier
        self.requests.failovers[cluster.resource_id] = target.lower() if target else None
        return cluster

    def stop_db_cluster(self, cluster_identifier: str) -> Record:
        return self._switch(cluster_identifier, "available", "stopping")

    def start_db_cluster(self, cluster_identifier: str) -> Record:
        return self._switch(cluster_identifier, "stopped", "starting")

    def _switch(self, identity: str, before: str, after: str) -> Record:
        cluster = self._cluster(identity)
        if cluster.status != before:
            raise self._bad_state(f"DbCluster {identity} is in {cluster.status} state but expected it to be {before}.")
        cluster.status = after
        for member in cluster.members:
            member.status = after
        return cluster

    # --- instances ----------------------------------------------------------------------------------------------------

    def create_db_instance(self, wanted: Record) -> Record:
        cluster = self._backend.clusters.get(wanted.get("db_cluster_identifier") or "")
        if cluster is None or not is_aurora(cluster):
            return self._moto_create_instance(wanted)
        zone = wanted.get("availability_zone") or self._zone_of_fewest(cluster)
        told = len(self._backend.events)
        group = cluster.db_subnet_group_name
        placed = {"db_subnet_group_name": group} if group in self._backend.subnet_groups else {}
        instance = self._moto_create_instance({**wanted, **placed, "availability_zone": zone})
        del self._backend.events[told:]  # moto tells of backups nobody made
        instance.status = "creating"
        instance.port = cluster.port
        return instance

    def _zone_of_fewest(self, cluster: Record) -> str:
        """One of the subnet group's zones, in which the cluster has the fewest instances."""
        group = self._backend.subnet_groups.get(cluster.db_subnet_group_name)
        zones = [subnet["SubnetAvailabilityZone"]["Name"] for subnet in group.subnets] if group else []
        used = Counter(member.availability_zone for member in cluster.members)
        candidates = sorted(set(zones)) or sorted(cluster.availability_zones)[:2]
        return str(min(candidates, key=lambda zone: (used[zone], zone)))

    def delete_db_instance(self, db_instance_identifier: str, **how: Record) -> Record:
        instance = self._moto_delete_instance(db_instance_identifier, **how)
        if is_aurora(instance):
            self.events.tell("RDS-EVENT-0003", instance)
        return instance

    def reboot_db_instance(self, db_instance_identifier: str) -> Record:
        [instance] = self._backend.describe_db_instances(db_instance_identifier)
        if not is_aurora(instance):
            return instance
        if instance.status != "available":
            raise self._refusal(
                "InvalidDBInstanceStateFault",
                f"DB instance {instance.resource_id} is {instance.status}; only an available one can be rebooted",
            )
        instance.status = "rebooting"
        self.requests.reboots.add(instance.resource_id)
        return instance

    def _cluster(self, identity: str) -> Record:
        [cluster] = self._backend.describe_db_clusters(identity)
        return cluster

    def _bad_state(self, message: str) -> Exception:
        return self._refusal("InvalidDBClusterStateFault", message)

    @staticmethod
    def _refusal(name: str, *arguments: str) -> Exception:
        return refusal("rds", name, *arguments)


def install(backend: Record, allocate: Callable[[], int], set_master_password: SetMasterPassword) -> RdsCalls:
    """Answer these calls of this moto back end as AWS does; the result is also `backend.cafe_calls`."""
    calls = RdsCalls(backend, allocate, set_master_password)
    for name in (
        "create_db_cluster",
        "modify_db_cluster",
        "delete_db_cluster",
        "failover_db_cluster",
        "stop_db_cluster",
        "start_db_cluster",
        "create_db_instance",
        "delete_db_instance",
        "reboot_db_instance",
    ):
        setattr(backend, name, getattr(calls, name))
    backend.cafe_calls = calls
    return calls
