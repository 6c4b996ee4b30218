"""Redshift calls about clusters and their subnet groups.

A cluster's endpoint is true from the moment it exists: the outputs of a stack read it at once. Pauses, reboots and ends
stand in the record's state and are carried out by the controller.
Codes and rules: https://docs.aws.amazon.com/redshift/latest/APIReference/
"""

import secrets
from collections.abc import Callable
from typing import Any

from infrastructure.embedded.control import managed_secrets
from infrastructure.embedded.gateway.operations import Members, Output, operation
from infrastructure.embedded.gateway.refused import Refused, unsupported
from infrastructure.embedded.moto.records import Backends

Record = Any  # moto's clusters, subnet groups and back end, which publish no types

_SIZES = ("ClusterType", "NodeType", "NumberOfNodes")
_BUSY = "There is an operation running on the Cluster. Please try to {} it at a later time."


class RedshiftCalls:
    """`allocate` gives a free port. `ports`: those that clusters were given; the controller releases them."""

    def __init__(self, backends: Backends, allocate: Callable[[], int]) -> None:
        self._operations = backends.operations
        self._backend = backends.redshift
        self._secrets = backends.secretsmanager
        self._allocate = allocate
        self.ports: dict[str, int] = {}

    # --- clusters -----------------------------------------------------------------------------------------------------

    @operation("CreateCluster", effect="a DuckDB process of its own; the endpoint answers, statements run")
    def create_cluster(self, given: Members) -> Output:
        identity = str(given["ClusterIdentifier"]).lower()
        if identity in self._backend.clusters:
            raise Refused("ClusterAlreadyExists", "Cluster already exists")
        self._check_groups(given)
        self._moto("CreateCluster", {**given, "ClusterIdentifier": identity})
        cluster = self._backend.clusters[identity]
        cluster.status = "creating"
        cluster.port = self.ports[identity] = self._allocate()
        cluster.default_iam_role_arn = given.get("DefaultIamRoleArn")
        self._place(cluster)
        if given.get("ManageMasterPassword"):
            self._manage_password(cluster, given.get("MasterPasswordSecretKmsKeyId"))
        return {"Cluster": cluster}

    def _check_groups(self, given: Members) -> None:
        group, parameters = given.get("ClusterSubnetGroupName"), given.get("ClusterParameterGroupName")
        if group is not None and group not in self._backend.subnet_groups:
            raise Refused("ClusterSubnetGroupNotFoundFault", f"Cluster subnet group {group} not found.")
        if parameters is not None and parameters not in self._backend.parameter_groups:
            raise Refused("ClusterParameterGroupNotFound", f"ClusterParameterGroup not found: {parameters}", status=404)

    def _place(self, cluster: Record) -> None:
        """In the first zone of its subnet group, unless it was given one."""
        group = self._backend.subnet_groups.get(cluster.cluster_subnet_group_name)
        zones = sorted(subnet.availability_zone for subnet in group.subnets) if group is not None else []
        if zones and cluster.availability_zone not in zones:
            cluster.availability_zone = zones[0]

    def _manage_password(self, cluster: Record, key: str | None) -> None:
        cluster.master_user_password = f"Aa1{secrets.token_urlsafe(24)}"
        secret = managed_secrets.make(
            self._secrets,
            "redshift",
            name=f"redshift!{cluster.cluster_identifier}-{cluster.master_username}",
            cluster_arn=cluster.arn,
            username=cluster.master_username,
            password=cluster.master_user_password,
            description=f"The secret associated with the Amazon Redshift cluster {cluster.arn}",
            key=key,
        )
        cluster.master_password_secret_arn = secret.arn
        cluster.master_password_secret_kms_key_id = secret.kms_key_id

    @operation("ModifyCluster", effect="its settings; the process stays, and so do its name, port and size")
    def modify_cluster(self, given: Members) -> Output:
        cluster = self._cluster(given)
        if given.get("NewClusterIdentifier"):
            raise unsupported("another name for a cluster, which its process carries")
        if any(given.get(name) is not None for name in _SIZES) or given.get("Port") not in (None, cluster.port):
            raise unsupported("another size or port for a cluster, which is one process")
        self._must_be(cluster, "available", "modify")
        was_managed = cluster.master_password_secret_arn is not None
        kept = {name: value for name, value in given.items() if not name.startswith(("Manage", "MasterPassword"))}
        self._moto("ModifyCluster", {**kept, "ClusterIdentifier": cluster.cluster_identifier})
        if given.get("ManageMasterPassword") and not was_managed:
            self._manage_password(cluster, given.get("MasterPasswordSecretKmsKeyId"))
        elif was_managed and given.get("ManageMasterPassword") is False:
            self.forget_secret(cluster)
        return {"Cluster": cluster}

    @operation("ModifyClusterIamRoles", effect="COPY and UNLOAD may name these roles, and no others")
    def modify_roles(self, given: Members) -> Output:
        cluster = self._cluster(given)
        self._must_be(cluster, "available", "modify")
        kept = [role for role in cluster.iam_roles_arn if role not in given.get("RemoveIamRoles", ())]
        cluster.iam_roles_arn = list(dict.fromkeys((*kept, *given.get("AddIamRoles", ()))))
        cluster.default_iam_role_arn = given.get("DefaultIamRoleArn", cluster.default_iam_role_arn)
        return {"Cluster": cluster}

    @operation("PauseCluster", effect="its process ends; what waits and what runs fails, what is committed stays")
    def pause_cluster(self, given: Members) -> Output:
        return self._switch(given, "available", "pausing", "pause")

    @operation("ResumeCluster", effect="its process runs again on its data")
    def resume_cluster(self, given: Members) -> Output:
        return self._switch(given, "paused", "resuming", "resume")

    @operation("RebootCluster", effect="its process restarts; what waits and what runs fails")
    def reboot_cluster(self, given: Members) -> Output:
        return self._switch(given, "available", "rebooting", "reboot")

    @operation("DeleteCluster", effect="its process ends, its endpoint refuses, its data is gone")
    def delete_cluster(self, given: Members) -> Output:
        cluster = self._cluster(given)
        is_skipped, snapshot = given.get("SkipFinalClusterSnapshot", False), given.get("FinalClusterSnapshotIdentifier")
        if bool(is_skipped) == bool(snapshot):
            raise Refused(
                "InvalidParameterCombination",
                "FinalClusterSnapshotIdentifier cannot be specified with SkipFinalClusterSnapshot."
                if is_skipped
                else "FinalClusterSnapshotIdentifier is required unless SkipFinalClusterSnapshot is specified.",
            )
        self._must_be(cluster, "available", "delete")
        if snapshot:
            named = {"ClusterIdentifier": cluster.cluster_identifier, "SnapshotIdentifier": snapshot}
            self._moto("CreateClusterSnapshot", named)
        cluster.status = "deleting"
        return {"Cluster": cluster}

    def _switch(self, given: Members, before: str, after: str, verb: str) -> Output:
        cluster = self._cluster(given)
        self._must_be(cluster, before, verb)
        cluster.status = after
        return {"Cluster": cluster}

    def _must_be(self, cluster: Record, status: str, verb: str) -> None:
        if cluster.status != status:
            raise Refused(
                "InvalidClusterState",
                f"You can't {verb} cluster {cluster.cluster_identifier} while it is {cluster.status}; it must be "
                f"{status}. {_BUSY.format(verb)}",
            )

    def _cluster(self, given: Members) -> Record:
        identity = str(given["ClusterIdentifier"]).lower()
        if identity not in self._backend.clusters:
            raise Refused("ClusterNotFound", f"Cluster {identity} not found.", status=404)
        return self._backend.clusters[identity]

    def forget(self, identity: str) -> int | None:
        """Drop the record of a cluster that is gone; the port that clients reached it by."""
        cluster = self._backend.clusters.pop(identity, None)
        if cluster is not None:
            self.forget_secret(cluster)
            self._backend.delete_automated_snapshots(identity)
        return self.ports.pop(identity, None)

    def forget_secret(self, cluster: Record) -> None:
        """A managed secret goes with what it is of."""
        if cluster.master_password_secret_arn is not None:
            managed_secrets.forget(self._secrets, cluster.master_password_secret_arn)
            cluster.master_password_secret_arn = cluster.master_password_secret_kms_key_id = None

    # --- subnet groups ------------------------------------------------------------------------------------------------

    @operation("CreateClusterSubnetGroup", record="all processes share the loopback interface")
    def create_subnet_group(self, given: Members) -> Output:
        name = str(given["ClusterSubnetGroupName"]).lower()
        if name in self._backend.subnet_groups:
            raise Refused("ClusterSubnetGroupAlreadyExists", f"Cluster subnet group {name} already exists.")
        return self._moto("CreateClusterSubnetGroup", {**given, "ClusterSubnetGroupName": name})

    @operation("ModifyClusterSubnetGroup", record="all processes share the loopback interface")
    def modify_subnet_group(self, given: Members) -> Output:
        group = self._group(given)
        self._operations.call("ec2", "DescribeSubnets", SubnetIds=list(given["SubnetIds"]))
        group.subnet_ids = list(given["SubnetIds"])
        group.description = given.get("Description", group.description)
        return {"ClusterSubnetGroup": group}

    @operation("DeleteClusterSubnetGroup", record="all processes share the loopback interface")
    def delete_subnet_group(self, given: Members) -> Output:
        name = self._group(given).cluster_subnet_group_name
        users = [each for each, c in self._backend.clusters.items() if c.cluster_subnet_group_name == name]
        if users:
            raise Refused(
                "InvalidClusterSubnetGroupStateFault", f"Cluster subnet group {name} is in use by {', '.join(users)}."
            )
        return self._moto("DeleteClusterSubnetGroup", {"ClusterSubnetGroupName": name})

    def _group(self, given: Members) -> Record:
        name = str(given["ClusterSubnetGroupName"]).lower()
        if name not in self._backend.subnet_groups:
            raise Refused("ClusterSubnetGroupNotFoundFault", f"Cluster subnet group {name} not found.")
        return self._backend.subnet_groups[name]

    def _moto(self, name: str, given: Members) -> Output:
        return self._operations.moto("redshift", name, given)
