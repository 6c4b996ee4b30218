"""DocumentDB calls about clusters; the controller follows the records.

A cluster's endpoints and port are true from the moment it exists: the outputs of a stack read them at once. Failovers
are noted here and carried out by the controller.
Codes and rules: https://docs.aws.amazon.com/documentdb/latest/developerguide/API_Operations_Amazon_DocumentDB.html
"""

import secrets
from collections.abc import Callable
from typing import Any

from infrastructure.embedded.apis.docdb import checks
from infrastructure.embedded.apis.docdb.record import (
    ENGINE,
    FAMILY,
    VERSION,
    ClusterRecord,
)
from infrastructure.embedded.apis.docdb.registry import Registry
from infrastructure.embedded.control import managed_secrets
from infrastructure.embedded.control.database_clusters import (
    bad_state,
    check_password_change,
    identifier,
    invalid,
    require_status,
    require_successor,
    require_word_of_snapshot,
)
from infrastructure.embedded.gateway.operations import Members, Output, operation
from infrastructure.embedded.gateway.refused import Refused, unsupported
from infrastructure.embedded.moto.records import Backends

Record = Any  # moto's back ends, which publish no types

_RENAMED = ("NewDBClusterIdentifier", "Port", "EngineVersion")
_SETTINGS = (
    "BackupRetentionPeriod",
    "CopyTagsToSnapshot",
    "DeletionProtection",
    "PreferredBackupWindow",
    "PreferredMaintenanceWindow",
    "StorageType",
)


