"""AWS::ElastiCache::SubnetGroup and ReplicationGroup; the controller makes the group's endpoints true."""

from typing import Any, ClassVar, Self

from moto.core.common_models import CloudFormationModel

from infrastructure.embedded.stacks.resource import Api, Properties, Refused, Resource, require_only

_CHANGEABLE = (
    "AutomaticFailoverEnabled",
    "CacheNodeType",
    "MultiAZEnabled",
    "ReplicationGroupDescription",
    "SnapshotRetentionLimit",
)


class CacheSubnetGroup(Resource, CloudFormationModel):  # type: ignore[misc]  # moto publishes no types
    """Ref gives its name."""

    TYPE: ClassVar[str] = "AWS::ElastiCache::SubnetGroup"
    NAME: ClassVar[str] = "CacheSubnetGroupName"

    @classmethod
    def create(cls, api: Api, name: str, properties: Properties) -> Self:
        known = {subnet for zone in api.backend("ec2").subnets.values() for subnet in zone}
        unknown = [subnet for subnet in properties["SubnetIds"] if subnet not in known]
        if unknown:
            raise Refused(f"no such subnet: {', '.join(unknown)}")
        api(
            "elasticache",
            "CreateCacheSubnetGroup",
            CacheSubnetGroupName=name.lower(),
            CacheSubnetGroupDescription=properties["Description"],
            SubnetIds=properties["SubnetIds"],
            Tags=properties.get("Tags"),
        )
        return cls(name.lower(), properties)

    def delete(self, api: Api) -> None:
        """By hand: moto has no DeleteCacheSubnetGroup."""
        api.backend("elasticache").cache_subnet_groups.pop(self.physical_resource_id, None)


class CacheReplicationGroup(Resource, CloudFormationModel):  # type: ignore[misc]  # moto publishes no types
    """Ref gives its id; its attributes say where it answers."""

    TYPE: ClassVar[str] = "AWS::ElastiCache::ReplicationGroup"
    NAME: ClassVar[str] = "ReplicationGroupId"
    ATTRIBUTES: ClassVar[frozenset[str]] = frozenset(
        {"PrimaryEndPoint.Address", "PrimaryEndPoint.Port", "ReaderEndPoint.Address", "ReaderEndPoint.Port"}
    )

    @classmethod
    def create(cls, api: Api, name: str, properties: Properties) -> Self:
        wanted = {key: value for key, value in properties.items() if key != "ReplicationGroupId"}
        api("elasticache", "CreateReplicationGroup", ReplicationGroupId=name.lower(), **wanted)
        return cls(name.lower(), properties).with_endpoints(api)

    def with_endpoints(self, api: Api) -> Self:
        """Read where the group answers from its record."""
        shard = api.backend("elasticache").replication_groups[self.physical_resource_id].node_groups[0]
        primary = shard["primary_endpoint"]
        reader = shard.get("reader_endpoint") or {"address": shard["reader_endpoint_address"], "port": shard["port"]}
        self.attributes |= {
            "PrimaryEndPoint.Address": primary["address"],
            "PrimaryEndPoint.Port": str(primary["port"]),
            "ReaderEndPoint.Address": reader["address"],
            "ReaderEndPoint.Port": str(reader["port"]),
        }
        return self

    def update(self, api: Api, properties: Properties) -> Resource:
        changed = require_only(self, properties, (*_CHANGEABLE, "Tags"))
        wanted: dict[str, Any] = {name: properties[name] for name in changed if name in _CHANGEABLE}
        if wanted:
            api("elasticache", "ModifyReplicationGroup", ReplicationGroupId=self.physical_resource_id, **wanted)
        if "Tags" in changed:
            arn = api.backend("elasticache").replication_groups[self.physical_resource_id].arn
            api("elasticache", "AddTagsToResource", ResourceName=arn, Tags=properties.get("Tags", []))
        return type(self)(self.physical_resource_id, properties, self.attributes)

    def delete(self, api: Api) -> None:
        if not self.is_gone(api):
            api("elasticache", "DeleteReplicationGroup", ReplicationGroupId=self.physical_resource_id)

    def is_gone(self, api: Api) -> bool:
        """Its servers have ended and the controller has removed the record."""
        return self.physical_resource_id not in api.backend("elasticache").replication_groups
