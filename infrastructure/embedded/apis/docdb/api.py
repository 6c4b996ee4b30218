"""DocumentDB calls about clusters and their instances; the controller follows the records.

A cluster's endpoints and port are true from the moment it exists: the outputs of a stack read them at once. Failovers
and reboots are noted here and carried out by the controller.
Codes and rules: https://docs.aws.amazon.com/documentdb/latest/developerguide/API_Operations_Amazon_DocumentDB.html
"""

import json
import re
import secrets
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from infrastructure.embedded.apis.docdb.record import (
    ENGINE,
    FAMILY,
    VERSION,
    ClusterRecord,
    InstanceRecord,
    Secret,
    Shown,
)
from infrastructure.embedded.gateway.operations import Members, Output, operation
from infrastructure.embedded.gateway.refused import Refused, unsupported
from infrastructure.embedded.moto.records import Backends

Record = Any  # moto's back ends, which publish no types

_IDENTIFIER = re.compile(r"(?!.*--)[A-Za-z][A-Za-z0-9-]{0,61}[A-Za-z0-9]|[A-Za-z]")
_CLASS = re.compile(r"db\.[a-z0-9]+\.[a-z0-9]+")
_PASSWORD = re.compile(r"[\x21\x23-\x2e\x30-\x3f\x41-\x7e]{8,100}")
_RENAMED = ("NewDBClusterIdentifier", "Port", "EngineVersion")
_SETTINGS = (
    "BackupRetentionPeriod",
    "CopyTagsToSnapshot",
    "DeletionProtection",
    "PreferredBackupWindow",
    "PreferredMaintenanceWindow",
    "StorageType",
)