class ClusterCalls:
    """Answers from `records`. `allocate` gives a free port."""

    def __init__(self, backends: Backends, allocate: Callable[[], int]) -> None:
        self._rds: Record = backends.rds
        self._ec2: Record = backends.ec2
        self._secrets: Record = backends.secretsmanager
        self._operations = backends.operations
        self.records = Registry(f"arn:aws:rds:{backends.region}:{backends.account}:", self._secrets)
        self._allocate = allocate

    @operation("CreateDBCluster", effect="endpoints that refuse until an instance runs")
    def create_cluster(self, given: Members) -> Output:
        identity = identifier(given, "DBClusterIdentifier")
        if given["Engine"] != ENGINE:
            raise invalid(f"Invalid DB engine: {given['Engine']}")
        if given.get("EngineVersion", VERSION) != VERSION:
            raise unsupported(f"DocumentDB of version {given['EngineVersion']}; it runs {VERSION}")
        if given.get("GlobalClusterIdentifier") or given.get("ServerlessV2ScalingConfiguration"):
            raise unsupported("global and serverless clusters of DocumentDB")
        if identity in self.records.clusters or identity in self._rds.clusters:
            raise Refused("DBClusterAlreadyExistsFault", f"DB Cluster already exists: {identity}")
        username, password = self._credentials(given)
        made = ClusterRecord(
            id=identity,
            arn=f"{self.records.prefix}cluster:{identity}",
            port=0,
            given=dict(given),
            tags=checks.tags(given),
            zones=self._zones(given.get("DBSubnetGroupName")),
            groups=tuple(given.get("VpcSecurityGroupIds") or self._default_group()),
            parameters=self._parameters(given.get("DBClusterParameterGroupName")),
            username=username,
            password=password,
        )
        made.port = self._allocate()
        if given.get("ManageMasterUserPassword"):
            self._manage_password(made, given.get("MasterUserSecretKmsKeyId"))
        self.records.clusters[identity] = made
        return {"DBCluster": made.shown()}

    def _credentials(self, given: Members) -> tuple[str, str]:
        username, password = given.get("MasterUsername"), given.get("MasterUserPassword")
        if not username:
            raise invalid("The parameter MasterUsername must be provided and must not be blank.")
        if given.get("ManageMasterUserPassword"):
            if password:
                raise Refused(
                    "InvalidParameterCombination",
                    "You can't specify MasterUserPassword and ManageMasterUserPassword together.",
                )
            return str(username), secrets.token_urlsafe(24)
        return str(username), checks.password(password)

    def _zones(self, group: str | None) -> tuple[str, ...]:
        if group is None:
            every = self._ec2.describe_availability_zones()
            return tuple(sorted(zone.name for zone in every))[:3]
        return tuple(sorted({each["SubnetAvailabilityZone"]["Name"] for each in self._subnet_group(group).subnets}))

    def _subnet_group(self, name: str) -> Record:
        if name not in self._rds.subnet_groups:
            raise Refused("DBSubnetGroupNotFoundFault", f"DB subnet group '{name}' does not exist.", status=404)
        return self._rds.subnet_groups[name]

    def _default_group(self) -> tuple[str, ...]:
        groups = self._ec2.describe_security_groups(filters={"group-name": ["default"]})
        return tuple(each.id for each in groups[:1])

    def _parameters(self, name: str | None) -> str:
        if name is None or name == f"default.{FAMILY}":
            return f"default.{FAMILY}"
        group = self._rds.db_cluster_parameter_groups.get(name)
        if group is None:
            raise Refused("DBClusterParameterGroupNotFound", f"DBClusterParameterGroup not found: {name}", status=404)
        if group.db_parameter_group_family != FAMILY:
            raise Refused(
                "InvalidParameterCombination",
                f"The Parameter Group {name} with DBParameterGroupFamily {group.db_parameter_group_family} can't be "
                f"used for this instance. Please use a Parameter Group with DBParameterGroupFamily {FAMILY}",
            )
        return str(group.name)

    def _manage_password(self, cluster: ClusterRecord, key: str | None) -> None:
        cluster.secret = managed_secrets.make(
            self._secrets,
            "rds",
            name=f"rds!{cluster.resource.lower()}",
            cluster_arn=cluster.arn,
            username=cluster.username,
            password=cluster.password,
            description=f"Secret associated with primary RDS DB cluster: {cluster.arn}",
            key=key,
        )

    @operation("DescribeDBClusters", effect="true roles and states")
    def describe_clusters(self, given: Members) -> Output:
        found = list(self.records.clusters.values())
        if given.get("DBClusterIdentifier"):
            found = [self.records.cluster(given)]
        wanted = checks.filters(given, "engine", "db-cluster-id")
        return {"DBClusters": [each.shown() for each in found if checks.fits(wanted, each.filtered_by)]}

    @operation("ModifyDBCluster", effect="a new master password counts at once; other settings are records")
    def modify_cluster(self, given: Members) -> Output:
        cluster = self.records.cluster(given)
        for name in _RENAMED:
            if given.get(name) not in (None, cluster.shown().get(name)):
                raise unsupported(f"another {name} for a cluster of DocumentDB")
        check_password_change(given, was_managed=cluster.secret is not None)
        self._change_password(cluster, given)
        if given.get("DBClusterParameterGroupName"):
            cluster.parameters = self._parameters(given["DBClusterParameterGroupName"])
        cluster.groups = tuple(given.get("VpcSecurityGroupIds") or cluster.groups)
        cluster.given.update({name: given[name] for name in _SETTINGS if given.get(name) is not None})
        return {"DBCluster": cluster.shown()}

    def _change_password(self, cluster: ClusterRecord, given: Members) -> None:
        if given.get("ManageMasterUserPassword") and cluster.secret is None:
            cluster.password = secrets.token_urlsafe(24)
            self._manage_password(cluster, given.get("MasterUserSecretKmsKeyId"))
        elif given.get("MasterUserPassword"):
            cluster.password = checks.password(given["MasterUserPassword"])
            if cluster.secret is not None:
                managed_secrets.forget(self._secrets, cluster.secret.arn)
                cluster.secret = None
        if given.get("RotateMasterUserPassword") and cluster.secret is not None:
            self._operations.call("secretsmanager", "RotateSecret", SecretId=cluster.secret.arn)

    @operation("DeleteDBCluster", effect="its data is gone, its endpoints refuse")
    def delete_cluster(self, given: Members) -> Output:
        cluster = self.records.cluster(given)
        require_word_of_snapshot(given)
        if not given.get("SkipFinalSnapshot"):
            raise unsupported("snapshots of DocumentDB's clusters")
        if cluster.given.get("DeletionProtection"):
            raise Refused(
                "InvalidParameterCombination",
                "Cannot delete protected Cluster, please disable deletion protection and try again.",
            )
        if any(each.status != "deleting" for each in cluster.instances.values()):
            raise bad_state("Cluster cannot be deleted, it still contains DB instances in non-deleting state.")
        cluster.status = "deleting"
        return {"DBCluster": cluster.shown()}

    @operation(
        "FailoverDBCluster", effect="another instance is primary, the old one cuts its clients, endpoints follow"
    )
    def fail_over(self, given: Members) -> Output:
        cluster, target = self.records.cluster(given), given.get("TargetDBInstanceIdentifier")
        readers = [each for each in cluster.instances if each != cluster.primary]
        successor = require_successor(cluster.id, cluster.status, readers, target)
        cluster.status = "failing-over"
        self.records.failovers[cluster.id] = successor
        return {"DBCluster": cluster.shown()}

    @operation("StopDBCluster", effect="the servers end, the data stays")
    def stop_cluster(self, given: Members) -> Output:
        return self._switch(given, "available", "stopping")

    @operation("StartDBCluster", effect="the servers run again on their data")
    def start_cluster(self, given: Members) -> Output:
        return self._switch(given, "stopped", "starting")

    def _switch(self, given: Members, before: str, after: str) -> Output:
        cluster = self.records.cluster(given)
        require_status(cluster.id, cluster.status, before)
        cluster.status = after
        for each in cluster.instances.values():
            each.status = after
        return {"DBCluster": cluster.shown()}
