"""AWS::RDS::DBSubnetGroup, DBClusterParameterGroup, DBCluster, DBInstance; the controller runs what they describe."""

from collections.abc import Iterable
from typing import Any, ClassVar, Self

from moto.core.common_models import CloudFormationModel

from infrastructure.embedded.stacks.coerce import coerced
from infrastructure.embedded.stacks.resource import Api, Properties, Refused, Resource, require_only

_CLUSTER_CHANGES = ("BackupRetentionPeriod", "CopyTagsToSnapshot", "DBClusterParameterGroupName", "DeletionProtection")
_INSTANCE_CHANGES = ("AutoMinorVersionUpgrade", "DBInstanceClass", "PromotionTier", "PubliclyAccessible")


class DbSubnetGroup(Resource, CloudFormationModel):  # type: ignore[misc]  # moto publishes no types
    """Ref gives its name."""

    TYPE: ClassVar[str] = "AWS::RDS::DBSubnetGroup"
    NAME: ClassVar[str] = "DBSubnetGroupName"

    @classmethod
    def create(cls, api: Api, name: str, properties: Properties) -> Self:
        _check_subnets(api, properties["SubnetIds"])
        wanted = {**properties, "DBSubnetGroupName": name.lower()}
        api("rds", "CreateDBSubnetGroup", **coerced("rds", "CreateDBSubnetGroup", wanted))
        return cls(name.lower(), properties)

    def update(self, api: Api, properties: Properties) -> Resource:
        changed = require_only(self, properties, ("DBSubnetGroupDescription", "SubnetIds", "Tags"))
        _check_subnets(api, properties["SubnetIds"])
        wanted = {name: properties[name] for name in ("DBSubnetGroupDescription", "SubnetIds")}
        api("rds", "ModifyDBSubnetGroup", DBSubnetGroupName=self.physical_resource_id, **wanted)
        group = api.backend("rds").subnet_groups[self.physical_resource_id]
        _retag(api, changed, group.arn, self, properties)
        return type(self)(self.physical_resource_id, properties)

    def delete(self, api: Api) -> None:
        if self.physical_resource_id in api.backend("rds").subnet_groups:
            api("rds", "DeleteDBSubnetGroup", DBSubnetGroupName=self.physical_resource_id)


class DbClusterParameterGroup(Resource, CloudFormationModel):  # type: ignore[misc]  # moto publishes no types
    """Ref gives its name."""

    TYPE: ClassVar[str] = "AWS::RDS::DBClusterParameterGroup"
    NAME: ClassVar[str] = "DBClusterParameterGroupName"

    @classmethod
    def create(cls, api: Api, name: str, properties: Properties) -> Self:
        api(
            "rds",
            "CreateDBClusterParameterGroup",
            DBClusterParameterGroupName=name.lower(),
            DBParameterGroupFamily=properties["Family"],
            Description=properties["Description"],
            Tags=properties.get("Tags"),
        )
        made = cls(name.lower(), properties)
        made._set(api, properties)
        return made

    def _set(self, api: Api, properties: Properties) -> None:
        parameters = [
            {"ParameterName": name, "ParameterValue": str(value), "ApplyMethod": "pending-reboot"}
            for name, value in properties["Parameters"].items()
        ]
        where = {"DBClusterParameterGroupName": self.physical_resource_id}
        api("rds", "ModifyDBClusterParameterGroup", **where, Parameters=parameters)

    def update(self, api: Api, properties: Properties) -> Resource:
        changed = require_only(self, properties, ("Parameters", "Tags"))
        if "Parameters" in changed:
            self._set(api, properties)
        group = api.backend("rds").db_cluster_parameter_groups[self.physical_resource_id]
        _retag(api, changed, group.arn, self, properties)
        return type(self)(self.physical_resource_id, properties)

    def delete(self, api: Api) -> None:
        if self.physical_resource_id in api.backend("rds").db_cluster_parameter_groups:
            api("rds", "DeleteDBClusterParameterGroup", DBClusterParameterGroupName=self.physical_resource_id)