class DocumentDbApi:
    """Answers from `clusters`, by id. `allocate` gives a free port; `failovers` and `reboots` are still to be done."""

    def __init__(self, backends: Backends, allocate: Callable[[], int]) -> None:
        self._rds: Record = backends.rds
        self._ec2: Record = backends.ec2
        self._secrets: Record = backends.secretsmanager
        self._arn = f"arn:aws:rds:{backends.region}:{backends.account}:"
        self._allocate = allocate
        self.clusters: dict[str, ClusterRecord] = {}
        self.failovers: dict[str, str | None] = {}
        """Cluster id to the instance that is to be primary, or None for any."""
        self.reboots: set[str] = set()

    def owns(self, _action: str, form: Mapping[str, object]) -> bool:
        """Whether a call is about one of these records, and not about one of RDS'."""
        named = {str(form.get(each, "")).lower() for each in ("DBClusterIdentifier", "DBInstanceIdentifier")}
        return bool(named & self._names()) or str(form.get("ResourceName", "")) in self._tagged()

    def _names(self) -> set[str]:
        arns = {each.arn for each in self.clusters.values()} | {each.arn for _, each in self._instances()}
        return {*self.clusters, *(each.id for _, each in self._instances()), *arns}

    def _instances(self) -> Iterator[tuple[ClusterRecord, InstanceRecord]]:
        return ((cluster, each) for cluster in self.clusters.values() for each in cluster.instances.values())

    # --- clusters -----------------------------------------------------------------------------------------------------

    @operation("CreateDBCluster", effect="endpoints that refuse until an instance runs")
    def create_cluster(self, given: Members) -> Output:
        identity = _identifier(given, "DBClusterIdentifier")
        if given["Engine"] != ENGINE:
            raise _invalid(f"Invalid DB engine: {given['Engine']}")
        if given.get("EngineVersion", VERSION) != VERSION:
            raise unsupported(f"DocumentDB of version {given['EngineVersion']}; it runs {VERSION}")
        if given.get("GlobalClusterIdentifier") or given.get("ServerlessV2ScalingConfiguration"):
            raise unsupported("global and serverless clusters of DocumentDB")
        if identity in self.clusters or identity in self._rds.clusters:
            raise Refused("DBClusterAlreadyExistsFault", f"DB Cluster already exists: {identity}")
        username, password = self._credentials(given)
        made = ClusterRecord(
            id=identity,
            arn=f"{self._arn}cluster:{identity}",
            port=0,
            given=dict(given),
            tags=_tags(given),
            zones=self._zones(given.get("DBSubnetGroupName")),
            groups=tuple(given.get("VpcSecurityGroupIds") or self._default_group()),
            parameters=self._parameters(given.get("DBClusterParameterGroupName")),
            username=username,
            password=password,
        )
        made.port = self._allocate()
        if given.get("ManageMasterUserPassword"):
            self._manage_password(made, given.get("MasterUserSecretKmsKeyId"))
        self.clusters[identity] = made
        return {"DBCluster": made.shown()}

    def _credentials(self, given: Members) -> tuple[str, str]:
        username, password = given.get("MasterUsername"), given.get("MasterUserPassword")
        if not username:
            raise _invalid("The parameter MasterUsername must be provided and must not be blank.")
        if given.get("ManageMasterUserPassword"):
            if password:
                raise Refused(
                    "InvalidParameterCombination",
                    "You can't specify MasterUserPassword and ManageMasterUserPassword together.",
                )
            return str(username), secrets.token_urlsafe(24)
        return str(username), _password(password)

    def _zones(self, group: str | None) -> tuple[str, ...]:
        if group is None:
            every = self._ec2.describe_availability_zones()
            return tuple(sorted(zone.name for zone in every))[:3]
        return tuple(sorted({each["SubnetAvailabilityZone"]["Name"] for each in self._subnet_group(group).subnets}))

    def _subnet_group(self, name: str) -> Record:
        if name not in self._rds.subnet_groups:
            raise Refused("DBSubnetGroupNotFoundFault", f"DB subnet group '{name}' does not exist.", status=404)
        return self._rds.subnet_groups[name]

    def _shown_subnet_group(self, name: str) -> Shown:
        found = self._subnet_group(name)
        return {
            "DBSubnetGroupName": found.name,
            "DBSubnetGroupDescription": found.description,
            "VpcId": found.vpc_id,
            "SubnetGroupStatus": "Complete",
            "Subnets": found.subnets,
            "DBSubnetGroupArn": found.arn,
        }

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
        held = {"username": cluster.username, "password": cluster.password}
        secret = self._secrets.create_managed_secret(
            service_name="rds",
            secret_id=f"rds!{cluster.resource.lower()}",
            secret_string=json.dumps(held),
            description=f"Secret associated with primary RDS DB cluster: {cluster.arn}",
            kms_key_id=key,
            tags=[{"Key": "aws:rds:primaryDBClusterArn", "Value": cluster.arn}],
        )
        cluster.secret = Secret(arn=secret.arn, key=secret.kms_key_id)

    @operation("DescribeDBClusters", effect="true roles and states")
    def describe_clusters(self, given: Members) -> Output:
        found = list(self.clusters.values())
        if given.get("DBClusterIdentifier"):
            found = [self._cluster(given)]
        wanted = _filters(given, "engine", "db-cluster-id")
        names = wanted.get("db-cluster-id")
        shown = [each.shown() for each in found if names is None or names & {each.id, each.arn}]
        return {"DBClusters": shown if ENGINE in wanted.get("engine", {ENGINE}) else []}

    @operation("ModifyDBCluster", effect="a new master password counts at once; other settings are records")
    def modify_cluster(self, given: Members) -> Output:
        cluster = self._cluster(given)
        for name in _RENAMED:
            if given.get(name) not in (None, cluster.shown().get(name)):
                raise unsupported(f"another {name} for a cluster of DocumentDB")
        if given.get("ManageMasterUserPassword") is not None or given.get("RotateMasterUserPassword"):
            raise unsupported("a change of who manages DocumentDB's master password, and its rotation")
        if given.get("MasterUserPassword"):
            if cluster.secret is not None:
                raise Refused(
                    "InvalidParameterCombination",
                    "You can't specify MasterUserPassword for a cluster whose password is managed in Secrets Manager.",
                )
            cluster.password = _password(given["MasterUserPassword"])
        if given.get("DBClusterParameterGroupName"):
            cluster.parameters = self._parameters(given["DBClusterParameterGroupName"])
        cluster.groups = tuple(given.get("VpcSecurityGroupIds") or cluster.groups)
        cluster.given.update({name: given[name] for name in _SETTINGS if given.get(name) is not None})
        return {"DBCluster": cluster.shown()}

    @operation("DeleteDBCluster", effect="its data is gone, its endpoints refuse")
    def delete_cluster(self, given: Members) -> Output:
        cluster, is_skipped = self._cluster(given), bool(given.get("SkipFinalSnapshot"))
        if is_skipped == bool(given.get("FinalDBSnapshotIdentifier")):
            raise Refused(
                "InvalidParameterCombination",
                "FinalDBSnapshotIdentifier cannot be specified when deleting a cluster with SkipFinalSnapshot."
                if is_skipped
                else "FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified.",
            )
        if not is_skipped:
            raise unsupported("snapshots of DocumentDB's clusters")
        if cluster.given.get("DeletionProtection"):
            raise Refused(
                "InvalidParameterCombination",
                "Cannot delete protected Cluster, please disable deletion protection and try again.",
            )
        if any(each.status != "deleting" for each in cluster.instances.values()):
            raise _bad_state("Cluster cannot be deleted, it still contains DB instances in non-deleting state.")
        cluster.status = "deleting"
        return {"DBCluster": cluster.shown()}

    @operation(
        "FailoverDBCluster", effect="another instance is primary, the old one cuts its clients, endpoints follow"
    )
    def fail_over(self, given: Members) -> Output:
        cluster = self._cluster(given)
        if cluster.status != "available":
            raise _bad_state(f"DB cluster {cluster.id} is {cluster.status}; it must be available")
        readers = [each for each in cluster.instances if each != cluster.primary]
        if not readers:
            raise _bad_state(f"DB cluster {cluster.id} has no replica to fail over to; it needs two instances")
        target = given.get("TargetDBInstanceIdentifier")
        if target is not None and target.lower() not in readers:
            raise _invalid(f"{target} is no replica of {cluster.id}; it has {', '.join(readers)}")
        cluster.status = "failing-over"
        self.failovers[cluster.id] = target.lower() if target else None
        return {"DBCluster": cluster.shown()}

    @operation("StopDBCluster", effect="the servers end, the data stays")
    def stop_cluster(self, given: Members) -> Output:
        return self._switch(given, "available", "stopping")

    @operation("StartDBCluster", effect="the servers run again on their data")
    def start_cluster(self, given: Members) -> Output:
        return self._switch(given, "stopped", "starting")

    def _switch(self, given: Members, before: str, after: str) -> Output:
        cluster = self._cluster(given)
        if cluster.status != before:
            raise _bad_state(f"DbCluster {cluster.id} is in {cluster.status} state but expected it to be {before}.")
        cluster.status = after
        for each in cluster.instances.values():
            each.status = after
        return {"DBCluster": cluster.shown()}

    # --- instances ----------------------------------------------------------------------------------------------------

    @operation("CreateDBInstance", effect="a document server on the cluster's volume, the first as primary")
    def create_instance(self, given: Members) -> Output:
        identity = _identifier(given, "DBInstanceIdentifier")
        cluster = self._cluster(given)
        if given["Engine"] != ENGINE:
            text = (
                f"The engine name requested for your DB instance ({given['Engine']}) doesn't match the engine name of"
            )
            raise _invalid(f"{text} your DB cluster ({ENGINE}).")
        if not _CLASS.fullmatch(given["DBInstanceClass"]):
            raise _invalid(f"Invalid DB Instance class: {given['DBInstanceClass']}")
        if identity in self._rds.databases or identity in {each.id for _, each in self._instances()}:
            raise Refused("DBInstanceAlreadyExists", "DB Instance already exists")
        if given.get("AvailabilityZone") not in (None, *cluster.zones):
            raise Refused("InvalidVPCNetworkStateFault", f"{given['AvailabilityZone']} is no zone of the subnet group")
        used = Counter(each.zone for each in cluster.instances.values())
        made = InstanceRecord(
            id=identity,
            arn=f"{self._arn}db:{identity}",
            cluster=cluster.id,
            given=dict(given),
            zone=given.get("AvailabilityZone") or min(cluster.zones, key=lambda zone: (used[zone], zone)),
            tags=_tags(given),
        )
        cluster.instances[identity] = made
        return {"DBInstance": cluster.shown_instance(made, self._shown_subnet_group)}

    @operation("DescribeDBInstances", effect="true states; each instance's own endpoint")
    def describe_instances(self, given: Members) -> Output:
        found = [self._instance(given)] if given.get("DBInstanceIdentifier") else list(self._instances())
        wanted = _filters(given, "engine", "db-cluster-id", "db-instance-id")
        clusters, names = wanted.get("db-cluster-id"), wanted.get("db-instance-id")
        shown = [
            cluster.shown_instance(each, self._shown_subnet_group)
            for cluster, each in found
            if (clusters is None or clusters & {cluster.id, cluster.arn})
            and (names is None or names & {each.id, each.arn})
        ]
        return {"DBInstances": shown if ENGINE in wanted.get("engine", {ENGINE}) else []}

    @operation("ModifyDBInstance", effect="its settings; the server stays as it is")
    def modify_instance(self, given: Members) -> Output:
        cluster, instance = self._instance(given)
        if given.get("NewDBInstanceIdentifier"):
            raise unsupported("another name for an instance, which its server carries")
        changed = {
            name: value for name, value in given.items() if name not in ("DBInstanceIdentifier", "ApplyImmediately")
        }
        instance.given.update(changed)
        return {"DBInstance": cluster.shown_instance(instance, self._shown_subnet_group)}

    @operation("DeleteDBInstance", effect="its server ends; a replica takes over from a primary")
    def delete_instance(self, given: Members) -> Output:
        cluster, instance = self._instance(given)
        instance.status = "deleting"
        return {"DBInstance": cluster.shown_instance(instance, self._shown_subnet_group)}

    @operation("RebootDBInstance", effect="the server restarts; with ForceFailover another is primary then")
    def reboot_instance(self, given: Members) -> Output:
        cluster, instance = self._instance(given)
        if instance.status != "available":
            raise Refused("InvalidDBInstanceState", f"DB instance {instance.id} is {instance.status}, not available")
        if given.get("ForceFailover"):
            raise unsupported("a reboot with a failover; FailoverDBCluster does it")
        instance.status = "rebooting"
        self.reboots.add(instance.id)
        return {"DBInstance": cluster.shown_instance(instance, self._shown_subnet_group)}

    # --- tags ---------------------------------------------------------------------------------------------------------

    @operation("ListTagsForResource")
    def list_tags(self, given: Members) -> Output:
        return {"TagList": [{"Key": key, "Value": value} for key, value in self._tags_of(given).items()]}

    @operation("AddTagsToResource", record="tags")
    def add_tags(self, given: Members) -> None:
        self._tags_of(given).update(_tags(given))

    @operation("RemoveTagsFromResource", record="tags")
    def remove_tags(self, given: Members) -> None:
        tags = self._tags_of(given)
        for key in given["TagKeys"]:
            tags.pop(key, None)

    def _tags_of(self, given: Members) -> dict[str, str]:
        found = self._tagged().get(given["ResourceName"])
        if found is None:
            raise Refused(
                "DBInstanceNotFound",
                f"The specified resource name does not match an RDS resource: {given['ResourceName']}",
                status=404,
            )
        return found

    def _tagged(self) -> dict[str, dict[str, str]]:
        clusters = {each.arn: each.tags for each in self.clusters.values()}
        return clusters | {each.arn: each.tags for _, each in self._instances()}

    def tagged(self) -> Iterator[tuple[str, Mapping[str, str]]]:
        """For the tagging API."""
        return iter(self._tagged().items())

    # --- what they share ----------------------------------------------------------------------------------------------

    def _cluster(self, given: Members) -> ClusterRecord:
        wanted = str(given.get("DBClusterIdentifier", ""))  # FailoverDBCluster's model does not require it, AWS does
        if not wanted:
            raise Refused("MissingParameter", "The request must contain the parameter DBClusterIdentifier.")
        found = [each for each in self.clusters.values() if wanted.lower() == each.id or wanted == each.arn]
        if not found:
            raise Refused("DBClusterNotFoundFault", f"DBCluster {wanted} not found.", status=404)
        return found[0]

    def _instance(self, given: Members) -> tuple[ClusterRecord, InstanceRecord]:
        wanted = str(given["DBInstanceIdentifier"])
        found = [pair for pair in self._instances() if wanted.lower() == pair[1].id or wanted == pair[1].arn]
        if not found:
            raise Refused("DBInstanceNotFound", f"DBInstance {wanted} not found.", status=404)
        return found[0]

    def forget(self, identity: str) -> None:
        """Drop the record of a cluster that is gone, and with it its managed secret."""
        cluster = self.clusters.pop(identity, None)
        self.failovers.pop(identity, None)
        if cluster is not None and cluster.secret is not None:
            self._secrets.delete_secret(
                cluster.secret.arn, recovery_window_in_days=None, force_delete_without_recovery=True
            )


