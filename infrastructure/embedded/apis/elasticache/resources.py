"""AWS::ElastiCache::SubnetGroup and ReplicationGroup; the controller makes the group's endpoints true."""

from infrastructure.embedded.stacks.prepare import subnets_exist
from infrastructure.embedded.stacks.resource_type import REF, ResourceType, Step, Tags, found

_GROUP = {"ReplicationGroupId": REF}
_TAGS = Tags("AddTagsToResource", "RemoveTagsFromResource", {"ResourceName": found("ARN")})

TYPES = (
    ResourceType(
        "AWS::ElastiCache::SubnetGroup",
        "elasticache",
        name="CacheSubnetGroupName",
        is_lower_case=True,
        rename={"Description": "CacheSubnetGroupDescription"},
        prepare=subnets_exist,
        create=Step("CreateCacheSubnetGroup"),
        describe=Step("DescribeCacheSubnetGroups", {"CacheSubnetGroupName": REF}),
        item="CacheSubnetGroups",
        changes=(Step("ModifyCacheSubnetGroup", {"CacheSubnetGroupName": REF}, ("Description", "SubnetIds")),),
        tags=_TAGS,
        delete=Step("DeleteCacheSubnetGroup", {"CacheSubnetGroupName": REF}),
    ),
    ResourceType(
        "AWS::ElastiCache::ReplicationGroup",
        "elasticache",
        name="ReplicationGroupId",
        is_lower_case=True,
        create=Step("CreateReplicationGroup"),
        describe=Step("DescribeReplicationGroups", _GROUP),
        item="ReplicationGroups",
        attributes={
            "PrimaryEndPoint.Address": "NodeGroups.PrimaryEndpoint.Address",
            "PrimaryEndPoint.Port": "NodeGroups.PrimaryEndpoint.Port",
            "ReaderEndPoint.Address": "NodeGroups.ReaderEndpoint.Address",
            "ReaderEndPoint.Port": "NodeGroups.ReaderEndpoint.Port",
        },
        changes=(
            Step(
                "ModifyReplicationGroup",
                _GROUP,
                (
                    "AutomaticFailoverEnabled",
                    "CacheNodeType",
                    "MultiAZEnabled",
                    "ReplicationGroupDescription",
                    "SnapshotRetentionLimit",
                ),
            ),
        ),
        tags=_TAGS,
        delete=Step("DeleteReplicationGroup", _GROUP),
    ),
)