class DbCluster(Resource, CloudFormationModel):  # type: ignore[misc]  # moto publishes no types
    """Ref gives its identifier; where it answers is known from the moment it is recorded."""

    TYPE: ClassVar[str] = "AWS::RDS::DBCluster"
    NAME: ClassVar[str] = "DBClusterIdentifier"
    ATTRIBUTES: ClassVar[frozenset[str]] = frozenset(
        {
            "DBClusterArn",
            "DBClusterResourceId",
            "Endpoint.Address",
            "Endpoint.Port",
            "MasterUserSecret.SecretArn",
            "ReadEndpoint.Address",
        }
    )

    @classmethod
    def create(cls, api: Api, name: str, properties: Properties) -> Self:
        wanted = coerced("rds", "CreateDBCluster", {**properties, "DBClusterIdentifier": name.lower()})
        api("rds", "CreateDBCluster", **wanted)
        record = api.backend("rds").clusters[name.lower()]
        secret = getattr(record, "master_user_secret", None)
        where = {
            "DBClusterArn": record.db_cluster_arn,
            "DBClusterResourceId": record.db_cluster_resource_id,
            "Endpoint.Address": record.endpoint,
            "Endpoint.Port": str(record.port),
            "MasterUserSecret.SecretArn": None if secret is None else secret.secret_arn,
            "ReadEndpoint.Address": record.reader_endpoint,
        }
        return cls(name.lower(), properties, {key: value for key, value in where.items() if value is not None})

    def update(self, api: Api, properties: Properties) -> Resource:
        changed = require_only(self, properties, (*_CLUSTER_CHANGES, "Tags"))
        wanted = {name: properties[name] for name in changed if name in _CLUSTER_CHANGES and name in properties}
        if wanted:
            given = {**wanted, "DBClusterIdentifier": self.physical_resource_id, "ApplyImmediately": True}
            api("rds", "ModifyDBCluster", **coerced("rds", "ModifyDBCluster", given))
        _retag(api, changed, str(self.attributes["DBClusterArn"]), self, properties)
        return type(self)(self.physical_resource_id, properties, self.attributes)

    def delete(self, api: Api) -> None:
        if self.physical_resource_id in api.backend("rds").clusters:
            api("rds", "DeleteDBCluster", DBClusterIdentifier=self.physical_resource_id, SkipFinalSnapshot=True)

    def is_gone(self, api: Api) -> bool:
        """Its record has gone; the servers of its instances have ended before."""
        return self.physical_resource_id not in api.backend("rds").clusters


class DbInstance(Resource, CloudFormationModel):  # type: ignore[misc]  # moto publishes no types
    """Ref gives its identifier. It is created once it is recorded: its server starts after that."""

    TYPE: ClassVar[str] = "AWS::RDS::DBInstance"
    NAME: ClassVar[str] = "DBInstanceIdentifier"
    ATTRIBUTES: ClassVar[frozenset[str]] = frozenset({"DBInstanceArn", "Endpoint.Address", "Endpoint.Port"})

    @classmethod
    def create(cls, api: Api, name: str, properties: Properties) -> Self:
        if "DBClusterIdentifier" not in properties:
            raise Refused(f"{cls.TYPE}: the embedded cloud runs the instances of Aurora clusters only")
        wanted = coerced("rds", "CreateDBInstance", {**properties, "DBInstanceIdentifier": name.lower()})
        api("rds", "CreateDBInstance", **wanted)
        record = api.backend("rds").databases[name.lower()]
        where = {
            "DBInstanceArn": record.db_instance_arn,
            "Endpoint.Address": record.address,
            "Endpoint.Port": str(record.port),
        }
        return cls(name.lower(), properties, where)

    def update(self, api: Api, properties: Properties) -> Resource:
        changed = require_only(self, properties, (*_INSTANCE_CHANGES, "Tags"))
        wanted = {name: properties[name] for name in changed if name in _INSTANCE_CHANGES and name in properties}
        if wanted:
            given = {**wanted, "DBInstanceIdentifier": self.physical_resource_id, "ApplyImmediately": True}
            api("rds", "ModifyDBInstance", **coerced("rds", "ModifyDBInstance", given))
        _retag(api, changed, str(self.attributes["DBInstanceArn"]), self, properties)
        return type(self)(self.physical_resource_id, properties, self.attributes)

    def delete(self, api: Api) -> None:
        if self.physical_resource_id in api.backend("rds").databases:
            where = {"DBInstanceIdentifier": self.physical_resource_id}
            api("rds", "DeleteDBInstance", **where, SkipFinalSnapshot=True)

    def is_gone(self, api: Api) -> bool:
        """Neither an instance nor a member of its cluster any more."""
        rds = api.backend("rds")
        cluster = rds.clusters.get(str(self.properties["DBClusterIdentifier"]))
        members = [] if cluster is None else [member.resource_id for member in cluster.members]
        return self.physical_resource_id not in rds.databases and self.physical_resource_id not in members


def _check_subnets(api: Api, wanted: Iterable[str]) -> None:
    known = {subnet for zone in api.backend("ec2").subnets.values() for subnet in zone}
    unknown = [subnet for subnet in wanted if subnet not in known]
    if unknown:
        raise Refused(f"no such subnet: {', '.join(unknown)}")


def _retag(api: Api, changed: tuple[str, ...], arn: str, resource: Resource, after: Properties) -> None:
    if "Tags" not in changed:
        return
    tags: list[Any] = after.get("Tags", [])
    gone = {tag["Key"] for tag in resource.properties.get("Tags", ())} - {tag["Key"] for tag in tags}
    if gone:
        api("rds", "RemoveTagsFromResource", ResourceName=arn, TagKeys=sorted(gone))
    api("rds", "AddTagsToResource", ResourceName=arn, Tags=tags)
