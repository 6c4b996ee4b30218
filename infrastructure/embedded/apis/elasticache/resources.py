"""AWS::ElastiCache::SubnetGroup and ReplicationGroup; the controller makes the group's endpoints true."""

from infrastructure.embedded.stacks.prepare import subnets_exist
from infrastructure.embedded.stacks.resource_type import REF, ResourceType, Step, Tags, found

_TAGS = Tags("AddTagsToResource", "RemoveTagsFromResource", {"ResourceName": found("ARN")})
_ON_MODIFY = (
    "AutomaticFailoverEnabled",
    "CacheNodeType",
    "MultiAZEnabled",
    "ReplicationGroupDescription",
    "SnapshotRetentionLimit",
)

TYPES = (
    ResourceType(
        "AWS::ElastiCache::SubnetGroup",
        "elasticache",
        name="CacheSubnetGroupName",
        is_lower_case=True,
        key={"CacheSubnetGroupName": REF},
        rename={"Description": "CacheSubnetGroupDescription"},
        prepare=subnets_exist,
        create=Step("CreateCacheSubnetGroup"),
        describe=Step("DescribeCacheSubnetGroups"),
        item="CacheSubnetGroups",
        changes=(Step("ModifyCacheSubnetGroup"),),
        tags=_TAGS,
        delete=Step("DeleteCacheSubnetGroup"),
    ),
    ResourceType(
        "AWS::ElastiCache::ReplicationGroup",
        "elasticache",
        name="ReplicationGroupId",
        is_lower_case=True,
        key={"ReplicationGroupId": REF},
        create=Step("CreateReplicationGroup"),
        describe=Step("DescribeReplicationGroups"),
        item="ReplicationGroups",
        attributes={
            f"{noun}EndPoint.{part}": f"NodeGroups.{noun}Endpoint.{part}"
            for noun in ("Primary", "Reader")
            for part in ("Address", "Port")
        },
        changes=(Step("ModifyReplicationGroup", _ON_MODIFY),),
        tags=_TAGS,
        delete=Step("DeleteReplicationGroup"),
    ),
)