def _filters(given: Members, *known: str) -> dict[str, set[str]]:
    found = {str(each["Name"]): set(each["Values"]) for each in given.get("Filters") or ()}
    unknown = sorted(found.keys() - set(known))
    if unknown:
        raise _invalid(f"Unrecognized filter name: {unknown[0]}")
    return found


def _tags(given: Members) -> dict[str, str]:
    return {each["Key"]: each.get("Value", "") for each in given.get("Tags") or ()}


def _password(password: Any) -> str:
    if not password:
        raise _invalid("The parameter MasterUserPassword must be provided and must not be blank.")
    if not _PASSWORD.fullmatch(str(password)):
        raise _invalid(
            "The parameter MasterUserPassword is not a valid password: 8 to 100 printable ASCII characters, "
            "other than '/', '\"', '@' and spaces, may be used."
        )
    return str(password)


def _invalid(message: str) -> Refused:
    return Refused("InvalidParameterValue", message)


def _bad_state(message: str) -> Refused:
    return Refused("InvalidDBClusterStateFault", message)


def _identifier(given: Members, member: str) -> str:
    identity = str(given[member])
    if not _IDENTIFIER.fullmatch(identity):
        raise _invalid(
            f"The parameter {member} is not a valid identifier. Identifiers must begin with a letter; must contain "
            "only ASCII letters, digits, and hyphens; must not end with a hyphen or contain two consecutive hyphens."
        )
    return identity.lower()
